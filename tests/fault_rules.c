/* SPDX-License-Identifier: MIT */
/*
 * The faults of tests/fault_fs.c: their rules, and the operations that they hold.
 */
#include "fault_rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define RULES_MAX   64
#define NANOSECONDS 1000000000

enum action { FAIL, DELAY, HANG, STUCK, ACTIONS };

static const char *const operations[FAULT_OPERATIONS] = {
    "lookup", "getattr", "open", "read", "flush", "release", "opendir", "readdir", "unlink",
};
static const char *const actions[ACTIONS] = {"fail", "delay", "hang", "stuck"};

struct rule {
    enum fault_operation operation;
    enum action action;
    unsigned value; /* errno or milliseconds */
    uint64_t from;
    char pattern[256];
};

/* All of this under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released; /* by the monotonic clock */
static struct rule rules[RULES_MAX];
static unsigned rule_count, held, clearings;
static uint64_t seen[FAULT_OPERATIONS];

__attribute__((constructor)) static void init(void)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&released, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* ---- Operations ------------------------------------------------------------------------ */

static bool matches(const struct rule *rule, enum fault_operation operation, const char *path,
                    uint64_t end)
{
    return rule->operation == operation && end >= rule->from &&
           fnmatch(rule->pattern, path, 0) == 0;
}

/* Called by libfuse when the process that waits for the operation is interrupted. */
static void on_interrupt(fuse_req_t request, void *interrupted)
{
    (void)request;
    pthread_mutex_lock(&lock);
    *(bool *)interrupted = true;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

/* Waits for the end of a delay (NULL: there is none), of all rules, or of the caller's patience. */
static void hold(const struct timespec *until, const bool *interrupted)
{
    unsigned before = clearings;
    int r = 0;

    held++;
    while (r == 0 && clearings == before && !*interrupted)
        r = until ? pthread_cond_timedwait(&released, &lock, until)
                  : pthread_cond_wait(&released, &lock);
    held--;
}

static struct timespec after(unsigned milliseconds)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += milliseconds / 1000;
    time.tv_nsec += milliseconds % 1000 * (NANOSECONDS / 1000);
    if (time.tv_nsec >= NANOSECONDS) {
        time.tv_sec++;
        time.tv_nsec -= NANOSECONDS;
    }
    return time;
}

/* What one rule does. Returns the error to answer with, or 0: the next rule may have more. */
static int apply(const struct rule *rule, const bool *interrupted)
{
    static const bool never = false;
    struct timespec until;

    switch (rule->action) {
    case FAIL:
        return (int)rule->value;
    case DELAY:
        until = after(rule->value);
        hold(&until, interrupted);
        break;
    case HANG:
        hold(NULL, interrupted);
        break;
    case STUCK:
        hold(NULL, &never);
        return 0;
    case ACTIONS:
        break;
    }
    return *interrupted ? EINTR : 0;
}

int fault_suffer(fuse_req_t request, enum fault_operation operation, const char *path, uint64_t end)
{
    bool interrupted = false;
    int error = 0;

    fuse_req_interrupt_func(request, on_interrupt, &interrupted);
    pthread_mutex_lock(&lock);
    seen[operation]++;
    /* The rules may change while one of them holds the operation: none is looked at twice. */
    for (unsigned i = 0; i < rule_count && error == 0; i++) {
        struct rule rule = rules[i];

        if (matches(&rule, operation, path, end))
            error = apply(&rule, &interrupted);
    }
    pthread_mutex_unlock(&lock);
    fuse_req_interrupt_func(request, NULL, NULL);
    return error;
}

/* ---- Commands -------------------------------------------------------------------------- */

void fault_clear(void)
{
    pthread_mutex_lock(&lock);
    rule_count = 0;
    clearings++;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

/* The index of a word, or `count`. */
static unsigned find(const char *word, const char *const *words, unsigned count)
{
    unsigned i = 0;

    while (i < count && strcmp(words[i], word) != 0)
        i++;
    return i;
}

static bool parse(const char *line, struct rule *rule)
{
    char operation[16], action[16];

    if (sscanf(line, "%15s %15s %u %" SCNu64 " %255[^\n]", operation, action, &rule->value,
               &rule->from, rule->pattern) != 5)
        return false;
    rule->operation = find(operation, operations, FAULT_OPERATIONS);
    rule->action = find(action, actions, ACTIONS);
    return rule->operation < FAULT_OPERATIONS && rule->action < ACTIONS;
}

static bool add(const char *line)
{
    struct rule rule;
    bool added = false;

    if (!parse(line, &rule))
        return false;
    pthread_mutex_lock(&lock);
    if (rule_count < RULES_MAX) {
        rules[rule_count++] = rule;
        added = true;
    }
    pthread_mutex_unlock(&lock);
    return added;
}

/* The number of what a question asks for; false if it is none. */
static bool count(const char *line, uint64_t *ret_count)
{
    unsigned operation = FAULT_OPERATIONS;
    bool known = strcmp(line, "held") == 0;

    if (strncmp(line, "seen ", 5) == 0)
        operation = find(line + 5, operations, FAULT_OPERATIONS);
    pthread_mutex_lock(&lock);
    if (operation < FAULT_OPERATIONS) {
        *ret_count = seen[operation];
        known = true;
    } else if (known) {
        *ret_count = held;
    }
    pthread_mutex_unlock(&lock);
    return known;
}

void fault_obey(const char *line, FILE *answer)
{
    uint64_t number;

    if (count(line, &number)) {
        fprintf(answer, "%" PRIu64 "\n", number);
    } else if (strcmp(line, "clear") == 0) {
        fault_clear();
        fprintf(answer, "ok\n");
    } else {
        fprintf(answer, "%s\n", add(line) ? "ok" : "not understood");
    }
}
