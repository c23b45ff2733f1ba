/* SPDX-License-Identifier: MIT */
/*
 * Bytes for the tests of lib/rpc: from hexadecimal, and at random from a seed that is printed.
 */
#ifndef VALVE_TESTS_RPC_BYTES_H
#define VALVE_TESTS_RPC_BYTES_H

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define BYTES_MAX 512
#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t size;
};

static inline uint8_t bytes_digit(char digit)
{
    return (uint8_t)(isdigit((unsigned char)digit) ? digit - '0' : digit - 'a' + 10);
}

/* Lower-case digits in pairs, spaces where they help; "61*9" stands for nine times 61. */
static inline struct bytes from_hex(const char *hex)
{
    struct bytes bytes = {.size = 0};

    while (*hex != '\0') {
        uint8_t byte;
        unsigned long times = 1;

        if (*hex == ' ') {
            hex++;
            continue;
        }
        byte = (uint8_t)(bytes_digit(hex[0]) << 4 | bytes_digit(hex[1]));
        hex += 2;
        if (*hex == '*') {
            char *end;

            times = strtoul(hex + 1, &end, 10);
            hex = end;
        }
        while (times-- > 0 && bytes.size < BYTES_MAX)
            bytes.data[bytes.size++] = byte;
    }
    return bytes;
}

/* xorshift64*: the same sequence everywhere. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* From 0 to limit - 1. */
static inline size_t random_below(uint64_t *state, size_t limit)
{
    return (size_t)((random_next(state) >> 16) % limit);
}

#endif
