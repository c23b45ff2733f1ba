/* SPDX-License-Identifier: MIT */
/*
 * What is done to a connection: faults at places that follow from a seed, the connection's number
 * and what was passed on so far, never from time.
 */
#ifndef VALVE_TESTS_FAULTS_PLAN_H
#define VALVE_TESTS_FAULTS_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "tests/random.h"

enum direction {
    UP,   /* from client to server */
    DOWN, /* from server to client */
    DIRECTIONS,
};

#define NOWHERE UINT64_MAX

/* The faults that happen at a byte of a direction. */
enum fault {
    FAULT_RESET,
    FAULT_HALF_CLOSE, /* the receiver sees the end of input; what still comes is thrown away */
    FAULT_FLIP,       /* one bit of that byte is changed: a lie, which a client must find */
    FAULTS,
};

extern const char *const fault_names[FAULTS];

struct fault_settings {
    uint64_t seed;
    uint64_t split;                  /* most bytes passed on at once; 0: as they come */
    uint64_t split_random;           /* 1 to so many, drawn for each piece; 0: not */
    uint64_t delay;                  /* ns that each piece is held back */
    uint64_t delay_random;           /* 0 to so many ns, drawn for each piece */
    uint64_t rate;                   /* bytes a second in each direction; 0: no limit */
    uint64_t at[FAULTS][DIRECTIONS]; /* on each connection, after so many bytes; NOWHERE: not */
    double chance[FAULTS];           /* that a connection has one, in either direction */
    uint64_t span; /* bytes in which those by chance fall; small places are common */
};

/* The faults of one direction of one connection. */
struct plan {
    struct random pieces, pauses;
    uint64_t place[FAULTS];
    uint64_t piece; /* bytes of the current piece that are still to be passed on */
};

void plan_init(const struct fault_settings *settings, uint64_t number,
               struct plan ret_plans[DIRECTIONS]);

/* How many of `available` bytes go on at once, where `passed` have gone. At least 1. */
size_t plan_piece(struct plan *plan, const struct fault_settings *settings, uint64_t passed,
                  size_t available);

/* Nanoseconds until the next piece may follow one of `size` bytes. */
uint64_t plan_pause(struct plan *plan, const struct fault_settings *settings, size_t size);

#endif
