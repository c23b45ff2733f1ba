/* SPDX-License-Identifier: MIT */
/*
 * The envelopes of messages: PROTOCOL section 1, in both directions.
 */
#include "envelope.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/cursor.h"

/* Says what is wrong at a place in a message: it may be behind the last byte. */
static VALVE_PRINTF(4, 5) int refuse(struct fault *fault, struct valve_bytes bytes,
                                     const uint8_t *place, const char *format, ...)
{
    const uint8_t *last = bytes.data + bytes.size - 1;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fault->error.text, sizeof fault->error.text, format, arguments);
    va_end(arguments);
    fault->at = (size_t)((place < last ? place : last) - bytes.data);
    return -EBADMSG;
}

/* The value in a message. */
struct body {
    struct valve_bytes message, value; /* the one is in the other */
    const struct valve_limits *limits;
};

static int decode_body(const struct body *body, const struct valve_type *type,
                       struct valve_arena *arena, struct item *item, struct fault *ret_fault)
{
    int r = item_decode_value(type, body->limits, body->value, arena, item, ret_fault);

    if (r < 0)
        ret_fault->at += (size_t)(body->value.data - body->message.data);
    return r;
}

static struct valve_bytes bytes_between(const uint8_t *start, const uint8_t *end)
{
    return (struct valve_bytes){start, (size_t)(end - start)};
}

int envelope_decode_request(const struct valve_limits *limits, struct valve_bytes bytes,
                            struct valve_arena *arena, struct item *item, struct fault *ret_fault)
{
    struct valve_envelope envelope;
    struct body body = {.message = bytes, .limits = limits};
    int r = valve_envelope_read(bytes.data, bytes.size, &envelope, &ret_fault->error);

    if (r < 0) {
        ret_fault->at = 0;
        return r;
    }
    item->id = envelope.id;
    item->has_timeout = envelope.has_timeout;
    item->timeout = envelope.timeout;
    item->kind = ITEM_CANCEL;
    if (envelope.kind == VALVE_ENVELOPE_CANCEL)
        return 0;
    item->kind = ITEM_REQUEST;
    body.value = bytes_between(envelope.body.next, envelope.body.end);
    return decode_body(&body, item->tables->request, arena, item, ret_fault);
}

/* ---- From a server --------------------------------------------------------------------------- */

static bool is_simple(const struct valve_head *head, enum valve_simple value)
{
    return head->major == VALVE_MAJOR_SIMPLE && head->size == 1 && !head->is_break &&
           head->argument == value;
}

/* [id, value] or [id, value, true]: all but what the value is. */
static int split_reply(struct body *body, struct item *item, struct fault *ret_fault)
{
    const struct valve_bytes bytes = body->message;
    struct valve_cursor cursor = {bytes.data, bytes.data + bytes.size};
    struct valve_remainder remainder;
    struct valve_head head;
    const uint8_t *place;

    if (valve_cursor_head(&cursor, &head) < 0 || head.major != VALVE_MAJOR_ARRAY)
        return refuse(ret_fault, bytes, bytes.data, "expected an array: [id, reply]");
    remainder = valve_remainder(&head);
    place = cursor.next;
    if (!valve_cursor_more(&cursor, &remainder) || valve_cursor_head(&cursor, &head) < 0 ||
        head.major != VALVE_MAJOR_UINT || head.argument > UINT32_MAX)
        return refuse(ret_fault, bytes, place, "expected an id from 0 to %u", UINT32_MAX);
    item->id = (uint32_t)head.argument;
    place = cursor.next;
    if (!valve_cursor_more(&cursor, &remainder))
        return refuse(ret_fault, bytes, place, "expected a reply after the id, found nothing");
    valve_cursor_skip(&cursor);
    body->value = bytes_between(place, cursor.next);
    item->kind = ITEM_REPLY;
    place = cursor.next;
    if (!valve_cursor_more(&cursor, &remainder))
        return 0;
    item->kind = ITEM_STREAM;
    if (valve_cursor_head(&cursor, &head) < 0 || !is_simple(&head, VALVE_SIMPLE_TRUE) ||
        valve_cursor_more(&cursor, &remainder))
        return refuse(ret_fault, bytes, place,
                      "expected nothing but true, for an item, behind the reply");
    return 0;
}

static const struct valve_type *part_of(const struct valve_tables_method *method,
                                        enum item_kind kind)
{
    return kind == ITEM_STREAM ? method->item : method->reply;
}

/*
 * Which methods the value may come from. *ret_first is the type of the first of them; where there
 * is none, *ret_fault is that of the method which understood most of it.
 */
static int find_methods(const struct body *body, const struct item *item, size_t memory, bool *fits,
                        const struct valve_type **ret_first, struct fault *ret_fault)
{
    const struct valve_tables *tables = item->tables;
    const struct valve_type *first = NULL;
    struct item trial = *item;
    struct valve_arena scratch;
    struct fault fault;
    int r = refuse(ret_fault, body->message, body->message.data,
                   "no method of the schema has a stream of items");

    for (unsigned i = 0; i < tables->method_count && r != -ENOMEM; i++) {
        const struct valve_type *type = part_of(&tables->methods[i], item->kind);

        if (type == NULL)
            continue;
        valve_arena_init(&scratch, NULL, 0, memory);
        r = decode_body(body, type, &scratch, &trial, &fault);
        valve_arena_fini(&scratch);
        fits[i] = r == 0;
        if (r == 0 && first == NULL)
            first = type;
        if (r < 0 && (r == -ENOMEM || fault.at > ret_fault->at))
            *ret_fault = fault;
    }
    if (r == -ENOMEM || first == NULL)
        return r == -ENOMEM ? r : -EBADMSG;
    *ret_first = first;
    return 0;
}

int envelope_decode_reply(const struct valve_limits *limits, struct valve_bytes bytes,
                          struct valve_arena *arena, struct item *item, struct fault *ret_fault)
{
    unsigned count = item->tables->method_count;
    struct body body = {.message = bytes, .limits = limits};
    const struct valve_type *type;
    bool *fits;
    int r = split_reply(&body, item, ret_fault);

    if (r < 0)
        return r;
    fits = valve_arena_alloc(arena, count, 1);
    if (fits == NULL) {
        refuse(ret_fault, bytes, bytes.data, "no memory");
        return -ENOMEM;
    }
    memset(fits, 0, count);
    r = find_methods(&body, item, arena->limit, fits, &type, ret_fault);
    if (r < 0)
        return r;
    item->fits = fits;
    return decode_body(&body, type, arena, item, ret_fault);
}

/* ---- Writing --------------------------------------------------------------------------------- */

uint8_t *envelope_begin(const struct item *item, uint8_t *data)
{
    if (item->kind == ITEM_REQUEST || item->kind == ITEM_CANCEL)
        return valve_envelope_write_request(item->id, item->has_timeout, data);
    return item->kind == ITEM_STREAM ? valve_envelope_write_item(item->id, data)
                                     : valve_envelope_write_reply(item->id, data);
}

uint8_t *envelope_end(const struct item *item, uint8_t *data)
{
    if (item->has_timeout)
        return valve_envelope_write_options(item->timeout, data);
    if (item->kind == ITEM_STREAM)
        *data++ = 0xf5; /* true */
    return data;
}
