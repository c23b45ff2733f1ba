/* SPDX-License-Identifier: MIT */
/*
 * The arena from the inside: its hot path, and pieces that grow.
 */
#ifndef VALVE_RPC_ARENA_H
#define VALVE_RPC_ARENA_H

#include "valve.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define VALVE_ARENA_POISONS
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define VALVE_ARENA_POISONS
#endif
#ifdef VALVE_ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

/* Memory of the current room, or NULL. `size` is not 0. */
static inline void *valve_arena_take_room(struct valve_arena *arena, size_t size, size_t alignment)
{
    size_t padding = -(uintptr_t)arena->next & (alignment - 1);
    size_t room = (size_t)(arena->end - arena->next);
    uint8_t *memory;

    if (padding > room || size > room - padding)
        return NULL;
    memory = arena->next + padding;
    arena->next = memory + size;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

/* What valve_arena_alloc() does, with less ado where there is room. */
static inline void *valve_arena_take(struct valve_arena *arena, size_t size, size_t alignment)
{
    void *memory = size > 0 ? valve_arena_take_room(arena, size, alignment) : NULL;

    return memory != NULL ? memory : valve_arena_alloc(arena, size, alignment);
}

/*
 * Makes a piece of memory larger or smaller; it stays in its place where it was the last that was
 * handed out and there is room. NULL: no memory, and the piece is as it was.
 */
void *valve_arena_resize(struct valve_arena *arena, void *memory, size_t size, size_t new_size,
                         size_t alignment);

#endif
