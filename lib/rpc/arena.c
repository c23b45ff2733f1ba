/* SPDX-License-Identifier: MIT */
/*
 * The arena: memory handed out by moving a pointer, and given back as a whole.
 *
 * Under AddressSanitizer the room of heap blocks that is not handed out is poisoned. The owner's
 * buffer is left alone: it may be gone, or be something else, before the arena is told.
 */
#include "rpc/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t)4096)

struct valve_arena_block {
    struct valve_arena_block *older;
    size_t size; /* bytes of data[] */
    alignas(max_align_t) uint8_t data[];
};

static bool is_in_initial(const struct valve_arena *arena)
{
    return arena->initial != NULL && arena->end == arena->initial + arena->initial_size;
}

static void use_initial(struct valve_arena *arena)
{
    arena->next = arena->initial;
    arena->end = arena->initial == NULL ? NULL : arena->initial + arena->initial_size;
}

static void use_block(struct valve_arena *arena, struct valve_arena_block *block)
{
    arena->next = block->data;
    arena->end = block->data + block->size;
}

void valve_arena_init(struct valve_arena *arena, void *buffer, size_t size, size_t limit)
{
    *arena = (struct valve_arena){.initial = buffer, .initial_size = size, .limit = limit};
    use_initial(arena);
}

/* A block with room for `least` bytes, twice as large as the last as far as the limit goes. */
static int add_block(struct valve_arena *arena, size_t least)
{
    struct valve_arena_block *block;
    size_t left = arena->limit - arena->taken;
    size_t size = arena->blocks == NULL ? FIRST_BLOCK : 2 * (sizeof *block + arena->blocks->size);

    if (left < sizeof *block || least > left - sizeof *block)
        return -1;
    if (size < least + sizeof *block)
        size = least + sizeof *block;
    if (size > left)
        size = left;
    block = malloc(size);
    if (block == NULL)
        return -1;
    block->older = arena->blocks;
    block->size = size - sizeof *block;
    ASAN_POISON_MEMORY_REGION(block->data, block->size);
    arena->blocks = block;
    arena->taken += size;
    use_block(arena, block);
    return 0;
}

void *valve_arena_alloc(struct valve_arena *arena, size_t size, size_t alignment)
{
    void *memory;

    if (size == 0)
        size = 1;
    memory = valve_arena_take_room(arena, size, alignment);
    if (memory == NULL && is_in_initial(arena) && arena->blocks != NULL) {
        use_block(arena, arena->blocks);
        memory = valve_arena_take_room(arena, size, alignment);
    }
    if (memory == NULL && size <= SIZE_MAX - alignment &&
        add_block(arena, size + (alignment > alignof(max_align_t) ? alignment : 0)) == 0)
        memory = valve_arena_take_room(arena, size, alignment);
    return memory;
}

void *valve_arena_resize(struct valve_arena *arena, void *memory, size_t size, size_t new_size,
                         size_t alignment)
{
    uint8_t *start = memory;
    void *larger;

    if (memory != NULL && start + size == arena->next && new_size <= (size_t)(arena->end - start)) {
        arena->next = start + new_size;
        ASAN_UNPOISON_MEMORY_REGION(start, new_size);
        if (new_size < size && !is_in_initial(arena))
            ASAN_POISON_MEMORY_REGION(start + new_size, size - new_size);
        return memory;
    }
    if (memory != NULL && new_size <= size)
        return memory;
    larger = valve_arena_alloc(arena, new_size, alignment);
    if (larger != NULL && size > 0)
        memcpy(larger, memory, size);
    return larger;
}

/* Frees all blocks but the largest, which is returned; or NULL where there is none. */
static struct valve_arena_block *free_smaller_blocks(struct valve_arena *arena)
{
    struct valve_arena_block *kept = arena->blocks, *block, *older;

    if (kept == NULL)
        return NULL;
    for (block = kept->older; block != NULL; block = older) {
        struct valve_arena_block *dropped = block->size > kept->size ? kept : block;

        older = block->older;
        kept = dropped == kept ? block : kept;
        arena->taken -= sizeof *dropped + dropped->size;
        free(dropped);
    }
    kept->older = NULL;
    return kept;
}

void valve_arena_reset(struct valve_arena *arena)
{
    arena->blocks = free_smaller_blocks(arena);
    if (arena->blocks != NULL)
        ASAN_POISON_MEMORY_REGION(arena->blocks->data, arena->blocks->size);
    if (arena->initial == NULL && arena->blocks != NULL)
        use_block(arena, arena->blocks);
    else
        use_initial(arena);
}

void valve_arena_fini(struct valve_arena *arena)
{
    free(free_smaller_blocks(arena));
    *arena = (struct valve_arena){0};
}
