/* SPDX-License-Identifier: MIT */
/*
 * Values in CBOR's diagnostic notation, as the encoder would send them.
 */
#include <errno.h>
#include <inttypes.h>

#include "rpc/diagnostic.h"
#include "rpc/map.h"
#include "rpc/map_order.h"
#include "rpc/value.h"

static void print_value(const struct valve_type *type, const void *value, FILE *stream);

static void print_name(const struct valve_member *member, FILE *stream)
{
    valve_diagnose_text(member->name, member->name_size, stream);
}

static void print_member(const struct valve_member *member, const void *value, FILE *stream)
{
    print_value(member->type, valve_get_member(member, value), stream);
}

static void print_struct(const struct valve_type *type, const void *value, FILE *stream)
{
    const char *separator = "";

    putc('{', stream);
    for (uint32_t i = 0; i < type->count; i++) {
        if (!valve_is_present(&type->members[i], value))
            continue;
        fputs(separator, stream);
        print_name(&type->members[i], stream);
        fputs(": ", stream);
        print_member(&type->members[i], value, stream);
        separator = ", ";
    }
    putc('}', stream);
}

static void print_tuple(const struct valve_type *type, const void *value, FILE *stream)
{
    putc('[', stream);
    for (uint32_t i = 0; i < type->count; i++) {
        fputs(i == 0 ? "" : ", ", stream);
        print_member(&type->members[i], value, stream);
    }
    putc(']', stream);
}

static void print_list(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);

    putc('[', stream);
    for (size_t i = 0; i < list.count; i++) {
        fputs(i == 0 ? "" : ", ", stream);
        print_value(item, list.items + i * item->size, stream);
    }
    putc(']', stream);
}

static void print_entry(const struct valve_type *type, const void *entry, bool first, FILE *stream)
{
    fputs(first ? "" : ", ", stream);
    print_member(&type->members[0], entry, stream);
    fputs(": ", stream);
    print_member(&type->members[1], entry, stream);
}

static void print_map(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_type *entry = valve_map_entry(type);
    struct valve_list list = valve_get_list(value);
    struct valve_map_order order;

    putc('{', stream);
    if (valve_map_ascends(type, value)) {
        for (size_t i = 0; i < list.count; i++)
            print_entry(entry, list.items + i * entry->size, i == 0, stream);
    } else {
        valve_map_order_begin(&order, type, value);
        for (size_t i = 0; i < list.count; i++)
            print_entry(entry, valve_map_order_next(&order), i == 0, stream);
        valve_map_order_end(&order);
    }
    putc('}', stream);
}

static void print_sum(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_member *arm = &type->members[valve_get_kind(value)];

    if (arm->type == NULL) {
        print_name(arm, stream);
        return;
    }
    putc('{', stream);
    print_name(arm, stream);
    fputs(": ", stream);
    print_member(arm, value, stream);
    putc('}', stream);
}

static void print_value(const struct valve_type *type, const void *value, FILE *stream)
{
    const struct valve_text *text = value;
    const struct valve_bytes *bytes = value;
    const struct valve_any *any = value;

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
        valve_diagnose_item(&(struct valve_cursor){any->data, any->data + any->size}, stream);
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
    return ferror(stream) ? -EIO : 0;
}
