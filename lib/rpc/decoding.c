/* SPDX-License-Identifier: MIT */
/*
 * What all shapes share in decoding: memory for elements, keys, refusals.
 */
#include "rpc/decoding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "rpc/utf8.h"
#include "rpc/value.h"

#define FIRST_ROOM 8 /* elements, where no head says how many come */

/* ---- Refusals -------------------------------------------------------------------------------- */

const uint8_t *valve_decoding_refuse(struct valve_decoding *decoding, const uint8_t *place,
                                     const char *format, ...)
{
    va_list arguments;

    decoding->place = place;
    va_start(arguments, format);
    valve_refuse_v(&decoding->refusal, -EBADMSG, format, arguments);
    va_end(arguments);
    return NULL;
}

const uint8_t *valve_decoding_refuse_memory(struct valve_decoding *decoding, const uint8_t *place)
{
    decoding->place = place;
    valve_refuse(&decoding->refusal, -ENOMEM, "the value takes more memory than a message may");
    return NULL;
}

const uint8_t *valve_decoding_refuse_depth(struct valve_decoding *decoding, const uint8_t *place)
{
    decoding->place = place;
    valve_refuse_depth(&decoding->refusal, decoding->max_levels);
    return NULL;
}

const uint8_t *valve_decoding_refuse_head(struct valve_decoding *decoding, const uint8_t *place,
                                          const char *expected)
{
    struct valve_head head;

    if (valve_take_head(decoding, place, &head) == NULL)
        return valve_decoding_refuse(decoding, place, "not well-formed");
    return valve_decoding_refuse(decoding, place, "expected %s, found %s", expected,
                                 valve_head_describe(&head));
}

const uint8_t *valve_decoding_refuse_name(struct valve_decoding *decoding, const uint8_t *place,
                                          const char *before, const struct valve_text *name,
                                          const char *after)
{
    char shown[VALVE_NAME_ROOM];

    return valve_decoding_refuse(decoding, place, "%s \"%s\"%s", before,
                                 valve_show_name(name, shown), after);
}

/* An integer that is out of its range, or of all that C has. */
static const uint8_t *refuse_integer(struct valve_decoding *decoding, const uint8_t *place,
                                     const struct valve_type *type, const struct valve_head *head)
{
    int64_t number = (int64_t)head->argument;

    decoding->place = place;
    if (type->shape == VALVE_SHAPE_UINT)
        valve_refuse_uint(&decoding->refusal, -EBADMSG, type, head->argument);
    else if (head->argument > INT64_MAX)
        return valve_decoding_refuse(
            decoding, place, "expected %" PRId64 " to %" PRId64 ", found a number beyond 64 bits",
            (int64_t)type->low, (int64_t)type->high);
    else
        valve_refuse_int(&decoding->refusal, -EBADMSG, type,
                         head->major == VALVE_MAJOR_NEGINT ? -1 - number : number);
    return NULL;
}

static const uint8_t *refuse_string(struct valve_decoding *decoding, const uint8_t *place,
                                    const struct valve_type *type, const struct valve_head *head)
{
    if (head->argument >= type->low && head->argument <= type->high)
        return valve_decoding_refuse(decoding, place, "not well-formed"); /* not all is there */
    decoding->place = place;
    valve_refuse_size(&decoding->refusal, -EBADMSG, type, head->argument);
    return NULL;
}

const uint8_t *valve_decoding_refuse_item(struct valve_decoding *decoding, const uint8_t *place,
                                          const struct valve_type *type)
{
    struct valve_head head;

    if (valve_take_head(decoding, place, &head) != NULL && !head.indefinite) {
        if ((type->shape == VALVE_SHAPE_UINT && head.major == VALVE_MAJOR_UINT) ||
            (type->shape == VALVE_SHAPE_INT && head.major <= VALVE_MAJOR_NEGINT))
            return refuse_integer(decoding, place, type, &head);
        if ((type->shape == VALVE_SHAPE_TEXT && head.major == VALVE_MAJOR_TEXT) ||
            (type->shape == VALVE_SHAPE_BYTES && head.major == VALVE_MAJOR_BYTES))
            return refuse_string(decoding, place, type, &head);
    }
    return valve_decoding_refuse_head(decoding, place, type->name);
}

const uint8_t *valve_decoding_in_member(struct valve_decoding *decoding,
                                        const struct valve_member *member, size_t index)
{
    valve_refusal_member(&decoding->refusal, member, index);
    return NULL;
}

const uint8_t *valve_decoding_in_element(struct valve_decoding *decoding, size_t index)
{
    valve_refusal_step(&decoding->refusal, (struct valve_step){.index = index});
    return NULL;
}

const uint8_t *valve_decoding_in_entry(struct valve_decoding *decoding,
                                       const struct valve_text *key)
{
    valve_refusal_step(&decoding->refusal, (struct valve_step){key->data, key->size, 0});
    return NULL;
}

/* ---- Arrays and maps ------------------------------------------------------------------------- */

const uint8_t *valve_enter(struct valve_decoding *decoding, const struct valve_type *type,
                           enum valve_major major, const uint8_t *next,
                           struct valve_remainder *ret_remainder)
{
    struct valve_head head;
    const uint8_t *behind = valve_take_head(decoding, next, &head);

    if (behind == NULL || head.major != major)
        return valve_decoding_refuse_head(decoding, next, type->name);
    if (decoding->levels == 0)
        return valve_decoding_refuse_depth(decoding, next);
    decoding->levels--;
    *ret_remainder = valve_remainder(&head);
    return behind;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

const uint8_t *valve_take_key(struct valve_decoding *decoding, const uint8_t *next,
                              struct valve_text *ret_key)
{
    struct valve_head head;
    const uint8_t *body = valve_take_head(decoding, next, &head);

    if (body == NULL || head.major != VALVE_MAJOR_TEXT || head.indefinite)
        return valve_decoding_refuse_head(decoding, next, "text as key");
    if (head.argument > valve_decoding_left(decoding, body))
        return valve_decoding_refuse(decoding, next, "not well-formed");
    *ret_key = (struct valve_text){(const char *)body, (size_t)head.argument};
    return body + head.argument;
}

/* ---- Elements -------------------------------------------------------------------------------- */

static bool resize(struct valve_decoding *decoding, struct valve_elements *elements, size_t room)
{
    const struct valve_type *type = elements->type;
    size_t size;
    void *items;

    if (__builtin_mul_overflow(room, (size_t)type->size, &size))
        return false;
    items = valve_arena_resize(decoding->arena, elements->items, elements->room * type->size, size,
                               type->alignment);
    if (items == NULL)
        return false;
    elements->items = items;
    elements->room = room;
    return true;
}

bool valve_elements_begin(struct valve_decoding *decoding, struct valve_elements *elements,
                          const struct valve_remainder *remainder, size_t least,
                          const uint8_t *place, const uint8_t *next)
{
    size_t left = valve_decoding_left(decoding, next), bytes;
    uint64_t count = remainder->left;

    if (remainder->indefinite || count == 0)
        return true;
    if (count > left || __builtin_mul_overflow((size_t)count, least, &bytes) || bytes > left) {
        valve_decoding_refuse(decoding, place, "%" PRIu64 " items of %s do not fit in the message",
                              count, elements->type->name);
        return false;
    }
    if (!resize(decoding, elements, (size_t)count)) {
        valve_decoding_refuse_memory(decoding, place);
        return false;
    }
    return true;
}

bool valve_elements_grow(struct valve_decoding *decoding, struct valve_elements *elements,
                         const uint8_t *place)
{
    if (resize(decoding, elements, elements->room > 0 ? 2 * elements->room : FIRST_ROOM))
        return true;
    valve_decoding_refuse_memory(decoding, place);
    return false;
}

void valve_elements_end(struct valve_decoding *decoding, struct valve_elements *elements,
                        void *value)
{
    struct valve_list list = {elements->items, elements->count};

    if (elements->count < elements->room)
        resize(decoding, elements, elements->count);
    memcpy(value, &list, sizeof list);
}
