/* SPDX-License-Identifier: MIT */
/*
 * What the suites of streams share: handlers that send items, and clients that receive them.
 */
#ifndef VALVE_STREAM_FIXTURE_H
#define VALVE_STREAM_FIXTURE_H

#include "tests/order_fixture.h"

/* Of the handlers: how many have begun and ended, and how; the items that were queued. */
struct streams {
    struct tally begun, ended;
    _Atomic uint64_t items;
    _Atomic uint64_t ended_at; /* when the last one did */
    _Atomic int result;        /* of its last item */
};
extern struct streams streams;

void streams_init(void);

/*
 * The orders; ended by Done, or by an error where an item could not be queued:
 *   "count N"        items 1 to N
 *   "endless"        the same without end
 *   "texts N SIZE"   N items of SIZE bytes
 *   "pause"          an item, and after a wait that something ends, another
 */
#define STREAM_ORDERS                                                                              \
    {"count", stream_count}, {"endless", stream_endlessly}, {"texts", stream_texts},               \
    {                                                                                              \
        "pause", stream_with_pause                                                                 \
    }
struct valve_answer stream_count(struct valve_call *call, const uint64_t *numbers);
struct valve_answer stream_endlessly(struct valve_call *call, const uint64_t *numbers);
struct valve_answer stream_texts(struct valve_call *call, const uint64_t *numbers);
struct valve_answer stream_with_pause(struct valve_call *call, const uint64_t *numbers);

/* For other orders: notes how a handler of a stream ends, and answers. */
struct valve_answer stream_end(struct valve_call *call, int result, uint64_t number);

/* Text of so many bytes; to be freed. */
char *stream_text(size_t size);

/* What was received next is this item; or items that are not looked at, and then an error. */
void peer_expect_number(struct peer *peer, uint32_t id, uint64_t number);
void peer_expect_refusal(struct peer *peer, uint32_t id, const char *code);

/* The number that an item is. */
uint64_t number_in(const struct item *item);

/* Whether a reply is of this variant. */
bool item_is(const struct item *item, const char *variant);

/*
 * Waits until nothing is queued for some turns of the worker, of which `other` is a client, too.
 * Returns the items that were.
 */
uint64_t streams_await_pause(struct peer *other);

#endif
