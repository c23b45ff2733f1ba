/* SPDX-License-Identifier: MIT */
/*
 * The decoder: an interpreter of schema tables that fills C values from CBOR. Here are the shapes
 * that hold other values by position or by variant.
 *
 * Values begin zeroed, so a shape sets only what its bytes say. Recursion follows the input, whose
 * depth the scanner has bounded.
 */
#include "rpc/decoder.h"

#include <inttypes.h>
#include <string.h>

#include "rpc/decoding.h"
#include "rpc/value.h"

/* Decodes a member in the value that holds it. */
static int decode_held(struct valve_decoding *decoding, const struct valve_member *member,
                       void *value)
{
    void *place = (uint8_t *)value + member->offset;
    void *box;
    int r;

    if ((member->flags & VALVE_MEMBER_BOXED) != 0) {
        r = valve_take_memory(decoding, member->type, 1, &box);
        if (r < 0)
            return r;
        memcpy(place, &box, sizeof box);
        place = box;
    }
    return valve_decode_value(decoding, member->type, place);
}

int valve_decode_member(struct valve_decoding *decoding, const struct valve_member *member,
                        size_t index, void *value)
{
    const struct valve_step *outer = decoding->path;
    struct valve_step step = {outer, member->name_size > 0 ? member->name : NULL, member->name_size,
                              index};
    int r;

    decoding->path = &step;
    r = decode_held(decoding, member, value);
    decoding->path = outer;
    return r;
}

/* ---- Arrays -------------------------------------------------------------------------------- */

static int decode_tuple(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_remainder remainder;
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_ARRAY)
        return valve_refuse_head(decoding, type->name, &head);
    if (!head.indefinite && head.argument != type->count)
        return valve_refuse(decoding, "expected an array of %" PRIu32 ", found one of %" PRIu64,
                            type->count, head.argument);
    remainder = valve_remainder(&head);
    for (uint32_t i = 0; i < type->count; i++) {
        if (!valve_cursor_more(&decoding->cursor, &remainder))
            return valve_refuse(decoding, "expected an array of %" PRIu32 ", found one of %" PRIu32,
                                type->count, i);
        r = valve_decode_member(decoding, &type->members[i], i, value);
        if (r < 0)
            return r;
    }
    if (valve_cursor_more(&decoding->cursor, &remainder))
        return valve_refuse(decoding, "expected an array of %" PRIu32 ", found a longer one",
                            type->count);
    return 0;
}

int valve_count_items(struct valve_decoding *decoding, const struct valve_head *head,
                      const struct valve_type *item, size_t least, size_t *ret_count)
{
    struct valve_remainder remainder = valve_remainder(head);
    struct valve_cursor ahead = decoding->cursor;
    uint64_t count = head->argument;

    if (head->indefinite) {
        for (count = 0; ahead.next < ahead.end && valve_cursor_more(&ahead, &remainder); count++) {
            valve_cursor_skip(&ahead);
            if (head->major == VALVE_MAJOR_MAP)
                valve_cursor_skip(&ahead);
        }
    }
    if (count > (size_t)(decoding->cursor.end - decoding->cursor.next) / (least > 0 ? least : 1))
        return valve_refuse(decoding, "%" PRIu64 " items of %s do not fit in the message", count,
                            item->name);
    *ret_count = (size_t)count;
    return 0;
}

static int decode_items(struct valve_decoding *decoding, const struct valve_type *item,
                        uint8_t *memory, size_t count)
{
    const struct valve_step *outer = decoding->path;
    struct valve_step step = {.outer = outer};
    int r = 0;

    decoding->path = &step;
    for (; step.index < count && r == 0; step.index++)
        r = valve_decode_value(decoding, item, memory + step.index * item->size);
    decoding->path = outer;
    return r;
}

static int decode_list(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_remainder end = {.indefinite = true};
    struct valve_list list = {0};
    struct valve_head head;
    void *memory = NULL;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_ARRAY)
        return valve_refuse_head(decoding, type->name, &head);
    r = valve_count_items(decoding, &head, item, item->least, &list.count);
    if (r == 0 && list.count > 0)
        r = valve_take_memory(decoding, item, list.count, &memory);
    if (r == 0)
        r = decode_items(decoding, item, memory, list.count);
    if (r < 0)
        return r;
    if (head.indefinite && valve_cursor_more(&decoding->cursor, &end))
        return valve_refuse(decoding, "not well-formed");
    list.items = memory;
    memcpy(value, &list, sizeof list);
    return 0;
}

/* ---- Sums and choices ---------------------------------------------------------------------- */

static void set_kind(void *value, uint32_t index)
{
    unsigned kind = index;

    memcpy(value, &kind, sizeof kind);
}

/* A variant that is only its name. */
static int decode_unit(struct valve_decoding *decoding, const struct valve_type *type,
                       const struct valve_head *head, void *value)
{
    struct valve_text name;
    uint32_t index;
    int r = valve_take_text(decoding, head, &name);

    if (r < 0)
        return r;
    index = valve_find_member(type, &name, 0);
    if (index == type->count)
        return valve_refuse_name(decoding, "unknown variant", &name, "");
    if (type->members[index].type != NULL)
        return valve_refuse_name(decoding, "variant", &name, " comes without its payload");
    set_kind(value, index);
    return 0;
}

/* A map of one pair: a variant and its payload. */
static int decode_payload(struct valve_decoding *decoding, const struct valve_type *type,
                          const struct valve_head *head, void *value)
{
    struct valve_remainder remainder = valve_remainder(head);
    struct valve_text name;
    uint32_t index;
    int r;

    if (!head->indefinite && head->argument != 1)
        return valve_refuse(decoding, "expected a map of one pair, found one of %" PRIu64,
                            head->argument);
    if (!valve_cursor_more(&decoding->cursor, &remainder))
        return valve_refuse(decoding, "expected a map of one pair, found one of 0");
    r = valve_take_key(decoding, &name);
    if (r < 0)
        return r;
    index = valve_find_member(type, &name, 0);
    if (index == type->count)
        return valve_refuse_name(decoding, "unknown variant", &name, "");
    if (type->members[index].type == NULL)
        return valve_refuse_name(decoding, "variant", &name, " has no payload");
    set_kind(value, index);
    r = valve_decode_member(decoding, &type->members[index], 0, value);
    if (r < 0)
        return r;
    if (valve_cursor_more(&decoding->cursor, &remainder))
        return valve_refuse(decoding, "expected a map of one pair, found a longer one");
    return 0;
}

static int decode_sum(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major == VALVE_MAJOR_TEXT && !head.indefinite)
        return decode_unit(decoding, type, &head, value);
    if (head.major == VALVE_MAJOR_MAP)
        return decode_payload(decoding, type, &head, value);
    return valve_refuse_head(decoding, type->name, &head);
}

static bool sum_begins_with(const struct valve_type *sum, enum valve_major major)
{
    for (uint32_t i = 0; i < sum->count; i++) {
        bool is_unit = sum->members[i].type == NULL;

        if (major == (is_unit ? VALVE_MAJOR_TEXT : VALVE_MAJOR_MAP))
            return true;
    }
    return false;
}

/* Whether a value of this type may begin with this head. */
static bool begins_with(const struct valve_type *type, const struct valve_head *head)
{
    bool is_simple = head->major == VALVE_MAJOR_SIMPLE && head->size == 1;

    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return head->major == VALVE_MAJOR_UINT;
    case VALVE_SHAPE_INT:
        return (head->major == VALVE_MAJOR_UINT && (int64_t)type->high >= 0) ||
               (head->major == VALVE_MAJOR_NEGINT && (int64_t)type->low < 0);
    case VALVE_SHAPE_BOOL:
        return is_simple &&
               (head->argument == VALVE_SIMPLE_FALSE || head->argument == VALVE_SIMPLE_TRUE);
    case VALVE_SHAPE_TEXT:
        return head->major == VALVE_MAJOR_TEXT;
    case VALVE_SHAPE_BYTES:
        return head->major == VALVE_MAJOR_BYTES;
    case VALVE_SHAPE_NIL:
        return is_simple && head->argument == VALVE_SIMPLE_NIL;
    case VALVE_SHAPE_STRUCT:
    case VALVE_SHAPE_MAP:
        return head->major == VALVE_MAJOR_MAP;
    case VALVE_SHAPE_TUPLE:
    case VALVE_SHAPE_LIST:
        return head->major == VALVE_MAJOR_ARRAY;
    case VALVE_SHAPE_SUM:
        return sum_begins_with(type, head->major);
    case VALVE_SHAPE_CHOICE:
        for (uint32_t i = 0; i < type->count; i++) {
            if (begins_with(type->members[i].type, head))
                return true;
        }
        return false;
    case VALVE_SHAPE_FLOAT:
        return head->is_float;
    case VALVE_SHAPE_ANY:
        return true;
    }
    return false;
}

/* The arms of a choice are no part of the path: only the value travels. */
static int decode_choice(struct valve_decoding *decoding, const struct valve_type *type,
                         void *value)
{
    struct valve_head head;

    if (valve_cursor_peek(&decoding->cursor, &head) < 0)
        return valve_refuse(decoding, "not well-formed");
    for (uint32_t i = 0; i < type->count; i++) {
        if (begins_with(type->members[i].type, &head)) {
            set_kind(value, i);
            return decode_held(decoding, &type->members[i], value);
        }
    }
    return valve_refuse_head(decoding, type->name, &head);
}

/* ---- All shapes ---------------------------------------------------------------------------- */

int valve_decode_value(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return valve_decode_uint(decoding, type, value);
    case VALVE_SHAPE_INT:
        return valve_decode_int(decoding, type, value);
    case VALVE_SHAPE_BOOL:
        return valve_decode_bool(decoding, type, value);
    case VALVE_SHAPE_TEXT:
        return valve_decode_text(decoding, type, value);
    case VALVE_SHAPE_BYTES:
        return valve_decode_bytes(decoding, type, value);
    case VALVE_SHAPE_NIL:
        return valve_decode_nil(decoding, type);
    case VALVE_SHAPE_STRUCT:
        return valve_decode_struct(decoding, type, value);
    case VALVE_SHAPE_TUPLE:
        return decode_tuple(decoding, type, value);
    case VALVE_SHAPE_LIST:
        return decode_list(decoding, type, value);
    case VALVE_SHAPE_SUM:
        return decode_sum(decoding, type, value);
    case VALVE_SHAPE_CHOICE:
        return decode_choice(decoding, type, value);
    case VALVE_SHAPE_FLOAT:
        return valve_decode_float(decoding, type, value);
    case VALVE_SHAPE_ANY:
        return valve_decode_any(decoding, value);
    case VALVE_SHAPE_MAP:
        return valve_decode_map(decoding, type, value);
    }
    return valve_refuse(decoding, "a type of unknown shape");
}

int valve_decode(const struct valve_type *type, struct valve_cursor *cursor,
                 struct valve_arena *arena, void *value, struct valve_error *ret_error)
{
    struct valve_decoding decoding = {.cursor = *cursor, .arena = arena, .error = ret_error};
    int r;

    if (type->size > 0)
        memset(value, 0, type->size);
    r = valve_decode_value(&decoding, type, value);
    if (r == 0)
        *cursor = decoding.cursor;
    return r;
}
