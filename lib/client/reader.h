/* SPDX-License-Identifier: MIT */
/*
 * Reading what the server sends, which is trusted in nothing: heads, and whole items.
 *
 * Nothing is taken from the input before it is there as a whole. So -ETIMEDOUT leaves everything
 * as it was, and the same call goes on where it stopped.
 *
 * All return 0 or a negative errno with words in the client: -ETIMEDOUT, -ECANCELED, -ENOMEM, or
 * after breaking the connection -ECONNRESET (the stream ended between two items), -ECONNABORTED
 * (inside one) and -EPROTO (it is not what the protocol allows).
 */
#ifndef VALVE_CLIENT_READER_H
#define VALVE_CLIENT_READER_H

#include "client/client.h"
#include "rpc/head.h"

/* The input in front, and how much of it is there. */
const uint8_t *valve_reader_data(const struct valve_client *client);
size_t valve_reader_size(const struct valve_client *client);

/* Takes bytes that are there. */
void valve_reader_take(struct valve_client *client, size_t size);

/* Waits for more input. */
int valve_reader_fill(struct valve_client *client, uint64_t deadline);

/* Puts words to an error of the transport; the end of the stream breaks the connection. */
int valve_reader_explain(struct valve_client *client, int error);

/* Waits until `size` bytes are there. */
int valve_reader_await(struct valve_client *client, size_t size, uint64_t deadline);

/* Waits for the head that begins `offset` bytes behind the front. */
int valve_reader_head(struct valve_client *client, size_t offset, uint64_t deadline,
                      struct valve_head *ret_head);

/* Waits for a whole, well-formed item in front; it is not taken. */
int valve_reader_item(struct valve_client *client, uint64_t deadline, size_t *ret_size);

/*
 * Decodes the item in front and takes it. -ENOMEM: the arena is too small, -ELOOP: the stack is;
 * nothing was taken. With type NULL it is only taken.
 */
int valve_reader_value(struct valve_client *client, const struct valve_type *type,
                       struct valve_arena *arena, void *value, uint64_t deadline);

/* Breaks the connection over what the reply or item at hand contains. Returns -EPROTO. */
int valve_reader_refuse(struct valve_client *client, const char *format, ...) VALVE_PRINTF(2, 3);

#endif
