/* SPDX-License-Identifier: MIT */
/*
 * The tables made at run time, held against those that valve-cddl wrote and the compiler laid out.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"
#include "cddl/compile.h"
#include "files.h"
#include "graph.h"
#include "tables/tables.h"
#include "zoo.h"

static struct cddl_pool pool;
static struct cddl_source source;
static struct cddl_schema schema;
static struct valve_tables tables;

/* Pairs of types that are being compared, or have been: types may lead back to themselves. */
static struct {
    const struct valve_type *made, *written;
} known[1000];
static unsigned known_count;

static void forget(void)
{
    cddl_pool_free(&pool);
    known_count = 0;
}

static void compile(void)
{
    if (!cddl_compile(&source, NULL, &schema)) {
        cddl_source_report(&source, stderr);
        ck_abort_msg("the schema is refused");
    }
    valve_tables_build(&schema, &tables);
}

static void compile_text(const char *text)
{
    cddl_source_init(&source, &pool, "t.cddl", text, strlen(text));
    compile();
}

/* A schema of the source tree. */
static void compile_file(const char *name)
{
    const char *root = getenv("srcdir");
    char path[2048];

    snprintf(path, sizeof(path), "%s/%s", root == NULL ? "." : root, name);
    ck_assert_msg(cddl_source_read(&source, &pool, path) == 0, "%s cannot be read", path);
    compile();
}

/* ---- Against generated tables ---- */

static void assert_same_type(const struct valve_type *made, const struct valve_type *written);

static void assert_same_member(const struct valve_member *made, const struct valve_member *written)
{
    ck_assert_str_eq(made->name, written->name);
    ck_assert_uint_eq(made->name_size, written->name_size);
    ck_assert_msg(made->offset == written->offset, "%s lies at %u, not at %u", made->name,
                  written->offset, made->offset);
    ck_assert_uint_eq(made->presence, written->presence);
    ck_assert_uint_eq(made->flags, written->flags);
    ck_assert_int_eq(made->type == NULL, written->type == NULL);
    if (made->type != NULL)
        assert_same_type(made->type, written->type);
}

static void assert_same_type(const struct valve_type *made, const struct valve_type *written)
{
    for (unsigned i = 0; i < known_count; i++)
        if (known[i].made == made && known[i].written == written)
            return;
    ck_assert_uint_lt(known_count, sizeof(known) / sizeof(known[0]));
    known[known_count].made = made;
    known[known_count++].written = written;
    ck_assert_str_eq(made->name, written->name);
    ck_assert_int_eq(made->shape, written->shape);
    ck_assert_uint_eq(made->flags, written->flags);
    ck_assert_msg(made->size == written->size, "%s has %u bytes, not %u", made->name, written->size,
                  made->size);
    ck_assert_uint_eq(made->alignment, written->alignment);
    ck_assert_uint_eq(made->least, written->least);
    ck_assert_uint_eq(made->count, written->count);
    ck_assert_uint_eq(made->low, written->low);
    ck_assert_uint_eq(made->high, written->high);
    for (unsigned i = 0; i < made->count; i++)
        assert_same_member(&made->members[i], &written->members[i]);
}

/* What is written of a method. */
struct method {
    const char *name;
    const struct valve_type *reply, *item;
};

/* Between them the methods lead to all types of the schema. */
static void assert_same_schema(const char *file, const struct valve_type *request,
                               const struct method *methods, unsigned count)
{
    compile_file(file);
    assert_same_type(tables.request, request);
    ck_assert_uint_eq(tables.method_count, count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_str_eq(tables.methods[i].name, methods[i].name);
        assert_same_type(tables.methods[i].reply, methods[i].reply);
        ck_assert_int_eq(tables.methods[i].item == NULL, methods[i].item == NULL);
        if (methods[i].item != NULL)
            assert_same_type(tables.methods[i].item, methods[i].item);
    }
    ck_assert_uint_eq(known_count, schema.type_count);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(tables_of_files_are_those_generated)
{
    static const struct method methods[] = {
        {"ListAll", &files_list_all_reply_type, NULL}, {"Size", &files_size_reply_type, NULL},
        {"Get", &files_get_reply_type, NULL},          {"Exists", &files_exists_reply_type, NULL},
        {"Del", &files_del_reply_type, NULL},
    };

    assert_same_schema("schema/files.cddl", &files_request_type, methods, COUNT(methods));
}
END_TEST

START_TEST(tables_of_calc_are_those_generated)
{
    static const struct method methods[] = {{"Eval", &calc_eval_reply_type, NULL}};

    assert_same_schema("schema/calc.cddl", &calc_request_type, methods, COUNT(methods));
}
END_TEST

START_TEST(tables_of_graphs_are_those_generated)
{
    static const struct method methods[] = {
        {"Reachable", &graph_reachable_reply_type, NULL},
        {"Components", &graph_components_reply_type, NULL},
    };

    assert_same_schema("schema/graph.cddl", &graph_request_type, methods, COUNT(methods));
}
END_TEST

START_TEST(tables_of_the_zoo_are_those_generated)
{
    static const struct method methods[] = {
        {"Ping", &zoo_ping_reply_type, NULL},
        {"Feed", &zoo_feed_reply_type, NULL},
        {"Delete", &zoo_delete_reply_type, NULL},
        {"Tree", &zoo_tree_reply_type, NULL},
        {"Pair", &zoo_pair_reply_type, NULL},
        {"Opts", &zoo_opts_reply_type, NULL},
        {"HTTPGet2", &zoo_http_get2_reply_type, NULL},
        {"Flag", &zoo_flag_reply_type, NULL},
        {"Sing", &zoo_sing_reply_type, &zoo_sing_item_type},
        {"Births", &zoo_births_reply_type, &zoo_animal_type},
        {"Tracks", &zoo_tracks_reply_type, &zoo_tracks_item_type},
        {"Steps", &zoo_steps_reply_type, &zoo_steps_item_type},
        {"Graze", &zoo_graze_reply_type, &zoo_meal_list_type},
        {"Bites", &zoo_bites_reply_type, &zoo_bool_type},
        {"Teeth", &zoo_teeth_reply_type, &zoo_teeth_item_type},
        {"Shout", &zoo_shout_reply_type, NULL},
        {"Call", &zoo_call_reply_type, NULL},
        {"while", &zoo_while_reply_type, NULL},
        {"Plot", &zoo_plot_reply_type, NULL},
        {"Ask", &zoo_ask_reply_type, &zoo_any_type},
        {"Look", &zoo_look_reply_type, &zoo_uint_map_type},
        {"Mark", &zoo_mark_reply_type, NULL},
        {"Walk", &zoo_walk_reply_type, NULL},
        {"Solve", &zoo_solve_reply_type, &zoo_maze_type},
    };

    assert_same_schema("tests/zoo.cddl", &zoo_request_type, methods, COUNT(methods));
}
END_TEST

/* ---- Finding ---- */

START_TEST(rules_are_found_by_name)
{
    compile_file("schema/files.cddl");
    assert_same_type(valve_tables_find_rule(&tables, "file"), &files_file_type);
    assert_same_type(valve_tables_find_rule(&tables, "path"), &files_path_type);
    ck_assert_str_eq(valve_tables_find_rule(&tables, "i64")->name, "i64");
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "files")); /* methods */
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "fail"));  /* of the replies only */
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "fil"));
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "tstr"));
}
END_TEST

START_TEST(methods_are_found_by_variant)
{
    const struct valve_tables_method *method;

    compile_file("schema/files.cddl");
    method = valve_tables_find_method(&tables, "Size.request", 4);
    ck_assert_str_eq(method->name, "Size");
    ck_assert_ptr_eq(method->request, valve_tables_find_rule(&tables, "path"));
    ck_assert_ptr_null(method->item);
    ck_assert(!method->one_way);
    ck_assert_ptr_null(valve_tables_find_method(&tables, "ListAll", 7)->request);
    ck_assert_ptr_null(valve_tables_find_method(&tables, "size", 4));
    ck_assert_ptr_null(valve_tables_find_method(&tables, "Siz", 3));
}
END_TEST

START_TEST(one_way_methods_are_marked)
{
    compile_file("tests/zoo.cddl");
    ck_assert(valve_tables_find_method(&tables, "Shout", 5)->one_way);
    ck_assert(valve_tables_find_method(&tables, "while", 5)->one_way);
    ck_assert(!valve_tables_find_method(&tables, "Sing", 4)->one_way);
}
END_TEST

/* A rule that is another name of a type is that type. */
START_TEST(other_names_of_a_type_are_found)
{
    static const char text[] = "t = [{\"A\" => a}, \"Ok\" / {\"Error\" => tstr}]\n"
                               "a = b\nb = {x: c}\nc = uint\n";

    compile_text(text);
    ck_assert_ptr_nonnull(valve_tables_find_rule(&tables, "a"));
    ck_assert_ptr_eq(valve_tables_find_rule(&tables, "a"), valve_tables_find_rule(&tables, "b"));
    ck_assert_int_eq(valve_tables_find_rule(&tables, "c")->shape, VALVE_SHAPE_UINT);
}
END_TEST

START_TEST(indices_without_their_table_are_not_found)
{
    compile_file("schema/graph.cddl");
    ck_assert_ptr_nonnull(valve_tables_find_rule(&tables, "digraph"));
    ck_assert_ptr_nonnull(valve_tables_find_rule(&tables, "labels"));
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "nodes"));
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "node"));
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "label-id"));
}
END_TEST

/* A rule that only lends its type to another, which limits it, is none. */
START_TEST(rules_without_values_are_not_found)
{
    static const char text[] = "t = [{\"A\" => a}, \"Ok\" / {\"Error\" => tstr}]\n"
                               "a = name .size 5\nname = bstr\n";

    compile_text(text);
    ck_assert_ptr_nonnull(valve_tables_find_rule(&tables, "a"));
    ck_assert_ptr_null(valve_tables_find_rule(&tables, "name"));
}
END_TEST

static Suite *tables_suite(void)
{
    Suite *suite = suite_create("tables");
    TCase *equal = tcase_create("equal"), *find = tcase_create("find");

    tcase_add_checked_fixture(equal, NULL, forget);
    tcase_add_test(equal, tables_of_files_are_those_generated);
    tcase_add_test(equal, tables_of_calc_are_those_generated);
    tcase_add_test(equal, tables_of_graphs_are_those_generated);
    tcase_add_test(equal, tables_of_the_zoo_are_those_generated);
    tcase_add_checked_fixture(find, NULL, forget);
    tcase_add_test(find, rules_are_found_by_name);
    tcase_add_test(find, methods_are_found_by_variant);
    tcase_add_test(find, one_way_methods_are_marked);
    tcase_add_test(find, other_names_of_a_type_are_found);
    tcase_add_test(find, indices_without_their_table_are_not_found);
    tcase_add_test(find, rules_without_values_are_not_found);
    suite_add_tcase(suite, equal);
    suite_add_tcase(suite, find);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(tables_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
