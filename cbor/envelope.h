/* SPDX-License-Identifier: MIT */
/*
 * What stands around the value of a message.
 */
#ifndef VALVE_CBOR_ENVELOPE_H
#define VALVE_CBOR_ENVELOPE_H

#include "item.h"
#include "rpc/envelope.h"

/* Well-formed bytes from a client or a server, for an item that has tables; else item_decode(). */
int envelope_decode_request(const struct valve_limits *limits, struct valve_bytes bytes,
                            struct valve_arena *arena, struct item *item, struct fault *ret_fault);
int envelope_decode_reply(const struct valve_limits *limits, struct valve_bytes bytes,
                          struct valve_arena *arena, struct item *item, struct fault *ret_fault);

/* What both of these write at most. They return the end of it. */
#define ENVELOPE_ROOM (VALVE_ENVELOPE_PREFIX + VALVE_ENVELOPE_OPTIONS)
uint8_t *envelope_begin(const struct item *item, uint8_t *data);
uint8_t *envelope_end(const struct item *item, uint8_t *data);

#endif
