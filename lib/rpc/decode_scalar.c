/* SPDX-License-Identifier: MIT */
/*
 * Decoding what holds no other values: numbers, booleans, nil, text, bytes, anything.
 */
#include <inttypes.h>

#include "rpc/decoding.h"
#include "rpc/float.h"

int valve_decode_uint(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_UINT)
        return valve_refuse_head(decoding, type->name, &head);
    if (head.argument < type->low || head.argument > type->high)
        return valve_refuse(decoding, "expected %" PRIu64 " to %" PRIu64 ", found %" PRIu64,
                            type->low, type->high, head.argument);
    *(uint64_t *)value = head.argument;
    return 0;
}

int valve_decode_int(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    int64_t low = (int64_t)type->low, high = (int64_t)type->high, number;
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major > VALVE_MAJOR_NEGINT)
        return valve_refuse_head(decoding, type->name, &head);
    if (head.argument > INT64_MAX)
        return valve_refuse(decoding,
                            "expected %" PRId64 " to %" PRId64 ", found a number beyond 64 bits",
                            low, high);
    number = (int64_t)head.argument;
    if (head.major == VALVE_MAJOR_NEGINT)
        number = -1 - number;
    if (number < low || number > high)
        return valve_refuse(decoding, "expected %" PRId64 " to %" PRId64 ", found %" PRId64, low,
                            high, number);
    *(int64_t *)value = number;
    return 0;
}

int valve_decode_bool(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_SIMPLE || head.size != 1 ||
        (head.argument != VALVE_SIMPLE_FALSE && head.argument != VALVE_SIMPLE_TRUE))
        return valve_refuse_head(decoding, type->name, &head);
    *(bool *)value = head.argument == VALVE_SIMPLE_TRUE;
    return 0;
}

int valve_decode_nil(struct valve_decoding *decoding, const struct valve_type *type)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_SIMPLE || head.size != 1 || head.argument != VALVE_SIMPLE_NIL)
        return valve_refuse_head(decoding, type->name, &head);
    return 0;
}

int valve_decode_float(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (!head.is_float)
        return valve_refuse_head(decoding, type->name, &head);
    *(double *)value = valve_float_read(&head);
    return 0;
}

int valve_decode_any(struct valve_decoding *decoding, void *value)
{
    struct valve_any *any = value;
    struct valve_cursor *cursor = &decoding->cursor;

    any->data = cursor->next;
    valve_cursor_skip(cursor);
    any->size = (size_t)(cursor->next - any->data);
    return any->size > 0 ? 0 : valve_refuse(decoding, "not well-formed");
}

/* The head of a string of this type, its length judged. */
static int take_string_head(struct valve_decoding *decoding, const struct valve_type *type,
                            enum valve_major major, struct valve_head *ret_head)
{
    int r = valve_take_head(decoding, ret_head);

    if (r < 0)
        return r;
    if (ret_head->major != major || ret_head->indefinite)
        return valve_refuse_head(decoding, type->name, ret_head);
    if (ret_head->argument < type->low && type->high == UINT64_MAX)
        return valve_refuse(decoding, "expected at least %" PRIu64 " bytes, found %" PRIu64,
                            type->low, ret_head->argument);
    if (ret_head->argument < type->low || ret_head->argument > type->high)
        return valve_refuse(decoding, "expected %" PRIu64 " to %" PRIu64 " bytes, found %" PRIu64,
                            type->low, type->high, ret_head->argument);
    return 0;
}

int valve_decode_text(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_head head;
    int r = take_string_head(decoding, type, VALVE_MAJOR_TEXT, &head);

    return r < 0 ? r : valve_take_text(decoding, &head, value);
}

int valve_decode_bytes(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_bytes *bytes = value;
    struct valve_head head;
    int r = take_string_head(decoding, type, VALVE_MAJOR_BYTES, &head);

    if (r < 0)
        return r;
    bytes->size = (size_t)head.argument;
    return valve_take_body(decoding, &head, &bytes->data);
}
