/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer, ThreadSanitizer and Valgrind must be told of stacks and of switches
 * between them. Without these tools every function here is empty.
 */
#ifndef VALVE_FIBER_ANNOTATE_H
#define VALVE_FIBER_ANNOTATE_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdbool.h>
#include <stddef.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define VALVE_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define VALVE_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

#if defined(VALVE_ASAN) || defined(VALVE_TSAN)
#define VALVE_SANITIZED 1
#endif

/* A function that reads memory which by the rules of the language holds nothing. */
#define VALVE_READS_DEAD_MEMORY __attribute__((no_sanitize("address"), noinline))

/*
 * ThreadSanitizer counts the functions entered and left. A function that is entered and never left
 * must not be counted, for the next fiber inherits the count with the stack.
 */
#if !defined(VALVE_TSAN)
#define VALVE_NEVER_LEFT
#elif defined(__clang__)
#define VALVE_NEVER_LEFT __attribute__((disable_sanitizer_instrumentation))
#else
#define VALVE_NEVER_LEFT __attribute__((no_sanitize_thread))
#endif

/* What the tools know of one stack. */
struct valve_annotation {
#ifdef VALVE_ASAN
    const void *bottom; /* NULL for a thread's own stack until a fiber was entered from it */
    size_t size;
    void *fake_stack; /* where locals live that are checked for use after return */
#endif
#ifdef VALVE_TSAN
    void *flow;
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    unsigned stack;
#endif
};

/* The stack of the calling thread. */
static inline void valve_annotate_thread(struct valve_annotation *annotation)
{
    (void)annotation;
#ifdef VALVE_ASAN
    annotation->bottom = NULL;
    annotation->size = 0;
    annotation->fake_stack = NULL;
#endif
#ifdef VALVE_TSAN
    annotation->flow = __tsan_get_current_fiber();
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    annotation->stack = 0;
#endif
}

/* A stack was mapped. */
static inline void valve_annotate_map(struct valve_annotation *annotation, void *bottom,
                                      size_t size)
{
    (void)annotation;
    (void)bottom;
    (void)size;
#ifdef VALVE_ASAN
    annotation->bottom = bottom;
    annotation->size = size;
    annotation->fake_stack = NULL;
    __lsan_register_root_region(bottom, size);
#endif
#ifdef VALVE_TSAN
    annotation->flow = __tsan_create_fiber(0);
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    annotation->stack = VALGRIND_STACK_REGISTER(bottom, (char *)bottom + size);
#endif
}

/* A stack, which nobody runs on, is about to be unmapped. */
static inline void valve_annotate_unmap(struct valve_annotation *annotation)
{
    (void)annotation;
#ifdef VALVE_ASAN
    __lsan_unregister_root_region(annotation->bottom, annotation->size);
    ASAN_UNPOISON_MEMORY_REGION(annotation->bottom, annotation->size);
#endif
#ifdef VALVE_TSAN
    __tsan_destroy_fiber(annotation->flow);
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(annotation->stack);
#endif
}

/* `size` bytes at `start` belong to a fiber that has ended, and are used anew. */
static inline void valve_annotate_reuse(void *start, size_t size)
{
    (void)start;
    (void)size;
#ifdef VALVE_ASAN
    ASAN_UNPOISON_MEMORY_REGION(start, size);
#endif
}

/* What a dead fiber has left in `size` bytes at `start` is about to be looked at. */
static inline void valve_annotate_inspect(void *start, size_t size)
{
    (void)start;
    (void)size;
#ifdef HAVE_VALGRIND_VALGRIND_H
    (void)VALGRIND_MAKE_MEM_DEFINED(start, size);
#endif
}

/*
 * Immediately before a switch from `from`, which `ends` or will be resumed, to `to`. It is always
 * inlined: a function that is entered as one flow and left as another confuses ThreadSanitizer.
 */
__attribute__((always_inline)) static inline void
valve_annotate_leave(struct valve_annotation *from, const struct valve_annotation *to, bool ends)
{
    (void)from;
    (void)to;
    (void)ends;
#ifdef VALVE_ASAN
    __sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#ifdef VALVE_TSAN
    __tsan_switch_to_fiber(to->flow, 0);
#endif
}

/* Immediately after a switch: `self` goes on, or begins, where `from` has left. */
__attribute__((always_inline)) static inline void
valve_annotate_arrive(struct valve_annotation *self, struct valve_annotation *from)
{
    (void)self;
    (void)from;
#ifdef VALVE_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &from->bottom, &from->size);
    self->fake_stack = NULL;
#endif
}

#endif
