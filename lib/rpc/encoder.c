/* SPDX-License-Identifier: MIT */
/*
 * The encoder: an interpreter of schema tables that writes C values as deterministic CBOR.
 *
 * It goes over a value twice: measuring judges everything, so writing cannot fail and checks
 * nothing. The tables hold the members of a struct in the order that RFC 8949, 4.2.1 wants.
 */
#include "rpc/encoder.h"

#include <cbor.h>
#include <errno.h>
#include <string.h>

#include "rpc/cursor.h"
#include "rpc/float.h"
#include "rpc/head.h"
#include "rpc/map_order.h"
#include "rpc/utf8.h"
#include "rpc/value.h"

struct measure {
    size_t size;
    unsigned levels; /* of arrays and maps that may still open inside this one */
};

static int measure_value(struct measure *measure, const struct valve_type *type, const void *value);
static uint8_t *write_value(const struct valve_type *type, const void *value, uint8_t *data);

/* ---- Measuring ----------------------------------------------------------------------------- */

static void measure_text(struct measure *measure, size_t size)
{
    measure->size += valve_head_length(size) + size;
}

static int measure_uint(struct measure *measure, const struct valve_type *type, const void *value)
{
    uint64_t number = *(const uint64_t *)value;

    if (number < type->low || number > type->high)
        return -EINVAL;
    measure->size += valve_head_length(number);
    return 0;
}

/* n of -1-n, or the number itself. */
static uint64_t integer_argument(int64_t number)
{
    return number < 0 ? ~(uint64_t)number : (uint64_t)number;
}

static int measure_int(struct measure *measure, const struct valve_type *type, const void *value)
{
    int64_t number = *(const int64_t *)value;

    if (number < (int64_t)type->low || number > (int64_t)type->high)
        return -EINVAL;
    measure->size += valve_head_length(integer_argument(number));
    return 0;
}

static int measure_string(struct measure *measure, const struct valve_type *type, const void *data,
                          size_t size)
{
    if (size < type->low || size > type->high || (data == NULL && size > 0))
        return -EINVAL;
    if (type->shape == VALVE_SHAPE_TEXT && !valve_utf8_valid(data, size))
        return -EINVAL;
    measure_text(measure, size);
    return 0;
}

static int measure_member(struct measure *measure, const struct valve_member *member,
                          const void *value)
{
    const void *place = valve_get_member(member, value);

    return place == NULL ? -EINVAL : measure_value(measure, member->type, place);
}

static int measure_struct(struct measure *measure, const struct valve_type *type, const void *value)
{
    uint64_t pairs = 0;

    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];
        int r;

        if (!valve_is_present(member, value))
            continue;
        pairs++;
        measure_text(measure, member->name_size);
        r = measure_member(measure, member, value);
        if (r < 0)
            return r;
    }
    measure->size += valve_head_length(pairs);
    return 0;
}

static int measure_tuple(struct measure *measure, const struct valve_type *type, const void *value)
{
    int r = 0;

    measure->size += valve_head_length(type->count);
    for (uint32_t i = 0; i < type->count && r == 0; i++)
        r = measure_member(measure, &type->members[i], value);
    return r;
}

static int measure_list(struct measure *measure, const struct valve_type *type, const void *value)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);
    int r = 0;

    if (list.items == NULL && list.count > 0)
        return -EINVAL;
    measure->size += valve_head_length(list.count);
    for (size_t i = 0; i < list.count && r == 0; i++)
        r = measure_value(measure, item, list.items + i * item->size);
    return r;
}

static int measure_entry(struct measure *measure, const struct valve_type *type, const void *entry)
{
    int r = measure_member(measure, &type->members[0], entry);

    return r < 0 ? r : measure_member(measure, &type->members[1], entry);
}

static int check_order(const struct valve_type *type, const void *value)
{
    struct valve_map_order order;
    const struct valve_text *key;
    bool repeats;

    valve_map_order_begin(&order, type, value);
    repeats = valve_map_order_repeats(&order, &key);
    valve_map_order_end(&order);
    return repeats ? -EINVAL : 0;
}

static int measure_map(struct measure *measure, const struct valve_type *type, const void *value)
{
    const struct valve_type *entry = valve_map_entry(type);
    struct valve_list list = valve_get_list(value);
    int r = 0;

    if (list.items == NULL && list.count > 0)
        return -EINVAL;
    measure->size += valve_head_length(list.count);
    for (size_t i = 0; i < list.count && r == 0; i++)
        r = measure_entry(measure, entry, list.items + i * entry->size);
    return r < 0 || valve_map_ascends(type, value) ? r : check_order(type, value);
}

static int measure_any(struct measure *measure, const struct valve_any *any)
{
    struct valve_cursor cursor = {any->data, any->data + any->size};
    int r = any->data == NULL ? -EINVAL : valve_cursor_check(&cursor, measure->levels);

    if (r < 0)
        return r == -ELOOP ? r : -EINVAL;
    if (cursor.next != cursor.end)
        return -EINVAL;
    measure->size += any->size;
    return 0;
}

static int measure_arm(struct measure *measure, const struct valve_type *sum, unsigned arm,
                       const void *payload)
{
    const struct valve_member *member;
    int r;

    if (arm >= sum->count)
        return -EINVAL;
    member = &sum->members[arm];
    measure_text(measure, member->name_size);
    if (member->type == NULL)
        return 0;
    if (payload == NULL)
        return -EINVAL;
    if (measure->levels == 0)
        return -ELOOP;
    measure->levels--;
    measure->size++; /* the head of a map of one pair */
    r = measure_value(measure, member->type, payload);
    measure->levels++;
    return r;
}

static int measure_sum(struct measure *measure, const struct valve_type *type, const void *value)
{
    unsigned kind = valve_get_kind(value);

    if (kind >= type->count)
        return -EINVAL;
    return measure_arm(measure, type, kind, valve_get_member(&type->members[kind], value));
}

static int measure_choice(struct measure *measure, const struct valve_type *type, const void *value)
{
    unsigned kind = valve_get_kind(value);

    return kind >= type->count ? -EINVAL : measure_member(measure, &type->members[kind], value);
}

typedef int measure_function(struct measure *, const struct valve_type *, const void *);

/* Measures what is inside an array or map of its own. */
static int measure_inside(struct measure *measure, measure_function *function,
                          const struct valve_type *type, const void *value)
{
    int r;

    if (measure->levels == 0)
        return -ELOOP;
    measure->levels--;
    r = function(measure, type, value);
    measure->levels++;
    return r;
}

static int measure_value(struct measure *measure, const struct valve_type *type, const void *value)
{
    const struct valve_text *text = value;
    const struct valve_bytes *bytes = value;
    uint8_t number[VALVE_FLOAT_MAX];

    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return measure_uint(measure, type, value);
    case VALVE_SHAPE_INT:
        return measure_int(measure, type, value);
    case VALVE_SHAPE_BOOL:
    case VALVE_SHAPE_NIL:
        measure->size++;
        return 0;
    case VALVE_SHAPE_TEXT:
        return measure_string(measure, type, text->data, text->size);
    case VALVE_SHAPE_BYTES:
        return measure_string(measure, type, bytes->data, bytes->size);
    case VALVE_SHAPE_STRUCT:
        return measure_inside(measure, measure_struct, type, value);
    case VALVE_SHAPE_TUPLE:
        return measure_inside(measure, measure_tuple, type, value);
    case VALVE_SHAPE_LIST:
        return measure_inside(measure, measure_list, type, value);
    case VALVE_SHAPE_SUM:
        return measure_sum(measure, type, value);
    case VALVE_SHAPE_CHOICE:
        return measure_choice(measure, type, value);
    case VALVE_SHAPE_MAP:
        return measure_inside(measure, measure_map, type, value);
    case VALVE_SHAPE_FLOAT:
        measure->size += valve_float_write(*(const double *)value, number);
        return 0;
    case VALVE_SHAPE_ANY:
        return measure_any(measure, value);
    }
    return -EINVAL;
}

int valve_encoded_size(const struct valve_type *type, const void *value, unsigned max_depth,
                       size_t *ret_size)
{
    struct measure measure = {.levels = max_depth};
    int r = measure_value(&measure, type, value);

    if (r == 0)
        *ret_size = measure.size;
    return r;
}

int valve_encoded_arm_size(const struct valve_type *sum, unsigned arm, const void *payload,
                           unsigned max_depth, size_t *ret_size)
{
    struct measure measure = {.levels = max_depth};
    int r = measure_arm(&measure, sum, arm, payload);

    if (r == 0)
        *ret_size = measure.size;
    return r;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static uint8_t *write_head(enum valve_major major, uint64_t argument, uint8_t *data)
{
    return data + valve_head_write(major, argument, data);
}

static uint8_t *write_string(enum valve_major major, const void *body, size_t size, uint8_t *data)
{
    data = write_head(major, size, data);
    if (size > 0)
        memcpy(data, body, size);
    return data + size;
}

static uint8_t *write_int(int64_t number, uint8_t *data)
{
    return write_head(number < 0 ? VALVE_MAJOR_NEGINT : VALVE_MAJOR_UINT, integer_argument(number),
                      data);
}

static uint8_t *write_struct(const struct valve_type *type, const void *value, uint8_t *data)
{
    uint64_t pairs = 0;

    for (uint32_t i = 0; i < type->count; i++)
        pairs += valve_is_present(&type->members[i], value);
    data = write_head(VALVE_MAJOR_MAP, pairs, data);
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if (!valve_is_present(member, value))
            continue;
        data = write_string(VALVE_MAJOR_TEXT, member->name, member->name_size, data);
        data = write_value(member->type, valve_get_member(member, value), data);
    }
    return data;
}

static uint8_t *write_tuple(const struct valve_type *type, const void *value, uint8_t *data)
{
    data = write_head(VALVE_MAJOR_ARRAY, type->count, data);
    for (uint32_t i = 0; i < type->count; i++)
        data = write_value(type->members[i].type, valve_get_member(&type->members[i], value), data);
    return data;
}

static uint8_t *write_list(const struct valve_type *type, const void *value, uint8_t *data)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);

    data = write_head(VALVE_MAJOR_ARRAY, list.count, data);
    for (size_t i = 0; i < list.count; i++)
        data = write_value(item, list.items + i * item->size, data);
    return data;
}

static uint8_t *write_entry(const struct valve_type *type, const void *entry, uint8_t *data)
{
    data = write_value(type->members[0].type, valve_get_member(&type->members[0], entry), data);
    return write_value(type->members[1].type, valve_get_member(&type->members[1], entry), data);
}

static uint8_t *write_ordered(const struct valve_type *type, const void *value, uint8_t *data)
{
    struct valve_map_order order;

    valve_map_order_begin(&order, type, value);
    while (order.done < order.list.count)
        data = write_entry(order.entry, valve_map_order_next(&order), data);
    valve_map_order_end(&order);
    return data;
}

static uint8_t *write_map(const struct valve_type *type, const void *value, uint8_t *data)
{
    const struct valve_type *entry = valve_map_entry(type);
    struct valve_list list = valve_get_list(value);

    data = write_head(VALVE_MAJOR_MAP, list.count, data);
    if (!valve_map_ascends(type, value))
        return write_ordered(type, value, data);
    for (size_t i = 0; i < list.count; i++)
        data = write_entry(entry, list.items + i * entry->size, data);
    return data;
}

static uint8_t *write_value(const struct valve_type *type, const void *value, uint8_t *data)
{
    const struct valve_text *text = value;
    const struct valve_bytes *bytes = value;
    const struct valve_member *member;

    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return write_head(VALVE_MAJOR_UINT, *(const uint64_t *)value, data);
    case VALVE_SHAPE_INT:
        return write_int(*(const int64_t *)value, data);
    case VALVE_SHAPE_BOOL:
        return write_head(VALVE_MAJOR_SIMPLE,
                          *(const bool *)value ? VALVE_SIMPLE_TRUE : VALVE_SIMPLE_FALSE, data);
    case VALVE_SHAPE_NIL:
        return write_head(VALVE_MAJOR_SIMPLE, VALVE_SIMPLE_NIL, data);
    case VALVE_SHAPE_TEXT:
        return write_string(VALVE_MAJOR_TEXT, text->data, text->size, data);
    case VALVE_SHAPE_BYTES:
        return write_string(VALVE_MAJOR_BYTES, bytes->data, bytes->size, data);
    case VALVE_SHAPE_STRUCT:
        return write_struct(type, value, data);
    case VALVE_SHAPE_TUPLE:
        return write_tuple(type, value, data);
    case VALVE_SHAPE_LIST:
        return write_list(type, value, data);
    case VALVE_SHAPE_SUM:
        member = &type->members[valve_get_kind(value)];
        return valve_encode_arm(type, valve_get_kind(value), valve_get_member(member, value), data);
    case VALVE_SHAPE_CHOICE:
        member = &type->members[valve_get_kind(value)];
        return write_value(member->type, valve_get_member(member, value), data);
    case VALVE_SHAPE_MAP:
        return write_map(type, value, data);
    case VALVE_SHAPE_FLOAT:
        return data + valve_float_write(*(const double *)value, data);
    case VALVE_SHAPE_ANY:
        memcpy(data, bytes->data, bytes->size);
        return data + bytes->size;
    }
    return data;
}

uint8_t *valve_encode(const struct valve_type *type, const void *value, uint8_t *data)
{
    return write_value(type, value, data);
}

uint8_t *valve_encode_arm_prefix(const struct valve_type *sum, unsigned arm, uint8_t *data)
{
    const struct valve_member *member = &sum->members[arm];

    data = write_head(VALVE_MAJOR_MAP, 1, data);
    return write_string(VALVE_MAJOR_TEXT, member->name, member->name_size, data);
}

uint8_t *valve_encode_arm(const struct valve_type *sum, unsigned arm, const void *payload,
                          uint8_t *data)
{
    const struct valve_member *member = &sum->members[arm];

    if (member->type == NULL)
        return write_string(VALVE_MAJOR_TEXT, member->name, member->name_size, data);
    return write_value(member->type, payload, valve_encode_arm_prefix(sum, arm, data));
}

uint8_t *valve_encode_bytes_head(uint64_t size, uint8_t *data)
{
    return write_head(VALVE_MAJOR_BYTES, size, data);
}

uint8_t *valve_encode_list_begin(uint8_t *data)
{
    return data + cbor_encode_indef_array_start(data, 1);
}

uint8_t *valve_encode_list_end(uint8_t *data)
{
    return data + cbor_encode_break(data, 1);
}
