/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler finds all that is wrong in one run, shows where, and survives anything.
 */
#include "check_cddl.h"

#include <stdlib.h>
#include <string.h>

#include "cddl/compile.h"

/* ---- Running the compiler ---- */

struct run {
    struct cddl_pool pool;
    struct cddl_source source;
    struct cddl_schema schema;
    bool sound;
    char *report; /* what the user would see */
    size_t report_size;
};

static void run_begin(struct run *run, const char *text, size_t size, const char *name)
{
    FILE *stream;

    memset(run, 0, sizeof(*run));
    cddl_source_init(&run->source, &run->pool, "t.cddl", text, size);
    run->sound = cddl_compile(&run->source, name, &run->schema);
    stream = open_memstream(&run->report, &run->report_size);
    ck_assert_ptr_nonnull(stream);
    cddl_source_report(&run->source, stream);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert(run->sound == (run->report_size == 0));
}

static void run_end(struct run *run)
{
    free(run->report);
    cddl_pool_free(&run->pool);
}

/* Compiles, and writes the C if there is no problem. */
static bool survives(const char *text, size_t size)
{
    struct cddl_output header = {0}, tables = {0};
    struct run run;
    bool sound;

    run_begin(&run, text, size, NULL);
    sound = run.sound;
    if (sound) {
        cddl_generate(&run.schema, "t.cddl", "t.h", &header, &tables);
        ck_assert_uint_gt(header.size, 0);
        ck_assert_uint_gt(tables.size, 0);
    }
    run_end(&run);
    return sound;
}

static char *read_schema(const char *name, size_t *ret_size)
{
    const char *directory = getenv("VALVE_SOURCE");
    char path[1024], *text = malloc(CDDL_MAX_SOURCE);
    FILE *stream;

    snprintf(path, sizeof(path), "%s/schema/%s", directory == NULL ? "." : directory, name);
    stream = fopen(path, "r");
    ck_assert_msg(stream != NULL, "cannot open %s", path);
    ck_assert_ptr_nonnull(text);
    *ret_size = fread(text, 1, CDDL_MAX_SOURCE, stream);
    fclose(stream);
    return text;
}

void expect_report(const char *schema, const char *report)
{
    struct run run;

    run_begin(&run, schema, strlen(schema), "t");
    ck_assert_str_eq(run.report, report);
    run_end(&run);
}

/* ---- Places ---- */

/* Of every kind: words, names, types, alternatives, methods, annotations. */
START_TEST(finds_all_problems_in_one_run)
{
    static const char text[] = "t = [{\"A\" => a}, \"Ok\"]\n"
                               "a = [b, c, tstr / tstr, d, e, f]\n"
                               "b = #6\n"
                               "d = {x: 2..1, y: [a, e], \"y\": []}\n"
                               "e = 0..9 ;@index d\n"
                               "f = {* tstr => d, z: {f: f}}\n";
    static const size_t places[][2] = {{1, 18}, {2, 9},  {2, 19}, {3, 5},
                                       {4, 9},  {4, 26}, {5, 18}, {6, 6}};
    struct run run;

    run_begin(&run, text, strlen(text), "t");
    ck_assert_uint_eq(run.source.problem_count, 8);
    for (unsigned i = 0; i < 8; i++) {
        size_t offset = run.source.problems[i].span.offset;

        ck_assert_uint_eq(cddl_source_line(&run.source, offset), places[i][0]);
        ck_assert_uint_eq(cddl_source_column(&run.source, offset), places[i][1]);
    }
    run_end(&run);
}
END_TEST

START_TEST(shows_tabs_and_crlf_as_they_are_meant)
{
    static const char schema[] = "t = [\"A\",\r\n\t\"Ok\" / fail]\r\n";
    struct run run;

    run_begin(&run, schema, strlen(schema), "t");
    ck_assert_str_eq(run.report, "t.cddl:2:9: the name fail is not defined\n"
                                 "    \t\"Ok\" / fail]\n"
                                 "    \t       ^~~~\n");
    run_end(&run);
}
END_TEST

START_TEST(shows_a_window_of_a_long_line)
{
    char schema[1200];
    struct run run;

    memset(schema, ' ', sizeof(schema));
    memcpy(schema, "t = [\"A\",", 9);
    memcpy(schema + 1000, "nope]", 5);
    run_begin(&run, schema, sizeof(schema), "t");
    ck_assert_uint_lt(run.report_size, 400);
    ck_assert_ptr_nonnull(strstr(run.report, "t.cddl:1:1001: the name nope is not defined\n"));
    ck_assert_ptr_nonnull(strstr(run.report, " nope]"));
    run_end(&run);
}
END_TEST

START_TEST(counts_problems_that_are_not_shown)
{
    char *schema = NULL;
    size_t size;
    FILE *stream = open_memstream(&schema, &size);
    struct run run;

    ck_assert_ptr_nonnull(stream);
    fputs("t = [\"A\", {\"Error\" => tstr}]\n", stream);
    for (int i = 0; i < 150; i++)
        fprintf(stream, "r%d = tstr\n", i);
    fclose(stream);
    run_begin(&run, schema, size, "t");
    ck_assert_ptr_nonnull(strstr(run.report, "t.cddl: 50 more problems are not shown\n"));
    run_end(&run);
    free(schema);
}
END_TEST

/* ---- Memory ---- */

static bool is_zero(const char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i] != 0)
            return false;
    return true;
}

START_TEST(a_pool_that_is_reset_is_as_new)
{
    enum { LARGE = 200000 };
    struct cddl_pool pool = {0};

    cddl_pool_reset(&pool);
    for (unsigned round = 0; round < 3; round++) {
        char *first = cddl_pool_alloc(&pool, 1000, 60);
        const char *text = cddl_pool_print(&pool, "%0*d", 6000, 7); /* begun in what is left */
        char *last = cddl_pool_alloc(&pool, LARGE, 1);

        ck_assert(is_zero(first, 60000) && is_zero(last, LARGE));
        ck_assert_uint_eq(strlen(text), 6000);
        memset(first, 'x', 60000);
        memset(last, 'x', LARGE);
        cddl_pool_reset(&pool);
    }
    cddl_pool_free(&pool);
}
END_TEST

/* ---- Anything may come ---- */

static const char *const schemas[] = {"files.cddl", "calc.cddl", "graph.cddl"};

START_TEST(survives_truncation)
{
    size_t size;
    char *text = read_schema(schemas[_i], &size);

    ck_assert(survives(text, size));
    for (size_t cut = 0; cut < size; cut++) {
        char *part = malloc(cut + 1); /* of its own, so that reading behind its end is seen */

        ck_assert_ptr_nonnull(part);
        memcpy(part, text, cut);
        survives(part, cut);
        free(part);
    }
    free(text);
}
END_TEST

START_TEST(survives_mutation)
{
    static const char bytes[] = {'\0', ' ', '"', '\'', '\\', '/',  '=',    '>', '.', '*',
                                 '+',  '?', '-', ':',  ';',  ',',  '(',    ')', '[', ']',
                                 '{',  '}', '0', '9',  'a',  '\n', '\377', '$', '#'};
    size_t size;
    char *text = read_schema(schemas[_i], &size);

    for (size_t i = 0; i < size; i++) {
        char kept = text[i];

        for (size_t k = 0; k < 7; k++) { /* other bytes at each place */
            text[i] = bytes[(7 * i + k) % sizeof(bytes)];
            survives(text, size);
        }
        text[i] = kept;
    }
    free(text);
}
END_TEST

/* Short schemas that would take long, or much stack, if nothing bounded them. */
static void put_chain(FILE *stream, const char *format, unsigned count, const char *end)
{
    for (unsigned i = 0; i < count; i++)
        fprintf(stream, format, i, i + 1, i + 1);
    fprintf(stream, end, count);
}

static const struct {
    const char *start, *link, *end;
    unsigned count;
} chains[] = {
    {"t = a0\n", "a%u = a%u / a%u\n", "a%u = [\"A\", {\"Error\" => tstr}]\n", 40},
    {"t = [\"A\", a0]\n", "a%u = a%u / a%u\n", "a%u = {\"Error\" => tstr}\n", 40},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = [a%u, a%u]\n", "a%u = tstr\n", 990},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = {x: [a%u] / nil}\n", "a%u = tstr\n", 660},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = [a%u]\n", "a%u = [a0, * tstr]\n", 990},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = [[[a%u]]]\n", "a%u = tstr\n", 999},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = a%u\n", "a%u = a0\n", 990},
    {"t = [{\"A\" => [", "%u, ", "%u]}, {\"Error\" => tstr}]\n", 2000},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = a%u / a%u\n", "a%u = tstr\n", 990},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = {* tstr => a%u}\n", "a%u = tstr\n", 990},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = {* a%u => a%u}\n", "a%u = a0\n", 990},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = [t%u, * n%u]\n", "a%u = tstr\n", 400},
    {"t = [{\"A\" => uint}, {\"Error\" => tstr}]", " ;@index %u", "", 2000},
    {"t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", "a%u = uint;@index a%u\n", "", 999},
};

START_TEST(stays_within_bounds)
{
    char *schema = NULL;
    size_t size;
    FILE *stream = open_memstream(&schema, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(chains[_i].start, stream);
    put_chain(stream, chains[_i].link, chains[_i].count, chains[_i].end);
    fclose(stream);
    survives(schema, size);
    free(schema);
}
END_TEST

/* 20 arrays, each of two of the one before it: 2^20 texts, by value. */
START_TEST(refuses_values_that_fill_the_memory)
{
    char *schema = NULL;
    size_t size;
    FILE *stream = open_memstream(&schema, &size);
    struct run run;

    ck_assert_ptr_nonnull(stream);
    fputs("t = [{\"A\" => a0}, {\"Error\" => tstr}]\n", stream);
    put_chain(stream, "a%u = [a%u, a%u]\n", 20, "a%u = [tstr]\n");
    fclose(stream);
    run_begin(&run, schema, size, "t");
    ck_assert_str_eq(run.report, "t.cddl:5:6: a value of this takes more than 1048576 bytes in C: "
                                 "hold parts of it in lists\n"
                                 "    a3 = [a4, a4]\n"
                                 "         ^~~~~~~~\n");
    run_end(&run);
    free(schema);
}
END_TEST

START_TEST(refuses_deep_brackets)
{
    char schema[1000] = "t = [\"A\", ";
    struct run run;

    memset(schema + strlen(schema), '[', 500);
    run_begin(&run, schema, strlen(schema), "t");
    ck_assert_ptr_nonnull(strstr(run.report, "brackets nest too deep: give the inner types names"));
    run_end(&run);
}
END_TEST

START_TEST(refuses_long_schemas)
{
    char *schema = malloc(CDDL_MAX_SOURCE + 1);
    struct run run;

    ck_assert_ptr_nonnull(schema);
    memset(schema, '\n', CDDL_MAX_SOURCE + 1);
    run_begin(&run, schema, CDDL_MAX_SOURCE + 1, "t");
    ck_assert_ptr_nonnull(strstr(run.report, "a schema has at most 262144 bytes"));
    run_end(&run);
    free(schema);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static Suite *cddl_suite(void)
{
    Suite *suite = suite_create("cddl");
    TCase *places = tcase_create("places");
    TCase *anything = tcase_create("anything");

    tcase_add_test(places, finds_all_problems_in_one_run);
    tcase_add_test(places, shows_tabs_and_crlf_as_they_are_meant);
    tcase_add_test(places, shows_a_window_of_a_long_line);
    tcase_add_test(places, counts_problems_that_are_not_shown);
    tcase_add_test(places, a_pool_that_is_reset_is_as_new);
    tcase_add_loop_test(anything, survives_truncation, 0, COUNT(schemas));
    tcase_add_loop_test(anything, survives_mutation, 0, COUNT(schemas));
    tcase_add_loop_test(anything, stays_within_bounds, 0, COUNT(chains));
    tcase_add_test(anything, refuses_values_that_fill_the_memory);
    tcase_add_test(anything, refuses_deep_brackets);
    tcase_add_test(anything, refuses_long_schemas);
    tcase_set_timeout(anything, 120);
    suite_add_tcase(suite, places);
    suite_add_tcase(suite, anything);
    add_refusal_tests(suite);
    add_method_tests(suite);
    add_graph_tests(suite);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(cddl_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
