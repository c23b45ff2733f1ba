/* SPDX-License-Identifier: MIT */
/*
 * The arena: alignment, the limit to the byte, what a reset keeps.
 */
#include "rpc/arena.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_bytes.h"

#define LIMIT ((size_t)1 << 20)

static struct valve_arena arena;
static _Alignas(64) uint8_t buffer[256];

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

static bool is_in_buffer(const void *memory)
{
    const uint8_t *byte = memory;

    return byte >= buffer && byte < buffer + sizeof buffer;
}

/* Takes memory and uses all of it. */
static void *take(size_t size, size_t alignment)
{
    void *memory = valve_arena_alloc(&arena, size, alignment);

    if (memory != NULL) {
        ck_assert_uint_eq((uintptr_t)memory % alignment, 0);
        memset(memory, 0x5a, size);
    }
    return memory;
}

START_TEST(the_buffer_comes_first)
{
    valve_arena_init(&arena, buffer, sizeof buffer, LIMIT);
    ck_assert_ptr_eq(take(1, 1), buffer);
    ck_assert_ptr_eq(take(1, 1), buffer + 1);
    ck_assert_ptr_eq(take(8, 8), buffer + 8);
    ck_assert_ptr_eq(take(1, 64), buffer + 64);
    ck_assert_ptr_eq(take(191, 1), buffer + 65); /* to its last byte */
    ck_assert_uint_eq(arena.taken, 0);
    ck_assert(!is_in_buffer(take(1, 1)));
    ck_assert_uint_gt(arena.taken, 0);
}
END_TEST

START_TEST(alignment_is_kept_in_blocks)
{
    valve_arena_init(&arena, NULL, 0, LIMIT);
    for (size_t alignment = 1; alignment <= 1024; alignment *= 2) {
        ck_assert_ptr_nonnull(take(1, 1));
        ck_assert_ptr_nonnull(take(3, alignment));
        ck_assert_ptr_nonnull(take(5000, alignment)); /* mostly a block of its own */
    }
}
END_TEST

START_TEST(memory_of_no_size_is_still_a_place)
{
    valve_arena_init(&arena, NULL, 0, LIMIT);
    ck_assert_ptr_nonnull(valve_arena_alloc(&arena, 0, 8));
}
END_TEST

/* Nothing handed out overlaps anything else. */
START_TEST(many_pieces_stay_as_they_were)
{
    static struct {
        uint8_t *data;
        size_t size;
        uint8_t fill;
    } pieces[500];
    uint64_t seed = UINT64_C(0x6172656e61);

    valve_arena_init(&arena, buffer, sizeof buffer, LIMIT);
    for (int i = 0; i < LENGTH(pieces); i++) {
        pieces[i].size = 1 + random_below(&seed, 700);
        pieces[i].fill = (uint8_t)i;
        pieces[i].data = valve_arena_alloc(&arena, pieces[i].size,
                                           (size_t)1 << random_below(&seed, 6));
        ck_assert_ptr_nonnull(pieces[i].data);
        memset(pieces[i].data, pieces[i].fill, pieces[i].size);
    }
    for (int i = 0; i < LENGTH(pieces); i++) {
        for (size_t byte = 0; byte < pieces[i].size; byte++)
            ck_assert_uint_eq(pieces[i].data[byte], pieces[i].fill);
    }
    ck_assert_uint_le(arena.taken, LIMIT);
}
END_TEST

START_TEST(blocks_double)
{
    unsigned blocks = 0;
    size_t taken = 0;

    valve_arena_init(&arena, NULL, 0, LIMIT);
    while (take(64, 8) != NULL) {
        if (arena.taken != taken)
            blocks++;
        taken = arena.taken;
    }
    ck_assert_uint_eq(arena.taken, LIMIT); /* the last block is cut to what the limit leaves */
    ck_assert_uint_le(blocks, 10);
}
END_TEST

START_TEST(the_limit_holds_to_the_byte)
{
    size_t header;

    valve_arena_init(&arena, NULL, 0, LIMIT);
    ck_assert_ptr_nonnull(take(6000, 1)); /* more than a first block: exactly what it needs */
    header = arena.taken - 6000;
    valve_arena_fini(&arena);
    for (size_t size = 2; size < 10000; size += 1111) {
        valve_arena_init(&arena, NULL, 0, size + header - 1);
        ck_assert_ptr_null(valve_arena_alloc(&arena, size, 1));
        ck_assert_uint_eq(arena.taken, 0);
        ck_assert_ptr_nonnull(take(size - 1, 1));
        ck_assert_uint_eq(arena.taken, size + header - 1);
        ck_assert_ptr_null(valve_arena_alloc(&arena, size, 1));
        valve_arena_fini(&arena);
        valve_arena_init(&arena, NULL, 0, size + header);
        ck_assert_ptr_nonnull(take(size, 1));
        valve_arena_fini(&arena);
    }
}
END_TEST

START_TEST(no_limit_means_no_heap)
{
    valve_arena_init(&arena, buffer, sizeof buffer, 0);
    ck_assert_ptr_nonnull(take(sizeof buffer, 1));
    ck_assert_ptr_null(valve_arena_alloc(&arena, 1, 1));
    valve_arena_reset(&arena);
    ck_assert_ptr_eq(take(1, 1), buffer);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    valve_arena_init(&arena, buffer, sizeof buffer, SIZE_MAX);
    ck_assert_ptr_null(valve_arena_alloc(&arena, SIZE_MAX, 1));
    ck_assert_ptr_null(valve_arena_alloc(&arena, SIZE_MAX - 8, 4096));
    ck_assert_ptr_eq(take(1, 1), buffer); /* and it goes on */
}
END_TEST

START_TEST(a_reset_keeps_the_largest_block)
{
    size_t warm;

    valve_arena_init(&arena, NULL, 0, LIMIT);
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_nonnull(take(1000, 8));
    valve_arena_reset(&arena);
    warm = arena.taken;
    ck_assert_uint_ge(warm, 50000); /* blocks double, so that it is more than half of all */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++)
            ck_assert_ptr_nonnull(take(1000, 8));
        ck_assert_uint_eq(arena.taken, warm); /* no block was added */
        valve_arena_reset(&arena);
        ck_assert_uint_eq(arena.taken, warm);
    }
}
END_TEST

/* What comes after a piece of its own size may be smaller: then the older block stays. */
START_TEST(a_reset_keeps_the_largest_block_whichever_it_is)
{
    size_t large;

    valve_arena_init(&arena, NULL, 0, 20000);
    ck_assert_ptr_nonnull(take(15000, 8));
    large = arena.taken;
    ck_assert_ptr_nonnull(take(1000, 8)); /* in what the limit leaves */
    ck_assert_uint_gt(arena.taken, large);
    valve_arena_reset(&arena);
    ck_assert_uint_eq(arena.taken, large);
    ck_assert_ptr_nonnull(take(15000, 8));
    ck_assert_uint_eq(arena.taken, large);
}
END_TEST

START_TEST(a_reset_begins_with_the_buffer_and_then_the_warm_block)
{
    size_t warm;

    valve_arena_init(&arena, buffer, sizeof buffer, LIMIT);
    ck_assert_ptr_nonnull(take(1000, 8));
    warm = arena.taken;
    for (int round = 0; round < 3; round++) {
        valve_arena_reset(&arena);
        ck_assert(is_in_buffer(take(200, 8)));
        ck_assert(!is_in_buffer(take(1000, 8)));
        ck_assert(!is_in_buffer(take(2000, 8)));
        ck_assert_uint_eq(arena.taken, warm); /* no block was added */
    }
    valve_arena_reset(&arena);
    ck_assert_ptr_nonnull(take(5000, 8)); /* more than the warm block holds */
    ck_assert_uint_gt(arena.taken, warm);
    valve_arena_reset(&arena);
    ck_assert_uint_ge(arena.taken, 5000); /* a larger one has taken its place */
}
END_TEST

START_TEST(pieces_grow_and_shrink)
{
    uint8_t *piece, *moved;

    valve_arena_init(&arena, buffer, sizeof buffer, LIMIT);
    piece = valve_arena_resize(&arena, NULL, 0, 40, 8);
    memset(piece, 0x5a, 40);
    ck_assert_ptr_eq(valve_arena_resize(&arena, piece, 40, 80, 8), piece); /* it is the last */
    ck_assert_ptr_eq(valve_arena_resize(&arena, piece, 80, 40, 8), piece);
    ck_assert_ptr_eq(take(1, 1), piece + 40);
    ck_assert_ptr_eq(valve_arena_resize(&arena, piece, 40, 20, 8), piece); /* it no longer is */
    ck_assert_ptr_eq(take(1, 1), piece + 41);
    moved = valve_arena_resize(&arena, piece, 20, 4000, 8);
    ck_assert(!is_in_buffer(moved));
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(moved[i], 0x5a);
    memset(moved, 0x33, 4000);
    ck_assert_ptr_eq(valve_arena_resize(&arena, moved, 4000, 10, 8), moved);
    ck_assert_ptr_eq(take(1, 1), moved + 10);
    ck_assert_ptr_null(valve_arena_resize(&arena, moved, 10, 2 * LIMIT, 8));
    ck_assert_uint_eq(moved[9], 0x33);
}
END_TEST

START_TEST(a_zeroed_arena_can_be_given_back)
{
    struct valve_arena zeroed = {0};

    valve_arena_fini(&zeroed);
    valve_arena_fini(&zeroed);
    valve_arena_reset(&zeroed);
    ck_assert_ptr_null(valve_arena_alloc(&zeroed, 1, 1));
}
END_TEST

START_TEST(text_of_a_string)
{
    struct valve_text text = valve_text("two\nlines");

    ck_assert_uint_eq(text.size, 9);
    ck_assert_mem_eq(text.data, "two\nlines", 9);
    ck_assert_uint_eq(valve_text("").size, 0);
}
END_TEST

static Suite *arena_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");

    tcase_add_checked_fixture(tcase, NULL, tear_down);
    tcase_add_test(tcase, the_buffer_comes_first);
    tcase_add_test(tcase, alignment_is_kept_in_blocks);
    tcase_add_test(tcase, memory_of_no_size_is_still_a_place);
    tcase_add_test(tcase, many_pieces_stay_as_they_were);
    tcase_add_test(tcase, blocks_double);
    tcase_add_test(tcase, the_limit_holds_to_the_byte);
    tcase_add_test(tcase, no_limit_means_no_heap);
    tcase_add_test(tcase, absurd_sizes_are_refused);
    tcase_add_test(tcase, a_reset_keeps_the_largest_block);
    tcase_add_test(tcase, a_reset_keeps_the_largest_block_whichever_it_is);
    tcase_add_test(tcase, pieces_grow_and_shrink);
    tcase_add_test(tcase, a_reset_begins_with_the_buffer_and_then_the_warm_block);
    tcase_add_test(tcase, a_zeroed_arena_can_be_given_back);
    tcase_add_test(tcase, text_of_a_string);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(arena_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
