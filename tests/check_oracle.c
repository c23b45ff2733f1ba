/* SPDX-License-Identifier: MIT */
/*
 * The oracle of a soak: what may be answered passes, what may not is found.
 */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "tests/soak/files.h"
#include "tests/soak/oracle.h"

#define SOME_FILE 0u

static struct oracle *oracle;

static bool is(uint32_t version, const void *answer)
{
    return version == *(const uint32_t *)answer;
}

static bool saw(uint64_t since, uint32_t version)
{
    return oracle_saw(oracle, SOME_FILE, since, is, &version);
}

static uint64_t sent(void)
{
    return oracle_tick(oracle);
}

static void setup(void)
{
    oracle = oracle_new(1);
}

static void teardown(void)
{
    oracle_free(oracle);
}

START_TEST(sees_what_is_there)
{
    ck_assert(saw(sent(), ABSENT));
    ck_assert_uint_eq(oracle_written(oracle, SOME_FILE), 1);
    ck_assert(saw(sent(), 1));
    ck_assert(oracle_unlinked(oracle, SOME_FILE, true));
    ck_assert(saw(sent(), ABSENT));
}
END_TEST

START_TEST(refuses_what_is_stale)
{
    oracle_written(oracle, SOME_FILE);
    oracle_written(oracle, SOME_FILE);
    ck_assert(!saw(sent(), 1));
    ck_assert(!saw(sent(), ABSENT));
    oracle_unlinked(oracle, SOME_FILE, true);
    ck_assert(!saw(sent(), 2));
}
END_TEST

START_TEST(a_change_in_flight_is_seen_or_not)
{
    uint64_t since;

    oracle_written(oracle, SOME_FILE);
    since = sent();
    oracle_written(oracle, SOME_FILE);
    ck_assert(saw(since, 1));
    ck_assert(saw(since, 2));
    ck_assert(!saw(since, ABSENT));
    ck_assert(!saw(since, 3));
}
END_TEST

START_TEST(a_del_happens_once)
{
    uint8_t first, second;

    oracle_written(oracle, SOME_FILE);
    first = oracle_del_begin(oracle, SOME_FILE);
    second = oracle_del_begin(oracle, SOME_FILE);
    ck_assert(oracle_del_end(oracle, SOME_FILE, first, DEL_REMOVED));
    ck_assert(!oracle_del_end(oracle, SOME_FILE, second, DEL_REMOVED));
    ck_assert(oracle_del_end(oracle, SOME_FILE, second, DEL_FOUND_NOTHING));
    ck_assert(!saw(sent(), 1));
}
END_TEST

START_TEST(two_dels_and_a_change_between)
{
    uint8_t first, second;

    oracle_written(oracle, SOME_FILE);
    first = oracle_del_begin(oracle, SOME_FILE);
    second = oracle_del_begin(oracle, SOME_FILE);
    oracle_written(oracle, SOME_FILE);
    ck_assert(oracle_del_end(oracle, SOME_FILE, first, DEL_REMOVED));
    ck_assert(oracle_del_end(oracle, SOME_FILE, second, DEL_REMOVED));
    ck_assert(!saw(sent(), 2));
    ck_assert(saw(sent(), ABSENT));
}
END_TEST

START_TEST(a_del_that_was_answered_is_over)
{
    uint8_t slot;

    oracle_written(oracle, SOME_FILE);
    slot = oracle_del_begin(oracle, SOME_FILE);
    ck_assert(oracle_del_end(oracle, SOME_FILE, slot, DEL_REMOVED));
    ck_assert(!saw(sent(), 1));
    oracle_written(oracle, SOME_FILE);
    ck_assert(!saw(sent(), ABSENT));
    ck_assert(saw(sent(), 2));
}
END_TEST

START_TEST(a_del_that_found_nothing_where_something_was)
{
    uint8_t slot;

    oracle_written(oracle, SOME_FILE);
    slot = oracle_del_begin(oracle, SOME_FILE);
    oracle_written(oracle, SOME_FILE);
    ck_assert(!oracle_del_end(oracle, SOME_FILE, slot, DEL_FOUND_NOTHING));
}
END_TEST

START_TEST(what_was_seen_gone_does_not_come_back)
{
    oracle_written(oracle, SOME_FILE);
    oracle_del_begin(oracle, SOME_FILE);
    ck_assert(saw(sent(), 1));
    ck_assert(saw(sent(), ABSENT));
    ck_assert(!saw(sent(), 1));
}
END_TEST

START_TEST(a_slow_answer_may_be_older_than_a_fast_one)
{
    uint64_t slow;

    oracle_written(oracle, SOME_FILE);
    slow = sent();
    oracle_del_begin(oracle, SOME_FILE);
    ck_assert(saw(sent(), ABSENT));
    ck_assert(saw(slow, 1));
}
END_TEST

START_TEST(a_lost_del_may_come_late)
{
    oracle_written(oracle, SOME_FILE);
    oracle_del_begin(oracle, SOME_FILE);
    for (int i = 0; i < 1000; i++)
        ck_assert(saw(sent(), 1));
    ck_assert(saw(sent(), ABSENT));
    ck_assert(!saw(sent(), 1));
}
END_TEST

START_TEST(a_lost_del_is_resolved_by_looking)
{
    const uint32_t one = 1, absent = ABSENT;

    oracle_written(oracle, SOME_FILE);
    oracle_del_begin(oracle, SOME_FILE);
    ck_assert(oracle_settled(oracle, SOME_FILE, is, &one));
    ck_assert(!saw(sent(), ABSENT));
    ck_assert(!oracle_settled(oracle, SOME_FILE, is, &absent));
}
END_TEST

START_TEST(a_refused_del_has_not_happened)
{
    uint8_t slot;

    oracle_written(oracle, SOME_FILE);
    slot = oracle_del_begin(oracle, SOME_FILE);
    ck_assert(oracle_del_end(oracle, SOME_FILE, slot, DEL_REFUSED));
    ck_assert(!saw(sent(), ABSENT));
    ck_assert(saw(sent(), 1));
}
END_TEST

START_TEST(a_removal_here_tells_whether_it_was_there)
{
    ck_assert(!oracle_unlinked(oracle, SOME_FILE, true));
    oracle_written(oracle, SOME_FILE);
    ck_assert(!oracle_unlinked(oracle, SOME_FILE, false));
    oracle_del_begin(oracle, SOME_FILE);
    ck_assert(oracle_unlinked(oracle, SOME_FILE, false));
    ck_assert(!saw(sent(), 1));
}
END_TEST

START_TEST(a_directory_takes_its_files_along)
{
    uint64_t since;

    oracle_written(oracle, SOME_FILE);
    since = sent();
    oracle_moved_away(oracle, SOME_FILE);
    ck_assert(saw(since, 1));
    ck_assert(!saw(sent(), 1));
    oracle_moved_back(oracle, SOME_FILE);
    ck_assert(!saw(sent(), ABSENT));
    ck_assert(saw(sent(), 1));
}
END_TEST

START_TEST(a_del_before_its_directory_is_moved)
{
    uint8_t slot;

    oracle_written(oracle, SOME_FILE);
    slot = oracle_del_begin(oracle, SOME_FILE);
    oracle_moved_away(oracle, SOME_FILE);
    ck_assert(oracle_del_end(oracle, SOME_FILE, slot, DEL_REMOVED));
    oracle_moved_back(oracle, SOME_FILE);
    ck_assert(!saw(sent(), 1));
}
END_TEST

START_TEST(a_del_while_its_directory_is_away)
{
    uint8_t slot;

    oracle_written(oracle, SOME_FILE);
    oracle_moved_away(oracle, SOME_FILE);
    slot = oracle_del_begin(oracle, SOME_FILE);
    ck_assert(!oracle_del_end(oracle, SOME_FILE, slot, DEL_REMOVED));
    ck_assert(oracle_del_end(oracle, SOME_FILE, slot, DEL_FOUND_NOTHING));
    oracle_moved_back(oracle, SOME_FILE);
    ck_assert(saw(sent(), 1));
}
END_TEST

START_TEST(forgetting_changes_no_verdict)
{
    uint64_t since = 0;

    for (int i = 0; i < 1000; i++) {
        uint32_t version = oracle_written(oracle, SOME_FILE);

        ck_assert(!oracle_is_unclear(oracle, SOME_FILE));
        if (i % 3 == 0)
            ck_assert(oracle_unlinked(oracle, SOME_FILE, true));
        since = sent();
        oracle_forget_before(oracle, since);
        ck_assert(saw(since, i % 3 == 0 ? ABSENT : version));
        ck_assert(!saw(since, version + 1));
    }
}
END_TEST

START_TEST(a_list_that_was_asked_for_long_ago)
{
    uint64_t since;

    oracle_written(oracle, SOME_FILE);
    since = sent();
    for (int i = 0; i < 5; i++)
        oracle_written(oracle, SOME_FILE);
    for (uint32_t version = 6; version >= 1; version--)
        ck_assert(saw(since, version));
    ck_assert(!saw(since, ABSENT));
    for (int i = 0; i < 5; i++)
        oracle_written(oracle, SOME_FILE);
    ck_assert(oracle_is_unclear(oracle, SOME_FILE));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle");
    TCase *tests = tcase_create("oracle");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, sees_what_is_there);
    tcase_add_test(tests, refuses_what_is_stale);
    tcase_add_test(tests, a_change_in_flight_is_seen_or_not);
    tcase_add_test(tests, a_del_happens_once);
    tcase_add_test(tests, two_dels_and_a_change_between);
    tcase_add_test(tests, a_del_that_was_answered_is_over);
    tcase_add_test(tests, a_del_that_found_nothing_where_something_was);
    tcase_add_test(tests, what_was_seen_gone_does_not_come_back);
    tcase_add_test(tests, a_slow_answer_may_be_older_than_a_fast_one);
    tcase_add_test(tests, a_lost_del_may_come_late);
    tcase_add_test(tests, a_lost_del_is_resolved_by_looking);
    tcase_add_test(tests, a_refused_del_has_not_happened);
    tcase_add_test(tests, a_removal_here_tells_whether_it_was_there);
    tcase_add_test(tests, a_directory_takes_its_files_along);
    tcase_add_test(tests, a_del_before_its_directory_is_moved);
    tcase_add_test(tests, a_del_while_its_directory_is_away);
    tcase_add_test(tests, forgetting_changes_no_verdict);
    tcase_add_test(tests, a_list_that_was_asked_for_long_ago);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
