/* SPDX-License-Identifier: MIT */
/*
 * Two servers, for tests of handlers that call another service: those of the front one carry out
 * orders by asking the back one, over a connection that they share.
 */
#ifndef VALVE_CHAIN_FIXTURE_H
#define VALVE_CHAIN_FIXTURE_H

#include "tests/order_fixture.h"
#include "valve.h"

extern struct rig front, back;

/* The connection to the back server, of the front one's only worker. */
extern struct valve_client *shared;
extern unsigned shared_connects; /* since chain_start() */

/* What a handler asks the back server. 0, or a negative errno. */
typedef int chain_question(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number);

/* Carries out an order: {"Done": number}, or an error. */
struct valve_answer chain_answer(chain_question *ask, struct valve_call *call,
                                 const uint64_t *numbers);

#define CHAIN_ORDER(name, ask)                                                                     \
    static struct valve_answer name(struct valve_call *call, const uint64_t *numbers)              \
    {                                                                                              \
        return chain_answer(ask, call, numbers);                                                   \
    }

/* Starts both, and connects a client to the front one. */
struct peer chain_start(void);

/* Closes the client, and stops the front server and its connection. */
void chain_stop_front(struct peer *peer);

/* The same, and the back server. */
void chain_stop(struct peer *peer);

/* Orders "word number". */
void chain_order(struct peer *peer, uint32_t id, const char *word, unsigned number);

#endif
