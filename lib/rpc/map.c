/* SPDX-License-Identifier: MIT */
/*
 * Finding a value in a map.
 */
#include "rpc/map.h"

#include "rpc/value.h"

const void *valve_map_find(const struct valve_type *map, const void *value, struct valve_text key)
{
    const struct valve_type *entry = valve_map_entry(map);
    struct valve_list list = valve_get_list(value);
    size_t first = 0, end = list.count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;
        int order = valve_key_compare(&key, valve_map_key(entry, list.items, middle));

        if (order == 0)
            return valve_get_member(&entry->members[1], list.items + middle * entry->size);
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}
