/* SPDX-License-Identifier: MIT */
/*
 * One head of CBOR: major type and argument.
 */
#ifndef VALVE_RPC_HEAD_H
#define VALVE_RPC_HEAD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum valve_major {
    VALVE_MAJOR_UINT = 0,
    VALVE_MAJOR_NEGINT = 1,
    VALVE_MAJOR_BYTES = 2,
    VALVE_MAJOR_TEXT = 3,
    VALVE_MAJOR_ARRAY = 4,
    VALVE_MAJOR_MAP = 5,
    VALVE_MAJOR_TAG = 6,
    VALVE_MAJOR_SIMPLE = 7, /* false, true, null, undefined, other simple values, floats, break */
};

/* Additional information, the low five bits of an initial byte; less is the argument itself. */
enum {
    VALVE_INFO_1_BYTE = 24, /* the argument follows in one byte; then in 2, 4 and 8 */
    VALVE_INFO_8_BYTES = 27,
    VALVE_INFO_INDEFINITE = 31, /* or, of a simple value, a break */
};

/* The simple values that have a name. */
enum valve_simple {
    VALVE_SIMPLE_FALSE = 20,
    VALVE_SIMPLE_TRUE = 21,
    VALVE_SIMPLE_NIL = 22,
    VALVE_SIMPLE_UNDEFINED = 23,
};

struct valve_head {
    enum valve_major major;
    bool indefinite; /* strings, arrays, maps */
    bool is_break;   /* 0xff */
    bool is_float;   /* of 2, 4 or 8 bytes */
    unsigned size;   /* bytes of the head itself: 1, 2, 3, 5 or 9 */
    /* Value; n of -1-n; length; count; tag; enum valve_simple; the bits of a float. */
    uint64_t argument;
};

#define VALVE_HEAD_MAX 9

/* Initial bytes: text in chunks, simple values, floats and breaks. */
enum {
    VALVE_INITIAL_CHUNKS = 0x7f,
    VALVE_INITIAL_FALSE = 0xf4,
    VALVE_INITIAL_TRUE = 0xf5,
    VALVE_INITIAL_NIL = 0xf6,
    VALVE_INITIAL_SIMPLE = 0xf8, /* any other, in the byte behind */
    VALVE_INITIAL_HALF = 0xf9,   /* floats of 2, 4 and 8 bytes */
    VALVE_INITIAL_SINGLE = 0xfa,
    VALVE_INITIAL_DOUBLE = 0xfb,
    VALVE_BREAK = 0xff,
};

/* Bytes that a head starting with this byte takes, by the byte; 0: reserved. */
extern const uint8_t valve_head_sizes[256];

static inline unsigned valve_head_size(uint8_t initial)
{
    return valve_head_sizes[initial];
}

/* What valve_head_read() does with the less common heads, and near the end of the bytes. */
int valve_head_read_slowly(const uint8_t *data, size_t size, struct valve_head *ret_head);

/*
 * Reads a head. 0; -EAGAIN: more than `size` bytes are needed; -EBADMSG: not well-formed.
 * Whether a break may stand here is the caller's to judge.
 */
static inline int valve_head_read(const uint8_t *data, size_t size, struct valve_head *ret_head)
{
    unsigned info = size > 0 ? data[0] & 31u : VALVE_INFO_INDEFINITE;
    struct valve_head head; /* so that the caller's may stay in registers */
    int r;

    if (info < VALVE_INFO_1_BYTE) {
        *ret_head = (struct valve_head){
            .major = (enum valve_major)(data[0] >> 5), .size = 1, .argument = info};
        return 0;
    }
    if (size >= VALVE_HEAD_MAX && info <= VALVE_INFO_8_BYTES && data[0] != VALVE_INITIAL_SIMPLE) {
        unsigned length = 1u << (info - VALVE_INFO_1_BYTE); /* of the argument: 1, 2, 4 or 8 */
        uint64_t bytes;

        memcpy(&bytes, data + 1, sizeof bytes);
        *ret_head = (struct valve_head){.major = (enum valve_major)(data[0] >> 5),
                                        .is_float = data[0] > VALVE_INITIAL_SIMPLE,
                                        .size = 1 + length,
                                        .argument = be64toh(bytes) >> (64 - 8 * length)};
        return 0;
    }
    r = valve_head_read_slowly(data, size, &head);
    if (r < 0)
        return r;
    *ret_head = head;
    return 0;
}

/* The size of the shortest head of a definite item. */
static inline size_t valve_head_length(uint64_t argument)
{
    if (argument < VALVE_INFO_1_BYTE)
        return 1;
    if (argument <= UINT8_MAX)
        return 2;
    if (argument <= UINT16_MAX)
        return 3;
    return argument <= UINT32_MAX ? 5 : 9;
}

/*
 * Writes that head; returns its size. Not for floats, nor for simple values above 23. `data` has
 * VALVE_HEAD_MAX bytes, which may all be written.
 */
static inline size_t valve_head_put(enum valve_major major, uint64_t argument, uint8_t *data)
{
    size_t length; /* of the argument behind the first byte: 1, 2, 4 or 8 */
    unsigned info;
    uint64_t bytes;

    if (__builtin_expect(argument < VALVE_INFO_1_BYTE, 1)) {
        data[0] = (uint8_t)((unsigned)major << 5 | argument);
        return 1;
    }
    length = valve_head_length(argument) - 1;
    bytes = htobe64(argument << (64 - 8 * length));
    info = VALVE_INFO_1_BYTE + (unsigned)__builtin_ctzll(length);
    data[0] = (uint8_t)((unsigned)major << 5 | info);
    memcpy(data + 1, &bytes, sizeof bytes);
    return 1 + length;
}

/* The same where `data` need not have more bytes than the head takes. */
size_t valve_head_write(enum valve_major major, uint64_t argument, uint8_t *data);

/* The words for a major type in an error message: "text", "an array", ... */
const char *valve_head_describe(const struct valve_head *head);

#endif
