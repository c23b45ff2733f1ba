/* SPDX-License-Identifier: MIT */
/*
 * Memory of one run of the schema compiler: taken piece by piece, given back as a whole.
 */
#ifndef VALVE_CDDL_POOL_H
#define VALVE_CDDL_POOL_H

#include <stdarg.h>
#include <stddef.h>

struct cddl_pool_block;

/* Starts as {0}. */
struct cddl_pool {
    struct cddl_pool_block *blocks;
};

/*
 * Zeroed memory for `count` things of `size` bytes, aligned for any of them. When there is none
 * left the process says so and exits with EX_OSERR: a compiler has nothing better to do then, and
 * has replaced no file yet.
 */
void *cddl_pool_alloc(struct cddl_pool *pool, size_t count, size_t size);

/* A terminated copy of `size` bytes. */
char *cddl_pool_copy(struct cddl_pool *pool, const char *text, size_t size);

/* Text made by a format. */
char *cddl_pool_print(struct cddl_pool *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

char *cddl_pool_print_list(struct cddl_pool *pool, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));

/* Takes back all that was handed out, and keeps one block for the next run. */
void cddl_pool_reset(struct cddl_pool *pool);

void cddl_pool_free(struct cddl_pool *pool);

#endif
