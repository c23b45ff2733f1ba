/* SPDX-License-Identifier: MIT */
/*
 * Decoding what is one of several: sums, told apart by a name, and choices, by the first byte.
 */
#include <inttypes.h>
#include <string.h>

#include "rpc/decoding.h"
#include "rpc/utf8.h"

static void set_kind(void *value, uint32_t index)
{
    unsigned kind = index;

    memcpy(value, &kind, sizeof kind);
}

/* ---- Sums ------------------------------------------------------------------------------------ */

/* The arm whose name stands here, with or without a payload behind it; returns what follows. */
static const uint8_t *take_arm(struct valve_decoding *decoding, const struct valve_type *type,
                               bool has_payload, const uint8_t *next, uint32_t *ret_index)
{
    struct valve_text name;
    const uint8_t *behind = valve_take_key(decoding, next, &name);
    uint32_t index;

    if (behind == NULL)
        return NULL;
    for (index = 0; index < type->count; index++) {
        if (valve_is_named(&type->members[index], &name))
            break;
    }
    if (index < type->count && (type->members[index].type != NULL) == has_payload) {
        *ret_index = index;
        return behind;
    }
    if (!valve_utf8_valid(name.data, name.size))
        return valve_decoding_refuse(decoding, next, "text that is not UTF-8");
    if (index == type->count)
        return valve_decoding_refuse_name(decoding, next, "unknown variant", &name, "");
    return valve_decoding_refuse_name(decoding, next, "variant", &name,
                                      has_payload ? " has no payload"
                                                  : " comes without its payload");
}

/* A variant that is only its name. */
static const uint8_t *decode_unit(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    uint32_t index;

    next = take_arm(decoding, type, false, next, &index);
    if (next != NULL)
        set_kind(value, index);
    return next;
}

/* A map of one pair: a variant and its payload. */
static const uint8_t *decode_pair(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    struct valve_remainder remainder;
    const uint8_t *place = next;
    uint32_t index;

    next = valve_enter(decoding, type, VALVE_MAJOR_MAP, next, &remainder);
    if (next == NULL)
        return NULL;
    if (remainder.indefinite ? next < decoding->end && *next == VALVE_BREAK : remainder.left != 1)
        return valve_decoding_refuse(
            decoding, place, "expected a map of one pair, found one of %" PRIu64, remainder.left);
    valve_comes_more(&remainder, &next, decoding->end);
    next = take_arm(decoding, type, true, next, &index);
    if (next == NULL)
        return NULL;
    set_kind(value, index);
    next = valve_decode_member(decoding, &type->members[index], value, next);
    if (next == NULL)
        return valve_decoding_in_member(decoding, &type->members[index], 0);
    if (valve_comes_more(&remainder, &next, decoding->end))
        return valve_decoding_refuse(decoding, place,
                                     "expected a map of one pair, found a longer one");
    return valve_leave(decoding, next);
}

const uint8_t *valve_decode_sum(struct valve_decoding *decoding, const struct valve_type *type,
                                void *value, const uint8_t *next)
{
    if (next < decoding->end && *next >> 5 == VALVE_MAJOR_TEXT && *next != VALVE_INITIAL_CHUNKS)
        return decode_unit(decoding, type, value, next);
    return decode_pair(decoding, type, value, next);
}

/* ---- Choices --------------------------------------------------------------------------------- */

static bool sum_begins_with(const struct valve_type *sum, enum valve_major major)
{
    for (uint32_t i = 0; i < sum->count; i++) {
        bool is_unit = sum->members[i].type == NULL;

        if (major == (is_unit ? VALVE_MAJOR_TEXT : VALVE_MAJOR_MAP))
            return true;
    }
    return false;
}

/* Whether a value of this type may begin with this byte. */
static bool begins_with(const struct valve_type *type, uint8_t initial)
{
    enum valve_major major = (enum valve_major)(initial >> 5);

    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return major == VALVE_MAJOR_UINT;
    case VALVE_SHAPE_INT:
        return (major == VALVE_MAJOR_UINT && (int64_t)type->high >= 0) ||
               (major == VALVE_MAJOR_NEGINT && (int64_t)type->low < 0);
    case VALVE_SHAPE_BOOL:
        return initial == VALVE_INITIAL_FALSE || initial == VALVE_INITIAL_TRUE;
    case VALVE_SHAPE_NIL:
        return initial == VALVE_INITIAL_NIL;
    case VALVE_SHAPE_FLOAT:
        return initial >= VALVE_INITIAL_HALF && initial <= VALVE_INITIAL_DOUBLE;
    case VALVE_SHAPE_TEXT:
        return major == VALVE_MAJOR_TEXT;
    case VALVE_SHAPE_BYTES:
        return major == VALVE_MAJOR_BYTES;
    case VALVE_SHAPE_ANY:
        return true;
    case VALVE_SHAPE_STRUCT:
    case VALVE_SHAPE_MAP:
        return major == VALVE_MAJOR_MAP;
    case VALVE_SHAPE_TUPLE:
    case VALVE_SHAPE_LIST:
        return major == VALVE_MAJOR_ARRAY;
    case VALVE_SHAPE_SUM:
        return sum_begins_with(type, major);
    case VALVE_SHAPE_CHOICE:
        for (uint32_t i = 0; i < type->count; i++) {
            if (begins_with(type->members[i].type, initial))
                return true;
        }
        return false;
    }
    return false;
}

/* The arms of a choice are no part of the path: only the value travels. */
const uint8_t *valve_decode_choice(struct valve_decoding *decoding, const struct valve_type *type,
                                   void *value, const uint8_t *next)
{
    for (uint32_t i = 0; i < type->count && next < decoding->end; i++) {
        if (begins_with(type->members[i].type, *next)) {
            set_kind(value, i);
            return valve_decode_member(decoding, &type->members[i], value, next);
        }
    }
    return valve_decoding_refuse_head(decoding, next, type->name);
}
