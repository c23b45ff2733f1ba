/* SPDX-License-Identifier: MIT */
/*
 * Graphs: an index that names nothing is refused, wherever it stands, in bytes and in values.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

/* ---- A graph, with indices in every shape ----------------------------------------------------- */

struct ids {
    const uint64_t *items;
    size_t count;
};

struct node {
    struct ids edges;
};

struct nodes {
    const struct node *items;
    size_t count;
};

struct name {
    struct valve_text key;
    uint64_t value;
};

struct names {
    const struct name *items;
    size_t count;
};

enum mark_kind { MARK_NONE, MARK_AT, MARK_FAR };

struct mark {
    enum mark_kind kind;
    union {
        uint64_t at, far;
    };
};

enum first_kind { FIRST_ID, FIRST_NIL };

struct first {
    enum first_kind kind;
    uint64_t id;
};

struct graph {
    struct nodes nodes;
    struct ids roots;
    bool has_inner, has_names, has_first, has_mark;
    const struct graph *inner;
    struct names names;
    struct first first;
    struct mark mark;
};

static const struct valve_type nodes_type;

static const struct valve_member node_id_members[] = {{TABLE_NAME("nodes"), .type = &nodes_type}};
static const struct valve_type node_id_type = {.name = "node-id",
                                               .shape = VALVE_SHAPE_UINT,
                                               .flags = VALVE_TYPE_INDEX | VALVE_TYPE_EDGES,
                                               TABLE_SIZES(uint64_t),
                                               .least = 1,
                                               .high = UINT64_MAX,
                                               TABLE_MEMBERS(node_id_members)};

static const struct valve_member ids_members[] = {{TABLE_NAME("node-id"), .type = &node_id_type}};
static const struct valve_type ids_type = {.name = "a list of node-id",
                                           .shape = VALVE_SHAPE_LIST,
                                           .flags = VALVE_TYPE_EDGES,
                                           TABLE_SIZES(struct ids),
                                           .least = 1,
                                           TABLE_MEMBERS(ids_members)};

static const struct valve_member node_members[] = {
    {TABLE_NAME("edges"), .type = &ids_type, .offset = offsetof(struct node, edges)},
};
static const struct valve_type node_type = {.name = "node",
                                            .shape = VALVE_SHAPE_STRUCT,
                                            .flags = VALVE_TYPE_EDGES,
                                            TABLE_SIZES(struct node),
                                            .least = 8,
                                            TABLE_MEMBERS(node_members)};

static const struct valve_member nodes_members[] = {{TABLE_NAME("node"), .type = &node_type}};
static const struct valve_type nodes_type = {.name = "a list of node",
                                             .shape = VALVE_SHAPE_LIST,
                                             .flags = VALVE_TYPE_TABLE | VALVE_TYPE_EDGES,
                                             TABLE_SIZES(struct nodes),
                                             .least = 1,
                                             TABLE_MEMBERS(nodes_members)};

static const struct valve_member name_members[] = {
    {TABLE_NAME("key"), .type = &text_type, .offset = offsetof(struct name, key)},
    {TABLE_NAME("value"), .type = &node_id_type, .offset = offsetof(struct name, value)},
};
static const struct valve_type name_type = {.name = "a name",
                                            .shape = VALVE_SHAPE_TUPLE,
                                            .flags = VALVE_TYPE_EDGES,
                                            TABLE_SIZES(struct name),
                                            .least = 3,
                                            TABLE_MEMBERS(name_members)};
static const struct valve_member names_members[] = {{TABLE_NAME("name"), .type = &name_type}};
static const struct valve_type names_type = {.name = "names",
                                             .shape = VALVE_SHAPE_MAP,
                                             .flags = VALVE_TYPE_EDGES,
                                             TABLE_SIZES(struct names),
                                             .least = 1,
                                             TABLE_MEMBERS(names_members)};

static const struct valve_member mark_members[] = {
    {TABLE_NAME("None")},
    {TABLE_NAME("At"), .type = &node_id_type, .offset = offsetof(struct mark, at)},
    {TABLE_NAME("Far"), .type = &uint_type, .offset = offsetof(struct mark, far)},
};
static const struct valve_type mark_type = {.name = "mark",
                                            .shape = VALVE_SHAPE_SUM,
                                            .flags = VALVE_TYPE_EDGES,
                                            TABLE_SIZES(struct mark),
                                            .least = 5,
                                            TABLE_MEMBERS(mark_members)};

static const struct valve_member first_members[] = {
    {TABLE_NAME("id"), .type = &node_id_type, .offset = offsetof(struct first, id)},
    {TABLE_NAME("nil"), .type = &nil_type, .offset = offsetof(struct first, id)},
};
static const struct valve_type first_type = {.name = "first",
                                             .shape = VALVE_SHAPE_CHOICE,
                                             .flags = VALVE_TYPE_EDGES,
                                             TABLE_SIZES(struct first),
                                             .least = 1,
                                             TABLE_MEMBERS(first_members)};

static const struct valve_type graph_type;

static const struct valve_member graph_members[] = {
    {TABLE_NAME("mark"), .type = &mark_type, .offset = offsetof(struct graph, mark),
     .presence = offsetof(struct graph, has_mark), .flags = VALVE_MEMBER_OPTIONAL},
    {TABLE_NAME("first"), .type = &first_type, .offset = offsetof(struct graph, first),
     .presence = offsetof(struct graph, has_first), .flags = VALVE_MEMBER_OPTIONAL},
    {TABLE_NAME("inner"), .type = &graph_type, .offset = offsetof(struct graph, inner),
     .presence = offsetof(struct graph, has_inner),
     .flags = VALVE_MEMBER_OPTIONAL | VALVE_MEMBER_BOXED},
    {TABLE_NAME("names"), .type = &names_type, .offset = offsetof(struct graph, names),
     .presence = offsetof(struct graph, has_names), .flags = VALVE_MEMBER_OPTIONAL},
    {TABLE_NAME("nodes"), .type = &nodes_type, .offset = offsetof(struct graph, nodes)},
    {TABLE_NAME("roots"), .type = &ids_type, .offset = offsetof(struct graph, roots)},
};
static const struct valve_type graph_type = {.name = "graph",
                                             .shape = VALVE_SHAPE_STRUCT,
                                             .flags = VALVE_TYPE_EDGES,
                                             TABLE_SIZES(struct graph),
                                             .least = 15,
                                             TABLE_MEMBERS(graph_members)};

/* [nodes, node-id], without names */
struct rooted {
    struct nodes nodes;
    uint64_t root;
};
static const struct valve_member rooted_members[] = {
    {.type = &nodes_type, .offset = offsetof(struct rooted, nodes)},
    {.type = &node_id_type, .offset = offsetof(struct rooted, root)},
};
static const struct valve_type rooted_type = {.name = "nodes and their root",
                                              .shape = VALVE_SHAPE_TUPLE,
                                              .flags = VALVE_TYPE_EDGES,
                                              TABLE_SIZES(struct rooted),
                                              .least = 3,
                                              TABLE_MEMBERS(rooted_members)};

/* {? nodes, root} */
struct sparse {
    bool has_nodes;
    struct nodes nodes;
    uint64_t root;
};
static const struct valve_member sparse_members[] = {
    {TABLE_NAME("root"), .type = &node_id_type, .offset = offsetof(struct sparse, root)},
    {TABLE_NAME("nodes"), .type = &nodes_type, .offset = offsetof(struct sparse, nodes),
     .presence = offsetof(struct sparse, has_nodes), .flags = VALVE_MEMBER_OPTIONAL},
};
static const struct valve_type sparse_type = {.name = "a sparse one",
                                              .shape = VALVE_SHAPE_STRUCT,
                                              .flags = VALVE_TYPE_EDGES,
                                              TABLE_SIZES(struct sparse),
                                              .least = 7,
                                              TABLE_MEMBERS(sparse_members)};

/* {"Graph" => graph} / {"Count" => uint} */
struct message {
    unsigned kind;
    union {
        struct graph graph;
        uint64_t count;
    };
};
static const struct valve_member message_members[] = {
    {TABLE_NAME("Graph"), .type = &graph_type, .offset = offsetof(struct message, graph)},
    {TABLE_NAME("Count"), .type = &uint_type, .offset = offsetof(struct message, count)},
};
static const struct valve_type message_type = {.name = "a message",
                                               .shape = VALVE_SHAPE_SUM,
                                               .flags = VALVE_TYPE_EDGES,
                                               TABLE_SIZES(struct message),
                                               .least = 8,
                                               TABLE_MEMBERS(message_members)};

#define NODES     "656e6f646573"
#define ROOTS     "65726f6f7473"
#define NODE(ids) "a1 656564676573" ids

/* Two nodes, each of which leads to the other. */
#define CYCLE NODES "82" NODE("8101") NODE("8100")

/* ---- Bytes ------------------------------------------------------------------------------------ */

static struct valve_arena arena;
static struct valve_error error;
static struct bytes input;
static union {
    struct graph graph;
    struct rooted rooted;
    struct sparse sparse;
    struct node node;
    struct message message;
} value;

static void set_up(void)
{
    valve_arena_init(&arena, NULL, 0, 65536);
    memset(&error, 0, sizeof error);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

static int decode(const struct valve_type *type, const char *hex)
{
    struct valve_cursor cursor;

    input = from_hex(hex);
    cursor = (struct valve_cursor){input.data, input.data + input.size};
    return valve_decode(type, &cursor, &arena, &value, &error);
}

static const struct {
    const struct valve_type *type;
    const char *hex;
} sound[] = {
    {&graph_type, "a2" CYCLE ROOTS "820001"},
    {&graph_type, "a2" ROOTS "8101" CYCLE}, /* the table may come later */
    {&graph_type, "a2" NODES "80" ROOTS "80"},
    {&graph_type, "a4 656669727374 01 656e616d6573 a26161006162 01" CYCLE ROOTS "80"},
    {&graph_type, "a4 646d61726b a1624174 01 656669727374 f6" CYCLE ROOTS "80"},
    {&graph_type, "a3 646d61726b a163466172 1863" CYCLE ROOTS "80"}, /* that is no index */
    {&graph_type, "a3 646d61726b 644e6f6e65" CYCLE ROOTS "80"},
    /* each graph counts in its own table */
    {&graph_type, "a3 65696e6e6572 a2" NODES "81" NODE("80") ROOTS "8100" CYCLE ROOTS "8101"},
    {&rooted_type, "82 81" NODE("8100") "00"},
    {&sparse_type, "a2 64726f6f74 00" NODES "81" NODE("80")},
    {&message_type, "a1654772617068 a2" CYCLE ROOTS "820001"},
    {&message_type, "a165436f756e74 1863"},
    /* parts of a whole, which has the table */
    {&node_type, NODE("820709")},
    {&nodes_type, "81" NODE("8107")},
    {&node_id_type, "07"},
};

START_TEST(sound_graphs_pass)
{
    struct bytes again;
    size_t size;

    ck_assert_msg(decode(sound[_i].type, sound[_i].hex) == 0, "%s", error.text);
    ck_assert_int_eq(
        valve_encode_within(sound[_i].type, &value, 9, again.data, BYTES_MAX, &size, &error), 0);
    ck_assert_uint_eq(size, input.size);
}
END_TEST

static const struct {
    const struct valve_type *type;
    const char *hex;
    const char *words;
} unsound[] = {
    {&graph_type, "a2" CYCLE ROOTS "820007", "roots[1]: index 7 is outside of nodes, which has 2"},
    {&graph_type, "a2" CYCLE ROOTS "8102", "roots[0]: index 2 is outside of nodes, which has 2"},
    {&graph_type, "a2" NODES "80" ROOTS "8100",
     "roots[0]: index 0 is outside of nodes, which has 0"},
    {&graph_type, "a2" NODES "82" NODE("80") NODE("83000102") ROOTS "80",
     "nodes[1].edges[2]: index 2 is outside of nodes, which has 2"},
    {&graph_type, "a2" CYCLE ROOTS "811bffffffffffffffff",
     "roots[0]: index 18446744073709551615 is outside of nodes, which has 2"},
    {&graph_type, "a4 656669727374 02 656e616d6573 a0" CYCLE ROOTS "80",
     "first: index 2 is outside of nodes, which has 2"},
    {&graph_type, "a3 656e616d6573 a26161006162 03" CYCLE ROOTS "80",
     "names.b: index 3 is outside of nodes, which has 2"},
    {&graph_type, "a3 646d61726b a1624174 02" CYCLE ROOTS "80",
     "mark.At: index 2 is outside of nodes, which has 2"},
    {&graph_type, "a3 65696e6e6572 a2" NODES "81" NODE("80") ROOTS "8101" CYCLE ROOTS "8101",
     "inner.roots[0]: index 1 is outside of nodes, which has 1"},
    {&rooted_type, "82 81" NODE("80") "01",
     "[1]: index 1 is outside of a list of node, which has 1"},
    {&rooted_type, "82 81" NODE("8101") "00",
     "[0][0].edges[0]: index 1 is outside of a list of node, which has 1"},
    {&sparse_type, "a1 64726f6f74 00", "root: index 0 is outside of nodes, which has 0"},
    {&message_type, "a1654772617068 a2" CYCLE ROOTS "8105",
     "Graph.roots[0]: index 5 is outside of nodes, which has 2"},
};

START_TEST(unsound_graphs_are_refused)
{
    ck_assert_int_eq(decode(unsound[_i].type, unsound[_i].hex), -EBADMSG);
    ck_assert_str_eq(error.text, unsound[_i].words);
}
END_TEST

/* ---- Values ----------------------------------------------------------------------------------- */

static uint64_t ends[] = {1, 0};
static const struct node cycle[] = {{{&ends[0], 1}}, {{&ends[1], 1}}};

START_TEST(values_are_checked_too)
{
    uint64_t roots[] = {0, 1};
    struct message message = {0, {{.nodes = {cycle, 2}, .roots = {roots, 2}}}};
    uint8_t nowhere;
    size_t size = 77;

    ck_assert_int_eq(valve_encoded_size(&message_type, &message, 9, &size), 0);
    ck_assert_int_eq(valve_encoded_arm_size(&message_type, 0, &message.graph, 9, &size), 0);
    roots[1] = 2;
    size = 77;
    ck_assert_int_eq(valve_encode_within(&message_type, &message, 9, &nowhere, 0, &size, &error),
                     -EINVAL);
    ck_assert_str_eq(error.text, "Graph.roots[1]: index 2 is outside of nodes, which has 2");
    memset(&error, 0, sizeof error);
    ck_assert_int_eq(
        valve_encode_arm_within(&message_type, 0, &message.graph, 9, &nowhere, 0, &size, &error),
        -EINVAL);
    ck_assert_str_eq(error.text, "Graph.roots[1]: index 2 is outside of nodes, which has 2");
    ck_assert_int_eq(valve_encoded_size(&message_type, &message, 9, &size), -EINVAL);
    ck_assert_uint_eq(size, 77);
}
END_TEST

/* A graph that goes round in circles is no deeper than its tables. */
START_TEST(a_large_cycle)
{
    enum { COUNT = 10000 };
    static uint64_t next[COUNT];
    static struct node nodes[COUNT];
    struct graph graph = {.nodes = {nodes, COUNT}, .roots = {next, COUNT}};
    size_t size;

    for (size_t i = 0; i < COUNT; i++) {
        next[i] = (i + 1) % COUNT;
        nodes[i].edges = (struct ids){&next[i], 1};
    }
    ck_assert_int_eq(valve_encoded_size(&graph_type, &graph, 4, &size), 0);
    next[COUNT - 1] = COUNT;
    ck_assert_int_eq(valve_encoded_size(&graph_type, &graph, 4, &size), -EINVAL);
}
END_TEST

static Suite *edges_suite(void)
{
    Suite *suite = suite_create("edges");
    TCase *tcase = tcase_create("edges");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, sound_graphs_pass, 0, LENGTH(sound));
    tcase_add_loop_test(tcase, unsound_graphs_are_refused, 0, LENGTH(unsound));
    tcase_add_test(tcase, values_are_checked_too);
    tcase_add_test(tcase, a_large_cycle);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(edges_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
