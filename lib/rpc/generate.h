/* SPDX-License-Identifier: MIT */
/*
 * Random legal values of a type, for tests, for fuzzing and for who wants to see what a schema
 * allows. The same seed gives the same values everywhere.
 */
#ifndef VALVE_RPC_GENERATE_H
#define VALVE_RPC_GENERATE_H

#include "valve.h"

struct valve_random {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014): all 64 bits of each number are random. */
uint64_t valve_random_next(struct valve_random *random);

/* Less than `bound`, which is not 0. */
uint64_t valve_random_below(struct valve_random *random, uint64_t bound);

struct valve_generate_limits {
    size_t size; /* about how many bytes its encoding may have, where the type has a choice */
    unsigned max_depth; /* levels of arrays and maps */
};

/*
 * Makes a value in `ret_value` (type->size bytes) and the arena. What lies at the limits of a type
 * comes often: the least and the greatest numbers, sizes around which heads grow, the empty text.
 * 0; -ENOMEM; -ELOOP: the type has no value that shallow, or none was found.
 */
int valve_generate(const struct valve_type *type, struct valve_random *random,
                   const struct valve_generate_limits *limits, struct valve_arena *arena,
                   void *ret_value);

#endif
