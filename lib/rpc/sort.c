/* SPDX-License-Identifier: MIT */
/*
 * Heapsort.
 */
#include "rpc/sort.h"

/* Lets the item at `root` sink until no item below it is greater. */
static void sink(const struct valve_sort *sort, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;

        if (child >= count)
            return;
        if (child + 1 < count && sort->is_less(sort, child, child + 1))
            child++;
        if (!sort->is_less(sort, root, child))
            return;
        sort->swap(sort, root, child);
        root = child;
    }
}

void valve_sort(const struct valve_sort *sort, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sink(sort, root, count);
    for (size_t end = count; end-- > 1;) {
        sort->swap(sort, 0, end);
        sink(sort, 0, end);
    }
}
