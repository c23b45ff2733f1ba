/* SPDX-License-Identifier: MIT */
/*
 * The calls of one connection that wait for their replies, by id.
 */
#ifndef VALVE_CLIENT_CALLS_H
#define VALVE_CLIENT_CALLS_H

#include "valve.h"

struct valve_fiber;

/* The id of all one-way requests, which wait for nothing. No call is given it. */
#define VALVE_CALLS_ONE_WAY UINT32_MAX

/*
 * A hash table that is chained through the calls themselves: adding one allocates nothing but,
 * now and then, a larger array of chains. It owns none of them.
 */
struct valve_calls {
    struct valve_pending **chains;
    size_t chain_count; /* a power of 2 */
    size_t count;       /* calls in the table */
    size_t sought;      /* the chain where a call of a fiber was found last */
    uint32_t last_id;   /* the id given out last */
};

/* 0 or -ENOMEM. */
int valve_calls_init(struct valve_calls *calls);
void valve_calls_fini(struct valve_calls *calls);

/* Adds a call under an id of its own: the next that is neither reserved nor in use. */
void valve_calls_add(struct valve_calls *calls, struct valve_pending *pending);

/* The call of this id, or NULL. */
struct valve_pending *valve_calls_find(const struct valve_calls *calls, uint32_t id);

/* The same, taken out of the table. */
struct valve_pending *valve_calls_take(struct valve_calls *calls, uint32_t id);

/* Whether this very call is in the table. */
bool valve_calls_contain(const struct valve_calls *calls, const struct valve_pending *pending);

/*
 * Whether a call that this fiber has started is in the table. Looks at them all, at worst; but a
 * fiber whose calls are answered in their order finds the next one at once.
 */
bool valve_calls_contain_one_of(struct valve_calls *calls, const struct valve_fiber *fiber);

/* Puts a copy of a call in its place. */
void valve_calls_replace(struct valve_calls *calls, struct valve_pending *pending,
                         struct valve_pending *copy);

/* Empties the table without touching the calls. */
void valve_calls_forget(struct valve_calls *calls);

#endif
