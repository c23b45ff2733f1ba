/* SPDX-License-Identifier: MIT */
/* Tests of lib/fiber: what a switch preserves, stacks and their guards, threads. */
#include "check_fiber.h"

#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what a switch preserves ---- */

struct rounding {
    struct sleeper sleeper;
    int mode;
};

static void keep_rounding(void *argument)
{
    struct rounding *self = argument;

    ck_assert_int_eq(fegetround(), FE_TOWARDZERO);
    fesetround(self->mode);
    sleep_once(&self->sleeper);
    ck_assert_int_eq(fegetround(), self->mode);
#ifdef __x86_64__
    ck_assert_uint_eq(__builtin_ia32_stmxcsr() & 0x6000, (unsigned)self->mode << 3);
#endif
    note('k');
}

START_TEST(floating_point_control_belongs_to_the_fiber)
{
    struct rounding up = {sleeper('u', VALVE_NEVER), FE_UPWARD};
    struct rounding down = {sleeper('d', VALVE_NEVER), FE_DOWNWARD};

    fesetround(FE_TOWARDZERO);
    start(keep_rounding, &up);
    ck_assert_int_eq(fegetround(), FE_TOWARDZERO);
    start(keep_rounding, &down);
    ck_assert_int_eq(fegetround(), FE_TOWARDZERO);
    fesetround(FE_TONEAREST);
    valve_fiber_wake(up.sleeper.fiber);
    valve_fiber_wake(down.sleeper.fiber);
    run();
    ck_assert_int_eq(fegetround(), FE_TONEAREST);
    ck_assert_str_eq(trace, "ukdk");
}
END_TEST

/* Registers that a called function preserves; where they are not known, the compiler chooses. */
#if defined(__x86_64__)
#define IN(x86_64, aarch64) __asm__(x86_64)
#define FLOAT_IN(aarch64)
#elif defined(__aarch64__)
#define IN(x86_64, aarch64) __asm__(aarch64)
#define FLOAT_IN(aarch64)   __asm__(aarch64)
#else
#define IN(x86_64, aarch64)
#define FLOAT_IN(aarch64)
#endif

static void keep_registers(void *argument)
{
    const uint64_t seed = (uint64_t)(uintptr_t)argument;
    register uint64_t a IN("rbx", "x19") = seed + 1;
    register uint64_t b IN("r12", "x21") = seed + 2;
    register uint64_t c IN("r13", "x24") = seed + 3;
    register uint64_t d IN("r14", "x26") = seed + 4;
    register uint64_t e IN("r15", "x28") = seed + 5;
    register double f FLOAT_IN("d8") = (double)seed + 6;
    register double g FLOAT_IN("d15") = (double)seed + 7;

    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
#ifdef __aarch64__
    __asm__ volatile("" : "+w"(f), "+w"(g));
#endif
    valve_fiber_wait(VALVE_NEVER);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    if (a == seed + 1 && b == seed + 2 && c == seed + 3 && d == seed + 4 && e == seed + 5 &&
        f == (double)seed + 6 && g == (double)seed + 7)
        note('=');
}

static struct valve_fiber *keeper;

static void note_keeper(void *argument)
{
    keeper = valve_fiber_current();
    keep_registers(argument);
}

START_TEST(callee_saved_registers_belong_to_the_fiber)
{
    struct valve_fiber *keepers[8];

    for (unsigned i = 0; i < 8; i++) {
        start(note_keeper, (void *)(uintptr_t)(i * 1000));
        keepers[i] = keeper;
    }
    for (unsigned i = 8; i-- > 0;)
        valve_fiber_wake(keepers[i]);
    run();
    ck_assert_str_eq(trace, "========");
}
END_TEST

static int frames_seen;

__attribute__((noinline)) static void look_back(void *argument)
{
    void *frames[64];

    (void)argument;
    frames_seen = backtrace(frames, 64);
}

__attribute__((noinline)) static void look_back_from_below(unsigned depth)
{
    if (depth > 0)
        look_back_from_below(depth - 1);
    else
        start(look_back, NULL);
    __asm__ volatile("" : "+r"(depth)); /* no tail call, which would leave no frame */
}

static void look_back_nested(void *argument)
{
    look_back_from_below(*(unsigned *)argument);
}

START_TEST(backtrace_ends_where_the_fiber_begins)
{
    int directly;

    start(look_back, NULL);
    directly = frames_seen;
    ck_assert_int_ge(directly, 2);
    ck_assert_int_le(directly, 8);
    start(look_back_nested, &(unsigned){20});
    ck_assert_int_eq(frames_seen, directly);
}
END_TEST

/* ---- stacks ---- */

static void keep_address(void *argument)
{
    *(struct valve_fiber **)argument = valve_fiber_current();
}

START_TEST(stacks_are_reused_last_first)
{
    struct sleeper sleepers[MAX_FIBERS];
    struct valve_fiber *reused;

    for (unsigned i = 0; i < MAX_FIBERS; i++) {
        sleepers[i] = sleeper(0, VALVE_NEVER);
        start(sleep_once, &sleepers[i]);
    }
    ck_assert_uint_eq(stats().mapped, MAX_FIBERS);
    for (unsigned i = 0; i < MAX_FIBERS; i++)
        valve_fiber_wake(sleepers[i].fiber);
    run();
    for (unsigned i = 0; i < 3; i++) {
        start(keep_address, &reused);
        ck_assert_ptr_eq(reused, sleepers[MAX_FIBERS - 1].fiber);
    }
    ck_assert_uint_eq(stats().mapped, MAX_FIBERS);
    valve_scheduler_survey(scheduler);
    ck_assert(!valve_scheduler_trim(scheduler, MAX_FIBERS));
    ck_assert_uint_eq(stats().mapped, MAX_FIBERS); /* all of them had been used */
    valve_scheduler_survey(scheduler);
    ck_assert(valve_scheduler_trim(scheduler, 1));
    ck_assert_uint_eq(stats().mapped, MAX_FIBERS - 1);
    ck_assert(!valve_scheduler_trim(scheduler, MAX_FIBERS));
    ck_assert_uint_eq(stats().mapped, KEEP);
}
END_TEST

__attribute__((noinline, no_sanitize("address"))) static void use_stack(size_t bytes)
{
    volatile char frame[512];

    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = 0x5a;
    if (bytes > sizeof(frame))
        use_stack(bytes - sizeof(frame));
    frame[0] = 0;
}

static void use_most_of_the_stack(void *argument)
{
    size_t bytes = *(size_t *)argument;

    use_stack(bytes / 560 * 512); /* a frame takes some 48 bytes more than it uses */
}

START_TEST(deep_stack_can_be_used_and_is_measured)
{
    size_t bytes = STACK_SIZE - 4096;

    start(use_most_of_the_stack, &(size_t){8 * 1024});
    ck_assert_uint_eq(stats().stack_high, 0);
    (void)valve_scheduler_measure(scheduler, MAX_FIBERS);
    ck_assert_uint_ge(stats().stack_high, 6 * 1024);
    if (!SANITIZED)
        ck_assert_uint_le(stats().stack_high, 16 * 1024);
    start(use_most_of_the_stack, &bytes);
    (void)valve_scheduler_measure(scheduler, MAX_FIBERS);
    ck_assert_uint_ge(stats().stack_high, bytes - 8 * 1024);
    if (!SANITIZED)
        ck_assert_uint_le(stats().stack_high, STACK_SIZE);
}
END_TEST

/* Takes 2 KiB of stack below itself, and waits there. */
__attribute__((noinline, no_sanitize("address"))) static void sleep_below(void *argument)
{
    char frame[2048];

    __asm__ volatile("" : : "r"(frame) : "memory"); /* it might be read: it must be there */
    sleep_once(argument);
    __asm__ volatile("" : : "r"(frame) : "memory");
}

START_TEST(wait_notes_its_depth)
{
    struct sleeper below = sleeper(0, VALVE_NEVER);
    size_t high;

    ck_assert_uint_eq(stats().stack_high, 0);
    start(sleep_below, &below);
    high = stats().stack_high;
    valve_fiber_cancel(below.fiber);
    run();
    ck_assert_uint_ge(high, 2048);
    if (!SANITIZED)
        ck_assert_uint_lt(high, 4096);
}
END_TEST

static size_t pages(unsigned field)
{
    unsigned long values[2] = {0};
    FILE *file = fopen("/proc/self/statm", "re");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &values[0], &values[1]), 2);
    fclose(file);
    return values[field];
}

#define VIRTUAL  0
#define RESIDENT 1

START_TEST(fibers_leave_nothing_behind)
{
    unsigned times = SANITIZED || ON_VALGRIND ? 10000 : 100000;
    struct valve_fiber *fiber;
    size_t before, after;

    for (unsigned i = 0; i < 100; i++)
        start(keep_address, &fiber);
    before = pages(RESIDENT);
    for (unsigned i = 0; i < times; i++)
        start(keep_address, &fiber);
    after = pages(RESIDENT);
    ck_assert_uint_eq(stats().mapped, 1);
    ck_assert_uint_eq(stats().started, times + 100);
    if (!SANITIZED && !ON_VALGRIND)
        ck_assert_uint_le(after, before + 128); /* the kernel counts in batches */
}
END_TEST

/* Runs `body` in a child whose stderr is returned in `message`; returns how it ended. */
static int in_child(void (*body)(void), char *message, size_t size)
{
    size_t length = 0;
    ssize_t got;
    int ends[2], status;
    pid_t child;

    fflush(NULL);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        body();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], message + length, size - 1 - length)) > 0)
        length += (size_t)got;
    message[length] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void overrun(void *argument)
{
    (void)argument;
    use_stack((size_t)1 << 30);
}

static void fault(void *argument)
{
    volatile char *volatile nowhere = argument;

    *nowhere = 1;
}

static void exit_42(int signal_number)
{
    (void)signal_number;
    _exit(42);
}

static void child_overruns(void)
{
    valve_fiber_report_overruns();
    valve_fiber_start(scheduler, overrun, NULL);
}

static void child_overruns_unreported(void)
{
    valve_fiber_report_overruns();
    valve_fiber_report_overruns_fini();
    valve_fiber_start(scheduler, overrun, NULL);
}

static void child_faults(void)
{
    valve_fiber_report_overruns();
    valve_fiber_start(scheduler, fault, NULL);
}

static void child_faults_handled(void)
{
    signal(SIGSEGV, exit_42);
    valve_fiber_report_overruns();
    valve_fiber_start(scheduler, fault, NULL);
}

static void expect_message(const char *message, const char *expected)
{
    ck_assert(strncmp(message, expected, strlen(expected)) == 0);
    if (!EMULATED)
        ck_assert_str_eq(message, expected);
}

START_TEST(overrun_is_reported)
{
    char message[256];
    int status;

    if (SANITIZED || ON_VALGRIND)
        return;
    status = in_child(child_overruns, message, sizeof(message));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect_message(message, "valve: fiber stack overrun (stack_size = 65536 bytes): "
                            "raise fiber_stack\n");
    status = in_child(child_overruns_unreported, message, sizeof(message));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect_message(message, "");
}
END_TEST

START_TEST(other_faults_are_passed_on)
{
    char message[256];
    int status;

    if (SANITIZED || ON_VALGRIND)
        return;
    status = in_child(child_faults, message, sizeof(message));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect_message(message, "");
    status = in_child(child_faults_handled, message, sizeof(message));
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
END_TEST

/* Exits with 0 if starting fails for lack of memory as it should, and works again afterwards. */
static void child_without_memory(void)
{
    static struct sleeper sleepers[MAX_FIBERS];
    size_t limit = pages(VIRTUAL) * (size_t)sysconf(_SC_PAGESIZE) + 10 * STACK_SIZE;
    unsigned count = 0;
    int r = 0;

    setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit});
    while (r == 0 && count < MAX_FIBERS) {
        sleepers[count] = sleeper(0, VALVE_NEVER);
        r = valve_fiber_start(scheduler, sleep_once, &sleepers[count++]);
    }
    if (r != -ENOMEM || count < 3 || stats().live != count - 1 || stats().mapped != count - 1)
        _exit(1);
    valve_fiber_wake(sleepers[0].fiber);
    run();
    r = valve_fiber_start(scheduler, note_letter, (char[]){"m"});
    _exit(r == 0 && strcmp(trace, "m") == 0 ? 0 : 2);
}

START_TEST(lack_of_memory_is_an_error)
{
    char message[256];

    if (SANITIZED || ON_VALGRIND || EMULATED)
        return;
    ck_assert_int_eq(in_child(child_without_memory, message, sizeof(message)), 0);
}
END_TEST

/* ---- threads ---- */

struct counter {
    struct valve_fiber *fiber;
    unsigned wakes;
};

static void count_wakes(void *argument)
{
    struct counter *self = argument;

    self->fiber = valve_fiber_current();
    while (valve_fiber_wait(VALVE_NEVER) == 0)
        self->wakes++;
}

static void *run_scheduler(void *argument)
{
    struct valve_scheduler *mine = new_scheduler(MAX_FIBERS, KEEP);
    struct counter counters[10] = {0};
    unsigned *total = argument;

    for (unsigned i = 0; i < 10; i++)
        valve_fiber_start(mine, count_wakes, &counters[i]);
    for (unsigned i = 0; i < 5000; i++) {
        valve_fiber_wake(counters[i % 10].fiber);
        *total += valve_scheduler_run(mine, 0);
    }
    for (unsigned i = 0; i < 10; i++) {
        valve_fiber_cancel(counters[i].fiber);
        *total += counters[i].wakes;
    }
    valve_scheduler_run(mine, 0);
    valve_scheduler_free(mine);
    return NULL;
}

START_TEST(every_thread_has_its_own)
{
    pthread_t threads[4];
    unsigned totals[4] = {0};

    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_scheduler, &totals[i]), 0);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(totals[i], 10000);
    }
}
END_TEST

void add_stack_tests(Suite *suite)
{
    ADD_TESTS(suite, "switch", floating_point_control_belongs_to_the_fiber,
              callee_saved_registers_belong_to_the_fiber, backtrace_ends_where_the_fiber_begins);
    ADD_TESTS(suite, "stacks", stacks_are_reused_last_first, deep_stack_can_be_used_and_is_measured,
              wait_notes_its_depth, fibers_leave_nothing_behind, overrun_is_reported,
              other_faults_are_passed_on, lack_of_memory_is_an_error);
    ADD_TESTS(suite, "threads", every_thread_has_its_own);
}
