/* SPDX-License-Identifier: MIT */
/*
 * Runs tests as Check does: each in a process, with its fixture, for a bounded time.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64 /* tests of a case, cases of a suite */

struct tcase {
    const char *name;
    void (*set_up)(void), (*tear_down)(void);
    unsigned timeout; /* seconds */
    const TTest *tests[MOST];
    unsigned count;
};

struct suite {
    const char *name;
    TCase *cases[MOST];
    unsigned count;
};

struct runner {
    Suite *suite;
    unsigned run, failed;
};

static void *make(size_t size)
{
    void *made = calloc(1, size);

    if (made == NULL)
        abort();
    return made;
}

void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    _exit(EXIT_FAILURE);
}

Suite *suite_create(const char *name)
{
    Suite *suite = make(sizeof *suite);

    suite->name = name;
    return suite;
}

TCase *tcase_create(const char *name)
{
    TCase *tcase = make(sizeof *tcase);

    tcase->name = name;
    tcase->timeout = 4;
    return tcase;
}

void suite_add_tcase(Suite *suite, TCase *tcase)
{
    if (suite->count == MOST)
        abort();
    suite->cases[suite->count++] = tcase;
}

void tcase_add_checked_fixture(TCase *tcase, void (*set_up)(void), void (*tear_down)(void))
{
    tcase->set_up = set_up;
    tcase->tear_down = tear_down;
}

void tcase_set_timeout(TCase *tcase, double seconds)
{
    tcase->timeout = (unsigned)seconds;
}

void tcase_add_test(TCase *tcase, const TTest *test)
{
    if (tcase->count == MOST)
        abort();
    tcase->tests[tcase->count++] = test;
}

SRunner *srunner_create(Suite *suite)
{
    SRunner *runner = make(sizeof *runner);

    runner->suite = suite;
    return runner;
}

static void run_here(const TCase *tcase, const TTest *test)
{
    alarm(tcase->timeout);
    if (tcase->set_up != NULL)
        tcase->set_up();
    test->run();
    if (tcase->tear_down != NULL)
        tcase->tear_down();
    exit(EXIT_SUCCESS);
}

static void run_test(SRunner *runner, const TCase *tcase, const TTest *test)
{
    int status = -1;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0)
        run_here(tcase, test);
    runner->run++;
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return;
    runner->failed++;
    printf("%s: %s: failed (status %#x)\n", tcase->name, test->name, (unsigned)status);
}

void srunner_run_all(SRunner *runner, enum print_output output)
{
    (void)output;
    for (unsigned i = 0; i < runner->suite->count; i++) {
        const TCase *tcase = runner->suite->cases[i];

        for (unsigned j = 0; j < tcase->count; j++)
            run_test(runner, tcase, tcase->tests[j]);
    }
    printf("%s: %u tests, %u failed\n", runner->suite->name, runner->run, runner->failed);
}

int srunner_ntests_failed(SRunner *runner)
{
    return (int)runner->failed;
}

void srunner_free(SRunner *runner)
{
    for (unsigned i = 0; i < runner->suite->count; i++)
        free(runner->suite->cases[i]);
    free(runner->suite);
    free(runner);
}
