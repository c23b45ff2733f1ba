/* SPDX-License-Identifier: MIT */
/*
 * The envelope around every message, read and written.
 */
#include "rpc/envelope.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/cursor.h"
#include "rpc/encoder.h"
#include "rpc/head.h"

/* ---- Options, by a schema table as any other type ------------------------------------------- */

struct options {
    bool has_timeout;
    uint64_t timeout;
};

static const struct valve_type milliseconds_type = {
    .name = "an unsigned integer (milliseconds)",
    .shape = VALVE_SHAPE_UINT,
    .size = sizeof(uint64_t),
    .alignment = _Alignof(uint64_t),
    .least = 1,
    .high = UINT64_MAX,
};

static const struct valve_member options_members[] = {
    {
        .name = "timeout",
        .type = &milliseconds_type,
        .name_size = 7,
        .offset = offsetof(struct options, timeout),
        .presence = offsetof(struct options, has_timeout),
        .flags = VALVE_MEMBER_OPTIONAL,
    },
};

static const struct valve_type options_type = {
    .name = "a map of options",
    .shape = VALVE_SHAPE_STRUCT,
    .size = sizeof(struct options),
    .alignment = _Alignof(struct options),
    .least = 1,
    .count = 1,
    .members = options_members,
};

static int read_options(struct valve_cursor *cursor, struct valve_envelope *envelope,
                        struct valve_error *ret_error)
{
    struct valve_arena arena = {0}; /* options need none */
    struct valve_error error;
    struct options options;
    int r = valve_decode(&options_type, cursor, &arena, &options, &error);

    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "options: %.200s", error.text);
        return -EBADMSG;
    }
    envelope->has_timeout = options.has_timeout;
    envelope->timeout = options.timeout;
    return 0;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static VALVE_PRINTF(2, 3) int refuse(struct valve_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

static bool is_id(const struct valve_head *head)
{
    return head->major == VALVE_MAJOR_UINT && head->argument >= 1 && head->argument <= UINT32_MAX;
}

static int read_id(struct valve_cursor *cursor, uint32_t *ret_id, struct valve_error *ret_error)
{
    struct valve_head head;

    if (valve_cursor_head(cursor, &head) < 0)
        return refuse(ret_error, "not well-formed");
    if (head.major != VALVE_MAJOR_UINT)
        return refuse(ret_error, "expected an unsigned integer as id, found %s",
                      valve_head_describe(&head));
    if (!is_id(&head))
        return refuse(ret_error, "expected an id from 1 to %" PRIu32 ", found %" PRIu64, UINT32_MAX,
                      head.argument);
    *ret_id = (uint32_t)head.argument;
    return 0;
}

/* The request itself, or nil in its place. */
static int read_body(struct valve_cursor *cursor, const struct valve_remainder *remainder,
                     struct valve_envelope *envelope, struct valve_error *ret_error)
{
    struct valve_head head;

    if (valve_cursor_peek(cursor, &head) < 0)
        return refuse(ret_error, "not well-formed");
    envelope->kind = VALVE_ENVELOPE_REQUEST;
    if (head.major == VALVE_MAJOR_SIMPLE && head.size == 1 && head.argument == VALVE_SIMPLE_NIL)
        envelope->kind = VALVE_ENVELOPE_CANCEL;
    envelope->body.next = cursor->next;
    if (!remainder->indefinite && remainder->left == 0)
        cursor->next = cursor->end; /* nothing follows: the item ends with it */
    else
        valve_cursor_skip(cursor);
    envelope->body.end = cursor->next;
    return 0;
}

/* What follows the id. */
static int read_rest(struct valve_cursor *cursor, struct valve_remainder *remainder,
                     struct valve_envelope *envelope, struct valve_error *ret_error)
{
    int r;

    if (!valve_cursor_more(cursor, remainder))
        return refuse(ret_error, "expected a request after the id, found nothing");
    r = read_body(cursor, remainder, envelope, ret_error);
    if (r < 0 || !valve_cursor_more(cursor, remainder))
        return r;
    if (envelope->kind == VALVE_ENVELOPE_CANCEL)
        return refuse(ret_error, "expected nothing after nil, which cancels a request");
    r = read_options(cursor, envelope, ret_error);
    if (r == 0 && valve_cursor_more(cursor, remainder))
        return refuse(ret_error, "expected nothing after the options");
    return r;
}

int valve_envelope_read(const uint8_t *item, size_t size, struct valve_envelope *ret_envelope,
                        struct valve_error *ret_error)
{
    struct valve_cursor cursor = {item, item + size};
    struct valve_envelope envelope = {0};
    struct valve_remainder remainder;
    struct valve_head head;
    int r;

    ret_envelope->id = 0;
    if (valve_cursor_head(&cursor, &head) < 0)
        return refuse(ret_error, "not well-formed");
    if (head.major != VALVE_MAJOR_ARRAY)
        return refuse(ret_error, "expected an array of id and request, found %s",
                      valve_head_describe(&head));
    remainder = valve_remainder(&head);
    if (!valve_cursor_more(&cursor, &remainder))
        return refuse(ret_error, "expected an array of id and request, found an empty one");
    r = read_id(&cursor, &envelope.id, ret_error);
    if (r < 0)
        return r;
    ret_envelope->id = envelope.id;
    r = read_rest(&cursor, &remainder, &envelope, ret_error);
    if (r == 0)
        *ret_envelope = envelope;
    return r;
}

uint32_t valve_envelope_peek_id(const uint8_t *data, size_t size)
{
    struct valve_cursor cursor = {data, data + size};
    struct valve_remainder remainder;
    struct valve_head head;

    if (valve_cursor_head(&cursor, &head) < 0 || head.major != VALVE_MAJOR_ARRAY)
        return 0;
    remainder = valve_remainder(&head);
    if (!valve_cursor_more(&cursor, &remainder) || valve_cursor_head(&cursor, &head) < 0)
        return 0;
    return is_id(&head) ? (uint32_t)head.argument : 0;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static uint8_t *write_prefix(uint64_t elements, uint32_t id, uint8_t *data)
{
    data += valve_head_write(VALVE_MAJOR_ARRAY, elements, data);
    return data + valve_head_write(VALVE_MAJOR_UINT, id, data);
}

uint8_t *valve_envelope_write_reply(uint32_t id, uint8_t *data)
{
    return write_prefix(2, id, data);
}

uint8_t *valve_envelope_write_item(uint32_t id, uint8_t *data)
{
    return write_prefix(3, id, data);
}

uint8_t *valve_envelope_end_item(uint8_t *data)
{
    return data + valve_head_write(VALVE_MAJOR_SIMPLE, VALVE_SIMPLE_TRUE, data);
}

uint8_t *valve_envelope_write_request(uint32_t id, bool with_options, uint8_t *data)
{
    return write_prefix(with_options ? 3 : 2, id, data);
}

uint8_t *valve_envelope_write_options(uint64_t timeout, uint8_t *data)
{
    struct options options = {.has_timeout = true, .timeout = timeout};
    size_t size = 0;

    (void)valve_encode_within(&options_type, &options, 1, data, VALVE_ENVELOPE_OPTIONS, &size,
                              NULL);
    return data + size;
}
