/* SPDX-License-Identifier: MIT */
/*
 * The decoder: an interpreter of schema tables that fills C values from CBOR. Here is where it
 * begins, and the shapes that hold no other values.
 */
#include "rpc/decoder.h"

#include <limits.h>
#include <string.h>

#include "rpc/decoding.h"
#include "rpc/edges.h"
#include "rpc/float.h"
#include "rpc/utf8.h"

/* ---- Numbers and simple values --------------------------------------------------------------- */

static const uint8_t *decode_uint(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    struct valve_head head;
    const uint8_t *behind = valve_take_head(decoding, next, &head);

    if (behind == NULL || head.major != VALVE_MAJOR_UINT || head.argument < type->low ||
        head.argument > type->high)
        return valve_decoding_refuse_item(decoding, next, type);
    *(uint64_t *)value = head.argument;
    return behind;
}

static const uint8_t *decode_int(struct valve_decoding *decoding, const struct valve_type *type,
                                 void *value, const uint8_t *next)
{
    struct valve_head head;
    const uint8_t *behind = valve_take_head(decoding, next, &head);
    int64_t number;

    if (behind == NULL || head.major > VALVE_MAJOR_NEGINT || head.argument > INT64_MAX)
        return valve_decoding_refuse_item(decoding, next, type);
    number = (int64_t)head.argument;
    if (head.major == VALVE_MAJOR_NEGINT)
        number = -1 - number;
    if (number < (int64_t)type->low || number > (int64_t)type->high)
        return valve_decoding_refuse_item(decoding, next, type);
    *(int64_t *)value = number;
    return behind;
}

static const uint8_t *decode_bool(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    if (next == decoding->end || (*next != VALVE_INITIAL_FALSE && *next != VALVE_INITIAL_TRUE))
        return valve_decoding_refuse_item(decoding, next, type);
    *(bool *)value = *next == VALVE_INITIAL_TRUE;
    return next + 1;
}

static const uint8_t *decode_nil(struct valve_decoding *decoding, const struct valve_type *type,
                                 void *value, const uint8_t *next)
{
    (void)value;
    if (next == decoding->end || *next != VALVE_INITIAL_NIL)
        return valve_decoding_refuse_item(decoding, next, type);
    return next + 1;
}

static const uint8_t *decode_float(struct valve_decoding *decoding, const struct valve_type *type,
                                   void *value, const uint8_t *next)
{
    struct valve_head head;
    const uint8_t *behind = valve_take_head(decoding, next, &head);

    if (behind == NULL || !head.is_float)
        return valve_decoding_refuse_item(decoding, next, type);
    *(double *)value = valve_float_read(&head);
    return behind;
}

/* ---- Strings, and what is not looked at ------------------------------------------------------ */

/* The length of a definite string; its body is there. Returns where that begins. */
static const uint8_t *take_string(struct valve_decoding *decoding, const struct valve_type *type,
                                  enum valve_major major, const uint8_t *next, size_t *ret_size)
{
    struct valve_head head;
    const uint8_t *body = valve_take_head(decoding, next, &head);

    if (body == NULL || head.major != major || head.indefinite || head.argument < type->low ||
        head.argument > type->high || head.argument > valve_decoding_left(decoding, body))
        return valve_decoding_refuse_item(decoding, next, type);
    *ret_size = (size_t)head.argument;
    return body;
}

static const uint8_t *decode_text(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, const uint8_t *next)
{
    size_t size = 0;
    const uint8_t *body = take_string(decoding, type, VALVE_MAJOR_TEXT, next, &size);

    if (body == NULL)
        return NULL;
    if (!valve_utf8_valid((const char *)body, size))
        return valve_decoding_refuse(decoding, next, "text that is not UTF-8");
    *(struct valve_text *)value = (struct valve_text){(const char *)body, size};
    return body + size;
}

static const uint8_t *decode_bytes(struct valve_decoding *decoding, const struct valve_type *type,
                                   void *value, const uint8_t *next)
{
    size_t size = 0;
    const uint8_t *body = take_string(decoding, type, VALVE_MAJOR_BYTES, next, &size);

    if (body == NULL)
        return NULL;
    *(struct valve_bytes *)value = (struct valve_bytes){body, size};
    return body + size;
}

const uint8_t *valve_decoding_skip(struct valve_decoding *decoding, const uint8_t *next)
{
    struct valve_cursor cursor = {next, decoding->end};
    int r = valve_cursor_check(&cursor, decoding->levels);

    if (r == -ELOOP)
        return valve_decoding_refuse_depth(decoding, cursor.next);
    if (r < 0)
        return valve_decoding_refuse(decoding, next, "not well-formed");
    return cursor.next;
}

static const uint8_t *decode_any(struct valve_decoding *decoding, const struct valve_type *type,
                                 void *value, const uint8_t *next)
{
    const uint8_t *behind = valve_decoding_skip(decoding, next);

    (void)type;
    if (behind != NULL)
        *(struct valve_any *)value = (struct valve_any){next, (size_t)(behind - next)};
    return behind;
}

/* ---- All shapes ------------------------------------------------------------------------------ */

valve_decode_function *const valve_decode_functions[] = {
    [VALVE_SHAPE_UINT] = decode_uint,
    [VALVE_SHAPE_INT] = decode_int,
    [VALVE_SHAPE_BOOL] = decode_bool,
    [VALVE_SHAPE_FLOAT] = decode_float,
    [VALVE_SHAPE_TEXT] = decode_text,
    [VALVE_SHAPE_BYTES] = decode_bytes,
    [VALVE_SHAPE_ANY] = decode_any,
    [VALVE_SHAPE_NIL] = decode_nil,
    [VALVE_SHAPE_STRUCT] = valve_decode_struct,
    [VALVE_SHAPE_TUPLE] = valve_decode_tuple,
    [VALVE_SHAPE_LIST] = valve_decode_list,
    [VALVE_SHAPE_MAP] = valve_decode_map,
    [VALVE_SHAPE_SUM] = valve_decode_sum,
    [VALVE_SHAPE_CHOICE] = valve_decode_choice,
};

const uint8_t *valve_decode_boxed(struct valve_decoding *decoding,
                                  const struct valve_member *member, void *value,
                                  const uint8_t *next)
{
    const struct valve_type *type = member->type;
    void *box = valve_arena_take(decoding->arena, type->size, type->alignment);

    if (box == NULL)
        return valve_decoding_refuse_memory(decoding, next);
    memcpy((uint8_t *)value + member->offset, &box, sizeof box);
    return valve_decode_value(decoding, type, box, next);
}

int valve_decode_within(const struct valve_type *type, struct valve_cursor *cursor,
                        unsigned max_depth, struct valve_arena *arena, void *value,
                        struct valve_error *ret_error)
{
    struct valve_decoding decoding;
    const uint8_t *behind;

    decoding.end = cursor->end;
    decoding.arena = arena;
    decoding.levels = decoding.max_levels = max_depth;
    valve_refusal_init(&decoding.refusal, ret_error);
    behind = valve_decode_value(&decoding, type, value, cursor->next);
    if (behind == NULL) {
        cursor->next = decoding.place;
        return valve_refusal_end(&decoding.refusal);
    }
    if ((type->flags & VALVE_TYPE_EDGES) != 0 &&
        !valve_edges_check(type, value, -EBADMSG, &decoding.refusal))
        return valve_refusal_end(&decoding.refusal);
    cursor->next = behind;
    return 0;
}

int valve_decode(const struct valve_type *type, struct valve_cursor *cursor,
                 struct valve_arena *arena, void *value, struct valve_error *ret_error)
{
    struct valve_cursor copy = *cursor;
    int r = valve_decode_within(type, &copy, UINT_MAX, arena, value, ret_error);

    if (r == 0)
        *cursor = copy;
    return r;
}
