/* SPDX-License-Identifier: MIT */
/*
 * Values and items in diagnostic notation (RFC 8949, section 8 and appendix A).
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "rpc/diagnostic.h"
#include "rpc_bytes.h"
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
