/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that calls hold over a wait: counted by each worker, against its share.
 */
#ifndef VALVE_SERVER_HELD_H
#define VALVE_SERVER_HELD_H

struct valve_held_waiter;

/* One for each worker, who alone touches it. */
struct valve_held {
    unsigned most, now;
    struct valve_held_waiter *first, *last; /* calls that wait for places, the first come first */
};

/* So many are closed, whoever held them: the first that wait have theirs, as far as they reach. */
void valve_held_give_back(struct valve_held *held, unsigned count);

#endif
