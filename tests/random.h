/* SPDX-License-Identifier: MIT */
/*
 * Numbers that look random and follow from a seed alone (splitmix64).
 */
#ifndef VALVE_TESTS_RANDOM_H
#define VALVE_TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
}

static inline uint64_t random_next(struct random *random)
{
    random->state += 0x9e3779b97f4a7c15;
    return random_mix(random->state);
}

/* A sequence of its own for each number, so that none depends on what the others have used. */
static inline struct random random_stream(uint64_t seed, uint64_t number)
{
    return (struct random){random_mix(seed ^ random_mix(number + 1))};
}

/* 0 .. count - 1; `count` is not 0. */
static inline uint64_t random_below(struct random *random, uint64_t count)
{
    return random_next(random) % count;
}

/* 0 <= x < 1 */
static inline double random_fraction(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static inline bool random_chance(struct random *random, double probability)
{
    return random_fraction(random) < probability;
}

/* 1 .. most, where each power of two is about as likely as the next: small ones are common. */
static inline uint64_t random_scaled(struct random *random, uint64_t most)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(most | 1);
    uint64_t limit = UINT64_MAX >> (63 - random_below(random, bits));

    return 1 + random_below(random, limit < most ? limit : most);
}

#endif
