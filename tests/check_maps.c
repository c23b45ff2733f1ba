/* SPDX-License-Identifier: MIT */
/*
 * Maps from text to values of one type, and items of any type in them: sorted in memory, sent in
 * order, no key twice.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc/map.h"
#include "rpc/map_order.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

/* {* tstr => uint} */
struct score {
    struct valve_text key;
    uint64_t value;
};
struct scores {
    const struct score *items;
    size_t count;
};

static const struct valve_member score_members[] = {
    {TABLE_NAME("key"), .type = &text_type, .offset = offsetof(struct score, key)},
    {TABLE_NAME("value"), .type = &uint_type, .offset = offsetof(struct score, value)},
};
static const struct valve_type score_type = {.name = "a score",
                                             .shape = VALVE_SHAPE_TUPLE,
                                             TABLE_SIZES(struct score),
                                             .least = 3,
                                             TABLE_MEMBERS(score_members)};
static const struct valve_member scores_members[] = {{TABLE_NAME("score"), .type = &score_type}};
static const struct valve_type scores_type = {.name = "scores",
                                              .shape = VALVE_SHAPE_MAP,
                                              TABLE_SIZES(struct scores),
                                              .least = 1,
                                              TABLE_MEMBERS(scores_members)};

/* {* tstr .size (0..5) => file}, with the values in memory of their own */
struct folder_entry {
    const struct file *value;
    struct valve_text key;
};
struct folder {
    const struct folder_entry *items;
    size_t count;
};

static const struct valve_member folder_entry_members[] = {
    {TABLE_NAME("key"), .type = &note_type, .offset = offsetof(struct folder_entry, key)},
    {TABLE_NAME("value"), .type = &file_type, .offset = offsetof(struct folder_entry, value),
     .flags = VALVE_MEMBER_BOXED},
};
static const struct valve_type folder_entry_type = {.name = "an entry",
                                                    .shape = VALVE_SHAPE_TUPLE,
                                                    TABLE_SIZES(struct folder_entry),
                                                    .least = 22,
                                                    TABLE_MEMBERS(folder_entry_members)};
static const struct valve_member folder_members[] = {{TABLE_NAME("e"), .type = &folder_entry_type}};
static const struct valve_type folder_type = {.name = "a folder",
                                              .shape = VALVE_SHAPE_MAP,
                                              TABLE_SIZES(struct folder),
                                              .least = 1,
                                              TABLE_MEMBERS(folder_members)};

static struct valve_arena arena;
static struct valve_error error;
static struct bytes input;
static uint8_t nowhere; /* where there is no room */

static void set_up(void)
{
    valve_arena_init(&arena, NULL, 0, 1 << 20);
    memset(&error, 0, sizeof error);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

static int decode(const struct valve_type *type, const char *hex, void *value)
{
    struct valve_cursor cursor;

    input = from_hex(hex);
    cursor = (struct valve_cursor){input.data, input.data + input.size};
    return valve_decode(type, &cursor, &arena, value, &error);
}

static void refuses(const struct valve_type *type, const char *hex, const char *words)
{
    uint8_t value[64];

    ck_assert_int_eq(decode(type, hex, value), -EBADMSG);
    ck_assert_str_eq(error.text, words);
}

static struct valve_text text(const char *string)
{
    return valve_text(string);
}

/* ---- Decoding --------------------------------------------------------------------------------- */

START_TEST(entries_are_sorted_in_memory)
{
    static const char *const rows[] = {
        "a4 60 00 6162 01 6163 02 626161 03",
        "a4 626161 03 6163 02 6162 01 60 00",
        "bf 6163 02 60 00 626161 03 6162 01 ff",
        "b90004 6163 1802 6000 626161 190003 780162 01",
    };
    static const char *const keys[] = {"", "b", "c", "aa"};

    for (int i = 0; i < LENGTH(rows); i++) {
        struct scores scores;

        ck_assert_int_eq(decode(&scores_type, rows[i], &scores), 0);
        ck_assert_uint_eq(scores.count, 4);
        for (size_t k = 0; k < 4; k++) {
            ck_assert_uint_eq(scores.items[k].value, k);
            ck_assert_int_eq(valve_key_compare(&scores.items[k].key,
                                               &(struct valve_text){keys[k], strlen(keys[k])}),
                             0);
        }
    }
}
END_TEST

START_TEST(an_empty_map_takes_no_memory)
{
    struct scores scores;

    ck_assert_int_eq(decode(&scores_type, "a0", &scores), 0);
    ck_assert_uint_eq(scores.count, 0);
    ck_assert_int_eq(decode(&scores_type, "bfff", &scores), 0);
    ck_assert_uint_eq(scores.count, 0);
    ck_assert_uint_eq(arena.taken, 0);
}
END_TEST

START_TEST(values_are_found)
{
    static const char hex[] = "a3 6162 a36470617468 6161 6473697a65 05 656d74696d65 20"
                              "   60   a36470617468 6162 6473697a65 06 656d74696d65 20"
                              " 626161 a36470617468 6163 6473697a65 07 656d74696d65 20";
    const struct file *file;
    struct folder folder;

    ck_assert_int_eq(decode(&folder_type, hex, &folder), 0);
    file = valve_map_find(&folder_type, &folder, text("b"));
    ck_assert_ptr_eq(file, folder.items[1].value);
    ck_assert_uint_eq(file->size, 5);
    file = valve_map_find(&folder_type, &folder, text(""));
    ck_assert_uint_eq(file->size, 6);
    file = valve_map_find(&folder_type, &folder, text("aa"));
    ck_assert_uint_eq(file->size, 7);
    ck_assert_ptr_null(valve_map_find(&folder_type, &folder, text("a")));
    ck_assert_ptr_null(valve_map_find(&folder_type, &folder, text("ab")));
    ck_assert_ptr_null(valve_map_find(&folder_type, &folder, text("aaa")));
    ck_assert_int_eq(decode(&folder_type, "a0", &folder), 0);
    ck_assert_ptr_null(valve_map_find(&folder_type, &folder, text("")));
}
END_TEST

START_TEST(what_is_refused)
{
    refuses(&scores_type, "80", "expected scores, found an array");
    refuses(&scores_type, "a2 6161 00 6161 01", "a: the key comes twice");
    refuses(&scores_type, "a3 6161 00 6162 01 6161 01", "a: the key comes twice");
    refuses(&scores_type, "bf 6161 00 60 02 60 01 ff", "[\"\"]: the key comes twice");
    refuses(&scores_type, "a1 6161 20",
            "a: expected an unsigned integer, found a negative integer");
    refuses(&scores_type, "a1 63612e62 20",
            "[\"a.b\"]: expected an unsigned integer, found a negative integer");
    refuses(&scores_type, "a1 63611b62 20",
            "[\"a\\x1bb\"]: expected an unsigned integer, found a negative integer");
    refuses(&scores_type, "a1 7820 61*32 20",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: expected an unsigned integer, found a negative "
            "integer");
    refuses(&scores_type, "a1 7830 61*48 20",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: expected an unsigned integer, found "
            "a negative integer");
    refuses(&scores_type, "a1 00 00", "expected text as key, found an unsigned integer");
    refuses(&scores_type, "a1 4161 00", "expected text as key, found bytes");
    refuses(&scores_type, "a1 7f6161ff 00", "expected text, found text of indefinite length");
    refuses(&scores_type, "a1 61ff 00", "text that is not UTF-8");
    refuses(&scores_type, "a2 6161 00", "2 items of a score do not fit in the message");
    refuses(&scores_type, "bbffffffffffffffff 6161 00",
            "18446744073709551615 items of a score do not fit in the message");
    refuses(&scores_type, "a2 6161 00 6161", "a: not well-formed");
    refuses(&scores_type, "bf 6161 00", "not well-formed");
    refuses(&folder_type, "a1 66616161616161 a0 00*22", "expected 0 to 5 bytes, found 6");
    refuses(&folder_type, "a1 6161 a0 00*22", "a: key \"path\" is missing");
}
END_TEST

START_TEST(too_small_an_arena_is_an_error)
{
    _Alignas(16) uint8_t buffer[4 * sizeof(struct score)];
    struct scores scores;
    size_t needed = 2 * sizeof(struct score);

    for (size_t size = 0; size < needed; size++) {
        valve_arena_init(&arena, buffer, size, 0);
        ck_assert_int_eq(decode(&scores_type, "a2 6162 00 6161 01", &scores), -ENOMEM);
        ck_assert_str_eq(error.text, "the value takes more memory than a message may");
    }
    valve_arena_init(&arena, buffer, needed, 0);
    ck_assert_int_eq(decode(&scores_type, "a2 6162 00 6161 01", &scores), 0);
    valve_arena_init(&arena, buffer, needed, 0); /* without a count more is asked for at first */
    ck_assert_int_eq(decode(&scores_type, "bf 6162 00 6161 01 ff", &scores), -ENOMEM);
}
END_TEST

/* Of indefinite length: the memory grows, and is given back where it was too much. */
START_TEST(a_map_that_grows)
{
    static uint8_t many[8 * 1000];
    struct valve_cursor cursor;
    struct scores scores;
    size_t used = 0;

    many[used++] = 0xbf;
    for (size_t i = 0; i < 1000; i++) {
        uint8_t pair[] = {0x63,
                          (uint8_t)('0' + i / 100),
                          (uint8_t)('0' + i / 10 % 10),
                          (uint8_t)('0' + i % 10),
                          0x19,
                          (uint8_t)(i >> 8),
                          (uint8_t)i};

        memcpy(many + used, pair, sizeof pair);
        used += sizeof pair;
    }
    many[used++] = 0xff;
    cursor = (struct valve_cursor){many, many + used};
    ck_assert_int_eq(valve_decode(&scores_type, &cursor, &arena, &scores, &error), 0);
    ck_assert_uint_eq(scores.count, 1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(scores.items[i].value, i);
    ck_assert_ptr_eq(arena.next, scores.items + 1000);
}
END_TEST

/* ---- Encoding --------------------------------------------------------------------------------- */

static void encodes(const struct scores *scores, const char *hex)
{
    struct bytes expected = from_hex(hex);
    uint8_t data[BYTES_MAX];
    size_t size = 0;

    ck_assert_int_eq(valve_encode_within(&scores_type, scores, 1, data, sizeof data, &size, &error),
                     0);
    ck_assert_uint_eq(size, expected.size);
    ck_assert_mem_eq(data, expected.data, size);
}

START_TEST(keys_are_sent_in_order)
{
    static const char hex[] = "a4 60 00 6162 01 6163 02 626161 03";
    struct score items[] = {{text(""), 0}, {text("b"), 1}, {text("c"), 2}, {text("aa"), 3}};
    struct scores scores = {items, 4};

    for (int round = 0; round < 24; round++) { /* permutations, by turns */
        struct score first = items[round % 4];

        encodes(&scores, hex);
        items[round % 4] = items[(round * 7 + 1) % 4];
        items[(round * 7 + 1) % 4] = first;
    }
    scores.count = 0;
    encodes(&scores, "a0");
    scores.items = NULL;
    encodes(&scores, "a0");
}
END_TEST

START_TEST(what_cannot_be_sent)
{
    struct score items[] = {{text("b"), 1}, {text("a"), 2}, {text("b"), 3}};
    struct scores scores = {items, 3};
    size_t size = 77;

    ck_assert_int_eq(valve_encode_within(&scores_type, &scores, 1, &nowhere, 0, &size, &error),
                     -EINVAL);
    ck_assert_str_eq(error.text, "b: the key comes twice");
    items[2].key = text("caf\xe9");
    ck_assert_int_eq(valve_encode_within(&scores_type, &scores, 1, &nowhere, 0, &size, &error),
                     -EINVAL);
    ck_assert_str_eq(error.text, "text that is not UTF-8");
    items[2].key.data = NULL;
    ck_assert_int_eq(valve_encode_within(&scores_type, &scores, 1, &nowhere, 0, &size, &error),
                     -EINVAL);
    ck_assert_str_eq(error.text, "a null pointer in place of text");
    scores.count = 1;
    ck_assert_int_eq(valve_encode_within(&scores_type, &scores, 0, &nowhere, 0, &size, &error),
                     -ELOOP);
    ck_assert_str_eq(error.text, "nested deeper than 0 levels");
    scores.items = NULL;
    ck_assert_int_eq(valve_encode_within(&scores_type, &scores, 1, &nowhere, 0, &size, &error),
                     -EINVAL);
    ck_assert_str_eq(error.text, "a null pointer in place of scores");
    ck_assert_uint_eq(size, 77);
}
END_TEST

#define MANY 1000

static struct score many_items[MANY];
static char many_keys[MANY][8];

static struct scores shuffled(uint64_t *seed)
{
    for (size_t i = 0; i < MANY; i++) {
        snprintf(many_keys[i], sizeof many_keys[i], "%zu", i);
        many_items[i] = (struct score){text(many_keys[i]), i};
    }
    for (size_t i = MANY; i > 1; i--) {
        size_t other = random_below(seed, i);
        struct score item = many_items[i - 1];

        many_items[i - 1] = many_items[other];
        many_items[other] = item;
    }
    return (struct scores){many_items, MANY};
}

START_TEST(many_keys_are_sent_in_order)
{
    static uint8_t data[16 * MANY];
    uint64_t seed = UINT64_C(0x6d617073);
    struct scores scores = shuffled(&seed), back;
    struct valve_cursor cursor;
    size_t size;

    ck_assert_int_eq(
        valve_encode_within(&scores_type, &scores, 1, data, sizeof data, &size, &error), 0);
    cursor = (struct valve_cursor){data, data + size};
    ck_assert_int_eq(valve_decode(&scores_type, &cursor, &arena, &back, &error), 0);
    ck_assert_uint_eq(back.count, MANY);
    for (size_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(back.items[i].value, i);
}
END_TEST

/* Without memory for indices the order is the same, and keys that repeat are found. */
START_TEST(an_order_without_memory)
{
    uint64_t seed = UINT64_C(0x6f72646572);
    struct scores scores = shuffled(&seed);
    struct valve_map_order order;
    const struct valve_text *key;

    valve_map_order_begin(&order, &scores_type, &scores);
    free(order.indices);
    order.indices = NULL;
    ck_assert(!valve_map_order_repeats(&order, &key));
    for (size_t i = 0; i < MANY; i++) {
        const struct score *score = valve_map_order_next(&order);

        ck_assert_uint_eq(score->value, i);
    }
    many_items[500].key = many_items[3].key;
    ck_assert(valve_map_order_repeats(&order, &key));
    ck_assert_int_eq(valve_key_compare(key, &many_items[3].key), 0);
    valve_map_order_end(&order);
}
END_TEST

/* ---- Items of any type ------------------------------------------------------------------------ */

START_TEST(anything_is_taken_as_it_is)
{
    static const char *const rows[] = {"00",         "3bffffffffffffffff", "5f4161ff", "7f61ffff",
                                       "c1c2820102", "bf61619f01ffff",     "f97c01",   "f8ff",
                                       "61ff",       "a2010101 02"};

    for (int i = 0; i < LENGTH(rows); i++) {
        struct valve_any any;
        uint8_t data[BYTES_MAX];
        size_t size;

        ck_assert_int_eq(decode(&any_type, rows[i], &any), 0);
        ck_assert_ptr_eq(any.data, input.data);
        ck_assert_uint_eq(any.size, input.size);
        ck_assert_int_eq(valve_encode_within(&any_type, &any, 2, data, sizeof data, &size, &error),
                         0);
        ck_assert_uint_eq(size, input.size);
        ck_assert_mem_eq(data, input.data, size);
    }
}
END_TEST

START_TEST(anything_must_be_one_item)
{
    static const char *const rows[] = {
        "0000",
        "18",
        "81",
        "9f",
        "9f01",
        "ff",
        "c1",
        "c1ff",
        "1c",
        "f800",
        "f81f",
        "5f6161ff",
        "5f5fff",
        "5f41",
        "6261",
        "a101",
        "bf01ff",
        "8201ff",
        "9bffffffffffffffff",
        "bb8000000000000000",
        "5bffffffffffffffff",
    };
    for (int i = 0; i < LENGTH(rows); i++) {
        struct bytes bytes = from_hex(rows[i]);
        struct valve_any any = {bytes.data, bytes.size};
        size_t size;

        ck_assert_int_eq(valve_encode_within(&any_type, &any, 9, &nowhere, 0, &size, &error),
                         -EINVAL);
        ck_assert_str_eq(error.text, "bytes that are not one well-formed item");
    }
}
END_TEST

START_TEST(anything_counts_its_levels)
{
    static const char *const rows[] = {"8181a101 80", "9f9fbf019f ffffffff", "c181c181c1a18001"};
    uint8_t data[BYTES_MAX];

    for (int i = 0; i < LENGTH(rows); i++) {
        struct bytes bytes = from_hex(rows[i]);
        struct valve_any any = {bytes.data, bytes.size};
        unsigned levels = 4;
        size_t size;

        ck_assert_int_eq(
            valve_encode_within(&any_type, &any, levels, data, sizeof data, &size, &error), 0);
        ck_assert_int_eq(
            valve_encode_within(&any_type, &any, levels - 1, data, sizeof data, &size, &error),
            -ELOOP);
        ck_assert_str_eq(error.text, "nested deeper than 3 levels");
    }
}
END_TEST

START_TEST(anything_must_be_there)
{
    struct valve_any any = {NULL, 0};
    size_t size;

    ck_assert_int_eq(valve_encode_within(&any_type, &any, 9, &nowhere, 0, &size, &error), -EINVAL);
    ck_assert_str_eq(error.text, "a null pointer in place of anything");
    any.data = (const uint8_t *)"";
    ck_assert_int_eq(valve_encode_within(&any_type, &any, 9, &nowhere, 0, &size, &error), -EINVAL);
}
END_TEST

static Suite *maps_suite(void)
{
    Suite *suite = suite_create("maps");
    TCase *tcase = tcase_create("maps");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, entries_are_sorted_in_memory);
    tcase_add_test(tcase, an_empty_map_takes_no_memory);
    tcase_add_test(tcase, values_are_found);
    tcase_add_test(tcase, what_is_refused);
    tcase_add_test(tcase, too_small_an_arena_is_an_error);
    tcase_add_test(tcase, a_map_that_grows);
    tcase_add_test(tcase, keys_are_sent_in_order);
    tcase_add_test(tcase, what_cannot_be_sent);
    tcase_add_test(tcase, many_keys_are_sent_in_order);
    tcase_add_test(tcase, an_order_without_memory);
    tcase_add_test(tcase, anything_is_taken_as_it_is);
    tcase_add_test(tcase, anything_must_be_one_item);
    tcase_add_test(tcase, anything_counts_its_levels);
    tcase_add_test(tcase, anything_must_be_there);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(maps_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
