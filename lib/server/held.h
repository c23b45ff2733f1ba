/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that calls hold over a wait: counted by each worker, against its share.
 */
#ifndef VALVE_SERVER_HELD_H
#define VALVE_SERVER_HELD_H

#include "fiber/fiber.h"

/* One for each worker, who alone touches it. */
struct valve_held {
    unsigned most, now;
    struct valve_wait_queue wanted; /* fibers that wait for places */
};

/* So many are closed, whoever held them: those that wait are woken. */
void valve_held_give_back(struct valve_held *held, unsigned count);

#endif
