/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler on graphs: annotations, what they may stand behind, and the proof that every
 * index is inside a value that holds its table.
 */
#include "check_cddl.h"

#include <string.h>

#include "cddl/compile.h"

/* A service about g. */
#define GRAPH(x) "t = [{\"A\" => g}, fail]\n" FAIL x "\n"

/* ---- What is refused ---- */

#define UNKNOWN   "a comment that begins with @ is an annotation: ;@index TABLE is the one there is\n"
#define ONE_TABLE "@index names one table: ;@index TABLE\n"
#define MISPLACED "an annotation stands behind a rule, in the line where the rule ends\n"
#define NO_INDEX  "an index is an unsigned integer of its own: uint, or a range from 0 on\n"
#define OUTSIDE(table, at)                                                                         \
    "this leads to an index into " table " (" at ") outside of any map or array that has " table   \
    " as a member\n"

#define ENDLESS(rule) "no value of " rule " ends: each one holds another\n"

static const struct {
    const char *schema, *report;
} refusals[] = {
    /* The annotation */
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@idx nodes"),
     AT("5:12: " UNKNOWN "    id = uint ;@idx nodes\n"
        "               ^~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@ index nodes"),
     AT("5:12: " UNKNOWN "    id = uint ;@ index nodes\n"
        "               ^")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index"),
     AT("5:12: " ONE_TABLE "    id = uint ;@index\n"
        "               ^~~~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes and more"),
     AT("5:12: " ONE_TABLE "    id = uint ;@index nodes and more\n"
        "               ^~~~~~~~~~~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes ;@index nodes"),
     AT("5:12: " ONE_TABLE "    id = uint ;@index nodes ;@index nodes\n"
        "               ^~~~~~~~~~~~~~~~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint\n"
           "  ; @index nodes"),
     AT("6:5: " MISPLACED "      ; @index nodes\n"
        "        ^~~~~~~~~~~~")},
    {GRAPH("g = {\n"
           "  nodes: nodes, ;@index nodes\n"
           "  at: id }\n"
           "nodes = [* tstr]\n"
           "id = uint"),
     AT("4:18: " MISPLACED "      nodes: nodes, ;@index nodes\n"
        "                     ^~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ; @index nods"),
     AT("5:20: the table nods is not defined\n"
        "    id = uint ; @index nods\n"
        "                       ^~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = {* tstr => tstr}\n"
           "id = uint ;@index nodes"),
     AT("5:19: the table nodes is not a list [* T]\n"
        "    id = uint ;@index nodes\n"
        "                      ^~~~~")},
    {GRAPH("g = [nodes, id]\n"
           "nodes = \"X\" / \"Y\"\n"
           "id = uint ;@index nodes"),
     AT("5:19: the table nodes is not a list [* T]\n"
        "    id = uint ;@index nodes\n"
        "                      ^~~~~")},
    /* What is an index */
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = int ;@index nodes"),
     AT("5:6: " NO_INDEX "    id = int ;@index nodes\n"
        "         ^~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = tstr .size 8 ;@index nodes"),
     AT("5:6: " NO_INDEX "    id = tstr .size 8 ;@index nodes\n"
        "         ^~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = -1..5 ;@index nodes"),
     AT("5:6: " NO_INDEX "    id = -1..5 ;@index nodes\n"
        "         ^~~~~")},
    {GRAPH("g = {nodes: nodes, at: id} ;@index nodes\n"
           "nodes = [* tstr]\n"
           "id = uint"),
     AT("3:5: " NO_INDEX "    g = {nodes: nodes, at: id} ;@index nodes\n"
        "        ^~~~~~~~~~~~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, at: e}\n"
           "nodes = [* tstr]\n"
           "e = id ;@index nodes\n"
           "id = uint ;@index nodes"),
     AT("5:5: " NO_INDEX "    e = id ;@index nodes\n"
        "        ^~")},
    {GRAPH("g = {nodes: nodes, at: \"X\" / id}\n"
           "nodes = [* tstr]\n"
           "id = \"Y\" / \"Z\" ;@index nodes"),
     AT("5:6: " NO_INDEX "    id = \"Y\" / \"Z\" ;@index nodes\n"
        "         ^~~~~~~~~")},
    /* What holds a table */
    {GRAPH("g = {? nodes: nodes, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes"),
     AT("3:8: the table nodes must not be optional\n"
        "    g = {? nodes: nodes, at: id}\n"
        "           ^~~~~")},
    {GRAPH("g = [nodes, id, more: nodes]\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes"),
     AT("3:17: the table nodes stands twice: an index could mean either\n"
        "    g = [nodes, id, more: nodes]\n"
        "                    ^~~~")},
    {GRAPH("g = {nodes: nodes / nil, at: id}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes"),
     AT("1:7: " OUTSIDE("nodes", "line 3, column 26") "    t = [{\"A\" => g}, fail]\n"
                                                      "          ^~~")},
    {GRAPH("g = {* tstr => nodes}\n"
           "nodes = [* [id]]\n"
           "id = uint ;@index nodes"),
     AT("1:7: " OUTSIDE("nodes", "line 4, column 13") "    t = [{\"A\" => g}, fail]\n"
                                                      "          ^~~")},
    {GRAPH("g = {h: [nodes], at: {x: id}}\n"
           "nodes = [* tstr]\n"
           "id = uint ;@index nodes"),
     AT("1:7: " OUTSIDE("nodes", "line 3, column 23") "    t = [{\"A\" => g}, fail]\n"
                                                      "          ^~~")},
    {GRAPH("g = [nodes, id, {\"x\" => e}]\n"
           "nodes = [* {e: id, f: f}]\n"
           "f = [edges, e]\n"
           "edges = [* id]\n"
           "id = uint ;@index nodes\n"
           "e = uint ;@index edges"),
     AT("1:7: " OUTSIDE("edges", "line 3, column 18") "    t = [{\"A\" => g}, fail]\n"
                                                      "          ^~~")},
    /* Every way in */
    {"t = [{\"A\" => g}, {\"Id\" => id} / {\"Ids\" => [* id]} / {\"Nodes\" => nodes} / {\"Gs\" => [* g]} / fail]\n"
     "  / [{\"B\" => {* tstr => id / nil}}, * [g, id], fail]\n"
     "fail = {\"Error\" => tstr}\n"
     "g = {nodes: nodes, at: id}\n"
     "nodes = [* {x: id}]\n"
     "id = uint ;@index nodes\n",
     AT("1:19: " OUTSIDE(
         "nodes",
         "line 1, column 19") "    t = [{\"A\" => g}, {\"Id\" => id} / {\"Ids\" => [* id]} / {\"Nodes\" => nodes} / {\"Gs\" => [* g]} / fail]\n"
                              "                      ^~~~")
         AT("1:34: " OUTSIDE(
             "nodes",
             "line 1, column 46") "    t = [{\"A\" => g}, {\"Id\" => id} / {\"Ids\" => [* id]} / {\"Nodes\" => nodes} / {\"Gs\" => [* g]} / fail]\n"
                                  "                                     ^~~~~")
             AT("1:54: " OUTSIDE(
                 "nodes",
                 "line 5, column 13") "     [{\"A\" => g}, {\"Id\" => id} / {\"Ids\" => [* id]} / {\"Nodes\" => nodes} / {\"Gs\" => [* g]} / fail]\n"
                                      "                                                      ^~~~~~~")
                 AT("2:7: " OUTSIDE(
                     "nodes",
                     "line 2, column 25") "      / [{\"B\" => {* tstr => id / nil}}, * [g, id], fail]\n"
                                          "          ^~~")
                     AT("2:7: " OUTSIDE(
                         "nodes",
                         "line 2, column 43") "      / [{\"B\" => {* tstr => id / nil}}, * [g, id], fail]\n"
                                              "          ^~~")},
    /* No end: an index needs an element, which is another such value */
    {GRAPH("g = {nodes: nodes, at: id}\n"
           "nodes = [* [g]]\n"
           "id = uint ;@index nodes"),
     AT("3:5: " ENDLESS("g") "    g = {nodes: nodes, at: id}\n"
                             "        ^~~~~~~~~~~~~~~~~~~~~~")},
    {GRAPH("g = {nodes: nodes, ends: ends, at: {\"From\" => id}}\n"
           "nodes = [* [from: end]]\n"
           "id = uint ;@index nodes\n"
           "ends = [* g]\n"
           "end = uint ;@index ends"),
     AT("3:5: " ENDLESS("g") "    g = {nodes: nodes, ends: ends, at: {\"From\" => id}}\n"
                             "        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~")},
};

START_TEST(refuses_graph)
{
    expect_report(refusals[_i].schema, refusals[_i].report);
}
END_TEST

/* ---- What is understood ---- */

static struct cddl_pool pool;
static struct cddl_source source;
static struct cddl_schema schema;

static void compile(const char *text)
{
    cddl_source_init(&source, &pool, "t.cddl", text, strlen(text));
    if (!cddl_compile(&source, "t", &schema)) {
        cddl_source_report(&source, stderr);
        ck_abort_msg("the schema is refused");
    }
}

static void forget(void)
{
    cddl_pool_free(&pool);
}

static const struct cddl_type *find_type(const char *tag)
{
    const struct cddl_type *type = schema.types;

    while (type != NULL && strcmp(type->tag, tag) != 0)
        type = type->next;
    ck_assert_msg(type != NULL, "no type is called %s", tag);
    return type;
}

START_TEST(an_index_has_a_table)
{
    const struct cddl_type *number, *limit, *table;

    compile(GRAPH("g = {nodes: nodes, at: id, n: uint, m: less}\n"
                  "nodes = all\n"
                  "all = [* {next: less}]\n"
                  "id = uint ; the first\t;@index nodes\n"
                  "less = 0...100\t;\t@index  all \t\r"));
    number = find_type("t_g")->members[1].type;
    limit = find_type("t_less");
    table = find_type("t_all");
    ck_assert(!number->is_index); /* what stands in a comment is a comment */
    ck_assert_ptr_null(number->table);
    ck_assert(limit->is_index && table->is_table);
    ck_assert_ptr_eq(limit->table, table);
    ck_assert_uint_eq(limit->high, 99);
}
END_TEST

/* The same number elsewhere is a number. */
START_TEST(an_index_is_a_type_of_its_own)
{
    const struct cddl_type *index, *members;

    compile(GRAPH("g = [nodes, id, uint, alias, [* id], [* uint]]\nnodes = [* tstr]\n"
                  "id = uint ;@index nodes\nalias = id"));
    index = find_type("t_id");
    members = find_type("t_g");
    ck_assert(index->is_index);
    ck_assert_str_eq(index->name, "id");
    ck_assert_ptr_eq(members->members[1].type, index);
    ck_assert_ptr_eq(members->members[2].type, find_type("t_uint"));
    ck_assert_ptr_eq(members->members[3].type, index);
    ck_assert_ptr_eq(members->members[4].type->members[0].type, index);
    ck_assert_ptr_eq(members->members[5].type->members[0].type, find_type("t_uint"));
}
END_TEST

/* Types of a service that hold edges, and some that do not. */
static const struct {
    const char *tag;
    bool edges;
} edges[] = {
    {"t_id", true},     {"t_node", true},   {"t_nodes", true},   {"t_g", true},
    {"t_id_map", true}, {"t_sum", true},    {"t_request", true}, {"t_a_reply", false},
    {"t_text", false},  {"t_names", false}, {"t_plain", false},
};

START_TEST(what_holds_an_edge_is_known)
{
    compile(GRAPH("g = {nodes: nodes, names: names, plain: plain, by: {* tstr => id}}\n"
                  "nodes = [* node]\nnode = [sum, name]\nsum = {\"Id\" => id} / \"None\"\n"
                  "names = [* tstr]\nplain = {name: tstr, up: plain / nil}\n"
                  "id = uint ;@index nodes\nname = uint ;@index names"));
    ck_assert_int_eq(find_type(edges[_i].tag)->has_edges, edges[_i].edges);
}
END_TEST

/* Schemas in which each index has its table around it. */
static const char *const sound[] = {
    /* tables in tables, one in the other, each in its own scope */
    GRAPH("g = {nodes: nodes, at: id}\nnodes = [* {sub: g / nil, to: [* id]}]\n"
          "id = uint ;@index nodes"),
    /* indices of two tables, each into the other */
    GRAPH("g = [a, b]\na = [* in-b]\nb = [* in-a]\nin-a = uint ;@index a\n"
          "in-b = uint ;@index b"),
    /* a table whose elements are indices into it */
    GRAPH("g = {up: up}\nup = [* parent / nil]\nparent = uint ;@index up"),
    /* a table without an index is a list */
    GRAPH("g = [* g1]\ng1 = {nodes: nodes, ? first: id}\nnodes = [* tstr]\n"
          "id = uint ;@index nodes"),
    /* a table in several arms, of which a value has one */
    GRAPH("g = {\"A\" => names} / {\"B\" => names} / {\"C\" => g3}\ng3 = [names, id]\n"
          "names = [* tstr]\nid = uint ;@index names"),
    /* through maps, sums and choices */
    GRAPH("g = {nodes: nodes, m: {* tstr => {\"X\" => id} / {\"Y\" => [* id / nil]}}}\n"
          "nodes = [* g2]\ng2 = {? of: id, ? kids: [* g2]}\nid = uint ;@index nodes"),
    /* a table that leads back to its holder: it may be empty, or an element may do without */
    GRAPH("g = {nodes: nodes, ? at: id}\nnodes = [* [g]]\nid = uint ;@index nodes"),
    GRAPH("g = {nodes: nodes, at: id / nil}\nnodes = [* [g]]\nid = uint ;@index nodes"),
    GRAPH("g = {nodes: nodes, at: id}\nnodes = [* [g / nil]]\nid = uint ;@index nodes"),
};

START_TEST(accepts_graph)
{
    compile(sound[_i]);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

void add_graph_tests(Suite *suite)
{
    TCase *graphs = tcase_create("graphs");

    tcase_add_checked_fixture(graphs, NULL, forget);
    tcase_add_loop_test(graphs, refuses_graph, 0, COUNT(refusals));
    tcase_add_test(graphs, an_index_has_a_table);
    tcase_add_test(graphs, an_index_is_a_type_of_its_own);
    tcase_add_loop_test(graphs, what_holds_an_edge_is_known, 0, COUNT(edges));
    tcase_add_loop_test(graphs, accepts_graph, 0, COUNT(sound));
    suite_add_tcase(suite, graphs);
}
