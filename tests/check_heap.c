/* SPDX-License-Identifier: MIT */
/*
 * Once an arena is warm, decoding and encoding call for no memory: each call of malloc() and its
 * kin out of lib/rpc is counted, by the linker's --wrap.
 */
#include <check.h>
#include <stdlib.h>

#include "calc.h"
#include "files.h"
#include "graph.h"
#include "rpc/generate.h"
#include "zoo.h"

#define MAX_DEPTH 24
#define ROOM      ((size_t)1 << 20)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static unsigned heap_calls;

void *__wrap_malloc(size_t size)
{
    heap_calls++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    heap_calls++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    heap_calls++;
    return __real_realloc(memory, size);
}

static const struct valve_type *const types[] = {
    &files_request_type, &files_file_list_type, &files_list_all_reply_type,
    &calc_request_type,  &calc_expr_type,       &calc_eval_reply_type,
    &graph_request_type, &zoo_request_type,     &zoo_tree_type,
    &zoo_animal_type,    &zoo_json_type,        &zoo_folder_type,
    &zoo_maze_type,      &zoo_route_type,       &zoo_look_reply_type,
    &zoo_options_type,
};

static const struct valve_limits limits = {.max_size = ROOM, .max_depth = MAX_DEPTH};
static uint8_t room[ROOM];

/* A random value of the type, as bytes in `room`. */
static struct valve_bytes random_bytes(const struct valve_type *type, uint64_t seed)
{
    const struct valve_generate_limits within = {.size = 4000, .max_depth = MAX_DEPTH};
    struct valve_random random = {seed};
    struct valve_arena arena, output;
    struct valve_bytes bytes;
    struct valve_error error;
    void *value;

    valve_arena_init(&arena, NULL, 0, (size_t)16 << 20);
    valve_arena_init(&output, room, sizeof room, 0);
    value = valve_arena_alloc(&arena, type->size, type->alignment);
    ck_assert_int_eq(valve_generate(type, &random, &within, &arena, value), 0);
    ck_assert_msg(valve_value_encode(type, &limits, value, &output, &bytes, &error) == 0, "%s",
                  error.text);
    valve_arena_fini(&arena);
    return bytes;
}

/*
 * Decodes the bytes and encodes them again, all in the arena. The calls for memory meanwhile, of
 * which none is libcheck's.
 */
static unsigned pass(const struct valve_type *type, struct valve_bytes bytes,
                     struct valve_arena *arena)
{
    unsigned before = heap_calls, calls;
    struct valve_bytes again = {0};
    struct valve_error error = {""};
    void *value;
    int r;

    valve_arena_reset(arena);
    value = valve_arena_alloc(arena, type->size, type->alignment);
    r = valve_value_decode(type, &limits, bytes.data, bytes.size, arena, value, NULL, &error);
    if (r == 0)
        r = valve_value_encode(type, &limits, value, arena, &again, &error);
    calls = heap_calls - before;
    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_uint_eq(again.size, bytes.size);
    ck_assert_mem_eq(again.data, bytes.data, bytes.size);
    return calls;
}

START_TEST(test_a_warm_arena_is_enough)
{
    const struct valve_type *type = types[_i];
    struct valve_arena arena;
    unsigned cold = 0;

    valve_arena_init(&arena, NULL, 0, (size_t)16 << 20);
    for (unsigned seed = 0; seed < 100; seed++) {
        struct valve_bytes bytes = random_bytes(type, seed);

        /* The second time finds one block that has room for all, if the first made several. */
        cold += pass(type, bytes, &arena) + pass(type, bytes, &arena);
        ck_assert_msg(pass(type, bytes, &arena) == 0, "%s, seed %u", type->name, seed);
    }
    ck_assert_uint_gt(cold, 0); /* calls are counted */
    valve_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("heap");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, test_a_warm_arena_is_enough, 0, (int)(sizeof types / sizeof *types));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
