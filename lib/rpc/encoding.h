/* SPDX-License-Identifier: MIT */
/*
 * One run of the encoder: its state, and what the files that encode the several shapes share.
 *
 * A function that encodes takes the place where the bytes go and returns the place behind them, or
 * NULL: the value was refused, and the refusal says why. Where the room ends, bytes are counted
 * instead of written, so that one pass judges, writes and measures.
 */
#ifndef VALVE_RPC_ENCODING_H
#define VALVE_RPC_ENCODING_H

#include "rpc/head.h"
#include "rpc/refusal.h"
#include "rpc/word.h"

struct valve_encoding {
    uint8_t *end;                /* of the room */
    size_t beyond;               /* bytes that found none; then `end` is where writing stopped */
    unsigned levels, max_levels; /* of arrays and maps that may still open, and at the start */
    struct valve_refusal refusal;
};

/* ---- Refusals: they return NULL -------------------------------------------------------------- */

/* -EINVAL */
uint8_t *valve_encoding_refuse(struct valve_encoding *encoding, const char *format, ...)
    VALVE_PRINTF(2, 3) VALVE_COLD;
uint8_t *valve_encoding_refuse_depth(struct valve_encoding *encoding) VALVE_COLD; /* -ELOOP */

/* There is a null pointer where a value of this type should be. */
uint8_t *valve_encoding_refuse_null(struct valve_encoding *encoding,
                                    const struct valve_type *type) VALVE_COLD;

/* A sum or choice is none of the kinds that its type has. */
uint8_t *valve_encoding_refuse_kind(struct valve_encoding *encoding, const struct valve_type *type,
                                    unsigned kind) VALVE_COLD;

/* What was refused is in this part of the value; `index` is its name where it has no other. */
uint8_t *valve_encoding_in_member(struct valve_encoding *encoding,
                                  const struct valve_member *member, size_t index) VALVE_COLD;

/* ---- Writing --------------------------------------------------------------------------------- */

/* Counts what finds no room, and takes the rest of the room away. */
static inline uint8_t *valve_encoding_count(struct valve_encoding *encoding, uint8_t *next,
                                            size_t size)
{
    encoding->beyond += size;
    encoding->end = next;
    return next;
}

static inline uint8_t *valve_put(struct valve_encoding *encoding, uint8_t *next, const void *data,
                                 size_t size)
{
    if (size > (size_t)(encoding->end - next))
        return valve_encoding_count(encoding, next, size);
    valve_copy(next, data, size);
    return next + size;
}

/* Where not every head would find room. */
uint8_t *valve_put_head_tightly(struct valve_encoding *encoding, uint8_t *next,
                                enum valve_major major, uint64_t argument);

static inline uint8_t *valve_put_head(struct valve_encoding *encoding, uint8_t *next,
                                      enum valve_major major, uint64_t argument)
{
    if ((size_t)(encoding->end - next) < VALVE_HEAD_MAX)
        return valve_put_head_tightly(encoding, next, major, argument);
    return next + valve_head_put(major, argument, next);
}

static inline uint8_t *valve_put_string(struct valve_encoding *encoding, uint8_t *next,
                                        enum valve_major major, const void *data, size_t size)
{
    size_t room = (size_t)(encoding->end - next);

    if (room < VALVE_HEAD_MAX || room - VALVE_HEAD_MAX < size)
        return valve_put(encoding, valve_put_head_tightly(encoding, next, major, size), data, size);
    next += valve_head_put(major, size, next);
    valve_copy(next, data, size);
    return next + size;
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

typedef uint8_t *valve_encode_function(struct valve_encoding *encoding,
                                       const struct valve_type *type, const void *value,
                                       uint8_t *next);

valve_encode_function valve_encode_struct, valve_encode_tuple, valve_encode_list, valve_encode_map,
    valve_encode_sum, valve_encode_choice;

extern valve_encode_function *const valve_encode_functions[]; /* by shape */

static inline uint8_t *valve_encode_value(struct valve_encoding *encoding,
                                          const struct valve_type *type, const void *value,
                                          uint8_t *next)
{
    return valve_encode_functions[type->shape](encoding, type, value, next);
}

/* An arm of a sum, given its payload. */
uint8_t *valve_encode_payload(struct valve_encoding *encoding, const struct valve_type *sum,
                              unsigned arm, const void *payload, uint8_t *next);

#endif
