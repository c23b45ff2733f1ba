/* SPDX-License-Identifier: MIT */
/*
 * Short pieces of memory, compared and copied by words that may overlap: names and numbers are too
 * short for a call of memcmp() or memcpy() to pay.
 */
#ifndef VALVE_RPC_WORD_H
#define VALVE_RPC_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VALVE_WORD sizeof(uint64_t)

static inline uint64_t valve_load_8(const void *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return word;
}

static inline uint32_t valve_load_4(const void *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof word);
    return word;
}

/* Whether two names of this size are the same. */
static inline bool valve_same(const char *left, const char *right, size_t size)
{
    if (size > 2 * VALVE_WORD)
        return memcmp(left, right, size) == 0;
    if (size >= VALVE_WORD)
        return ((valve_load_8(left) ^ valve_load_8(right)) |
                (valve_load_8(left + size - 8) ^ valve_load_8(right + size - 8))) == 0;
    if (size >= 4)
        return ((valve_load_4(left) ^ valve_load_4(right)) |
                (valve_load_4(left + size - 4) ^ valve_load_4(right + size - 4))) == 0;
    return size == 0 || ((left[0] ^ right[0]) | (left[size / 2] ^ right[size / 2]) |
                         (left[size - 1] ^ right[size - 1])) == 0;
}

/* memcpy() of what is short most of the time. */
static inline void valve_copy(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if (size > 2 * VALVE_WORD) {
        memcpy(to, from, size);
    } else if (size >= VALVE_WORD) {
        uint64_t first = valve_load_8(source), last = valve_load_8(source + size - 8);

        memcpy(target, &first, sizeof first);
        memcpy(target + size - 8, &last, sizeof last);
    } else if (size >= 4) {
        uint32_t first = valve_load_4(source), last = valve_load_4(source + size - 4);

        memcpy(target, &first, sizeof first);
        memcpy(target + size - 4, &last, sizeof last);
    } else {
        for (size_t i = 0; i < size; i++)
            target[i] = source[i];
    }
}

#endif
