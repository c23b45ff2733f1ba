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

#include "rpc/head.h"
#include "rpc/utf8.h"

/* How a list lies in memory, whatever its items. */
struct list {
    const uint8_t *items;
    size_t count;
};

struct measure {
    size_t size;
    unsigned levels; /* of arrays and maps that may still open inside this one */
};

static int measure_value(struct measure *measure, const struct valve_type *type, const void *value);
static uint8_t *write_value(const struct valve_type *type, const void *value, uint8_t *data);

/* ---- Reading C values ---------------------------------------------------------------------- */

static unsigned get_kind(const void *value)
{
    unsigned kind;

    memcpy(&kind, value, sizeof kind);
    return kind;
}

static struct list get_list(const void *value)
{
    struct list list;

    memcpy(&list, value, sizeof list);
    return list;
}

/* The value of a member, through its pointer where it is boxed: that may be NULL. */
static const void *get_member(const struct valve_member *member, const void *value)
{
    const void *place = (const uint8_t *)value + member->offset;

    if ((member->flags & VALVE_MEMBER_BOXED) != 0)
        memcpy(&place, place, sizeof place);
    return place;
}

static bool is_present(const struct valve_member *member, const void *value)
{
    return (member->flags & VALVE_MEMBER_OPTIONAL) == 0 ||
           *(const bool *)((const uint8_t *)value + member->presence);
}

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
    const void *place = get_member(member, value);

    return place == NULL ? -EINVAL : measure_value(measure, member->type, place);
}

static int measure_struct(struct measure *measure, const struct valve_type *type, const void *value)
{
    uint64_t pairs = 0;

    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];
        int r;

        if (!is_present(member, value))
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
    struct list list = get_list(value);
    int r = 0;

    if (list.items == NULL && list.count > 0)
        return -EINVAL;
    measure->size += valve_head_length(list.count);
    for (size_t i = 0; i < list.count && r == 0; i++)
        r = measure_value(measure, item, list.items + i * item->size);
    return r;
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
    unsigned kind = get_kind(value);

    if (kind >= type->count)
        return -EINVAL;
    return measure_arm(measure, type, kind, get_member(&type->members[kind], value));
}

static int measure_choice(struct measure *measure, const struct valve_type *type, const void *value)
{
    unsigned kind = get_kind(value);

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
    case VALVE_SHAPE_FLOAT:
    case VALVE_SHAPE_ANY:
    case VALVE_SHAPE_MAP:
        break;
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
        pairs += is_present(&type->members[i], value);
    data = write_head(VALVE_MAJOR_MAP, pairs, data);
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if (!is_present(member, value))
            continue;
        data = write_string(VALVE_MAJOR_TEXT, member->name, member->name_size, data);
        data = write_value(member->type, get_member(member, value), data);
    }
    return data;
}

static uint8_t *write_tuple(const struct valve_type *type, const void *value, uint8_t *data)
{
    data = write_head(VALVE_MAJOR_ARRAY, type->count, data);
    for (uint32_t i = 0; i < type->count; i++)
        data = write_value(type->members[i].type, get_member(&type->members[i], value), data);
    return data;
}

static uint8_t *write_list(const struct valve_type *type, const void *value, uint8_t *data)
{
    const struct valve_type *item = type->members[0].type;
    struct list list = get_list(value);

    data = write_head(VALVE_MAJOR_ARRAY, list.count, data);
    for (size_t i = 0; i < list.count; i++)
        data = write_value(item, list.items + i * item->size, data);
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
        member = &type->members[get_kind(value)];
        return valve_encode_arm(type, get_kind(value), get_member(member, value), data);
    case VALVE_SHAPE_CHOICE:
        member = &type->members[get_kind(value)];
        return write_value(member->type, get_member(member, value), data);
    case VALVE_SHAPE_FLOAT:
    case VALVE_SHAPE_ANY:
    case VALVE_SHAPE_MAP:
        break;
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
