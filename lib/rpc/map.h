/* SPDX-License-Identifier: MIT */
/*
 * Maps from text to values of one type, as they lie in memory: entries in a row, each a tuple of
 * key and value, sorted by key.
 *
 * The order of keys is the bytewise order of their encodings (RFC 8949, 4.2.1): of two keys the
 * shorter comes first.
 */
#ifndef VALVE_RPC_MAP_H
#define VALVE_RPC_MAP_H

#include <string.h>

#include "valve.h"

/* Less than, equal to or greater than 0, as `left` comes before, is, or comes after `right`. */
static inline int valve_key_compare(const struct valve_text *left, const struct valve_text *right)
{
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return left->size == 0 ? 0 : memcmp(left->data, right->data, left->size);
}

/* The type of a map's entries. */
static inline const struct valve_type *valve_map_entry(const struct valve_type *map)
{
    return map->members[0].type;
}

static inline const struct valve_text *valve_map_key(const struct valve_type *entry,
                                                     const void *items, size_t index)
{
    return (const void *)((const uint8_t *)items + index * entry->size + entry->members[0].offset);
}

#endif
