/* SPDX-License-Identifier: MIT */
/*
 * Random values: legal whatever the type, the same for the same seed, and of use: what a type
 * allows comes, the ends of its ranges too.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"
#include "files.h"
#include "graph.h"
#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc/generate.h"
#include "rpc/scanner.h"
#include "zoo.h"

#define MAX_DEPTH 24
#define ROOM      ((size_t)64 * 1024)

static const struct valve_generate_limits limits = {.size = 600, .max_depth = MAX_DEPTH};

static const struct valve_type *const types[] = {
    &zoo_request_type,
    &zoo_tree_type,
    &zoo_node_type,
    &zoo_animal_type,
    &zoo_meal_type,
    &zoo_options_type,
    &zoo_json_type,
    &zoo_folder_type,
    &zoo_maze_type,
    &zoo_route_type,
    &zoo_look_reply_type,
    &zoo_mark_reply_type,
    &zoo_plot_reply_type,
    &zoo_ask_reply_type,
    &files_request_type,
    &files_file_list_type,
    &files_list_all_reply_type,
    &calc_request_type,
    &calc_eval_reply_type,
    &calc_expr_type,
    &graph_request_type,
};
#define TYPES ((int)(sizeof types / sizeof *types))

struct made {
    struct valve_arena arena;
    void *value;
    uint8_t *data;
    size_t size;
};

static void make(struct made *made, const struct valve_type *type, uint64_t seed,
                 const struct valve_generate_limits *within)
{
    struct valve_random random = {seed};

    valve_arena_init(&made->arena, NULL, 0, (size_t)16 << 20);
    made->value = valve_arena_alloc(&made->arena, type->size, type->alignment);
    ck_assert_int_eq(valve_generate(type, &random, within, &made->arena, made->value), 0);
    ck_assert_int_eq(valve_encoded_size(type, made->value, within->max_depth, &made->size), 0);
    made->data = valve_arena_alloc(&made->arena, made->size, 1);
    ck_assert_int_eq(valve_encode_within(type, made->value, within->max_depth, made->data,
                                         made->size, &made->size, NULL),
                     0);
}

static void expect_well_formed(const struct made *made)
{
    const struct valve_limits scan_limits = {ROOM, MAX_DEPTH};
    struct valve_scanner *scanner = malloc(valve_scanner_size(MAX_DEPTH));
    size_t taken;

    valve_scanner_init(scanner, &scan_limits);
    ck_assert_int_eq(valve_scanner_feed(scanner, made->data, made->size, &taken), VALVE_SCAN_DONE);
    ck_assert_uint_eq(taken, made->size);
    free(scanner);
}

/* Decodes what was encoded, and encodes it once more: the bytes are the same. */
static void expect_round_trip(struct made *made, const struct valve_type *type)
{
    struct valve_cursor cursor = {made->data, made->data + made->size};
    void *value = valve_arena_alloc(&made->arena, type->size, type->alignment);
    uint8_t *again = valve_arena_alloc(&made->arena, made->size, 1);
    struct valve_error error;
    size_t size;

    ck_assert_msg(valve_decode(type, &cursor, &made->arena, value, &error) == 0, "%s", error.text);
    ck_assert_ptr_eq(cursor.next, cursor.end);
    ck_assert_int_eq(valve_encode_within(type, value, MAX_DEPTH, again, made->size, &size, NULL),
                     0);
    ck_assert_uint_eq(size, made->size);
    ck_assert_mem_eq(again, made->data, size);
}

START_TEST(test_values_are_legal)
{
    const struct valve_type *type = types[_i];

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct made made;

        make(&made, type, seed, &limits);
        expect_well_formed(&made);
        expect_round_trip(&made, type);
        valve_arena_fini(&made.arena);
    }
}
END_TEST

START_TEST(test_a_seed_is_a_value)
{
    struct made first, second, other;
    bool differs;

    make(&first, types[_i], 7, &limits);
    make(&second, types[_i], 7, &limits);
    ck_assert_uint_eq(first.size, second.size);
    ck_assert_mem_eq(first.data, second.data, first.size);
    differs = false;
    for (uint64_t seed = 8; seed < 100 && !differs; seed++) {
        make(&other, types[_i], seed, &limits);
        differs = other.size != first.size || memcmp(other.data, first.data, first.size) != 0;
        valve_arena_fini(&other.arena);
    }
    ck_assert(differs);
    valve_arena_fini(&first.arena);
    valve_arena_fini(&second.arena);
}
END_TEST

/* Without a budget a value is about as small as its type allows. */
START_TEST(test_no_budget)
{
    const struct valve_generate_limits none = {.size = 0, .max_depth = MAX_DEPTH};

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct made made;

        make(&made, types[_i], seed, &none);
        ck_assert_uint_ge(made.size, types[_i]->least);
        ck_assert_uint_le(made.size, types[_i]->least + 120);
        valve_arena_fini(&made.arena);
    }
}
END_TEST

START_TEST(test_too_shallow)
{
    const struct valve_generate_limits shallow = {.size = 100, .max_depth = 1};
    struct valve_random random = {1};
    struct valve_arena arena;
    struct zoo_tree tree;

    /* A tree is a map that holds lists. */
    valve_arena_init(&arena, NULL, 0, ROOM);
    ck_assert_int_eq(valve_generate(&zoo_tree_type, &random, &shallow, &arena, &tree), -ELOOP);
    valve_arena_fini(&arena);
}
END_TEST

START_TEST(test_no_memory)
{
    struct valve_random random = {1};
    struct valve_arena arena;
    struct zoo_tree tree;
    int r = 0;

    valve_arena_init(&arena, NULL, 0, 64);
    for (unsigned i = 0; i < 100 && r == 0; i++)
        r = valve_generate(&zoo_tree_type, &random, &limits, &arena, &tree);
    ck_assert_int_eq(r, -ENOMEM);
    valve_arena_fini(&arena);
}
END_TEST

START_TEST(test_no_room_for_the_longest)
{
    const struct valve_type longest = {.name = "bytes",
                                       .shape = VALVE_SHAPE_BYTES,
                                       .size = sizeof(struct valve_bytes),
                                       .alignment = _Alignof(struct valve_bytes),
                                       .low = UINT64_MAX,
                                       .high = UINT64_MAX};
    struct valve_random random = {1};
    struct valve_arena arena;
    struct valve_bytes bytes;

    valve_arena_init(&arena, NULL, 0, 1024);
    ck_assert_int_eq(valve_generate(&longest, &random, &limits, &arena, &bytes), -ENOMEM);
    valve_arena_fini(&arena);
}
END_TEST

/* Every variant of a sum comes, and the ends of a range. */
START_TEST(test_all_comes)
{
    unsigned kinds = 0;
    bool low = false, high = false;

    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct made made;
        const struct zoo_request *request;

        make(&made, &zoo_request_type, seed, &limits);
        request = made.value;
        kinds |= request->kind < 32 ? 1U << request->kind : 0;
        low = low || (request->kind == ZOO_DELETE && request->delete_ == 1);
        high = high || (request->kind == ZOO_DELETE && request->delete_ == UINT32_MAX);
        valve_arena_fini(&made.arena);
    }
    ck_assert_uint_eq(kinds & 0xffffff, 0xffffff);
    ck_assert(low && high);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generate");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_values_are_legal, 0, TYPES);
    tcase_add_loop_test(tcase, test_a_seed_is_a_value, 0, TYPES);
    tcase_add_loop_test(tcase, test_no_budget, 0, TYPES);
    tcase_add_test(tcase, test_too_shallow);
    tcase_add_test(tcase, test_no_memory);
    tcase_add_test(tcase, test_no_room_for_the_longest);
    tcase_add_test(tcase, test_all_comes);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
