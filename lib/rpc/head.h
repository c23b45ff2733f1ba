/* SPDX-License-Identifier: MIT */
/*
 * One head of CBOR: major type and argument. The only place, with the encoder, that knows libcbor.
 */
#ifndef VALVE_RPC_HEAD_H
#define VALVE_RPC_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    VALVE_INFO_1_BYTE = 24,     /* the argument follows in one byte; then in 2, 4 and 8 */
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
#define VALVE_BREAK    0xff /* the initial byte of a break */

/* Bytes that a head starting with this byte takes, by the byte; 0: reserved. */
extern const uint8_t valve_head_sizes[256];

static inline unsigned valve_head_size(uint8_t initial)
{
    return valve_head_sizes[initial];
}

/* What valve_head_read() does with heads whose argument is not in their first byte. */
int valve_head_read_long(const uint8_t *data, size_t size, struct valve_head *ret_head);

/*
 * Reads a head. 0; -EAGAIN: more than `size` bytes are needed; -EBADMSG: not well-formed.
 * Whether a break may stand here is the caller's to judge.
 */
static inline int valve_head_read(const uint8_t *data, size_t size, struct valve_head *ret_head)
{
    if (size == 0 || (data[0] & 31) >= VALVE_INFO_1_BYTE)
        return valve_head_read_long(data, size, ret_head);
    *ret_head = (struct valve_head){
        .major = (enum valve_major)(data[0] >> 5), .size = 1, .argument = data[0] & 31};
    return 0;
}

/*
 * Writes the shortest head of a definite item; returns its size. `data` has VALVE_HEAD_MAX bytes.
 * Not for floats, nor for simple values above 23.
 */
size_t valve_head_write(enum valve_major major, uint64_t argument, uint8_t *data);

/* The size of that head. */
size_t valve_head_length(uint64_t argument);

/* The words for a major type in an error message: "text", "an array", ... */
const char *valve_head_describe(const struct valve_head *head);

#endif
