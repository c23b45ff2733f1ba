/* SPDX-License-Identifier: MIT */
/*
 * The arena: memory handed out by moving a pointer, and given back as a whole.
 *
 * Under AddressSanitizer the room of heap blocks that is not handed out is poisoned. The owner's
 * buffer is left alone: it may be gone, or be something else, before the arena is told.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "valve.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_POISONS
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define ARENA_POISONS
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

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

/* Takes memory from the current room, or returns NULL. */
static void *take(struct valve_arena *arena, size_t size, size_t alignment)
{
    size_t padding = -(uintptr_t)arena->next & (alignment - 1);
    size_t room = (size_t)(arena->end - arena->next);
    uint8_t *memory;

    if (padding > room || size > room - padding)
        return NULL;
    memory = arena->next + padding;
    arena->next = memory + size;
    if (!is_in_initial(arena))
        ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
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
    memory = take(arena, size, alignment);
    if (memory == NULL && is_in_initial(arena) && arena->blocks != NULL) {
        use_block(arena, arena->blocks);
        memory = take(arena, size, alignment);
    }
    if (memory == NULL && size <= SIZE_MAX - alignment &&
        add_block(arena, size + (alignment > alignof(max_align_t) ? alignment : 0)) == 0)
        memory = take(arena, size, alignment);
    return memory;
}

/* Frees all blocks but the oldest, which is returned; or NULL where there is none. */
static struct valve_arena_block *free_newer_blocks(struct valve_arena *arena)
{
    struct valve_arena_block *block = arena->blocks;

    while (block != NULL && block->older != NULL) {
        struct valve_arena_block *older = block->older;

        arena->taken -= sizeof *block + block->size;
        free(block);
        block = older;
    }
    return block;
}

void valve_arena_reset(struct valve_arena *arena)
{
    arena->blocks = free_newer_blocks(arena);
    if (arena->blocks != NULL)
        ASAN_POISON_MEMORY_REGION(arena->blocks->data, arena->blocks->size);
    if (arena->initial == NULL && arena->blocks != NULL)
        use_block(arena, arena->blocks);
    else
        use_initial(arena);
}

void valve_arena_fini(struct valve_arena *arena)
{
    free(free_newer_blocks(arena));
    *arena = (struct valve_arena){0};
}
