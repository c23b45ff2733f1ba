/* SPDX-License-Identifier: MIT */
/*
 * Tests of the connection table: how long it is, what it costs, and the limit that goes with it.
 *
 * The limit is the process's, so each test runs in a process of its own, whatever CK_FORK says.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/table.h"
#include "tests/on_valgrind.h"
#include "tests/server_fixture.h"

#define SLOT sizeof(struct valve_connection)

/* In a child: ends it with the number of the line whose condition does not hold. */
#define need(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_child(__LINE__, #condition);                                                      \
    } while (0)

static void fail_child(int line, const char *condition)
{
    fprintf(stderr, "check_table.c:%d: %s\n", line, condition);
    _exit(1);
}

static void in_child(void (*test)(void))
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        test();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static struct rlimit descriptor_limit(void)
{
    struct rlimit limit;

    need(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit;
}

/* The hard limit stays: Valgrind does not let go of it. */
static void set_soft_limit(rlim_t soft)
{
    const struct rlimit limit = {soft, descriptor_limit().rlim_max};

    need(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void raise_to_hard(void)
{
    const rlim_t hard = descriptor_limit().rlim_max;
    struct valve_table table = {0};
    bool lowered = true;

    set_soft_limit(100);
    need(valve_table_init(&table, hard < 1000000 ? 1000000 : hard, &lowered) == 0);
    need(!lowered);
    need(table.length == hard);
    need(descriptor_limit().rlim_cur == hard);
    need(descriptor_limit().rlim_max == hard);
    valve_table_fini(&table);
    valve_table_fini(&table);
    need(table.slots == NULL);
}

static void raise_to_most(void)
{
    const rlim_t hard = descriptor_limit().rlim_max;
    struct valve_table table = {0};
    bool lowered = true;

    set_soft_limit(100);
    need(valve_table_init(&table, 500, &lowered) == 0);
    need(!lowered);
    need(table.length == 500);
    need(descriptor_limit().rlim_cur == 500);
    need(descriptor_limit().rlim_max == hard);
    valve_table_fini(&table);
}

static void find_slots(void)
{
    struct valve_table table = {0};
    bool lowered;
    int descriptor;

    need(valve_table_init(&table, 500, &lowered) == 0);
    descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 499);
    need(descriptor == 499);
    need(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 500) == -1); /* no slot, and no descriptor */
    need(valve_table_slot(&table, descriptor) == &table.slots[499]);
    need(valve_table_descriptor(&table, valve_table_slot(&table, descriptor)) == descriptor);
    need(valve_table_descriptor(&table, table.slots) == 0);
    need((uintptr_t)table.slots % 64 == 0);
    table.slots[499].in_flight = 1; /* it is there, up to its last byte */
    close(descriptor);
    valve_table_fini(&table);
}

/* Pages of the table that are in memory. */
static size_t resident_pages(const struct valve_table *table)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (table->length * SLOT + page - 1) / page;
    unsigned char *resident = malloc(pages);
    size_t count = 0;

    need(resident != NULL);
    need(mincore(table->slots, table->length * SLOT, resident) == 0);
    for (size_t i = 0; i < pages; i++)
        count += resident[i] & 1;
    free(resident);
    return count;
}

/* Reserved is not committed: a slot costs its page, once it is used. */
static void commit_on_use(void)
{
    struct rlimit limit = descriptor_limit();
    struct valve_table table = {0};
    bool lowered;

    need(valve_table_init(&table, limit.rlim_max, &lowered) == 0);
    need(table.length > 1000);
    need(resident_pages(&table) == 0);
    table.slots[500].in_flight = 1;
    need(resident_pages(&table) == 1);
    table.slots[table.length - 1].in_flight = 1;
    need(resident_pages(&table) == 2);
    valve_table_fini(&table);
}

/* Bytes of address space that this process uses. */
static rlim_t address_space(void)
{
    FILE *status = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    need(status != NULL);
    need(fscanf(status, "%lu", &pages) == 1);
    fclose(status);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Room for something over a quarter of the table, as the limit asks for it. */
static void lower_to_what_can_be_mapped(void)
{
    const rlim_t length = descriptor_limit().rlim_max < 16384 ? 4096 : 16384;
    const rlim_t room = address_space() + length * SLOT / 4 + (rlim_t)128 * 1024;
    const struct rlimit tight = {room, RLIM_INFINITY};
    const struct rlimit loose = {RLIM_INFINITY, RLIM_INFINITY};
    struct valve_table table = {0};
    bool lowered = false;

    need(setrlimit(RLIMIT_AS, &tight) == 0);
    need(valve_table_init(&table, length, &lowered) == 0);
    need(setrlimit(RLIMIT_AS, &loose) == 0);
    need(lowered);
    need(table.length == length / 4);
    need(descriptor_limit().rlim_cur == length / 4);
    table.slots[table.length - 1].in_flight = 1;
    valve_table_fini(&table);
}

static void fail_without_room(void)
{
    const rlim_t before = descriptor_limit().rlim_cur;
    const struct rlimit none = {address_space(), RLIM_INFINITY};
    struct valve_table table = {0};
    bool lowered = false;

    need(setrlimit(RLIMIT_AS, &none) == 0);
    need(valve_table_init(&table, 1 << 20, &lowered) == -ENOMEM);
    need(table.slots == NULL);
    need(!lowered);
    need(descriptor_limit().rlim_cur == before);
}

START_TEST(the_limit_is_raised_to_the_hard_one)
{
    in_child(raise_to_hard);
}
END_TEST

START_TEST(the_limit_is_raised_no_further_than_asked)
{
    in_child(raise_to_most);
}
END_TEST

START_TEST(the_slot_is_the_descriptor)
{
    in_child(find_slots);
}
END_TEST

START_TEST(a_slot_is_committed_when_it_is_used)
{
    in_child(commit_on_use);
}
END_TEST

START_TEST(the_limit_is_lowered_to_what_can_be_mapped)
{
    in_child(lower_to_what_can_be_mapped);
}
END_TEST

START_TEST(a_table_that_cannot_be_mapped_changes_nothing)
{
    in_child(fail_without_room);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("table");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, the_limit_is_raised_to_the_hard_one);
    tcase_add_test(tests, the_limit_is_raised_no_further_than_asked);
    tcase_add_test(tests, the_slot_is_the_descriptor);
    tcase_add_test(tests, a_slot_is_committed_when_it_is_used);
    /* Sanitizers and Valgrind need address space themselves. */
    if (!SANITIZED && !ON_VALGRIND) {
        tcase_add_test(tests, the_limit_is_lowered_to_what_can_be_mapped);
        tcase_add_test(tests, a_table_that_cannot_be_mapped_changes_nothing);
    }
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
