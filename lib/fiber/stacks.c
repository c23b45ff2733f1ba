/* SPDX-License-Identifier: MIT */
/* Mapping, guarding, reusing and giving back the stacks of fibers. */
#include "fiber/stacks.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13; older libraries do not name it */
#endif

/* More than a page, so that a frame larger than a page does not leap over the guard. */
#define GUARD_SIZE ((size_t)16 * 1024)

/* Instrumented code has larger frames; clang's AddressSanitizer needs the most. */
#ifdef VALVE_SANITIZED
#define STACK_FACTOR 4
#else
#define STACK_FACTOR 1
#endif

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

int valve_stack_pool_init(struct valve_stack_pool *pool, size_t stack_size, size_t record_size,
                          unsigned keep)
{
    size_t page = page_size();
    size_t aligned_record = round_up(record_size, 64);

    if (stack_size == 0 || stack_size > SIZE_MAX / 4 / STACK_FACTOR)
        return -EINVAL;
    *pool = (struct valve_stack_pool){
        .stack_size = round_up(stack_size, page),
        .size = round_up(round_up(stack_size, page) * STACK_FACTOR + aligned_record, page),
        .guard_size = round_up(GUARD_SIZE, page),
        .record_size = aligned_record,
        .keep = keep,
    };
    return 0;
}

/*
 * Emulators of Linux say yes to advice that they have never heard of: the kernel is asked to write.
 */
static bool is_guard(void *guard)
{
    return getrandom(guard, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
}

/*
 * A guard by MADV_GUARD_INSTALL leaves the mapping whole, and the kernel joins neighbouring
 * mappings: thousands of stacks count as few against vm.max_map_count. mprotect() splits, and
 * two for each stack is the price on kernels that have nothing better.
 */
static int install_guard(struct valve_stack_pool *pool, void *guard)
{
    if (!pool->split && madvise(guard, pool->guard_size, MADV_GUARD_INSTALL) == 0 &&
        (pool->proven || (pool->proven = is_guard(guard))))
        return 0;
    if (mprotect(guard, pool->guard_size, PROT_NONE) < 0)
        return -errno;
    pool->split = true;
    return 0;
}

struct valve_stack *valve_stack_pool_map(struct valve_stack_pool *pool)
{
    size_t length = pool->guard_size + pool->size;
    /* Since Linux 6.7 MAP_STACK keeps huge pages away, which would make every stack resident. */
    char *guard = mmap(NULL, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    struct valve_stack *stack;

    if (guard == MAP_FAILED)
        return NULL;
    if (install_guard(pool, guard) < 0) {
        munmap(guard, length);
        return NULL;
    }
    stack = (struct valve_stack *)(void *)(guard + length - pool->record_size);
    stack->bottom = guard + pool->guard_size;
    valve_annotate_map(&stack->flow.annotation, stack->bottom, pool->size);
    pool->mapped++;
    return stack;
}

/* Fails when the hole that it leaves would split a mapping and make one too many. */
static int unmap(struct valve_stack_pool *pool, struct valve_stack *stack)
{
    struct valve_annotation annotation = stack->flow.annotation;

    if (munmap(stack->bottom - pool->guard_size, pool->guard_size + pool->size) < 0)
        return -errno;
    valve_annotate_unmap(&annotation);
    pool->mapped--;
    return 0;
}

void valve_stack_pool_fini(struct valve_stack_pool *pool)
{
    while (pool->free) {
        struct valve_stack *next = pool->free->next;

        (void)unmap(pool, pool->free);
        pool->free = next;
    }
    pool->free_count = 0;
}

struct valve_stack *valve_stack_pool_take(struct valve_stack_pool *pool)
{
    struct valve_stack *stack = pool->free;

    if (!stack)
        return NULL;
    pool->free = stack->next;
    pool->free_count--;
    if (pool->free_count < pool->least_free)
        pool->least_free = pool->free_count;
    valve_annotate_reuse(stack->bottom, pool->size);
    return stack;
}

void valve_stack_pool_give(struct valve_stack_pool *pool, struct valve_stack *stack)
{
    stack->used = true;
    stack->next = pool->free;
    pool->free = stack;
    pool->free_count++;
}

/* The lowest word in [start, end) that is not zero, or NULL. */
VALVE_READS_DEAD_MEMORY static const char *lowest_written(const char *start, const char *end)
{
    const uintptr_t *word = (const uintptr_t *)(const void *)start;

    while ((const char *)word < end && *word == 0)
        word++;
    return (const char *)word < end ? (const char *)word : NULL;
}

/*
 * Looks for traces of frames below the deepest known one, a page at a time, down to the first page
 * without any: of a stack that went no deeper that is a single one. (mincore() would tell with less
 * reading, but is not among the system calls that a confined service usually may make.)
 */
static void measure(struct valve_stack_pool *pool, struct valve_stack *stack)
{
    size_t page = page_size();
    char *end = valve_stack_top(stack) - round_up(pool->high, sizeof(uintptr_t));

    while (end > stack->bottom) {
        size_t length = (size_t)(end - stack->bottom) < page ? (size_t)(end - stack->bottom) : page;
        const char *lowest;

        valve_annotate_inspect(end - length, length);
        lowest = lowest_written(end - length, end);
        if (!lowest)
            break;
        valve_stack_pool_note_depth(pool, stack, lowest);
        end -= length;
    }
    stack->used = false;
}

unsigned valve_stack_pool_measure(struct valve_stack_pool *pool, unsigned most)
{
    unsigned measured = 0;

    for (struct valve_stack *stack = pool->free; stack && measured < most; stack = stack->next) {
        if (stack->used) {
            measure(pool, stack);
            measured++;
        }
    }
    return measured;
}

void valve_stack_pool_survey(struct valve_stack_pool *pool)
{
    pool->due = pool->least_free > pool->keep ? pool->least_free - pool->keep : 0;
    pool->least_free = pool->free_count;
}

/* Unmaps the stack that was given last, having looked how deep it went. */
static int unmap_first(struct valve_stack_pool *pool)
{
    struct valve_stack *stack = pool->free, *next = stack->next;
    int r;

    if (stack->used)
        measure(pool, stack);
    r = unmap(pool, stack);
    if (r < 0)
        return r;
    pool->free = next;
    pool->free_count--;
    pool->least_free--;
    pool->due--;
    return 0;
}

bool valve_stack_pool_trim(struct valve_stack_pool *pool, unsigned most)
{
    for (unsigned i = 0; i < most && pool->due > 0; i++)
        if (pool->least_free <= pool->keep || unmap_first(pool) < 0)
            pool->due = 0; /* what is left is needed again; or the next would fail as well */
    return pool->due > 0;
}
