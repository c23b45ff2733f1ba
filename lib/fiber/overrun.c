/* SPDX-License-Identifier: MIT */
/* Tells a fiber that overran its stack from any other fault, and says so. */
#include "fiber/fiber.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fiber/scheduler.h"

static const int fault_signals[] = {SIGSEGV, SIGBUS};

#define FAULT_SIGNALS (sizeof(fault_signals) / sizeof(fault_signals[0]))

/* More than the kernel's frame, vector registers included, and what the former handler may need. */
#define ALTERNATE_STACK_SIZE ((size_t)64 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned threads;                         /* that want reports; under `lock` */
static struct sigaction previous[FAULT_SIGNALS]; /* constant while `threads` is not zero */

static _Thread_local bool reporting;
static _Thread_local void *alternate_stack; /* ours; NULL if the thread had one before */

static bool is_in_guard(const struct valve_fiber *fiber, const char *address)
{
    const char *bottom = fiber->stack.bottom;

    return address < bottom && address >= bottom - fiber->scheduler->stacks.guard_size;
}

/* The fiber that overran: the running one, or one that was about to start it; or NULL. */
static const struct valve_fiber *find_overrun(const char *address)
{
    for (const struct valve_fiber *fiber = valve_running; fiber; fiber = fiber->resumer) {
        if (is_in_guard(fiber, address))
            return fiber;
    }
    return NULL;
}

static size_t append_text(char *buffer, size_t length, const char *text)
{
    memcpy(buffer + length, text, strlen(text));
    return length + strlen(text);
}

static size_t append_number(char *buffer, size_t length, size_t number)
{
    char digits[20];
    size_t first = sizeof(digits);

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(buffer + length, digits + first, sizeof(digits) - first);
    return length + sizeof(digits) - first;
}

/* Only what a signal handler may do: no stdio. */
static void report(const struct valve_fiber *fiber)
{
    char message[128];
    size_t length = 0;
    ssize_t written;

    length = append_text(message, length, "valve: fiber stack overrun (stack_size = ");
    length = append_number(message, length, fiber->scheduler->stacks.stack_size);
    length = append_text(message, length, " bytes): raise fiber_stack\n");
    written = write(STDERR_FILENO, message, length);
    (void)written; /* the process dies either way */
}

/*
 * The default action, on return: a fault happens again at the same instruction, so that the core
 * dump shows the place; a signal that somebody sent does not, and is sent again.
 */
static void die_by_default(int signal_number, const siginfo_t *info)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};

    sigaction(signal_number, &by_default, NULL);
    if (info->si_code <= 0)
        raise(signal_number);
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    const struct sigaction *action = &previous[signal_number == SIGSEGV ? 0 : 1];

    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(signal_number, info, context);
    else if (action->sa_handler == SIG_DFL)
        die_by_default(signal_number, info);
    else if (action->sa_handler != SIG_IGN)
        action->sa_handler(signal_number);
    else if (info->si_code > 0) /* a fault cannot be ignored */
        die_by_default(signal_number, info);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    const struct valve_fiber *fiber = NULL;

    if (info->si_code > 0)
        fiber = find_overrun(info->si_addr);
    if (fiber) {
        report(fiber);
        die_by_default(signal_number, info);
    } else {
        pass_on(signal_number, info, context);
    }
    errno = saved_errno;
}

static int add_alternate_stack(void)
{
    stack_t stack = {.ss_size = ALTERNATE_STACK_SIZE};
    stack_t present;

    if (sigaltstack(NULL, &present) < 0)
        return -errno;
    if (!(present.ss_flags & SS_DISABLE))
        return 0;
    stack.ss_sp = malloc(stack.ss_size);
    if (!stack.ss_sp)
        return -ENOMEM;
    if (sigaltstack(&stack, NULL) < 0) {
        int r = -errno;

        free(stack.ss_sp);
        return r;
    }
    alternate_stack = stack.ss_sp;
    return 0;
}

static void remove_alternate_stack(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    if (!alternate_stack)
        return;
    sigaltstack(&none, NULL);
    free(alternate_stack);
    alternate_stack = NULL;
}

static void add_thread(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&lock);
    if (threads++ == 0) {
        for (size_t i = 0; i < FAULT_SIGNALS; i++)
            sigaction(fault_signals[i], &action, &previous[i]);
    }
    pthread_mutex_unlock(&lock);
}

static void remove_thread(void)
{
    pthread_mutex_lock(&lock);
    if (--threads == 0) {
        for (size_t i = 0; i < FAULT_SIGNALS; i++)
            sigaction(fault_signals[i], &previous[i], NULL);
    }
    pthread_mutex_unlock(&lock);
}

int valve_fiber_report_overruns(void)
{
    int r;

#ifdef VALVE_ASAN
    return 0;
#endif
    if (reporting)
        return 0;
    r = add_alternate_stack();
    if (r < 0)
        return r;
    add_thread();
    reporting = true;
    return 0;
}

void valve_fiber_report_overruns_fini(void)
{
    if (!reporting)
        return;
    reporting = false;
    remove_thread();
    remove_alternate_stack();
}
