/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler refuses what is outside the subset, in so many words, and survives anything.
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

/* ---- Diagnostics: schema and report, word for word ---- */

#define FAIL    "fail = {\"Error\" => tstr}\n"
#define WITH(x) "t = [{\"A\" => a}, \"Ok\" / fail]\n" FAIL "a = " x "\n"
#define AT(x)   "t.cddl:" x "\n"

static const struct {
    const char *schema, *report;
} refusals[] = {
    /* Words */
    {WITH("[tstr, 1.5]"), AT("3:12: floating-point literals are not in the subset\n"
                             "    a = [tstr, 1.5]\n"
                             "               ^~~")},
    {WITH("0..99999999999999999999"), AT("3:8: this number does not fit into 64 bits\n"
                                         "    a = 0..99999999999999999999\n"
                                         "           ^~~~~~~~~~~~~~~~~~~~")},
    {WITH("0..007"), AT("3:8: a number does not begin with 0\n"
                        "    a = 0..007\n"
                        "           ^~~")},
    {WITH("0..1z"), AT("3:8: a number ends in something that is no digit\n"
                       "    a = 0..1z\n"
                       "           ^~")},
    {WITH("0..0x"), AT("3:8: digits are missing in this number\n"
                       "    a = 0..0x\n"
                       "           ^~")},
    {WITH("{ab: \"x"), AT("3:10: this text does not end: a \" is missing in its line\n"
                          "    a = {ab: \"x\n"
                          "             ^~")},
    {WITH("\"x\\n\""), AT("3:5: escapes in text are not in the subset\n"
                          "    a = \"x\\n\"\n"
                          "        ^~~~~")},
    {WITH("h'00'"), AT("3:5: literals of bytes are not in the subset\n"
                       "    a = h'00'\n"
                       "        ^~~~~")},
    {WITH("b64'AA'"), AT("3:5: literals of bytes are not in the subset\n"
                         "    a = b64'AA'\n"
                         "        ^~~~~~~")},
    {WITH("#6.1(tstr)"), AT("3:5: tags and major types (#) are not in the subset\n"
                            "    a = #6.1(tstr)\n"
                            "        ^~~~")},
    {WITH("&(x: 1)"), AT("3:5: enumerations of groups (&) are not in the subset\n"
                         "    a = &(x: 1)\n"
                         "        ^")},
    {WITH("~t"), AT("3:5: unwrapping (~) is not in the subset\n"
                    "    a = ~t\n"
                    "        ^")},
    {WITH("{\"x\" ^ => tstr}"), AT("3:10: cuts (^) are not in the subset: keys are always cut\n"
                                   "    a = {\"x\" ^ => tstr}\n"
                                   "             ^")},
    {WITH("b<tstr>"), AT("3:6: generic rules (<...>) are not in the subset\n"
                         "    a = b<tstr>\n"
                         "         ^") AT("3:11: generic rules (<...>) are not in the subset\n"
                                          "    a = b<tstr>\n"
                                          "              ^")},
    {WITH("$x"), AT("3:5: sockets ($name) are not in the subset\n"
                    "    a = $x\n"
                    "        ^~")},
    {WITH("tstr .regexp \"x\""), AT("3:10: of the control operators only .size is in the subset\n"
                                    "    a = tstr .regexp \"x\"\n"
                                    "             ^~~~~~~")},
    {WITH("tstr // bstr"),
     AT("3:10: group choices (//) are not in the subset: choose between types\n"
        "    a = tstr // bstr\n"
        "             ^~")},
    {WITH("tstr\na /= bstr"),
     AT("4:3: a rule cannot be extended (/=) in the subset: write it whole\n"
        "    a /= bstr\n"
        "      ^~")},
    {WITH("[\303\274, tstr]"), AT("3:6: no word of CDDL begins with this character\n"
                                  "    a = [\303\274, tstr]\n"
                                  "         ^")},
    /* Grammar */
    {"", AT("1:1: the schema has no rule\n"
            "    \n"
            "    ^")},
    {"= tstr", AT("1:1: a rule should begin here: name = type\n"
                  "    = tstr\n"
                  "    ^") AT("1:1: the schema has no rule\n"
                              "    = tstr\n"
                              "    ^")},
    {WITH("[tstr"), AT("3:5: this bracket is not closed\n"
                       "    a = [tstr\n"
                       "        ^")},
    {WITH("[tstr\nb = tstr"), AT("3:5: this bracket is not closed\n"
                                 "    a = [tstr\n"
                                 "        ^")},
    {WITH("(tstr"), AT("4:1: a parenthesis is not closed\n"
                       "    \n"
                       "    ^")},
    {WITH("(x: tstr)"), AT("3:7: parentheses hold one type; groups are not in the subset\n"
                           "    a = (x: tstr)\n"
                           "          ^")},
    {WITH("\nb = tstr"), AT("4:1: a type is missing before this rule\n"
                            "    b = tstr\n"
                            "    ^")},
    {WITH("tstr /"), AT("4:1: the schema ends where a type should stand\n"
                        "    \n"
                        "    ^")},
    {WITH("{x: }"), AT("3:9: a type should stand here\n"
                       "    a = {x: }\n"
                       "            ^")},
    {WITH("tstr bstr"),
     AT("3:10: the rule has ended before this: a / or the next rule should follow\n"
        "    a = tstr bstr\n"
        "             ^~~~")},
    {WITH("tstr\n5 = bstr"), AT("4:1: the name of a rule should stand here\n"
                                "    5 = bstr\n"
                                "    ^")},
    {WITH("[1*3 tstr]"), AT("3:6: bounded repetition (n*m) is not in the subset: write [* T]\n"
                            "    a = [1*3 tstr]\n"
                            "         ^")},
    {WITH("[*3 tstr]"), AT("3:6: bounded repetition (n*m) is not in the subset: write [* T]\n"
                           "    a = [*3 tstr]\n"
                           "         ^")},
    {WITH("{1 => tstr}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                             "    a = {1 => tstr}\n"
                             "         ^")},
    {WITH("tstr\na = bstr"), AT("4:1: a is defined twice, first in line 3\n"
                                "    a = bstr\n"
                                "    ^")},
    /* Names */
    {WITH("[pth]"), AT("3:6: the name pth is not defined\n"
                       "    a = [pth]\n"
                       "         ^~~")},
    {WITH("1..max..x"),
     AT("3:8: max..x is one name in CDDL, and not defined: a range needs blanks around ..\n"
        "    a = 1..max..x\n"
        "           ^~~~~~")},
    {WITH("text"), AT("3:5: text of CDDL's prelude is not in the subset: write tstr\n"
                      "    a = text\n"
                      "        ^~~~")},
    {WITH("tstr\nuint = tstr"), AT("4:1: uint is a name of CDDL's prelude\n"
                                   "    uint = tstr\n"
                                   "    ^~~~")},
    {WITH("tstr\nb = [c]\nc = tstr"),
     AT("4:1: b is not used: the service does not lead to it\n"
        "    b = [c]\n"
        "    ^") AT("5:1: c is not used: the service does not lead to "
                    "it\n"
                    "    c = tstr\n"
                    "    ^")},
    /* Types */
    {WITH("any"), AT("3:5: values of type any are not supported in this version\n"
                     "    a = any\n"
                     "        ^~~")},
    {WITH("float64"), AT("3:5: values of type float64 are not supported in this version\n"
                         "    a = float64\n"
                         "        ^~~~~~~")},
    {WITH("{* tstr => uint}"),
     AT("3:6: maps from any text to a type ({* tstr => T}) are not supported in this version\n"
        "    a = {* tstr => uint}\n"
        "         ^~~~~~~~~~~~~~")},
    {WITH("{+ x: uint}"), AT("3:6: of a map's entries only * tstr => any may be repeated\n"
                             "    a = {+ x: uint}\n"
                             "         ^~~~~~~~~")},
    {WITH("{* tstr => any, x: uint}"), AT("3:6: * tstr => any must stand last\n"
                                          "    a = {* tstr => any, x: uint}\n"
                                          "         ^~~~~~~~~~~~~")},
    {WITH("{* tstr => any}"), AT("3:5: C has nothing to keep of this: it holds no value but nil\n"
                                 "    a = {* tstr => any}\n"
                                 "        ^~~~~~~~~~~~~~~")},
    {WITH("{x: nil}"), AT("3:5: C has nothing to keep of this: it holds no value but nil\n"
                          "    a = {x: nil}\n"
                          "        ^~~~~~~~")},
    {WITH("{tstr}"), AT("3:6: an entry of a map needs a key; groups are not in the subset\n"
                        "    a = {tstr}\n"
                        "         ^~~~")},
    {WITH("{tstr => uint}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                                "    a = {tstr => uint}\n"
                                "         ^~~~")},
    {WITH("{x: uint,\n     \"x\" => int}"), AT("4:6: the key \"x\" stands twice, first in line 3\n"
                                               "         \"x\" => int}\n"
                                               "         ^~~")},
    {WITH("[+ tstr]"),
     AT("3:6: an array in the subset is a list [* T] or has a fixed number of elements\n"
        "    a = [+ tstr]\n"
        "         ^~~~~~")},
    {WITH("[tstr, ? uint]"),
     AT("3:12: an array in the subset is a list [* T] or has a fixed number of elements\n"
        "    a = [tstr, ? uint]\n"
        "               ^~~~~~")},
    {WITH("[]"), AT("3:5: this holds nothing: it must have an entry\n"
                    "    a = []\n"
                    "        ^~")},
    {WITH("[* nil]"), AT("3:5: a list of nil says no more than its length\n"
                         "    a = [* nil]\n"
                         "        ^~~~~~~")},
    {WITH("{\"gr\303\274n\": tstr, x: pth}"),
     AT("3:6: no C name can be made of \"gr\303\274n\": letters A to Z, digits and - _ . are what "
        "it may have\n"
        "    a = {\"gr\303\274n\": tstr, x: pth}\n"
        "         ^~~~~~") AT("3:23: the name pth is not defined\n"
                              "    a = {\"gr\303\274n\": tstr, x: pth}\n"
                              "                          ^~~")},
    {WITH("{\"-\": tstr}"), AT("3:6: no C name can be made of \"-\": it has no letter\n"
                               "    a = {\"-\": tstr}\n"
                               "         ^~~")},
    /* Numbers and sizes */
    {WITH("4..2"), AT("3:5: this range ends below its start\n"
                      "    a = 4..2\n"
                      "        ^~~~")},
    {WITH("4...4"), AT("3:5: this range holds no number\n"
                       "    a = 4...4\n"
                       "        ^~~~~")},
    {WITH("-1..9223372036854775808"),
     AT("3:5: a range with negative numbers must fit into 64 bits with sign: "
        "-9223372036854775808..9223372036854775807\n"
        "    a = -1..9223372036854775808\n"
        "        ^~~~~~~~~~~~~~~~~~~~~~~")},
    {WITH("1 .. n\nn = tstr"), AT("3:10: an integer should stand here\n"
                                  "    a = 1 .. n\n"
                                  "             ^")},
    {WITH("int .size 3"), AT("3:5: .size goes with tstr, bstr and uint only\n"
                             "    a = int .size 3\n"
                             "        ^~~")},
    {WITH("tstr .size -3"), AT("3:16: a size is not negative\n"
                               "    a = tstr .size -3\n"
                               "                   ^~")},
    {WITH("uint .size 9"), AT("3:16: the size of an integer is 1 to 8 bytes\n"
                              "    a = uint .size 9\n"
                              "                   ^")},
    /* Choices */
    {WITH("\"X\" / {\"X\" => tstr}"),
     AT("3:12: the variant \"X\" stands twice in a sum, first in line 3\n"
        "    a = \"X\" / {\"X\" => tstr}\n"
        "               ^~~")},
    {WITH("\"X\" / nil"), AT("3:5: a variant beside types that are none: make the sum a rule and "
                             "choose between its name and them\n"
                             "    a = \"X\" / nil\n"
                             "        ^~~")},
    {WITH("tstr / 1 / 2"),
     AT("3:16: this alternative begins as another before it does (unsigned integer): nothing "
        "tells them apart\n"
        "    a = tstr / 1 / 2\n"
        "                   ^")},
    {WITH("bool / nil"),
     AT("3:12: this alternative begins as another before it does (simple value): nothing tells "
        "them apart\n"
        "    a = bool / nil\n"
        "               ^~~")},
    {WITH("b / tstr\nb = \"X\" / {\"Y\" => uint}"),
     AT("3:9: this alternative begins as another before it does (text): nothing tells them "
        "apart\n"
        "    a = b / tstr\n"
        "            ^~~~")},
    /* Recursion */
    {WITH("b\nb = a"), AT("4:5: a leads back to itself with no array or map between\n"
                          "    b = a\n"
                          "        ^")},
    {WITH("a / nil"), AT("3:5: this choice leads back to itself with no array or map between\n"
                         "    a = a / nil\n"
                         "        ^~~~~~~")},
    {WITH("\"X\" / a"), AT("3:11: a leads back to itself with no array or map between\n"
                           "    a = \"X\" / a\n"
                           "              ^")},
    {WITH("[a, tstr]"), AT("3:5: no value of a ends: each one holds another\n"
                           "    a = [a, tstr]\n"
                           "        ^~~~~~~~~")},
    {WITH("{\"X\" => a} / {\"Y\" => [a]}"), AT("3:5: no value of a ends: each one holds another\n"
                                               "    a = {\"X\" => a} / {\"Y\" => [a]}\n"
                                               "        ^~~~~~~~~~~~~~~~~~~~~~~~~")},
    /* The service */
    {"u = [\"A\", \"Ok\" / fail]\n" FAIL,
     AT("1:1: the first rule is the service and is named as the file: t\n"
        "    u = [\"A\", \"Ok\" / fail]\n"
        "    ^")},
    /* Names in C */
    {WITH("{? x: tstr, has-x: bool}"),
     AT("3:17: its name in C, t_a.has_x, is already that of line 3, column 8: rename one of "
        "them\n"
        "    a = {? x: tstr, has-x: bool}\n"
        "                    ^~~~~")},
    {WITH("{\"kind\" => tstr} / \"X\""),
     AT("3:6: its name in C, t_a.kind, is already that of line 3, column 5: rename one of them\n"
        "    a = {\"kind\" => tstr} / \"X\"\n"
        "         ^~~~~~")},
};

void expect_report(const char *schema, const char *report)
{
    struct run run;

    run_begin(&run, schema, strlen(schema), "t");
    ck_assert_str_eq(run.report, report);
    run_end(&run);
}

START_TEST(refuses)
{
    expect_report(refusals[_i].schema, refusals[_i].report);
}
END_TEST

/* ---- Places ---- */

START_TEST(finds_all_problems_in_one_run)
{
    static const char schema[] = "t = [{\"A\" => a}, \"Ok\"]\n"
                                 "a = [b, c]\n"
                                 "b = #6\n"
                                 "d = 2..1\n";
    struct run run;
    size_t lines[8] = {0};

    run_begin(&run, schema, strlen(schema), "t");
    ck_assert_uint_eq(run.source.problem_count, 3);
    for (unsigned i = 0; i < run.source.problem_count; i++)
        lines[i] = cddl_source_line(&run.source, run.source.problems[i].span.offset);
    ck_assert_uint_eq(lines[0], 1);
    ck_assert_uint_eq(lines[1], 2);
    ck_assert_uint_eq(lines[2], 3);
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

/* ---- Anything may come ---- */

static const char *const schemas[] = {"files.cddl", "calc.cddl"};

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
    TCase *refusal = tcase_create("refusals");
    TCase *places = tcase_create("places");
    TCase *anything = tcase_create("anything");

    tcase_add_loop_test(refusal, refuses, 0, COUNT(refusals));
    tcase_add_test(places, finds_all_problems_in_one_run);
    tcase_add_test(places, shows_tabs_and_crlf_as_they_are_meant);
    tcase_add_test(places, shows_a_window_of_a_long_line);
    tcase_add_test(places, counts_problems_that_are_not_shown);
    tcase_add_loop_test(anything, survives_truncation, 0, COUNT(schemas));
    tcase_add_loop_test(anything, survives_mutation, 0, COUNT(schemas));
    tcase_add_loop_test(anything, stays_within_bounds, 0, COUNT(chains));
    tcase_add_test(anything, refuses_deep_brackets);
    tcase_add_test(anything, refuses_long_schemas);
    tcase_set_timeout(anything, 120);
    suite_add_tcase(suite, refusal);
    suite_add_tcase(suite, places);
    suite_add_tcase(suite, anything);
    add_method_tests(suite);
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
