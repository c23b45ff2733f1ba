/* SPDX-License-Identifier: MIT */
/*
 * Values of generated types, as bytes and back: graphs, maps, floats and anything.
 */
#include <check.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "rpc_bytes.h"
#include "zoo.h"

static const struct valve_limits limits = {4096, 32};
static struct valve_arena arena;
static struct valve_error error;

static void begin(void)
{
    valve_arena_init(&arena, NULL, 0, 1 << 20);
}

static void end(void)
{
    valve_arena_fini(&arena);
}

static void decode(const struct valve_type *type, const struct bytes *bytes, void *value)
{
    size_t taken = 0;
    int r = valve_value_decode(type, &limits, bytes->data, bytes->size, &arena, value, &taken,
                               &error);

    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_uint_eq(taken, bytes->size);
}

/* What comes of the value is these bytes. */
static void expect_bytes(const struct valve_type *type, const void *value,
                         const struct bytes *bytes)
{
    struct valve_bytes encoded;
    int r = valve_value_encode(type, &limits, value, &arena, &encoded, &error);

    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_uint_eq(encoded.size, bytes->size);
    ck_assert_mem_eq(encoded.data, bytes->data, bytes->size);
}

static void expect_text(struct valve_text text, const char *expected)
{
    ck_assert_uint_eq(text.size, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.size);
}

/* ---- Graphs ---- */

/* x -> y -> x, and y -> y; both bear the same label. */
#define NODES                                                                                      \
    "65 6e6f646573 82 a2 65 6564676573 81 01 65 6c6162656c 00"                                     \
    "                 a2 65 6564676573 82 00 01 65 6c6162656c 00"
#define CYCLE "a3 " NODES "65 726f6f7473 81 00 66 6c6162656c73 81 61 78"

START_TEST(a_cyclic_graph_travels)
{
    struct bytes bytes = from_hex(CYCLE);
    struct graph_digraph graph;
    const struct graph_node *x, *y;

    decode(&graph_digraph_type, &bytes, &graph);
    ck_assert_uint_eq(graph.nodes.count, 2);
    x = graph_nodes_at(&graph.nodes, graph.roots.items[0]);
    y = graph_nodes_at(&graph.nodes, x->edges.items[0]);
    ck_assert_ptr_ne(x, y);
    ck_assert_ptr_eq(graph_nodes_at(&graph.nodes, y->edges.items[0]), x);
    ck_assert_ptr_eq(graph_nodes_at(&graph.nodes, y->edges.items[1]), y);
    ck_assert_ptr_eq(graph_labels_at(&graph.labels, x->label),
                     graph_labels_at(&graph.labels, y->label));
    expect_text(*graph_labels_at(&graph.labels, x->label), "x");
    expect_bytes(&graph_digraph_type, &graph, &bytes);
}
END_TEST

START_TEST(an_edge_into_nothing_is_not_sent)
{
    static const uint64_t edges[] = {0, 1};
    static const struct graph_node node = {.edges = {edges, 2}};
    static const struct valve_text label = {"x", 1};
    const struct graph_digraph graph = {.labels = {&label, 1}, .nodes = {&node, 1}};
    struct valve_bytes encoded = {NULL, 7};

    ck_assert_int_eq(
        valve_value_encode(&graph_digraph_type, &limits, &graph, &arena, &encoded, &error),
        -EINVAL);
    ck_assert_str_eq(error.text, "nodes[0].edges[1]: index 1 is outside of nodes, which has 1");
    ck_assert_uint_eq(encoded.size, 7);
}
END_TEST

/* ---- Maps, floats, anything ---- */

START_TEST(a_map_is_sorted_and_searched)
{
    /* {"b": 2, "aa": 3, "a": 1} */
    struct bytes bytes = from_hex("a3 61 62 02 62 6161 03 61 61 01");
    struct bytes sorted = from_hex("a3 61 61 01 61 62 02 62 6161 03");
    struct zoo_uint_map map;

    decode(&zoo_uint_map_type, &bytes, &map);
    ck_assert_uint_eq(*zoo_uint_map_find(&map, valve_text("aa")), 3);
    ck_assert_uint_eq(*zoo_uint_map_find(&map, valve_text("a")), 1);
    ck_assert_ptr_null(zoo_uint_map_find(&map, valve_text("")));
    ck_assert_ptr_null(zoo_uint_map_find(&map, valve_text("c")));
    expect_bytes(&zoo_uint_map_type, &map, &sorted);
}
END_TEST

START_TEST(a_map_of_nil_is_a_set)
{
    struct bytes bytes = from_hex("a2 60 f6 61 61 f6");
    struct zoo_nil_map set;

    decode(&zoo_nil_map_type, &bytes, &set);
    ck_assert(zoo_nil_map_has(&set, valve_text("")));
    ck_assert(zoo_nil_map_has(&set, valve_text("a")));
    ck_assert(!zoo_nil_map_has(&set, valve_text("b")));
    expect_bytes(&zoo_nil_map_type, &set, &bytes);
}
END_TEST

START_TEST(a_folder_holds_folders)
{
    /* {"a": {"Folder": {"b": {"File": 7}}}, "l": {"Link": {}}} */
    struct bytes bytes = from_hex(
        "a2 61 61 a1 66 466f6c646572 a1 61 62 a1 64 46696c65 07 61 6c a1 64 4c696e6b a0");
    struct zoo_folder folder;
    const struct zoo_entry *entry;

    decode(&zoo_folder_type, &bytes, &folder);
    entry = zoo_folder_find(&folder, valve_text("a"));
    ck_assert_int_eq(entry->kind, ZOO_ENTRY_FOLDER);
    entry = zoo_folder_find(&entry->folder, valve_text("b"));
    ck_assert_uint_eq(entry->file, 7);
    entry = zoo_folder_find(&folder, valve_text("l"));
    ck_assert_int_eq(entry->kind, ZOO_ENTRY_LINK);
    ck_assert_ptr_null(zoo_entry_map_find(&entry->link, valve_text("a")));
    expect_bytes(&zoo_folder_type, &folder, &bytes);
}
END_TEST

START_TEST(json_is_told_apart_by_its_heads)
{
    /* {"n": null, "b": true, "f": 1.5, "t": "", "l": [1.0e300, {}]} */
    struct bytes bytes = from_hex(
        "a5 61 62 f5 61 66 f9 3e00 61 6c 82 fb 7e37e43c8800759c a0 61 6e f6 61 74 60");
    struct zoo_json json;
    const struct zoo_json *item;

    decode(&zoo_json_type, &bytes, &json);
    ck_assert_int_eq(json.kind, ZOO_JSON_MAP);
    ck_assert(zoo_json_map_find(&json.map, valve_text("b"))->bool_);
    ck_assert_double_eq(zoo_json_map_find(&json.map, valve_text("f"))->float64, 1.5);
    ck_assert_int_eq(zoo_json_map_find(&json.map, valve_text("n"))->kind, ZOO_JSON_NIL);
    ck_assert_uint_eq(zoo_json_map_find(&json.map, valve_text("t"))->text.size, 0);
    item = zoo_json_map_find(&json.map, valve_text("l"))->list.items;
    ck_assert_double_eq(item[0].float64, 1.0e300);
    ck_assert_int_eq(item[1].kind, ZOO_JSON_MAP);
    expect_bytes(&zoo_json_type, &json, &bytes);
}
END_TEST

START_TEST(anything_is_kept_as_it_came)
{
    /* [1(0), undefined], with a head that is longer than it must be */
    struct bytes bytes = from_hex("81 98 02 c1 00 f7");
    struct zoo_any_list things;

    decode(&zoo_any_list_type, &bytes, &things);
    ck_assert_uint_eq(things.count, 1);
    ck_assert_ptr_eq(things.items[0].data, bytes.data + 1);
    ck_assert_uint_eq(things.items[0].size, 5);
    expect_bytes(&zoo_any_list_type, &things, &bytes);
}
END_TEST

/* ---- What is refused, and where ---- */

#define ROOM  "a3 64 6e616d65 60 65 646f6f7273 80 67 62792d6e616d65 a1 61 61"
#define ROOMS "65 726f6f6d73 81 " ROOM

static const struct {
    const struct valve_type *type;
    const char *hex, *report;
} refusals[] = {
    {&graph_digraph_type, "a3 65 6e6f646573 80 65 726f6f7473 81 00 66 6c6162656c73 80",
     "roots[0]: index 0 is outside of nodes, which has 0"},
    {&graph_digraph_type,
     "a3 65 6e6f646573 81 a2 65 6564676573 82 00 01 65 6c6162656c 00 65 726f6f7473 80"
     "66 6c6162656c73 81 61 78",
     "nodes[0].edges[1]: index 1 is outside of nodes, which has 1"},
    {&graph_digraph_type,
     "a3 65 6e6f646573 81 a2 65 6564676573 80 65 6c6162656c 00 65 726f6f7473 80"
     "66 6c6162656c73 80",
     "nodes[0].label: index 0 is outside of labels, which has 0"},
    {&graph_digraph_type, "a3 65 6e6f646573 80 65 726f6f7473 81 20 66 6c6162656c73 80",
     "roots[0]: expected node-id, found a negative integer"},
    /* by-name of a room, in a map, leads to rooms */
    {&zoo_maze_type, "a3 65 646f6f7273 80 " ROOMS " 01 65 7374617274 00",
     "rooms[0].by-name.a: index 1 is outside of rooms, which has 1"},
    /* a door's lock has keys of its own */
    {&zoo_maze_type,
     "a3 65 646f6f7273 81 83 00 00 a2 64 6b657973 81 00 65 6f70656e73 81 01 " ROOMS
     " 00 65 7374617274 00",
     "doors[0].lock.opens[0]: index 1 is outside of keys, which has 1"},
    {&zoo_route_type, "84 80 81 83 00 00 f6 00 80",
     "[1][0].from: index 0 is outside of rooms, which has 0"},
    {&zoo_route_type, "84 81 " ROOM " 00 80 00 81 00",
     "[3][0]: index 0 is outside of doors, which has 0"},
    {&zoo_uint_map_type, "a2 61 61 01 61 61 02", "a: the key comes twice"},
    {&zoo_json_type, "82 f4 a1 61 6b 00", "[1].k: expected json, found an unsigned integer"},
};

START_TEST(refuses)
{
    struct bytes bytes = from_hex(refusals[_i].hex);
    alignas(max_align_t) uint8_t value[256];

    ck_assert_uint_le(refusals[_i].type->size, sizeof(value));
    ck_assert_int_eq(valve_value_decode(refusals[_i].type, &limits, bytes.data, bytes.size, &arena,
                                        value, NULL, &error),
                     -EBADMSG);
    ck_assert_str_eq(error.text, refusals[_i].report);
}
END_TEST

static Suite *cddl_values_suite(void)
{
    Suite *suite = suite_create("cddl_values");
    TCase *values = tcase_create("values");

    tcase_add_checked_fixture(values, begin, end);
    tcase_add_test(values, a_cyclic_graph_travels);
    tcase_add_test(values, an_edge_into_nothing_is_not_sent);
    tcase_add_test(values, a_map_is_sorted_and_searched);
    tcase_add_test(values, a_map_of_nil_is_a_set);
    tcase_add_test(values, a_folder_holds_folders);
    tcase_add_test(values, json_is_told_apart_by_its_heads);
    tcase_add_test(values, anything_is_kept_as_it_came);
    tcase_add_loop_test(values, refuses, 0, LENGTH(refusals));
    suite_add_tcase(suite, values);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(cddl_values_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
