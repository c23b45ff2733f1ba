/* SPDX-License-Identifier: MIT */
/*
 * Tests of output buffers: their sizes, and which of them are kept.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/buffer.h"
#include "valve.h"

#define MANY 200 /* more than are kept of any size */

static const size_t large = VALVE_REPLY_BUFFER + VALVE_BUFFER_HEADROOM;
static struct valve_buffer_pool pool;

static void set_up(void)
{
    memset(&pool, 0, sizeof pool);
}

static void tear_down(void)
{
    valve_buffer_pool_fini(&pool);
}

static struct valve_buffer *new_buffer(size_t size)
{
    struct valve_buffer *buffer = valve_buffer_new(&pool, size);

    ck_assert_ptr_nonnull(buffer);
    ck_assert_uint_ge(buffer->capacity, size);
    ck_assert_uint_eq(buffer->start, 0);
    ck_assert_uint_eq(buffer->end, 0);
    ck_assert_ptr_null(buffer->next);
    ck_assert_uint_eq(valve_buffer_room(buffer), buffer->capacity);
    memset(buffer->data, 0xaa, size);
    return buffer;
}

static enum valve_buffer_class class_of(size_t size)
{
    struct valve_buffer *buffer = new_buffer(size);
    enum valve_buffer_class class = buffer->class;

    valve_buffer_free(&pool, buffer);
    return class;
}

START_TEST(sizes_have_classes)
{
    size_t small;
    struct valve_buffer *buffer = new_buffer(1);

    small = buffer->capacity;
    valve_buffer_free(&pool, buffer);
    ck_assert_int_eq(class_of(0), VALVE_BUFFER_SMALL);
    ck_assert_int_eq(class_of(small), VALVE_BUFFER_SMALL);
    ck_assert_int_eq(class_of(small + 1), VALVE_BUFFER_LARGE);
    ck_assert_int_eq(class_of(large), VALVE_BUFFER_LARGE);
    ck_assert_int_eq(class_of(large + 1), VALVE_BUFFER_ODD);
    ck_assert_int_eq(class_of((size_t)4 * 1024 * 1024), VALVE_BUFFER_ODD);
}
END_TEST

/* With the header, so that small ones fill pages of the heap's evenly. */
START_TEST(a_small_one_is_16_kib_in_all)
{
    struct valve_buffer *buffer = new_buffer(1);

    /* With what the heap adds to a block that is mapped. */
    ck_assert_uint_le(sizeof *buffer + buffer->capacity + 24, (size_t)16 * 1024);
    ck_assert_uint_ge(sizeof *buffer + buffer->capacity + 48, (size_t)16 * 1024);
    valve_buffer_free(&pool, buffer);
}
END_TEST

/* However small: whoever made it on another thread may not touch the pool. */
START_TEST(one_without_a_pool_is_not_kept)
{
    struct valve_buffer *buffer = valve_buffer_new_odd(100);

    ck_assert_ptr_nonnull(buffer);
    ck_assert_uint_eq(buffer->capacity, 100);
    ck_assert_uint_eq(buffer->start + buffer->end, 0);
    valve_buffer_free(&pool, buffer);
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 0);
}
END_TEST

START_TEST(one_is_used_again_as_empty)
{
    const size_t sizes[] = {100, large};

    for (unsigned i = 0; i < 2; i++) {
        struct valve_buffer *first = new_buffer(sizes[i]);
        struct valve_buffer *second;

        first->start = 10;
        first->end = 20;
        valve_buffer_free(&pool, first);
        second = new_buffer(sizes[i]);
        ck_assert_ptr_eq(first, second);
        valve_buffer_free(&pool, second);
    }
}
END_TEST

START_TEST(an_odd_one_is_not_kept)
{
    struct valve_buffer *buffer = new_buffer(large + 1);

    ck_assert_uint_eq(buffer->capacity, large + 1);
    valve_buffer_free(&pool, buffer);
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 0);
}
END_TEST

START_TEST(no_more_are_kept_than_needed)
{
    struct valve_buffer *buffers[MANY];
    unsigned kept;

    for (unsigned i = 0; i < MANY; i++)
        buffers[i] = new_buffer(_i == 0 ? 1 : large);
    for (unsigned i = 0; i < MANY; i++)
        valve_buffer_free(&pool, buffers[i]);
    kept = valve_buffer_pool_count(&pool);
    ck_assert_uint_gt(kept, 0);
    ck_assert_uint_lt(kept, MANY);
    for (unsigned i = 0; i < kept; i++)
        buffers[i] = new_buffer(_i == 0 ? 1 : large);
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 0);
    for (unsigned i = 0; i < kept; i++)
        valve_buffer_free(&pool, buffers[i]);
}
END_TEST

/* Of ten that are spare four are needed at a time: six are too many. */
START_TEST(those_that_nobody_needs_are_freed)
{
    struct valve_buffer *buffers[10];
    const size_t size = _i == 0 ? 1 : large;

    for (unsigned i = 0; i < 10; i++)
        buffers[i] = new_buffer(size);
    for (unsigned i = 0; i < 10; i++)
        valve_buffer_free(&pool, buffers[i]);
    valve_buffer_pool_survey(&pool);
    ck_assert(!valve_buffer_pool_trim(&pool, 10));
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 10); /* there were none at first */
    for (unsigned i = 0; i < 4; i++)
        buffers[i] = new_buffer(size);
    for (unsigned i = 0; i < 4; i++)
        valve_buffer_free(&pool, buffers[i]);
    valve_buffer_pool_survey(&pool);
    ck_assert(valve_buffer_pool_trim(&pool, 5));
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 5);
    ck_assert(!valve_buffer_pool_trim(&pool, 5));
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 4);
    ck_assert(!valve_buffer_pool_trim(&pool, 5));
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 4);
}
END_TEST

START_TEST(nothing_is_given_back)
{
    valve_buffer_free(&pool, NULL);
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 0);
}
END_TEST

START_TEST(a_pool_is_emptied)
{
    valve_buffer_free(&pool, new_buffer(1));
    valve_buffer_free(&pool, new_buffer(large));
    valve_buffer_pool_fini(&pool);
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 0);
    valve_buffer_free(&pool, new_buffer(1));
    ck_assert_uint_eq(valve_buffer_pool_count(&pool), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, sizes_have_classes);
    tcase_add_test(tests, a_small_one_is_16_kib_in_all);
    tcase_add_test(tests, one_without_a_pool_is_not_kept);
    tcase_add_test(tests, one_is_used_again_as_empty);
    tcase_add_test(tests, an_odd_one_is_not_kept);
    tcase_add_loop_test(tests, no_more_are_kept_than_needed, 0, VALVE_BUFFER_ODD);
    tcase_add_loop_test(tests, those_that_nobody_needs_are_freed, 0, VALVE_BUFFER_ODD);
    tcase_add_test(tests, nothing_is_given_back);
    tcase_add_test(tests, a_pool_is_emptied);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
