/* SPDX-License-Identifier: MIT */
/*
 * What fibers cost, in nanoseconds: start and finish, a switch, swapcontext() for comparison, and a
 * whole wait, which is two switches. The best of several rounds is printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "fiber/annotate.h"
#include "fiber/fiber.h"
#include "fiber/switch.h"

#define ROUNDS 7

static struct valve_scheduler *scheduler;
static struct valve_context this_context, that_context;
static ucontext_t this_ucontext, that_ucontext;
static char stack[256 * 1024] __attribute__((aligned(16)));

static void check(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "bench_fiber: %s: %s\n", what, strerror(-r));
        exit(1);
    }
}

static void do_nothing(void *argument)
{
    (void)argument;
}

/* Waits until it is cancelled, each time until the deadline that `argument` points to. */
static void wait_again_and_again(void *argument)
{
    const uint64_t *deadline = argument;

    while (valve_fiber_wait(*deadline) == 0)
        continue;
}

static double best_of_rounds(void (*measure)(unsigned times), unsigned times)
{
    double best = 1e18;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = valve_clock_now();
        double each;

        measure(times);
        each = (double)(valve_clock_now() - start) / times;
        if (each < best)
            best = each;
    }
    return best;
}

static void measure_start_and_finish(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        check(valve_fiber_start(scheduler, do_nothing, NULL), "start");
}

static struct valve_fiber *waiting[1000];
static unsigned waiting_count;

static void register_and_wait(void *argument)
{
    waiting[waiting_count++] = valve_fiber_current();
    wait_again_and_again(argument);
}

/* Wakes every fiber, then runs them all: two switches for each. */
static void measure_wake_and_run(unsigned times)
{
    for (unsigned i = 0; i < times; i += waiting_count) {
        for (unsigned j = 0; j < waiting_count; j++)
            valve_fiber_wake(waiting[j]);
        valve_scheduler_run(scheduler, 0);
    }
}

static double nanoseconds_of_wait(unsigned fibers, uint64_t deadline)
{
    double each;

    waiting_count = 0;
    for (unsigned i = 0; i < fibers; i++)
        check(valve_fiber_start(scheduler, register_and_wait, &deadline), "start");
    each = best_of_rounds(measure_wake_and_run, 1000000);
    for (unsigned i = 0; i < fibers; i++)
        valve_fiber_cancel(waiting[i]);
    valve_scheduler_run(scheduler, 0);
    return each;
}

static void switch_back(void *argument)
{
    (void)argument;
    for (;;)
        valve_context_switch(&that_context, &this_context);
}

static void measure_switch(unsigned times)
{
    for (unsigned i = 0; i < times; i += 2)
        valve_context_switch(&this_context, &that_context);
}

static double nanoseconds_of_switch(void)
{
    valve_context_prepare(&that_context, stack, sizeof(stack), switch_back, NULL);
    return best_of_rounds(measure_switch, 1000000);
}

static void swap_back(void)
{
    for (;;)
        swapcontext(&that_ucontext, &this_ucontext);
}

static void measure_swapcontext(unsigned times)
{
    for (unsigned i = 0; i < times; i += 2)
        swapcontext(&this_ucontext, &that_ucontext);
}

static double nanoseconds_of_swapcontext(void)
{
    getcontext(&that_ucontext);
    that_ucontext.uc_stack.ss_sp = stack;
    that_ucontext.uc_stack.ss_size = sizeof(stack);
    that_ucontext.uc_link = NULL;
    makecontext(&that_ucontext, swap_back, 0);
    return best_of_rounds(measure_swapcontext, 200000);
}

static void warn_of_slow_builds(void)
{
#ifndef __OPTIMIZE__
    printf("WARNING: built without optimisation; the figures say nothing\n");
#endif
#ifdef VALVE_SANITIZED
    printf("WARNING: built with a sanitizer; the figures say nothing\n");
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    if (RUNNING_ON_VALGRIND)
        printf("WARNING: running under Valgrind; the figures say nothing\n");
#endif
#ifdef FIBER_SWITCH_UCONTEXT
    printf("NOTE: fibers of this build switch by ucontext\n");
#endif
}

int main(void)
{
    const struct valve_scheduler_options options = {
        .stack_size = 64 * 1024, .max_fibers = 1000, .keep = 1000};
    static const unsigned fibers[] = {1, 16, 100, 1000};

    warn_of_slow_builds();
    check(valve_scheduler_new(&options, &scheduler), "scheduler");
    printf("%-52s %8.1f ns\n", "start and finish of a fiber (aim: 50)",
           best_of_rounds(measure_start_and_finish, 1000000));
    printf("%-52s %8.1f ns\n", "a switch, one way (aim: 15)", nanoseconds_of_switch());
    printf("%-52s %8.1f ns\n", "for comparison: swapcontext(), one way",
           nanoseconds_of_swapcontext());
    for (size_t i = 0; i < sizeof(fibers) / sizeof(fibers[0]); i++) {
        printf("%4u fibers: %-40s %8.1f ns\n", fibers[i], "wake, run, wait",
               nanoseconds_of_wait(fibers[i], VALVE_NEVER));
        printf("%4u fibers: %-40s %8.1f ns\n", fibers[i], "wake, run, wait with a deadline",
               nanoseconds_of_wait(fibers[i], VALVE_NEVER - 1));
    }
    valve_scheduler_free(scheduler);
    return 0;
}
