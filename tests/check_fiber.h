/* SPDX-License-Identifier: MIT */
/* What the tests of lib/fiber share: a scheduler for each, a trace, a fiber that waits once. */
#ifndef VALVE_CHECK_FIBER_H
#define VALVE_CHECK_FIBER_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "fiber/annotate.h"
#include "fiber/fiber.h"
#include "on_valgrind.h"

#define STACK_SIZE ((size_t)64 * 1024)
#define MAX_FIBERS 64
#define KEEP       8

#ifdef VALVE_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* An emulator adds words of its own to those of a process that dies, and knows no RLIMIT_AS. */
#ifdef VALVE_CROSS_CHECK_H
#define EMULATED true
#else
#define EMULATED false
#endif

/* Made anew for each test. */
extern struct valve_scheduler *scheduler;
extern uint64_t future; /* later than any clock reading during a test */
extern char trace[256]; /* what happened, one letter each */

struct valve_scheduler *new_scheduler(unsigned max_fibers, unsigned keep);
void note(char letter);
void note_letter(void *argument); /* an entry: notes what `argument` points to */
void start(void (*entry)(void *argument), void *argument);
unsigned run(void);
struct valve_scheduler_stats stats(void);

/* A fiber that waits once, in a queue if it has one, and keeps what came of it. */
struct sleeper {
    struct valve_fiber *fiber;
    struct valve_wait_queue *queue;
    uint64_t deadline;
    char letter; /* noted when it goes on */
    int result;
};

struct sleeper sleeper(char letter, uint64_t deadline);
void sleep_once(void *argument); /* an entry: `argument` is a sleeper */

void add_tests(Suite *suite, const char *name, const TTest *const *tests, size_t count);

#define ADD_TESTS(suite, name, ...)                                                                \
    add_tests(suite, name, (const TTest *const[]){__VA_ARGS__},                                    \
              sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

/* The tests in the other files. */
void add_stack_tests(Suite *suite);
void add_model_tests(Suite *suite);
void add_poll_tests(Suite *suite);

#endif
