/* SPDX-License-Identifier: MIT */
/*
 * The encoder: an interpreter of schema tables that writes C values as deterministic CBOR. Here is
 * where it begins, and the shapes that hold no other values.
 */
#include "rpc/encoder.h"

#include <cbor.h>
#include <errno.h>

#include "rpc/cursor.h"
#include "rpc/edges.h"
#include "rpc/encoding.h"
#include "rpc/float.h"
#include "rpc/utf8.h"

/* ---- Numbers and simple values --------------------------------------------------------------- */

static uint8_t *encode_uint(struct valve_encoding *encoding, const struct valve_type *type,
                            const void *value, uint8_t *next)
{
    uint64_t number = *(const uint64_t *)value;

    if (number < type->low || number > type->high) {
        valve_refuse_uint(&encoding->refusal, -EINVAL, type, number);
        return NULL;
    }
    return valve_put_head(encoding, next, VALVE_MAJOR_UINT, number);
}

static uint8_t *encode_int(struct valve_encoding *encoding, const struct valve_type *type,
                           const void *value, uint8_t *next)
{
    int64_t number = *(const int64_t *)value;

    if (number < (int64_t)type->low || number > (int64_t)type->high) {
        valve_refuse_int(&encoding->refusal, -EINVAL, type, number);
        return NULL;
    }
    if (number < 0)
        return valve_put_head(encoding, next, VALVE_MAJOR_NEGINT, ~(uint64_t)number);
    return valve_put_head(encoding, next, VALVE_MAJOR_UINT, (uint64_t)number);
}

static uint8_t *encode_bool(struct valve_encoding *encoding, const struct valve_type *type,
                            const void *value, uint8_t *next)
{
    (void)type;
    return valve_put_head(encoding, next, VALVE_MAJOR_SIMPLE,
                          *(const bool *)value ? VALVE_SIMPLE_TRUE : VALVE_SIMPLE_FALSE);
}

static uint8_t *encode_nil(struct valve_encoding *encoding, const struct valve_type *type,
                           const void *value, uint8_t *next)
{
    (void)type;
    (void)value;
    return valve_put_head(encoding, next, VALVE_MAJOR_SIMPLE, VALVE_SIMPLE_NIL);
}

static uint8_t *encode_float(struct valve_encoding *encoding, const struct valve_type *type,
                             const void *value, uint8_t *next)
{
    double number = *(const double *)value;
    uint8_t bytes[VALVE_HEAD_MAX];
    size_t size;

    (void)type;
    if ((size_t)(encoding->end - next) >= VALVE_HEAD_MAX)
        return next + valve_float_write(number, next);
    size = valve_float_write(number, bytes);
    if (size > (size_t)(encoding->end - next))
        return valve_encoding_count(encoding, next, size);
    memcpy(next, bytes, size);
    return next + size;
}

/* ---- Strings, and what is sent as it is ------------------------------------------------------ */

static inline uint8_t *encode_string(struct valve_encoding *encoding, const struct valve_type *type,
                                     enum valve_major major, const void *data, size_t size,
                                     uint8_t *next)
{
    if (size < type->low || size > type->high) {
        valve_refuse_size(&encoding->refusal, -EINVAL, type, size);
        return NULL;
    }
    if (data == NULL && size > 0)
        return valve_encoding_refuse_null(encoding, type);
    return valve_put_string(encoding, next, major, data, size);
}

static uint8_t *encode_text(struct valve_encoding *encoding, const struct valve_type *type,
                            const void *value, uint8_t *next)
{
    const struct valve_text *text = value;

    next = encode_string(encoding, type, VALVE_MAJOR_TEXT, text->data, text->size, next);
    if (next != NULL && !valve_utf8_valid(text->data, text->size))
        return valve_encoding_refuse(encoding, "text that is not UTF-8");
    return next;
}

static uint8_t *encode_bytes(struct valve_encoding *encoding, const struct valve_type *type,
                             const void *value, uint8_t *next)
{
    const struct valve_bytes *bytes = value;

    return encode_string(encoding, type, VALVE_MAJOR_BYTES, bytes->data, bytes->size, next);
}

static uint8_t *encode_any(struct valve_encoding *encoding, const struct valve_type *type,
                           const void *value, uint8_t *next)
{
    const struct valve_any *any = value;
    struct valve_cursor cursor;
    int r;

    if (any->data == NULL)
        return valve_encoding_refuse_null(encoding, type);
    cursor = (struct valve_cursor){any->data, any->data + any->size};
    r = valve_cursor_check(&cursor, encoding->levels);
    if (r == -ELOOP)
        return valve_encoding_refuse_depth(encoding);
    if (r < 0 || cursor.next != cursor.end)
        return valve_encoding_refuse(encoding, "bytes that are not one well-formed item");
    return valve_put(encoding, next, any->data, any->size);
}

valve_encode_function *const valve_encode_functions[] = {
    [VALVE_SHAPE_UINT] = encode_uint,
    [VALVE_SHAPE_INT] = encode_int,
    [VALVE_SHAPE_BOOL] = encode_bool,
    [VALVE_SHAPE_FLOAT] = encode_float,
    [VALVE_SHAPE_TEXT] = encode_text,
    [VALVE_SHAPE_BYTES] = encode_bytes,
    [VALVE_SHAPE_ANY] = encode_any,
    [VALVE_SHAPE_NIL] = encode_nil,
    [VALVE_SHAPE_STRUCT] = valve_encode_struct,
    [VALVE_SHAPE_TUPLE] = valve_encode_tuple,
    [VALVE_SHAPE_LIST] = valve_encode_list,
    [VALVE_SHAPE_MAP] = valve_encode_map,
    [VALVE_SHAPE_SUM] = valve_encode_sum,
    [VALVE_SHAPE_CHOICE] = valve_encode_choice,
};

/* ---- A run ----------------------------------------------------------------------------------- */

static void begin(struct valve_encoding *encoding, unsigned max_depth, uint8_t *end,
                  struct valve_error *error)
{
    encoding->end = end;
    encoding->beyond = 0;
    encoding->levels = encoding->max_levels = max_depth;
    valve_refusal_init(&encoding->refusal, error);
}

static bool has_edges(const struct valve_type *type)
{
    return type != NULL && (type->flags & VALVE_TYPE_EDGES) != 0;
}

/* What came of it; `data` is where it began, `next` what the last function has returned. */
static int finish(struct valve_encoding *encoding, const uint8_t *data, const uint8_t *next,
                  size_t *ret_size)
{
    if (next == NULL)
        return valve_refusal_end(&encoding->refusal);
    *ret_size = (size_t)(next - data) + encoding->beyond;
    return 0;
}

int valve_encode_within(const struct valve_type *type, const void *value, unsigned max_depth,
                        uint8_t *data, size_t room, size_t *ret_size, struct valve_error *ret_error)
{
    struct valve_encoding encoding;
    const uint8_t *next;

    begin(&encoding, max_depth, data + room, ret_error);
    next = valve_encode_value(&encoding, type, value, data);
    if (next != NULL && has_edges(type) &&
        !valve_edges_check(type, value, -EINVAL, &encoding.refusal))
        next = NULL;
    return finish(&encoding, data, next, ret_size);
}

int valve_encode_arm_within(const struct valve_type *sum, unsigned arm, const void *payload,
                            unsigned max_depth, uint8_t *data, size_t room, size_t *ret_size,
                            struct valve_error *ret_error)
{
    struct valve_encoding encoding;
    const uint8_t *next;

    begin(&encoding, max_depth, data + room, ret_error);
    next = valve_encode_payload(&encoding, sum, arm, payload, data);
    if (next != NULL && has_edges(sum->members[arm].type) &&
        !valve_edges_check(sum->members[arm].type, payload, -EINVAL, &encoding.refusal)) {
        valve_refusal_member(&encoding.refusal, &sum->members[arm], 0);
        next = NULL;
    }
    return finish(&encoding, data, next, ret_size);
}

int valve_encoded_size(const struct valve_type *type, const void *value, unsigned max_depth,
                       size_t *ret_size)
{
    uint8_t nowhere;

    return valve_encode_within(type, value, max_depth, &nowhere, 0, ret_size, NULL);
}

int valve_encoded_arm_size(const struct valve_type *sum, unsigned arm, const void *payload,
                           unsigned max_depth, size_t *ret_size)
{
    uint8_t nowhere;

    return valve_encode_arm_within(sum, arm, payload, max_depth, &nowhere, 0, ret_size, NULL);
}

/* ---- What is sent in pieces ------------------------------------------------------------------ */

uint8_t *valve_encode_arm_prefix(const struct valve_type *sum, unsigned arm, uint8_t *data)
{
    const struct valve_member *member = &sum->members[arm];

    data += valve_head_write(VALVE_MAJOR_MAP, 1, data);
    data += valve_head_write(VALVE_MAJOR_TEXT, member->name_size, data);
    memcpy(data, member->name, member->name_size);
    return data + member->name_size;
}

uint8_t *valve_encode_bytes_head(uint64_t size, uint8_t *data)
{
    return data + valve_head_write(VALVE_MAJOR_BYTES, size, data);
}

uint8_t *valve_encode_list_begin(uint8_t *data)
{
    return data + cbor_encode_indef_array_start(data, 1);
}

uint8_t *valve_encode_list_end(uint8_t *data)
{
    return data + cbor_encode_break(data, 1);
}
