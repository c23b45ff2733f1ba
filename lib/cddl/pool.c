/* SPDX-License-Identifier: MIT */
/*
 * Memory of one run: a list of blocks, each cut up from its start.
 */
#include "cddl/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct cddl_pool_block {
    struct cddl_pool_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static void out_of_memory(void)
{
    fputs("valve-cddl: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

static struct cddl_pool_block *add_block(struct cddl_pool *pool, size_t least)
{
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    struct cddl_pool_block *block = calloc(1, sizeof(*block) + size);

    if (block == NULL)
        out_of_memory();
    block->size = size;
    block->next = pool->blocks;
    pool->blocks = block;
    return block;
}

void *cddl_pool_alloc(struct cddl_pool *pool, size_t count, size_t size)
{
    const size_t unit = alignof(max_align_t);
    struct cddl_pool_block *block = pool->blocks;
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        out_of_memory();
    bytes = (bytes + unit - 1) / unit * unit;
    if (block == NULL || block->size - block->used < bytes)
        block = add_block(pool, bytes);
    memory = block->data + block->used;
    block->used += bytes;
    return memory;
}

char *cddl_pool_copy(struct cddl_pool *pool, const char *text, size_t size)
{
    char *copy = cddl_pool_alloc(pool, size + 1, 1);

    memcpy(copy, text, size);
    return copy;
}

char *cddl_pool_print_list(struct cddl_pool *pool, const char *format, va_list list)
{
    va_list again;
    int size;
    char *text;

    va_copy(again, list);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = cddl_pool_alloc(pool, (size_t)(size < 0 ? 0 : size) + 1, 1);
    if (size > 0)
        vsnprintf(text, (size_t)size + 1, format, list);
    return text;
}

char *cddl_pool_print(struct cddl_pool *pool, const char *format, ...)
{
    va_list list;
    char *text;

    va_start(list, format);
    text = cddl_pool_print_list(pool, format, list);
    va_end(list);
    return text;
}

void cddl_pool_free(struct cddl_pool *pool)
{
    while (pool->blocks != NULL) {
        struct cddl_pool_block *block = pool->blocks;

        pool->blocks = block->next;
        free(block);
    }
}
