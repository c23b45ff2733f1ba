/* SPDX-License-Identifier: MIT */
/*
 * A scheduler whose fibers wait for descriptors by poll(2), and whose time the test makes: deadlines
 * that are later than any clock reading pass when the test says so.
 */
#ifndef VALVE_FIBER_LOOP_H
#define VALVE_FIBER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "fiber/fiber.h"

struct fiber_loop {
    struct valve_scheduler *scheduler;
    struct poll_wait *waits; /* fibers that wait for descriptors */
    uint64_t now;            /* what fibers are told; an hour ahead of the clock at first */
    unsigned polls;          /* waits for descriptors so far */
};

void loop_open(struct fiber_loop *loop, unsigned max_fibers);

/* All fibers must have ended. */
void loop_close(struct fiber_loop *loop);

void loop_start(struct fiber_loop *loop, void (*entry)(void *argument), void *argument);
struct valve_scheduler_stats loop_stats(const struct fiber_loop *loop);

/* Runs what can run now, once those that wait for a descriptor that is ready were woken. Whether
 * anything ran. */
bool loop_turn(struct fiber_loop *loop);

/* Turns until nothing more runs. */
void loop_settle(struct fiber_loop *loop);

/* The same with a later time; deadlines up to it pass. */
void loop_advance(struct fiber_loop *loop, uint64_t nanoseconds);

/* A turn by the clock, waiting a millisecond for it. Not in a test that makes its own time. */
void loop_turn_in_real_time(struct fiber_loop *loop);

/* Such turns until all fibers have ended; fails the test after some seconds. */
void loop_finish(struct fiber_loop *loop);

#endif
