/* SPDX-License-Identifier: MIT */
/*
 * Guarded stacks, kept warm: the one used last is handed out first.
 *
 * A stack is a mapping of its own. Its lowest part is the guard, which faults when touched; its
 * highest is the record that describes it, so that a stack costs no other memory:
 *
 *      guard | ... <- the fiber's frames | struct valve_stack and what the pool's user adds
 *
 * A pool belongs to one thread.
 */
#ifndef VALVE_FIBER_STACKS_H
#define VALVE_FIBER_STACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "fiber/annotate.h"
#include "fiber/switch.h"

/* One stack and the flow of control on it; for a thread's own stack only the flow is used. */
struct valve_flow {
    struct valve_context context; /* while it is put aside */
    struct valve_annotation annotation;
};

struct valve_stack {
    struct valve_stack *next; /* while nobody uses it: the one that was given back before */
    char *bottom;             /* lowest byte above the guard */
    struct valve_flow flow;
    bool used; /* since valve_stack_pool_measure() last looked how deep it went */
};

struct valve_stack_pool {
    struct valve_stack *free;
    size_t stack_size;  /* as asked for, in whole pages: what the user is told */
    size_t size;        /* from bottom to the end of the record: at least stack_size for frames */
    size_t guard_size;  /* below bottom */
    size_t record_size; /* at the top, a struct valve_stack first */
    size_t high;        /* most bytes of any stack known to have been used for frames */
    unsigned mapped;    /* stacks in use or free */
    unsigned free_count;
    unsigned least_free; /* since the last survey: so many lay unused all the time */
    unsigned due;        /* free ones to be unmapped: they were too many before it */
    unsigned keep;       /* free stacks that trimming spares */
    bool split;          /* guards are made by mprotect() */
    bool proven;         /* they are made by MADV_GUARD_INSTALL, which was seen to work */
};

/* -EINVAL: so large a stack cannot be. Nothing is mapped yet. */
int valve_stack_pool_init(struct valve_stack_pool *pool, size_t stack_size, size_t record_size,
                          unsigned keep);

/* Unmaps all stacks. None may be in use. */
void valve_stack_pool_fini(struct valve_stack_pool *pool);

/* A free stack, or NULL: then valve_stack_pool_map() may help. No system call. */
struct valve_stack *valve_stack_pool_take(struct valve_stack_pool *pool);

/* Maps one more stack and takes it. NULL when there is no memory; nothing has changed then. */
struct valve_stack *valve_stack_pool_map(struct valve_stack_pool *pool);

/* Gives a stack back, be it the one that the caller is running on. No system call. */
void valve_stack_pool_give(struct valve_stack_pool *pool, struct valve_stack *stack);

/*
 * Looks how deep free stacks went, at most so many of them that were used since. How many it did.
 */
unsigned valve_stack_pool_measure(struct valve_stack_pool *pool, unsigned most);

/*
 * As many free stacks as were never needed since the last survey, but `keep`, are due from now on.
 */
void valve_stack_pool_survey(struct valve_stack_pool *pool);

/*
 * Unmaps at most `most` of those that are due, as far as they are not needed meanwhile, and looks
 * how deep they went. Whether more are.
 */
bool valve_stack_pool_trim(struct valve_stack_pool *pool, unsigned most);

/* Where frames begin: they grow down from here to `bottom`. */
static inline char *valve_stack_top(const struct valve_stack *stack)
{
    return (char *)(void *)stack;
}

/* Notes that frames reach down to `address`. */
static inline void valve_stack_pool_note_depth(struct valve_stack_pool *pool,
                                               const struct valve_stack *stack, const void *address)
{
    size_t depth = (size_t)(valve_stack_top(stack) - (const char *)address);

    if (depth > pool->high)
        pool->high = depth;
}

#endif
