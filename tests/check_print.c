/* SPDX-License-Identifier: MIT */
/*
 * Values and items in diagnostic notation (RFC 8949, section 8 and appendix A).
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/diagnostic.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"
#include "zoo.h"

/* What a function prints, to be freed. */
static char *text_of_item(const char *hex)
{
    struct bytes bytes = from_hex(hex);
    struct valve_cursor cursor = {bytes.data, bytes.data + bytes.size};
    size_t length;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &length);

    valve_diagnose_item(&cursor, stream);
    fclose(stream);
    ck_assert_ptr_eq(cursor.next, cursor.end);
    return text;
}

/* ---- Items of any type: appendix A ------------------------------------------------------------ */

static const struct {
    const char *hex, *text;
} items[] = {
    {"00", "0"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"3bffffffffffffffff", "-18446744073709551616"},
    {"20", "-1"},
    {"3903e7", "-1000"},
    {"f90000", "0.0"},
    {"f98000", "-0.0"},
    {"f93c00", "1.0"},
    {"fb3ff199999999999a", "1.1"},
    {"f97bff", "65504.0"},
    {"fa47c35000", "100000.0"},
    {"fa7f7fffff", "3.4028234663852886e+38"},
    {"fb7e37e43c8800759c", "1.0e+300"},
    {"f90001", "5.9604644775390625e-8"},
    {"fbc010666666666666", "-4.1"},
    {"f97c00", "Infinity"},
    {"f97e00", "NaN"},
    {"f9fc00", "-Infinity"},
    {"f4", "false"},
    {"f5", "true"},
    {"f6", "null"},
    {"f7", "undefined"},
    {"f0", "simple(16)"},
    {"f8ff", "simple(255)"},
    {"c11a514b67b0", "1(1363896240)"},
    {"d74401020304", "23(h'01020304')"},
    {"40", "h''"},
    {"60", "\"\""},
    {"62225c", "\"\\\"\\\\\""},
    {"62c3bc", "\"\xc3\xbc\""},
    {"64f0908591", "\"\xf0\x90\x85\x91\""},
    {"630a1f7f", "\"\\n\\u001f\\u007f\""},
    {"62c285", "\"\\u0085\""},
    {"62ff41", "\"\\ufffdA\""},
    {"63220809", "\"\\\"\\b\\t\""},
    {"80", "[]"},
    {"8301820203820405", "[1, [2, 3], [4, 5]]"},
    {"a201020304", "{1: 2, 3: 4}"},
    {"5f42010243030405ff", "(_ h'0102', h'030405')"},
    {"7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")"},
    {"9fff", "[_ ]"},
    {"5fff", "''_"},
    {"7fff", "\"\"_"},
    {"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]"},
    {"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"},
};

START_TEST(test_items)
{
    char *text = text_of_item(items[_i].hex);

    ck_assert_str_eq(text, items[_i].text);
    free(text);
}
END_TEST

START_TEST(test_bytes_that_break_off)
{
    static const struct {
        const char *hex, *text;
    } rows[] = {{"", ""},       {"c1c2", "1(2())"},     {"8201", "[1]"},
                {"6261", ""},   {"a161", "{: }"},       {"5f41", "(_ )"},
                {"1c", ""},     {"9f01", "[_ 1]"},      {"19", ""},
                {"bf", "{_ }"}, {"7f6161", "(_ \"a\")"}};

    for (int i = 0; i < LENGTH(rows); i++) {
        char *text = text_of_item(rows[i].hex);

        ck_assert_str_eq(text, rows[i].text);
        free(text);
    }
}
END_TEST

/* A chain of tags is long, not deep. */
START_TEST(test_a_million_tags)
{
    size_t size = 1000001, length;
    uint8_t *tags = malloc(size);
    struct valve_cursor cursor = {tags, tags + size};
    char *text = NULL;
    FILE *stream = open_memstream(&text, &length);

    ck_assert_ptr_nonnull(tags);
    memset(tags, 0xc1, size - 1);
    tags[size - 1] = 0xf6;
    valve_diagnose_item(&cursor, stream);
    fclose(stream);
    ck_assert_uint_eq(length, 3 * 1000000 + strlen("null"));
    free(text);
    free(tags);
}
END_TEST

/* ---- Floats ----------------------------------------------------------------------------------- */

static const struct {
    double number;
    const char *text;
} floats[] = {
    {0.001, "0.001"},
    {0.1, "0.1"},
    {-0.000001, "-0.000001"},
    {0.0000001, "1.0e-7"},
    {1.25e-7, "1.25e-7"},
    {123456789.5, "123456789.5"},
    {1e20, "100000000000000000000.0"},
    {1e21, "1.0e+21"},
    {12e20, "1.2e+21"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {5e-324, "5.0e-324"},
    {0.1 + 0.2, "0.30000000000000004"},
};

static void expect_float(double number, const char *expected)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    valve_diagnose_float(number, stream);
    fclose(stream);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(test_floats)
{
    expect_float(floats[_i].number, floats[_i].text);
}
END_TEST

START_TEST(test_floats_are_read_back)
{
    uint64_t seed = UINT64_C(0x7072696e74);

    for (int round = 0; round < 5000; round++) {
        uint64_t bits = random_next(&seed);
        double number;
        char *text = NULL;
        size_t length;
        FILE *stream = open_memstream(&text, &length);

        memcpy(&number, &bits, sizeof number);
        valve_diagnose_float(number, stream);
        fclose(stream);
        if (number == number) { /* not NaN */
            ck_assert(strtod(text, NULL) == number);
            ck_assert_ptr_nonnull(strchr(text, '.'));
        }
        free(text);
    }
}
END_TEST

/* ---- Values by their schema ------------------------------------------------------------------- */

static void expect_printed(const struct valve_type *type, const void *value, const char *expected)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    ck_assert_int_eq(valve_value_print(type, value, stream), 0);
    fclose(stream);
    ck_assert_str_eq(text, expected);
    free(text);
}

static const struct {
    const struct valve_type *type;
    const char *hex, *text;
} values[] = {
    {&files_request_type, "674c697374416c6c", "\"ListAll\""},
    {&files_request_type, "a1 6453697a65 41ff", "{\"Size\": h'ff'}"},
    {&files_reply_type,
     "a1 644c697374 82 a3 6470617468 6161 6473697a65 05 656d74696d65 20"
     "                 a3 6470617468 6162 6473697a65 06 656d74696d65 21",
     "{\"List\": [{\"path\": \"a\", \"size\": 5, \"mtime\": -1}, "
     "{\"path\": \"b\", \"size\": 6, \"mtime\": -2}]}"},
    {&files_reply_type, "a1 644c697374 80", "{\"List\": []}"},
    {&files_reply_type, "a1 66457869737473 f5", "{\"Exists\": true}"},
    {&files_reply_type, "a1 66457869737473 f4", "{\"Exists\": false}"},
    {&expr_type, "a1634c657483 6178 a1634e756d20 a16341646482a1635661726178a1634e756d02",
     "{\"Let\": [\"x\", {\"Num\": -1}, {\"Add\": [{\"Var\": \"x\"}, {\"Num\": 2}]}]}"},
    {&sample_type, "a4 626964 05 6468617368 420102 656c6576656c 20 66656974686572 f6",
     "{\"id\": 5, \"hash\": h'0102', \"level\": -1, \"either\": null}"},
    {&float_type, "f93e00", "1.5"},
    {&any_type, "c1 9f 01 ff", "1([_ 1])"},
};

/* Decoded, and shown. */
START_TEST(test_values)
{
    struct bytes bytes = from_hex(values[_i].hex);
    struct valve_limits limits = {BYTES_MAX, 9};
    _Alignas(16) uint8_t value[256];
    struct valve_arena arena;
    struct valve_error error;

    ck_assert_uint_le(values[_i].type->size, sizeof value);
    valve_arena_init(&arena, NULL, 0, 65536);
    ck_assert_int_eq(valve_value_decode(values[_i].type, &limits, bytes.data, bytes.size, &arena,
                                        value, NULL, &error),
                     0);
    expect_printed(values[_i].type, value, values[_i].text);
    valve_arena_fini(&arena);
}
END_TEST

/* As they are sent, not as they lie. */
START_TEST(test_maps)
{
    struct word {
        struct valve_text key;
        bool value;
    };
    static const struct valve_member word_members[] = {
        {TABLE_NAME("key"), .type = &text_type, .offset = offsetof(struct word, key)},
        {TABLE_NAME("value"), .type = &bool_type, .offset = offsetof(struct word, value)},
    };
    static const struct valve_type word_type = {.name = "word",
                                                .shape = VALVE_SHAPE_TUPLE,
                                                TABLE_SIZES(struct word),
                                                .least = 3,
                                                TABLE_MEMBERS(word_members)};
    static const struct valve_member words_members[] = {{TABLE_NAME("word"), .type = &word_type}};
    static const struct valve_type words_type = {.name = "words",
                                                 .shape = VALVE_SHAPE_MAP,
                                                 .size = 16,
                                                 .alignment = 8,
                                                 .least = 1,
                                                 TABLE_MEMBERS(words_members)};
    const struct word list[] = {
        {valve_text("b"), true}, {valve_text("a"), false}, {valve_text("aa"), true}};
    struct {
        const struct word *items;
        size_t count;
    } words = {list, 3};

    expect_printed(&words_type, &words, "{\"a\": false, \"b\": true, \"aa\": true}");
    words.items++;
    words.count--;
    expect_printed(&words_type, &words, "{\"a\": false, \"aa\": true}");
    words.count = 0;
    expect_printed(&words_type, &words, "{}");
}
END_TEST

START_TEST(test_struct_with_optional_members)
{
    const struct zoo_animal animal = {
        .name = valve_text("elephant-number1"),
        .has_age = true,
        .age = 40,
        .class_ = {.kind = ZOO_COLOUR_ULTRA_VIOLET},
        .legs = 4,
    };

    expect_printed(&zoo_animal_type, &animal,
                   "{\"age\": 40, \"legs\": 4, \"name\": \"elephant-number1\", \"class\": "
                   "\"ultra-violet\"}");
}
END_TEST

START_TEST(test_recursion)
{
    const struct zoo_node leaf = {.kind = ZOO_NODE_LEAF, .leaf = -5};
    const struct zoo_node empty = {.kind = ZOO_NODE_EMPTY};
    const struct zoo_node both = {.kind = ZOO_NODE_BOTH, .both = {&leaf, &empty}};

    expect_printed(&zoo_node_type, &both, "{\"Both\": [{\"Leaf\": -5}, \"Empty\"]}");
}
END_TEST

START_TEST(test_choice_shows_only_what_travels)
{
    const uint8_t bytes[] = {0xff, 0x00};
    const struct zoo_path path = {.kind = ZOO_PATH_BYTES, .bytes = {bytes, sizeof bytes}};

    expect_printed(&zoo_path_type, &path, "h'ff00'");
}
END_TEST

START_TEST(test_a_stream_that_fails)
{
    const struct zoo_node empty = {.kind = ZOO_NODE_EMPTY};
    FILE *stream = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    ck_assert_int_eq(valve_value_print(&zoo_node_type, &empty, stream), -EIO);
    fclose(stream);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_items, 0, sizeof items / sizeof *items);
    tcase_add_test(tcase, test_bytes_that_break_off);
    tcase_add_test(tcase, test_a_million_tags);
    tcase_add_loop_test(tcase, test_floats, 0, LENGTH(floats));
    tcase_add_test(tcase, test_floats_are_read_back);
    tcase_add_loop_test(tcase, test_values, 0, LENGTH(values));
    tcase_add_test(tcase, test_maps);
    tcase_add_test(tcase, test_struct_with_optional_members);
    tcase_add_test(tcase, test_recursion);
    tcase_add_test(tcase, test_choice_shows_only_what_travels);
    tcase_add_test(tcase, test_a_stream_that_fails);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
