/* SPDX-License-Identifier: MIT */
/*
 * Items by their subject: decoded, encoded and printed, with or without envelopes.
 */
#include "item.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "envelope.h"
#include "rpc/head.h"

/* ---- Decoding -------------------------------------------------------------------------------- */

int item_decode_value(const struct valve_type *type, const struct valve_limits *limits,
                      struct valve_bytes bytes, struct valve_arena *arena, struct item *item,
                      struct fault *ret_fault)
{
    void *value = valve_arena_alloc(arena, type->size > 0 ? type->size : 1, type->alignment);
    int r;

    if (value == NULL) {
        *ret_fault = (struct fault){.error = {"no memory"}};
        return -ENOMEM;
    }
    r = valve_value_decode(type, limits, bytes.data, bytes.size, arena, value, &ret_fault->at,
                           &ret_fault->error);
    if (r == 0) {
        item->type = type;
        item->value = value;
    }
    return r;
}

/* Traffic begins with an array where a request begins with a map: tells how it would be read. */
static void hint_at_traffic(const struct subject *subject, struct valve_bytes bytes,
                            struct fault *fault)
{
    static const char hint[] = "; is this traffic? Then -t to-server or -t to-client";
    size_t size = strlen(fault->error.text);

    if (subject->type == subject->tables->request && fault->at == 0 && bytes.size > 0 &&
        bytes.data[0] >> 5 == VALVE_MAJOR_ARRAY && size + sizeof hint <= sizeof fault->error.text)
        memcpy(fault->error.text + size, hint, sizeof hint);
}

int item_decode(const struct subject *subject, const struct valve_limits *limits,
                struct valve_bytes bytes, struct valve_arena *arena, struct item *ret_item,
                struct fault *ret_fault)
{
    struct item item = {.tables = subject->tables};
    int r;

    if (subject->kind == SUBJECT_TO_SERVER)
        r = envelope_decode_request(limits, bytes, arena, &item, ret_fault);
    else if (subject->kind == SUBJECT_TO_CLIENT)
        r = envelope_decode_reply(limits, bytes, arena, &item, ret_fault);
    else
        r = item_decode_value(subject->type, limits, bytes, arena, &item, ret_fault);
    if (r == 0)
        *ret_item = item;
    else if (subject->kind == SUBJECT_VALUES)
        hint_at_traffic(subject, bytes, ret_fault);
    return r;
}

/* ---- Encoding -------------------------------------------------------------------------------- */

int item_encode(const struct item *item, const struct valve_limits *limits,
                struct valve_arena *arena, struct valve_bytes *ret_bytes,
                struct valve_error *ret_error)
{
    struct valve_bytes value = {(const uint8_t *)"\xf6", 1}; /* nil, which cancels */
    uint8_t *data, *next;
    int r = 0;

    if (item->type != NULL)
        r = valve_value_encode(item->type, limits, item->value, arena, &value, ret_error);
    if (r < 0)
        return r;
    if (item->kind == ITEM_VALUE) {
        *ret_bytes = value;
        return 0;
    }
    data = valve_arena_alloc(arena, ENVELOPE_ROOM + value.size, 1);
    if (data == NULL) {
        *ret_error = (struct valve_error){"no memory"};
        return -ENOMEM;
    }
    next = envelope_begin(item, data);
    memcpy(next, value.data, value.size);
    next = envelope_end(item, next + value.size);
    *ret_bytes = (struct valve_bytes){data, (size_t)(next - data)};
    return 0;
}

/* ---- Printing -------------------------------------------------------------------------------- */

/* Whose it may be: nothing else says to which request it belongs. */
static void print_methods(const struct item *item, FILE *stream)
{
    const struct valve_tables *tables = item->tables;
    const char *between = " / ";
    bool all = true;

    for (unsigned i = 0; i < tables->method_count; i++)
        all = all && item->fits[i];
    if (all && tables->method_count > 1) {
        fputs(" / any method /", stream);
        return;
    }
    for (unsigned i = 0; i < tables->method_count; i++) {
        if (!item->fits[i])
            continue;
        fprintf(stream, "%s%s", between, tables->methods[i].name);
        between = ", ";
    }
    fputs(" /", stream);
}

int item_print(const struct item *item, FILE *stream)
{
    int r = 0;

    if (item->kind != ITEM_VALUE)
        fprintf(stream, "[%" PRIu32 ", ", item->id);
    if (item->type == NULL)
        fputs("null", stream);
    else
        r = valve_value_print(item->type, item->value, stream);
    if (item->has_timeout)
        fprintf(stream, ", {\"timeout\": %" PRIu64 "}", item->timeout);
    if (item->kind == ITEM_STREAM)
        fputs(", true", stream);
    if (item->kind != ITEM_VALUE)
        fputs("]", stream);
    if (item->fits != NULL)
        print_methods(item, stream);
    return r < 0 || ferror(stream) ? -EIO : 0;
}
