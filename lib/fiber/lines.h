/* SPDX-License-Identifier: MIT */
/*
 * Memory with cache lines of its own. What a thread writes again and again must not lie beside what
 * another one reads: each write would take the line from it ("false sharing").
 */
#ifndef VALVE_FIBER_LINES_H
#define VALVE_FIBER_LINES_H

#include <stdlib.h>
#include <string.h>

/* Bytes of a cache line: of x86-64, and of nearly all others at most. */
#define VALVE_LINE 64

/* Zeroed, from the beginning of a line to the end of one; free() frees it. NULL: no memory. */
static inline void *valve_lines_new(size_t size)
{
    void *lines;

    size = (size + VALVE_LINE - 1) / VALVE_LINE * VALVE_LINE;
    lines = aligned_alloc(VALVE_LINE, size);
    if (lines)
        memset(lines, 0, size);
    return lines;
}

#endif
