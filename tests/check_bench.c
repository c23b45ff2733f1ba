/* SPDX-License-Identifier: MIT */
/*
 * What bench measures with: the histogram and the pace.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/histogram.h"
#include "client/pace.h"

/* ---- Histogram ------------------------------------------------------------------------------- */

static struct histogram histogram, other;

static void setup(void)
{
    histogram = (struct histogram){0};
    other = (struct histogram){0};
}

/* Numbers of all magnitudes. */
static uint64_t random_value(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> (*state >> 58);
}

START_TEST(each_value_lies_in_its_bucket)
{
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        uint64_t value = random_value(&state);
        unsigned bucket = histogram_bucket(value);
        uint64_t end = histogram_bucket_end(bucket);

        ck_assert_uint_lt(bucket, HISTOGRAM_BUCKETS);
        ck_assert_uint_ge(end, value);
        ck_assert_uint_le(end - value, value / HISTOGRAM_STEPS);
        if (bucket > 0)
            ck_assert_uint_lt(histogram_bucket_end(bucket - 1), value);
    }
}
END_TEST

START_TEST(buckets_leave_no_gap)
{
    ck_assert_uint_eq(histogram_bucket(0), 0);
    for (unsigned bucket = 0; bucket + 1 < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t end = histogram_bucket_end(bucket);

        ck_assert_uint_eq(histogram_bucket(end), bucket);
        ck_assert_uint_eq(histogram_bucket(end + 1), bucket + 1);
    }
    ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
    ck_assert_uint_eq(histogram_bucket_end(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}
END_TEST

static int compare(const void *one, const void *two)
{
    const uint64_t *a = one, *b = two;

    return (*a > *b) - (*a < *b);
}

START_TEST(percentiles_are_those_of_the_sorted_values)
{
    enum { COUNT = 100000 };
    static const double percents[] = {0, 0.01, 1, 10, 50, 90, 99, 99.9, 99.99, 100};
    static uint64_t values[COUNT];
    uint64_t state = 7;

    for (int i = 0; i < COUNT; i++) {
        values[i] = random_value(&state);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        double rank = percents[i] / 100 * COUNT;
        size_t index = rank < 1 ? 0 : (size_t)(rank + 0.5) - 1;
        uint64_t exact = values[index];
        uint64_t found = histogram_percentile(&histogram, percents[i]);

        ck_assert_uint_ge(found, exact);
        ck_assert_uint_le(found - exact, exact / HISTOGRAM_STEPS);
    }
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), values[COUNT - 1]);
    ck_assert_uint_eq(histogram.least, values[0]);
    ck_assert_uint_eq(histogram.most, values[COUNT - 1]);
}
END_TEST

START_TEST(a_percentile_counts_whole_values)
{
    for (uint64_t value = 1; value <= 10; value++)
        histogram_add(&histogram, value);
    ck_assert_uint_eq(histogram_percentile(&histogram, 0), 1);
    ck_assert_uint_eq(histogram_percentile(&histogram, 10), 1);
    ck_assert_uint_eq(histogram_percentile(&histogram, 10.1), 2);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 5);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99), 10);
    ck_assert_double_eq_tol(histogram_mean(&histogram), 5.5, 1e-9);
}
END_TEST

START_TEST(without_values_all_is_zero)
{
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 0);
    ck_assert_double_eq(histogram_mean(&histogram), 0);
    histogram_merge(&histogram, &other);
    ck_assert_uint_eq(histogram.total, 0);
}
END_TEST

START_TEST(merged_is_as_if_added_to_one)
{
    static struct histogram both;
    uint64_t state = 3;

    both = (struct histogram){0};
    for (int i = 0; i < 10000; i++) {
        uint64_t value = random_value(&state) >> 8;

        histogram_add(i % 3 == 0 ? &histogram : &other, value);
        histogram_add(&both, value);
    }
    histogram_merge(&histogram, &other);
    ck_assert_mem_eq(histogram.counts, both.counts, sizeof both.counts);
    ck_assert_uint_eq(histogram.total, both.total);
    ck_assert_uint_eq(histogram.least, both.least);
    ck_assert_uint_eq(histogram.most, both.most);
    ck_assert_double_eq_tol(histogram.sum / both.sum, 1, 1e-9);
}
END_TEST

START_TEST(merging_into_an_empty_one_copies)
{
    histogram_add(&other, 77);
    histogram_merge(&histogram, &other);
    ck_assert_uint_eq(histogram.least, 77);
    ck_assert_uint_eq(histogram.most, 77);
}
END_TEST

/* ---- Pace ------------------------------------------------------------------------------------ */

START_TEST(so_many_are_due_in_a_second)
{
    static const uint64_t rates[] = {1, 3, 7, 1000, 999983, NANOSECONDS};

    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct pace pace = {.begin = 5, .rate = rates[i], .connections = 1};

        ck_assert_uint_eq(pace_due(&pace, 0), 5);
        ck_assert_uint_eq(pace_due(&pace, rates[i]), 5 + NANOSECONDS);
        ck_assert_uint_eq(pace_due(&pace, 3600 * rates[i]), 5 + 3600 * NANOSECONDS);
        ck_assert_uint_lt(pace_due(&pace, rates[i] - 1), 5 + NANOSECONDS);
    }
}
END_TEST

START_TEST(they_go_to_each_connection_in_turn)
{
    struct pace pace = {.begin = 1000, .rate = 10, .connections = 3};
    uint64_t counts[3] = {0};
    uint32_t connection = 99;

    ck_assert_int_eq(pace_take(&pace, 999, &connection), 0);
    for (uint64_t number = 0; number < 100; number++) {
        uint64_t due = pace_due(&pace, number);

        ck_assert_int_eq(pace_take(&pace, due - 1, &connection), 0);
        ck_assert_int_eq(pace_take(&pace, due, &connection), 1);
        ck_assert_uint_eq(connection, number % 3);
        ck_assert_uint_eq(pace_due_of(&pace, connection, counts[connection]++), due);
    }
}
END_TEST

START_TEST(who_comes_late_finds_all_that_were_due)
{
    struct pace pace = {.begin = 0, .rate = 1000, .connections = 4};
    uint32_t connection;
    unsigned due = 0;

    while (pace_take(&pace, NANOSECONDS, &connection))
        due++;
    ck_assert_uint_eq(due, 1001); /* the first one was due at 0 */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *counts = tcase_create("histogram"), *times = tcase_create("pace");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(counts, setup, NULL);
    tcase_add_test(counts, each_value_lies_in_its_bucket);
    tcase_add_test(counts, buckets_leave_no_gap);
    tcase_add_test(counts, percentiles_are_those_of_the_sorted_values);
    tcase_add_test(counts, a_percentile_counts_whole_values);
    tcase_add_test(counts, without_values_all_is_zero);
    tcase_add_test(counts, merged_is_as_if_added_to_one);
    tcase_add_test(counts, merging_into_an_empty_one_copies);
    tcase_add_test(times, so_many_are_due_in_a_second);
    tcase_add_test(times, they_go_to_each_connection_in_turn);
    tcase_add_test(times, who_comes_late_finds_all_that_were_due);
    suite_add_tcase(suite, counts);
    suite_add_tcase(suite, times);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
