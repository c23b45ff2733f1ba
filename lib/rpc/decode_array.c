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

/* The elements of a tuple; `place` is where it begins. */
static const uint8_t *decode_elements(struct valve_decoding *decoding,
                                      const struct valve_type *type, void *value,
                                      const uint8_t *place, const struct valve_head *head)
{
    struct valve_remainder remainder = valve_remainder(head);
    const uint8_t *next = place + head->size;

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
    return next;
}

const uint8_t *valve_decode_tuple(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    struct valve_head head;

    if (valve_take_head(decoding, next, &head) == NULL || head.major != VALVE_MAJOR_ARRAY)
        return valve_decoding_refuse_head(decoding, next, type->name);
    if (!head.indefinite && head.argument != type->count)
        return refuse_length(decoding, next, type, head.argument);
    if (decoding->levels == 0)
        return valve_decoding_refuse_depth(decoding, next);
    decoding->levels--;
    next = decode_elements(decoding, type, value, next, &head);
    decoding->levels++;
    return next;
}

/* The elements of a list, from the first on. */
static const uint8_t *decode_items(struct valve_decoding *decoding, struct valve_elements *elements,
                                   const struct valve_head *head, const uint8_t *next)
{
    struct valve_remainder remainder = valve_remainder(head);

    while (valve_comes_more(&remainder, &next, decoding->end)) {
        void *item = valve_elements_add(decoding, elements, next);

        if (item == NULL)
            return NULL;
        next = valve_decode_value(decoding, elements->type, item, next);
        if (next == NULL) {
            valve_refusal_step(&decoding->refusal,
                               (struct valve_step){.index = elements->count - 1});
            return NULL;
        }
    }
    return next;
}

const uint8_t *valve_decode_list(struct valve_decoding *decoding, const struct valve_type *type,
                                 void *value, const uint8_t *next)
{
    struct valve_elements elements = {.type = type->members[0].type};
    struct valve_head head;

    if (valve_take_head(decoding, next, &head) == NULL || head.major != VALVE_MAJOR_ARRAY)
        return valve_decoding_refuse_head(decoding, next, type->name);
    if (decoding->levels == 0)
        return valve_decoding_refuse_depth(decoding, next);
    next = valve_elements_begin(decoding, &elements, next, &head, elements.type->least);
    if (next == NULL)
        return NULL;
    decoding->levels--;
    next = decode_items(decoding, &elements, &head, next);
    decoding->levels++;
    if (next != NULL)
        valve_elements_end(decoding, &elements, value);
    return next;
}
