/* SPDX-License-Identifier: MIT */
/*
 * Decoding arrays: tuples, whose elements each have their type, and lists of one type.
 */
#include <inttypes.h>

#include "rpc/decoding.h"

static const uint8_t *refuse_length(struct valve_decoding *decoding, const uint8_t *place,
                                    const struct valve_type *type, uint64_t found)
{
    return valve_decoding_refuse(decoding, place,
                                 "expected an array of %" PRIu32 ", found one of %" PRIu64,
                                 type->count, found);
}

const uint8_t *valve_decode_tuple(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    struct valve_remainder remainder;
    const uint8_t *place = next;

    next = valve_enter(decoding, type, VALVE_MAJOR_ARRAY, next, &remainder);
    if (next == NULL)
        return NULL;
    if (!remainder.indefinite && remainder.left != type->count)
        return refuse_length(decoding, place, type, remainder.left);
    for (uint32_t i = 0; i < type->count; i++) {
        if (!valve_comes_more(&remainder, &next, decoding->end))
            return refuse_length(decoding, place, type, i);
        next = valve_decode_member(decoding, &type->members[i], value, next);
        if (next == NULL)
            return valve_decoding_in_member(decoding, &type->members[i], i);
    }
    if (valve_comes_more(&remainder, &next, decoding->end))
        return valve_decoding_refuse(
            decoding, place, "expected an array of %" PRIu32 ", found a longer one", type->count);
    return valve_leave(decoding, next);
}

const uint8_t *valve_decode_list(struct valve_decoding *decoding, const struct valve_type *type,
                                 void *value, const uint8_t *next)
{
    struct valve_elements elements = {.type = type->members[0].type};
    struct valve_remainder remainder;
    const uint8_t *place = next;

    next = valve_enter(decoding, type, VALVE_MAJOR_ARRAY, next, &remainder);
    if (next == NULL ||
        !valve_elements_begin(decoding, &elements, &remainder, elements.type->least, place, next))
        return NULL;
    while (valve_comes_more(&remainder, &next, decoding->end)) {
        void *item = valve_elements_add(decoding, &elements, next);

        if (item == NULL)
            return NULL;
        next = valve_decode_value(decoding, elements.type, item, next);
        if (next == NULL)
            return valve_decoding_in_element(decoding, elements.count - 1);
    }
    valve_elements_end(decoding, &elements, value);
    return valve_leave(decoding, next);
}
