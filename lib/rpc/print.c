/* SPDX-License-Identifier: MIT */
/*
 * Values in CBOR's diagnostic notation (RFC 8949, section 8), by their type's table.
 */
#include <errno.h>
#include <inttypes.h>

#include "rpc/diagnostic.h"
#include "rpc/map.h"
#include "rpc/value.h"

static void print_value(const struct valve_type *type, const void *value, FILE *stream);

static void print_member(const struct valve_member *member, const void *value, FILE *stream)
{
    print_value(member->type, valve_get_member(member, value), stream);
}

static void print_key(const char *name, size_t size, FILE *stream)
{
    valve_diagnose_text(name, size, stream);
    fputs(": ", stream);
}

static void print_any(const struct valve_any *any, FILE *stream)
{
    struct valve_cursor cursor = {any->data, any->data + any->size};

    valve_diagnose_item(&cursor, stream);
}

static void print_struct(const struct valve_type *type, const void *value, FILE *stream)
{
    const char *before = "";

    fputc('{', stream);
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if (!valve_is_present(member, value))
            continue;
        fputs(before, stream);
        before = ", ";
        print_key(member->name, member->name_size, stream);
        print_member(member, value, stream);
    }
    fputc('}', stream);
}

static void print_tuple(const struct valve_type *type, const void *value, FILE *stream)
{
    fputc('[', stream);
    for (uint32_t i = 0; i < type->count; i++) {
        fputs(i > 0 ? ", " : "", stream);
        print_member(&type->members[i], value, stream);
    }
    fputc(']', stream);
}

static void print_list(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);

    fputc('[', stream);
    for (size_t i = 0; i < list.count; i++) {
        fputs(i > 0 ? ", " : "", stream);
        print_value(item, list.items + i * item->size, stream);
    }
    fputc(']', stream);
}

static void print_map(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_type *entry = valve_map_entry(type);
    struct valve_list list = valve_get_list(value);

    fputc('{', stream);
    for (size_t i = 0; i < list.count; i++) {
        const struct valve_text *key = valve_map_key(entry, list.items, i);

        fputs(i > 0 ? ", " : "", stream);
        print_key(key->data, key->size, stream);
        print_member(&entry->members[1], list.items + i * entry->size, stream);
    }
    fputc('}', stream);
}

static void print_sum(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_member *arm = &type->members[valve_get_kind(value)];

    if (arm->type == NULL) {
        valve_diagnose_text(arm->name, arm->name_size, stream);
        return;
    }
    fputc('{', stream);
    print_key(arm->name, arm->name_size, stream);
    print_member(arm, value, stream);
    fputc('}', stream);
}

static void print_value(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_text *text = value;
    const struct valve_bytes *bytes = value;

    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        fprintf(stream, "%" PRIu64, *(const uint64_t *)value);
        break;
    case VALVE_SHAPE_INT:
        fprintf(stream, "%" PRId64, *(const int64_t *)value);
        break;
    case VALVE_SHAPE_BOOL:
        fputs(*(const bool *)value ? "true" : "false", stream);
        break;
    case VALVE_SHAPE_FLOAT:
        valve_diagnose_float(*(const double *)value, stream);
        break;
    case VALVE_SHAPE_TEXT:
        valve_diagnose_text(text->data, text->size, stream);
        break;
    case VALVE_SHAPE_BYTES:
        valve_diagnose_bytes(bytes->data, bytes->size, stream);
        break;
    case VALVE_SHAPE_ANY:
        print_any(value, stream);
        break;
    case VALVE_SHAPE_NIL:
        fputs("null", stream);
        break;
    case VALVE_SHAPE_STRUCT:
        print_struct(type, value, stream);
        break;
    case VALVE_SHAPE_TUPLE:
        print_tuple(type, value, stream);
        break;
    case VALVE_SHAPE_LIST:
        print_list(type, value, stream);
        break;
    case VALVE_SHAPE_MAP:
        print_map(type, value, stream);
        break;
    case VALVE_SHAPE_SUM:
        print_sum(type, value, stream);
        break;
    case VALVE_SHAPE_CHOICE:
        print_member(&type->members[valve_get_kind(value)], value, stream);
        break;
    }
}

int valve_value_print(const struct valve_type *type, const void *value, FILE *stream)
{
    print_value(type, value, stream);
    return ferror(stream) != 0 ? -EIO : 0;
}
