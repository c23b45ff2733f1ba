/* SPDX-License-Identifier: MIT */
/*
 * A service for the tests of lib/client, with tables made by hand: it has every shape of call.
 *
 *   [{"Ask": uint}, answer]              one reply
 *   [{"Watch": uint}, * item, answer]    a stream; the test says of what type its items are
 *   [{"Tell": uint}]                     one-way
 */
#ifndef VALVE_CLIENT_FEED_H
#define VALVE_CLIENT_FEED_H

#include "client_peer.h"
#include "valve.h"

struct feed_numbers {
    const uint64_t *items;
    size_t count;
};

/* A list of lists of the same. */
struct feed_nest {
    const struct feed_nest *items;
    size_t count;
};

/* What may be an item. */
extern const struct valve_type feed_number, feed_text, feed_bytes, feed_number_list, feed_nest;

enum feed_kind { FEED_NUMBER, FEED_TEXT, FEED_BYTES, FEED_NUMBERS, FEED_DONE, FEED_ERROR };

/* What was received: an item, or the payload of an answer. */
struct feed_result {
    int error; /* 0, or a negative errno: then nothing else counts */
    unsigned arm;
    uint64_t size; /* of bytes that are still to be read */
    union {
        uint64_t number;
        struct valve_text text;
        struct valve_bytes bytes;
        struct feed_numbers numbers;
        struct feed_nest nest;
    };
};

int feed_ask(struct valve_client *client, uint64_t number, struct valve_pending *pending);
int feed_watch(struct valve_client *client, uint64_t number, const struct valve_type *item,
               struct valve_pending *pending);
int feed_tell(struct valve_client *client, uint64_t number);

/* After it was announced. */
struct feed_result feed_receive(struct valve_client *client, struct valve_pending *pending,
                                struct valve_arena *arena, uint64_t deadline);

/* The same calls where nothing may go wrong; numbers are 0. */
void start_ask(struct rig *rig, struct valve_pending *pending);
void start_watch(struct rig *rig, const struct valve_type *item, struct valve_pending *pending);
struct feed_result receive(struct rig *rig, struct valve_pending *pending);

/* The next thing that comes is for this call: an item that is this number, an answer of this arm. */
void expect_number_item(struct rig *rig, struct valve_pending *pending, uint64_t number);
void expect_answer(struct rig *rig, struct valve_pending *pending, enum feed_kind kind);

#endif
