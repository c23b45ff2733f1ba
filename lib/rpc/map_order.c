/* SPDX-License-Identifier: MIT */
/*
 * The order in which the entries of a map are sent.
 */
#include "rpc/map_order.h"

#include <stdlib.h>

#include "rpc/sort.h"

static const struct valve_text *get_key(const struct valve_map_order *order, size_t index)
{
    return valve_map_key(order->entry, order->list.items, index);
}

static bool comes_before(const struct valve_map_order *order, size_t left, size_t right)
{
    return valve_key_compare(get_key(order, left), get_key(order, right)) < 0;
}

static bool is_less(const struct valve_sort *sort, size_t left, size_t right)
{
    const uint32_t *indices = sort->items;

    return comes_before(sort->context, indices[left], indices[right]);
}

static void swap(const struct valve_sort *sort, size_t left, size_t right)
{
    uint32_t *indices = sort->items;
    uint32_t index = indices[left];

    indices[left] = indices[right];
    indices[right] = index;
}

void valve_map_order_begin(struct valve_map_order *order, const struct valve_type *map,
                           const void *value)
{
    struct valve_sort sort = {is_less, swap, NULL, order};

    order->entry = valve_map_entry(map);
    order->list = valve_get_list(value);
    order->done = 0;
    order->indices = order->few;
    if (order->list.count > UINT32_MAX)
        order->indices = NULL;
    else if (order->list.count > VALVE_FEW_ENTRIES)
        order->indices = calloc(order->list.count, sizeof *order->indices);
    if (order->indices == NULL)
        return;
    for (uint32_t i = 0; i < order->list.count; i++)
        order->indices[i] = i;
    sort.items = order->indices;
    valve_sort(&sort, order->list.count);
}

void valve_map_order_end(struct valve_map_order *order)
{
    if (order->indices != order->few)
        free(order->indices);
}

/* The first of the keys that come behind the last one. */
static size_t seek(const struct valve_map_order *order)
{
    size_t found = order->list.count;

    for (size_t i = 0; i < order->list.count; i++) {
        if (order->done > 0 && !comes_before(order, order->last, i))
            continue;
        if (found == order->list.count || comes_before(order, i, found))
            found = i;
    }
    return found;
}

const void *valve_map_order_next(struct valve_map_order *order)
{
    order->last = order->indices != NULL ? order->indices[order->done] : seek(order);
    order->done++;
    return order->list.items + order->last * order->entry->size;
}

/* Whether any entry before the one at `position` has its key. */
static bool repeats_earlier(const struct valve_map_order *order, size_t position)
{
    const uint32_t *indices = order->indices;

    if (indices != NULL)
        return position > 0 && !comes_before(order, indices[position - 1], indices[position]);
    for (size_t i = 0; i < position; i++) {
        if (valve_key_compare(get_key(order, i), get_key(order, position)) == 0)
            return true;
    }
    return false;
}

bool valve_map_order_repeats(const struct valve_map_order *order, const struct valve_text **ret_key)
{
    for (size_t i = 0; i < order->list.count; i++) {
        if (repeats_earlier(order, i)) {
            *ret_key = get_key(order, order->indices != NULL ? order->indices[i] : i);
            return true;
        }
    }
    return false;
}

bool valve_map_ascends(const struct valve_type *map, const void *value)
{
    const struct valve_type *entry = valve_map_entry(map);
    struct valve_list list = valve_get_list(value);

    for (size_t i = 1; i < list.count; i++) {
        if (valve_key_compare(valve_map_key(entry, list.items, i - 1),
                              valve_map_key(entry, list.items, i)) >= 0)
            return false;
    }
    return true;
}
