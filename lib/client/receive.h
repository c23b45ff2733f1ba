/* SPDX-License-Identifier: MIT */
/*
 * Receiving in steps. A step is done as a whole or not at all: after -ETIMEDOUT, -ECANCELED and
 * -ENOMEM the same one is made again, by whoever waits then.
 *
 * All but the last three return 0 or a negative errno with words in the client.
 */
#ifndef VALVE_CLIENT_RECEIVE_H
#define VALVE_CLIENT_RECEIVE_H

#include "client/client.h"
#include "client/reader.h"

/* From between two items to the next that is for a call in flight, which is announced to it. */
int valve_receive_advance(struct valve_client *client, uint64_t deadline);

/* Stage ITEM: the whole item. With `item` NULL it is let go. */
int valve_receive_item(struct valve_client *client, struct valve_arena *arena, void *item,
                       uint64_t deadline);

/* Stage VARIANT. */
int valve_receive_variant(struct valve_client *client, uint64_t deadline);

/*
 * Stage PAYLOAD: the whole payload (with `payload` NULL it is let go), or only the head of one that
 * is received in pieces. Those may be none: valve_receive_ended().
 */
int valve_receive_payload(struct valve_client *client, struct valve_arena *arena, void *payload,
                          uint64_t deadline);

/* Stage LIST: an element, of which with type NULL nothing is kept. 1, or 0 at the end. */
int valve_receive_element(struct valve_client *client, const struct valve_type *type,
                          struct valve_arena *arena, void *element, uint64_t deadline);

/* What is left of a reply or an item of a call that was given up. */
int valve_receive_drop(struct valve_client *client, uint64_t deadline);

/* Whether all bytes, or all elements of a definite list, have been taken: then it is finished. */
bool valve_receive_ended(struct valve_client *client);

/* What was announced has been received: who waits may read on. */
void valve_receive_finish(struct valve_client *client);

/* Wakes one of those who wait for their turn, where it can be had. */
void valve_client_pass_on(struct valve_client *client);

/* Whether a payload is being received in pieces. */
static inline bool valve_client_in_pieces(const struct valve_client *client)
{
    return client->stage == VALVE_CLIENT_BYTES || client->stage == VALVE_CLIENT_LIST;
}

/* Whether the last announcement, not yet received whole, was to this call. */
static inline bool valve_client_is_announced(const struct valve_client *client,
                                             const struct valve_pending *pending)
{
    return client->announced == pending && client->current.id == pending->id;
}

/* Whether the caller, this fiber or a thread, was told of it, and receives. */
static inline bool valve_client_is_receiver(const struct valve_client *client)
{
    return client->told && client->receiver == valve_fiber_current();
}

#endif
