/* SPDX-License-Identifier: MIT */
/*
 * Memory of one run: a list of blocks, each cut up from its start.
 *
 * Under AddressSanitizer what is not handed out is poisoned, with a gap behind each piece.
 */
#define _GNU_SOURCE
#include "cddl/pool.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POOL_POISONS
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define POOL_POISONS
#endif
#ifdef POOL_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum {
    BLOCK_SIZE = 64 * 1024,
    SHORT = 256, /* a text of fewer bytes is formatted once */
#ifdef POOL_POISONS
    GAP = alignof(max_align_t),
#else
    GAP = 0,
#endif
};

struct cddl_pool_block {
    struct cddl_pool_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static void out_of_memory(void)
{
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    exit(EX_OSERR);
}

static void add_block(struct cddl_pool *pool, size_t least)
{
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    struct cddl_pool_block *block = calloc(1, sizeof(*block) + size);

    if (block == NULL)
        out_of_memory();
    ASAN_POISON_MEMORY_REGION(block->data, size);
    block->size = size;
    block->next = pool->blocks;
    pool->blocks = block;
}

/* Bytes that the newest block still has. */
static size_t room_of(const struct cddl_pool *pool)
{
    return pool->blocks == NULL ? 0 : pool->blocks->size - pool->blocks->used;
}

/* What a piece takes of a block. */
static size_t piece_size(size_t bytes)
{
    const size_t unit = alignof(max_align_t);

    return (bytes + unit - 1) / unit * unit + GAP;
}

/* The next bytes of the newest block, which has room for them. */
static void *cut(struct cddl_pool *pool, size_t bytes)
{
    void *memory = pool->blocks->data + pool->blocks->used;

    pool->blocks->used += piece_size(bytes);
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
    return memory;
}

void *cddl_pool_alloc(struct cddl_pool *pool, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        out_of_memory();
    if (pool->blocks == NULL || room_of(pool) < piece_size(bytes))
        add_block(pool, piece_size(bytes));
    return cut(pool, bytes);
}

char *cddl_pool_copy(struct cddl_pool *pool, const char *text, size_t size)
{
    char *copy = cddl_pool_alloc(pool, size + 1, 1);

    memcpy(copy, text, size);
    return copy;
}

char *cddl_pool_print_list(struct cddl_pool *pool, const char *format, va_list list)
{
    char beginning[SHORT], *text;
    va_list again;
    size_t size;
    int length;

    va_copy(again, list);
    length = vsnprintf(beginning, sizeof(beginning), format, again);
    va_end(again);
    if (length < 0)
        out_of_memory();
    size = (size_t)length + 1;
    text = cddl_pool_alloc(pool, size, 1);
    if (size <= sizeof(beginning))
        memcpy(text, beginning, size);
    else
        vsnprintf(text, size, format, list);
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

void cddl_pool_reset(struct cddl_pool *pool)
{
    struct cddl_pool_block *kept = pool->blocks;

    if (kept == NULL)
        return;
    pool->blocks = kept->next;
    cddl_pool_free(pool);
    ASAN_UNPOISON_MEMORY_REGION(kept->data, kept->used);
    memset(kept->data, 0, kept->used);
    ASAN_POISON_MEMORY_REGION(kept->data, kept->size);
    kept->used = 0;
    kept->next = NULL;
    pool->blocks = kept;
}

void cddl_pool_free(struct cddl_pool *pool)
{
    while (pool->blocks != NULL) {
        struct cddl_pool_block *block = pool->blocks;

        pool->blocks = block->next;
        free(block);
    }
}
