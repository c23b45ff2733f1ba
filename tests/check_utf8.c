/* SPDX-License-Identifier: MIT */
/*
 * UTF-8: every code point, everything that only looks like one, and names in messages.
 */
#include "rpc/utf8.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_bytes.h"

/* Checks a copy that ends where its memory ends. */
static bool is_valid(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    bool valid;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    valid = valve_utf8_valid(copy, size);
    free(copy);
    return valid;
}

static size_t write_code_point(uint32_t point, unsigned size, uint8_t *data)
{
    static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};

    for (unsigned i = size - 1; i > 0; i--, point >>= 6)
        data[i] = (uint8_t)(0x80 | (point & 0x3f));
    data[0] = (uint8_t)(leads[size] | point);
    return size;
}

static unsigned shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

START_TEST(every_code_point)
{
    uint8_t data[4];

    for (uint32_t point = 0; point < 0x200000; point++) {
        bool legal = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        size_t size = write_code_point(point, shortest(point), data);

        if (valve_utf8_valid((const char *)data, size) != legal)
            ck_abort_msg("U+%04X", (unsigned)point);
    }
}
END_TEST

START_TEST(no_overlong_form)
{
    uint8_t data[4];

    for (uint32_t point = 0; point < 0x10000; point++) {
        for (unsigned size = shortest(point) + 1; size <= 4; size++) {
            write_code_point(point, size, data);
            if (valve_utf8_valid((const char *)data, size))
                ck_abort_msg("U+%04X in %u bytes", (unsigned)point, size);
        }
    }
}
END_TEST

static const char *const invalid[] = {
    "80",       "bf",     "c0",       "c1bf",     "c2",       "c220",       "c2c2",
    "e0a0",     "e08080", "e09fbf",   "eda080",   "edbfbf",   "e2822e",     "f0908080 80",
    "f08fbfbf", "f09080", "f4908080", "f5808080", "f8888080", "fc84808080", "fe",
    "ff",       "6180",   "61c2",     "c3a9e9",   "61*40 ff", "61*7 c2",    "61*8 80 61*8",
};

/* At every offset against the words of eight bytes that ASCII is read in. */
START_TEST(invalid_wherever_it_stands)
{
    struct bytes bad = from_hex(invalid[_i]);

    for (size_t before = 0; before < 20; before++) {
        for (size_t after = 0; after < 10; after++) {
            uint8_t data[128];

            memset(data, 'x', sizeof data);
            memcpy(data + before, bad.data, bad.size);
            ck_assert(!is_valid(data, before + bad.size + after));
        }
    }
}
END_TEST

START_TEST(valid_wherever_it_stands)
{
    static const char *const valid[] = {"",
                                        "61",
                                        "00",
                                        "7f",
                                        "c280",
                                        "dfbf",
                                        "e0a080",
                                        "efbfbf",
                                        "ed9fbf",
                                        "ee8080",
                                        "f0908080",
                                        "f48fbfbf",
                                        "c3a9 61*8 e6b0b4"};

    for (int i = 0; i < LENGTH(valid); i++) {
        struct bytes good = from_hex(valid[i]);

        for (size_t before = 0; before < 20; before++) {
            uint8_t data[128];

            memset(data, 'x', sizeof data);
            memcpy(data + before, good.data, good.size);
            ck_assert(is_valid(data, before + good.size));
            ck_assert(is_valid(data, before + good.size + 9));
        }
    }
}
END_TEST

struct escaped {
    const char *hex;
    size_t room;
    const char *text;
};

static const struct escaped escapes[] = {
    {"", 10, ""},
    {"612f62", 10, "a/b"},
    {"61 62 22 27", 10, "ab\"'"},
    {"615c62", 10, "a\\\\b"},
    {"00 0a 1b 1f 7f", 30, "\\x00\\x0a\\x1b\\x1f\\x7f"},
    {"c280 c29f c2a0", 30, "\\xc2\\x80\\xc2\\x9f\xc2\xa0"}, /* C1 controls, then a space */
    {"c3a9 e6b0b4 f0908591", 30, "é水\xf0\x90\x85\x91"},
    {"ff 61 c3", 30, "\\xffa\\xc3"},
    {"eda080", 30, "\\xed\\xa0\\x80"},
    /* to the last byte of the room, and one less */
    {"61626364", 5, "abcd"},
    {"6162636465", 5, "a..."},
    {"61626364", 4, "..."},
    {"616263", 4, "abc"},
    {"61*20", 10, "aaaaaa..."},
    {"6161c3a9 61*9", 8, "aaé..."},
    {"6161c3a9 61*9", 7, "aa..."}, /* never inside a character */
    {"ffff", 9, "\\xff\\xff"},
    {"ffff", 8, "\\xff..."},
    {"ffff", 7, "..."},
    {"5c5c5c", 7, "\\\\\\\\\\\\"},
    {"5c5c5c", 6, "\\\\..."},
};

START_TEST(names_in_messages)
{
    const struct escaped *row = &escapes[_i];
    struct bytes name = from_hex(row->hex);
    char *text = malloc(row->room);

    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(valve_escape((const char *)name.data, name.size, text, row->room),
                      strlen(row->text));
    ck_assert_str_eq(text, row->text);
    free(text);
}
END_TEST

/* Whatever comes in, what comes out is valid, fits, and has no control character. */
START_TEST(anything_is_made_fit)
{
    uint64_t seed = UINT64_C(0x657363617065);

    for (unsigned round = 0; round < 20000; round++) {
        uint8_t name[64];
        size_t size = random_below(&seed, sizeof name), room = 4 + random_below(&seed, 80), length;
        char *text = malloc(room);

        ck_assert_ptr_nonnull(text);
        for (size_t i = 0; i < size; i++)
            name[i] = (uint8_t)random_next(&seed);
        length = valve_escape((const char *)name, size, text, room);
        ck_assert_uint_lt(length, room);
        ck_assert_uint_eq(strlen(text), length);
        ck_assert(valve_utf8_valid(text, length));
        for (size_t i = 0; i < length; i++)
            ck_assert((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
        free(text);
    }
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tcase = tcase_create("utf8");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_code_point);
    tcase_add_test(tcase, no_overlong_form);
    tcase_add_loop_test(tcase, invalid_wherever_it_stands, 0, LENGTH(invalid));
    tcase_add_test(tcase, valid_wherever_it_stands);
    tcase_add_loop_test(tcase, names_in_messages, 0, LENGTH(escapes));
    tcase_add_test(tcase, anything_is_made_fit);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(utf8_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
