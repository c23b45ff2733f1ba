/* SPDX-License-Identifier: MIT */
/*
 * What the schema compiler makes of schemas: types, their bounds and sizes, and how they lie in C.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cddl/compile.h"

/* ---- Schemas in memory ---- */

#define FAIL "fail = {\"Error\" => tstr}\n"

static struct cddl_pool pool;
static struct cddl_source source;
static struct cddl_schema schema;

static void compile(const char *text)
{
    cddl_pool_free(&pool);
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

/* The type of `a` in a service that is about it. */
static const struct cddl_type *type_of(const char *definition)
{
    char text[1000];

    snprintf(text, sizeof(text), "t = [{\"A\" => a}, \"Ok\" / fail]\n" FAIL "a = %s\n", definition);
    compile(text);
    ck_assert_ptr_nonnull(schema.methods->request);
    return schema.methods->request;
}

static const struct {
    const char *definition;
    enum cddl_shape shape;
    uint64_t low, high, least;
} scalars[] = {
    {"uint", CDDL_UINT, 0, UINT64_MAX, 1},
    {"int", CDDL_INT, (uint64_t)INT64_MIN, INT64_MAX, 1},
    {"bool", CDDL_BOOL, 0, 0, 1},
    {"tstr", CDDL_TEXT, 0, UINT64_MAX, 1},
    {"bstr", CDDL_BYTES, 0, UINT64_MAX, 1},
    {"float64", CDDL_FLOAT, 0, 0, 3}, /* f9 0000 */
    {"any", CDDL_ANYTHING, 0, 0, 1},
    {"7", CDDL_UINT, 7, 7, 1},
    {"0..0xFF", CDDL_UINT, 0, 255, 1},
    {"24...256", CDDL_UINT, 24, 255, 2},
    {"65536..18446744073709551615", CDDL_UINT, 65536, UINT64_MAX, 5},
    {"-1..1", CDDL_INT, (uint64_t)-1, 1, 1},
    {"-300..-25", CDDL_INT, (uint64_t)-300, (uint64_t)-25, 2},
    {"-3...-1", CDDL_INT, (uint64_t)-3, (uint64_t)-2, 1},
    {"-9223372036854775808..0", CDDL_INT, (uint64_t)INT64_MIN, 0, 1},
    {"1 .. most\nmost = 0b101", CDDL_UINT, 1, 5, 1},
    {"uint .size 2", CDDL_UINT, 0, 65535, 1},
    {"uint .size 8", CDDL_UINT, 0, UINT64_MAX, 1},
    {"tstr .size 16", CDDL_TEXT, 16, 16, 17},
    {"bstr .size (24..64)", CDDL_BYTES, 24, 64, 26},
    {"tstr .size some\nsome = 2..3", CDDL_TEXT, 2, 3, 3},
    {"(b)\nb = c\nc = 1..2", CDDL_UINT, 1, 2, 1},
};

START_TEST(scalar_has_its_bounds)
{
    const struct cddl_type *type = type_of(scalars[_i].definition);

    ck_assert_int_eq(type->shape, scalars[_i].shape);
    ck_assert_uint_eq(type->low, scalars[_i].low);
    ck_assert_uint_eq(type->high, scalars[_i].high);
    ck_assert_uint_eq(type->least, scalars[_i].least);
}
END_TEST

/* The least size is that of the bytes in the comment. */
static const struct {
    const char *definition;
    enum cddl_shape shape;
    uint64_t least;
} compounds[] = {
    {"{x: uint, ? y: tstr}", CDDL_STRUCT, 4},                 /* a1 61 78 00 */
    {"[tstr, bool, nil]", CDDL_TUPLE, 4},                     /* 83 60 f4 f6 */
    {"[* [tstr, tstr]]", CDDL_LIST, 1},                       /* 80 */
    {"{* tstr => float64}", CDDL_MAP, 1},                     /* a0 */
    {"{* tstr => any}", CDDL_MAP, 1},                         /* a0 */
    {"{x: uint, * tstr => any}", CDDL_STRUCT, 4},             /* a1 61 78 00 */
    {"[any, float64]", CDDL_TUPLE, 5},                        /* 82 00 f9 0000 */
    {"nil / [any] / {* tstr => a}", CDDL_CHOICE, 1},          /* f6 */
    {"\"Long\" / {\"S\" => uint}", CDDL_SUM, 4},              /* a1 61 53 00 */
    {"\"Only\"", CDDL_SUM, 5},                                /* 64 4f6e6c79 */
    {"[tstr] / {x: nil, y: uint} / 24", CDDL_CHOICE, 2},      /* 81 60 */
    {"{\"N\" => int} / {\"Add\" => [a, a]}", CDDL_SUM, 4},    /* a1 61 4e 00 */
    {"{kids: [* a], ? up: a}", CDDL_STRUCT, 7},               /* a1 64 6b696473 80 */
    {"[b, b]\nb = [c, c]\nc = [tstr, tstr]", CDDL_TUPLE, 15}, /* 82 82 82 60 60 ... */
    {"{x: tstr .size 4294967290}", CDDL_STRUCT, UINT32_MAX},  /* as far as is counted */
};

START_TEST(compound_has_its_least_size)
{
    const struct cddl_type *type = type_of(compounds[_i].definition);

    ck_assert_int_eq(type->shape, compounds[_i].shape);
    ck_assert_uint_eq(type->least, compounds[_i].least);
}
END_TEST

/* Boxes of the members of t_a, as letters: B for a box. */
static const struct {
    const char *definition, *boxes;
} circles[] = {
    {"{x: uint, ? next: a}", "-B"},
    {"{x: b}\nb = {y: c}\nc = {? z: a}", "-"},
    {"{\"N\" => int} / {\"Neg\" => a} / {\"Many\" => [* a]}", "-B-"},
    {"{kids: [* a]}", "-"},
    {"{kids: {* tstr => a}, ? up: a}", "-B"},
    {"{m: b}\nb = {* tstr => c}\nc = {\"A\" => a} / {\"B\" => b}", "-"},
    {"{\"M\" => {* tstr => a}} / {\"A\" => a} / {\"F\" => float64}", "-B-"},
    {"{x: b, y: b}\nb = {? z: b}", "--"},
};

START_TEST(boxes_cut_circles)
{
    const struct cddl_type *type = type_of(circles[_i].definition);
    char boxes[10] = "";

    for (unsigned i = 0; i < type->count; i++)
        boxes[i] = type->members[i].boxed ? 'B' : '-';
    ck_assert_str_eq(boxes, circles[_i].boxes);
}
END_TEST

/* What is held by value is defined before what holds it. */
START_TEST(definitions_are_in_order)
{
    const struct cddl_type *type, *inner;

    type_of("{b: b, list: [* c], up: d / nil}\nb = {? a: a, c: c}\nc = {\"X\" => [a, a]} / \"Y\"\n"
            "d = {e: [* d], c: c, f: {* tstr => d}, g: {* tstr => {h: c}}}");
    for (type = schema.definitions; type != NULL; type = type->then) {
        for (unsigned i = 0; i < type->count && !cddl_is_sequence(type); i++) {
            if (type->members[i].boxed || cddl_is_void(&type->members[i]) ||
                !cddl_is_compound(type->members[i].type))
                continue;
            for (inner = schema.definitions; inner != type; inner = inner->then)
                if (inner == type->members[i].type)
                    break;
            ck_assert_msg(inner != type, "%s stands before %s, which it holds", type->tag,
                          type->members[i].type->tag);
        }
    }
}
END_TEST

START_TEST(sums_are_flattened_in_order)
{
    const struct cddl_type *type = type_of("\"P\" / b / {\"S\" => uint}\nb = \"Q\" / (c)\n"
                                           "c = {\"R\" => {x: uint}}");

    ck_assert_uint_eq(type->count, 4);
    ck_assert_str_eq(type->members[0].name, "P");
    ck_assert_str_eq(type->members[1].name, "Q");
    ck_assert_str_eq(type->members[2].name, "R");
    ck_assert_str_eq(type->members[3].name, "S");
    ck_assert_str_eq(type->members[2].type->tag, "t_c_r"); /* after the rule that it stands in */
}
END_TEST

/* A pair alone is a struct; what a name says of a sum stays a type beside nil. */
START_TEST(pairs_are_structs_outside_sums)
{
    ck_assert_int_eq(type_of("{\"X\" => uint}")->shape, CDDL_STRUCT);
    ck_assert_int_eq(type_of("b / nil\nb = \"X\" / {\"Y\" => uint}")->members[0].type->shape,
                     CDDL_SUM);
}
END_TEST

START_TEST(equal_lists_are_one_type)
{
    const struct cddl_type *type = type_of("{x: [* b], y: [* b], z: [* tstr]}\nb = {n: uint}");

    ck_assert_ptr_eq(type->members[0].type, type->members[1].type);
    ck_assert_str_eq(type->members[0].type->tag, "t_b_list");
    ck_assert_str_eq(type->members[2].type->tag, "t_text_list");
    ck_assert_ptr_eq(find_type("t_b_list")->members[0].type, find_type("t_b"));
}
END_TEST

START_TEST(equal_maps_are_one_type)
{
    const struct cddl_type *type = type_of("{u: {* tstr => b}, v: {* c => b}, w: {* d => b},\n"
                                           " x: {* tstr => [b]}}\n"
                                           "b = {n: uint}\nc = tstr\nd = tstr .size (1..9)");

    ck_assert_ptr_eq(type->members[0].type, type->members[1].type);
    ck_assert_str_eq(type->members[0].type->tag, "t_b_map");
    ck_assert_str_eq(type->members[2].type->tag, "t_a_w");
    ck_assert_str_eq(type->members[3].type->tag, "t_a_x");
    ck_assert_str_eq(find_type("t_a_x_value")->name, "array");
}
END_TEST

START_TEST(a_map_consists_of_pairs)
{
    const struct cddl_type *pair = type_of("{* tstr .size (2..4) => 24}")->members[0].type;

    ck_assert_str_eq(pair->tag, "t_a_entry");
    ck_assert_int_eq(pair->shape, CDDL_TUPLE);
    ck_assert_uint_eq(pair->count, 2);
    ck_assert_str_eq(pair->members[0].field, "key");
    ck_assert_uint_eq(pair->members[0].type->high, 4);
    ck_assert_str_eq(pair->members[1].field, "value");
    ck_assert_uint_eq(pair->least, 3 + 2); /* without a head of its own */
}
END_TEST

/* Only the table of an element without a name says so: C calls it by its place. */
START_TEST(elements_may_have_no_name)
{
    const struct cddl_type *type = type_of("[tstr, b: tstr, item2: tstr, tstr]");
    static const char *const fields[] = {"item0", "b", "item2", "item3"};

    for (unsigned i = 0; i < 4; i++) {
        ck_assert_str_eq(type->members[i].field, fields[i]);
        ck_assert(type->members[i].nameless == (i == 0 || i == 3));
    }
}
END_TEST

/* A size is put to a type that no value has then; it would be a table that nothing uses. */
START_TEST(types_that_nothing_uses_are_left_out)
{
    type_of("[bstr .size 4, id, nodes]\nid = uint .size 1 ;@index nodes\nnodes = [* tstr]");
    for (const struct cddl_type *type = schema.types; type != NULL; type = type->next) {
        ck_assert_str_ne(type->tag, "t_bytes");
        ck_assert_str_ne(type->tag, "t_uint");
        ck_assert_ptr_eq(type->next == NULL ? schema.last_type : type->next->previous, type);
    }
    find_type("t_text");
}
END_TEST

static const struct {
    const char *name, *word;
} words[] = {
    {"ListAll", "list_all"},
    {"HTTPGet", "http_get"},
    {"mtime", "mtime"},
    {"to-client", "to_client"},
    {"Sha256Sum", "sha256_sum"},
    {"x.y z", "x_y_z"},
    {"A", "a"},
    {"ID", "id"},
    {"tail_", "tail"},
    {"2nd", "_2nd"},
    {"a--b", "a_b"},
};

START_TEST(words_are_snake_case)
{
    compile("t = [\"A\", fail]\n" FAIL);
    ck_assert_str_eq(cddl_snake(&source, (struct cddl_span){0, 1}, words[_i].name), words[_i].word);
    ck_assert(cddl_source_sound(&source));
}
END_TEST

START_TEST(keywords_are_escaped)
{
    const struct cddl_type *type = type_of("{int: uint, ? default: tstr, union_: bool}");

    ck_assert_str_eq(type->members[0].field, "int_");
    ck_assert_str_eq(type->members[1].field, "default_");
    ck_assert_str_eq(type->members[1].word, "default");
    ck_assert_str_eq(type->members[2].field, "union_");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static Suite *cddl_output_suite(void)
{
    Suite *suite = suite_create("cddl_output");
    TCase *types = tcase_create("types");

    tcase_add_checked_fixture(types, NULL, forget);
    tcase_add_loop_test(types, scalar_has_its_bounds, 0, COUNT(scalars));
    tcase_add_loop_test(types, compound_has_its_least_size, 0, COUNT(compounds));
    tcase_add_loop_test(types, boxes_cut_circles, 0, COUNT(circles));
    tcase_add_test(types, definitions_are_in_order);
    tcase_add_test(types, sums_are_flattened_in_order);
    tcase_add_test(types, pairs_are_structs_outside_sums);
    tcase_add_test(types, equal_lists_are_one_type);
    tcase_add_test(types, equal_maps_are_one_type);
    tcase_add_test(types, a_map_consists_of_pairs);
    tcase_add_test(types, elements_may_have_no_name);
    tcase_add_test(types, types_that_nothing_uses_are_left_out);
    tcase_add_loop_test(types, words_are_snake_case, 0, COUNT(words));
    tcase_add_test(types, keywords_are_escaped);
    suite_add_tcase(suite, types);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(cddl_output_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
