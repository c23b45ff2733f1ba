/* SPDX-License-Identifier: MIT */
/*
 * Sorting in place, whatever it is that is sorted: without memory, and in n log n steps at worst,
 * so that the order in which keys arrive cannot be made to hurt. qsort() promises neither.
 */
#ifndef VALVE_RPC_SORT_H
#define VALVE_RPC_SORT_H

#include <stdbool.h>
#include <stddef.h>

struct valve_sort {
    bool (*is_less)(const struct valve_sort *sort, size_t left, size_t right); /* by position */
    void (*swap)(const struct valve_sort *sort, size_t left, size_t right);
    void *items; /* theirs */
    const void *context;
};

/* Sorts the items from 0 to count - 1. */
void valve_sort(const struct valve_sort *sort, size_t count);

#endif
