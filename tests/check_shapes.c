/* SPDX-License-Identifier: MIT */
/*
 * Shapes at their edges: structs of more members than a word has bits, choices that hold others.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/decoder.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

struct held {
    unsigned kind;
    union {
        struct files_request request;
        struct either either;
        double number;
        struct valve_any any;
    };
};

static const struct valve_member held_members[] = {
    {TABLE_NAME("request"), .type = &files_request_type, .offset = offsetof(struct held, request)},
    {TABLE_NAME("number"), .type = &float_type, .offset = offsetof(struct held, number)},
    {TABLE_NAME("bytes"), .type = &path_type, .offset = offsetof(struct held, request)},
    {TABLE_NAME("either"), .type = &either_type, .offset = offsetof(struct held, either)},
    {TABLE_NAME("any"), .type = &any_type, .offset = offsetof(struct held, any)},
};
static const struct valve_type held_type = {.name = "held",
                                            .shape = VALVE_SHAPE_CHOICE,
                                            TABLE_SIZES(struct held),
                                            .least = 1,
                                            TABLE_MEMBERS(held_members)};

static struct valve_arena arena;
static struct valve_error error;
static union {
    struct held held;
    uint8_t room[256];
} value;

static void set_up(void)
{
    valve_arena_init(&arena, NULL, 0, 65536);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

static int decode(const struct valve_type *type, const char *hex)
{
    struct bytes bytes = from_hex(hex);
    struct valve_cursor cursor = {bytes.data, bytes.data + bytes.size};

    return valve_decode(type, &cursor, &arena, &value, &error);
}

/* ---- Structs of many members ------------------------------------------------------------------ */

#define WIDE 70 /* more than a word has bits */

struct wide {
    uint64_t values[WIDE];
    bool has_last;
};

static char wide_names[WIDE][4];
static struct valve_member wide_members[WIDE];
static const struct valve_type wide_type = {.name = "a wide one",
                                            .shape = VALVE_SHAPE_STRUCT,
                                            .flags = VALVE_TYPE_OPEN,
                                            TABLE_SIZES(struct wide),
                                            .least = 5 * WIDE - 3,
                                            TABLE_MEMBERS(wide_members)};

static void make_wide_members(void)
{
    for (uint32_t i = 0; i < WIDE; i++) {
        snprintf(wide_names[i], sizeof wide_names[i], "k%02u", i % 100);
        wide_members[i] = (struct valve_member){
            .name = wide_names[i],
            .type = &uint_type,
            .name_size = 3,
            .offset = (uint32_t)(offsetof(struct wide, values) + i * sizeof(uint64_t))};
    }
    wide_members[WIDE - 1].flags = VALVE_MEMBER_OPTIONAL;
    wide_members[WIDE - 1].presence = offsetof(struct wide, has_last);
}

/* The pairs from `first` on, downwards, and round to all the others. */
static size_t write_wide(uint8_t *data, size_t count, size_t first)
{
    size_t used = 0;

    data[used++] = 0xb8;
    data[used++] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t index = (first + WIDE - i) % WIDE;

        data[used++] = 0x63;
        memcpy(data + used, wide_names[index], 3);
        used += 3;
        data[used++] = (uint8_t)(index % 24);
    }
    return used;
}

static int decode_wide(const uint8_t *data, size_t size, struct wide *ret_wide)
{
    struct valve_cursor cursor = {data, data + size};

    return valve_decode(&wide_type, &cursor, &arena, ret_wide, &error);
}

START_TEST(members_beyond_a_word)
{
    uint8_t data[8 * WIDE];
    struct wide wide;
    size_t size;

    make_wide_members();
    for (size_t first = 0; first < WIDE; first += 23) {
        size = write_wide(data, WIDE, first);
        ck_assert_int_eq(decode_wide(data, size, &wide), 0);
        ck_assert(wide.has_last);
        for (size_t i = 0; i < WIDE; i++)
            ck_assert_uint_eq(wide.values[i], i % 24);
    }
    size = write_wide(data, WIDE - 1, WIDE - 2); /* all but the last */
    ck_assert_int_eq(decode_wide(data, size, &wide), 0);
    ck_assert(!wide.has_last);
    ck_assert_uint_eq(wide.values[WIDE - 1], 0);
    size = write_wide(data, WIDE - 1, WIDE - 1); /* all but the first */
    ck_assert_int_eq(decode_wide(data, size, &wide), -EBADMSG);
    ck_assert_str_eq(error.text, "key \"k00\" is missing");
    memcpy(data + size - 5, data + 2, 5);
    ck_assert_int_eq(decode_wide(data, size, &wide), -EBADMSG);
    ck_assert_str_eq(error.text, "key \"k69\" comes twice");
    valve_arena_fini(&arena);
    valve_arena_init(&arena, NULL, 0, 0);
    ck_assert_int_eq(decode_wide(data, size, &wide), -ENOMEM);
}
END_TEST

/* Keys whose head has more than one byte; one head looks like nothing, the other like a length. */
START_TEST(keys_with_long_heads)
{
    static const struct valve_member members[] = {
        {TABLE_NAME("a key of no less than 32 bytes, "), .type = &uint_type, .offset = 0},
        {TABLE_NAME("\x18 is the number of bytes"), .type = &uint_type, .offset = 8},
        {TABLE_NAME("23 bytes just fit in it"), .type = &uint_type, .offset = 16},
    };
    static const struct valve_type type = {.name = "long keys",
                                           .shape = VALVE_SHAPE_STRUCT,
                                           .flags = VALVE_TYPE_OPEN,
                                           .size = 24,
                                           .alignment = 8,
                                           .least = 10,
                                           TABLE_MEMBERS(members)};
    uint8_t data[128] = {0xa3}, *end = data + 1;
    struct valve_cursor cursor;

    for (int i = 0; i < LENGTH(members); i++) {
        if (members[i].name_size > 23)
            *end++ = 0x78;
        *end++ = (uint8_t)(members[i].name_size > 23 ? members[i].name_size
                                                     : 0x60 | members[i].name_size);
        memcpy(end, members[i].name, members[i].name_size);
        end += members[i].name_size;
        *end++ = (uint8_t)(i + 1);
    }
    cursor = (struct valve_cursor){data, end};
    ck_assert_int_eq(valve_decode(&type, &cursor, &arena, &value, &error), 0);
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_mem_eq(value.room + 8 * i, &(uint64_t){i + 1}, 8);
    /* the empty key, and behind it what the first member is called */
    data[1] = 0x60;
    memcpy(data + 2, members[0].name, 32);
    memset(data + 34, 0x60, 64);
    cursor = (struct valve_cursor){data, data + 98};
    ck_assert_int_eq(valve_decode(&type, &cursor, &arena, &value, &error), -EBADMSG);
    ck_assert_str_eq(error.text, "key \"a key of no less than 32 bytes, \" is missing");
    ck_assert_int_eq(decode(&type, "a1 781820697320746865206e756d626572206f66206279746573 78 00"),
                     -EBADMSG);
}
END_TEST

/* ---- Choices that hold others ----------------------------------------------------------------- */

/* A sum begins with text if it has a variant that is only a name, with a map if one has more. */
START_TEST(a_choice_of_sums_and_choices)
{
    static const struct {
        const char *hex;
        unsigned kind;
    } rows[] = {
        {"674c697374416c6c", 0},
        {"a1 6453697a65 6161", 0},
        {"f93c00", 1},
        {"41ff", 2},
        {"05", 3},
        {"f5", 3},
        {"f7", 4},
        {"c105", 4},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        ck_assert_int_eq(decode(&held_type, rows[i].hex), 0);
        ck_assert_uint_eq(value.held.kind, rows[i].kind);
    }
}
END_TEST

START_TEST(a_sum_of_one_form_only)
{
    static const struct valve_member units[] = {{TABLE_NAME("A")}, {TABLE_NAME("B")}};
    static const struct valve_type unit_type = {
        .name = "units", .shape = VALVE_SHAPE_SUM, TABLE_SIZES(unsigned), TABLE_MEMBERS(units)};
    static const struct valve_member members[] = {
        {TABLE_NAME("u"), .type = &unit_type, .offset = 4}, {TABLE_NAME("nil"), .type = &nil_type}};
    static const struct valve_type type = {.name = "a unit or nil",
                                           .shape = VALVE_SHAPE_CHOICE,
                                           .size = 8,
                                           .alignment = 4,
                                           TABLE_MEMBERS(members)};

    ck_assert_int_eq(decode(&type, "6142"), 0);
    ck_assert_int_eq(decode(&type, "f6"), 0);
    ck_assert_int_eq(decode(&type, "a1 6142 00"), -EBADMSG);
    ck_assert_str_eq(error.text, "expected a unit or nil, found a map");
    ck_assert_int_eq(decode(&nil_type, "f5"), -EBADMSG);
    ck_assert_str_eq(error.text, "expected nil, found true");
}
END_TEST

static Suite *shapes_suite(void)
{
    Suite *suite = suite_create("shapes");
    TCase *tcase = tcase_create("shapes");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, members_beyond_a_word);
    tcase_add_test(tcase, keys_with_long_heads);
    tcase_add_test(tcase, a_choice_of_sums_and_choices);
    tcase_add_test(tcase, a_sum_of_one_form_only);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(shapes_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
