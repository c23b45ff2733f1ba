/* SPDX-License-Identifier: MIT */
/*
 * The decoder: what each shape accepts, and the words with which it refuses the rest.
 */
#include "rpc/decoder.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/scanner.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

#define MESSAGE_MAX 220 /* bytes: well below what an error reply holds */

static struct valve_arena arena;
static struct valve_error error;
static union {
    struct files_request request;
    struct files_reply reply;
    struct expr expr;
    struct sample sample;
    struct file file;
    struct file_list list;
} value;

static void set_up(void)
{
    valve_arena_init(&arena, NULL, 0, 65536);
    memset(&value, 0xa5, sizeof value);
    memset(&error, 0, sizeof error);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

/* Whether the bytes are one whole item, as the decoder may count on. */
static bool is_one_item(const struct bytes *bytes)
{
    struct valve_limits limits = {.max_size = BYTES_MAX, .max_depth = 16};
    struct valve_scanner *scanner = malloc(valve_scanner_size(limits.max_depth));
    enum valve_scan verdict;
    size_t taken;

    ck_assert_ptr_nonnull(scanner);
    valve_scanner_init(scanner, &limits);
    verdict = valve_scanner_feed(scanner, bytes->data, bytes->size, &taken);
    free(scanner);
    return verdict == VALVE_SCAN_DONE && taken == bytes->size;
}

static struct bytes input;

static int decode(const struct valve_type *type, const char *hex)
{
    struct valve_cursor cursor;
    int r;

    input = from_hex(hex);
    ck_assert(is_one_item(&input));
    cursor = (struct valve_cursor){input.data, input.data + input.size};
    r = valve_decode(type, &cursor, &arena, &value, &error);
    if (r == 0)
        ck_assert_ptr_eq(cursor.next, cursor.end);
    else
        ck_assert_ptr_eq(cursor.next, input.data);
    return r;
}

static void decodes(const struct valve_type *type, const char *hex)
{
    int r = decode(type, hex);

    ck_assert_msg(r == 0, "%s: %s", hex, error.text);
}

#define ck_assert_text(text, string)                                                               \
    do {                                                                                           \
        ck_assert_uint_eq((text).size, strlen(string));                                            \
        ck_assert_mem_eq((text).data, string, strlen(string));                                     \
    } while (0)

/* ---- What is accepted ------------------------------------------------------------------------ */

START_TEST(requests_of_the_file_service)
{
    decodes(&files_request_type, "674c697374416c6c");
    ck_assert_int_eq(value.request.kind, FILES_LIST_ALL);
    decodes(&files_request_type, "a1 6453697a65 67612f622e747874");
    ck_assert_int_eq(value.request.kind, FILES_SIZE);
    ck_assert_int_eq(value.request.size.kind, PATH_TEXT);
    ck_assert_text(value.request.size.text, "a/b.txt");
    ck_assert_ptr_eq(value.request.size.text.data, input.data + 7); /* not copied */
    decodes(&files_request_type, "a1 63476574 42ff00");
    ck_assert_int_eq(value.request.kind, FILES_GET);
    ck_assert_int_eq(value.request.get.kind, PATH_BYTES);
    ck_assert_uint_eq(value.request.get.bytes.size, 2);
    ck_assert_mem_eq(value.request.get.bytes.data, "\xff\x00", 2);
    decodes(&files_request_type, "a1 66457869737473 60");
    ck_assert_int_eq(value.request.kind, FILES_EXISTS);
    ck_assert_uint_eq(value.request.exists.text.size, 0);
    decodes(&files_request_type, "a1 6344656c 6100"); /* NUL is for the store to judge */
    ck_assert_int_eq(value.request.kind, FILES_DEL);
    ck_assert_uint_eq(value.request.del.text.size, 1);
    ck_assert_uint_eq(arena.taken, 0);
}
END_TEST

START_TEST(long_heads_and_indefinite_containers)
{
    static const char *const sizes[] = {
        "b801 6453697a65 6161",
        "b90001 780453697a65 790001 61",
        "ba00000001 79000453697a65 7a00000001 61",
        "bb0000000000000001 7b000000000000000453697a65 7b0000000000000001 61",
        "bf 6453697a65 6161 ff",
    };

    for (int i = 0; i < LENGTH(sizes); i++) {
        decodes(&files_request_type, sizes[i]);
        ck_assert_int_eq(value.request.kind, FILES_SIZE);
        ck_assert_text(value.request.size.text, "a");
    }
    decodes(&files_request_type, "7b0000000000000007 4c697374416c6c");
    ck_assert_int_eq(value.request.kind, FILES_LIST_ALL);
}
END_TEST

START_TEST(replies_of_the_file_service)
{
    decodes(&files_reply_type, "a1 6453697a65 1b0000000100000000");
    ck_assert_int_eq(value.reply.kind, REPLY_SIZE);
    ck_assert_uint_eq(value.reply.size, UINT64_C(1) << 32);
    decodes(&files_reply_type, "a1 66457869737473 f5");
    ck_assert(value.reply.kind == REPLY_EXISTS && value.reply.exists);
    decodes(&files_reply_type, "a1 66457869737473 f4");
    ck_assert(value.reply.kind == REPLY_EXISTS && !value.reply.exists);
    decodes(&files_reply_type, "624f6b");
    ck_assert_int_eq(value.reply.kind, REPLY_OK);
    decodes(&files_reply_type, "a1 654572726f72 65696f3a2078");
    ck_assert_text(value.reply.error, "io: x");
}
END_TEST

#define FILE_A "a3 6470617468 6161 6473697a65 05 656d74696d65 20"
#define FILE_B "bf 656d74696d65 1901f4 6470617468 41fe 6473697a65 00 ff"

START_TEST(lists_of_both_lengths)
{
    static const char *const lists[] = {
        "a1 644c697374 82" FILE_A FILE_B,
        "a1 644c697374 9f" FILE_A FILE_B "ff",
        "bf 644c697374 9f" FILE_A FILE_B "ff ff",
    };

    for (int i = 0; i < LENGTH(lists); i++) {
        decodes(&files_reply_type, lists[i]);
        ck_assert_int_eq(value.reply.kind, REPLY_LIST);
        ck_assert_uint_eq(value.reply.list.count, 2);
        ck_assert_text(value.reply.list.items[0].path.text, "a");
        ck_assert_uint_eq(value.reply.list.items[0].size, 5);
        ck_assert_int_eq(value.reply.list.items[0].mtime, -1);
        ck_assert_int_eq(value.reply.list.items[1].path.kind, PATH_BYTES);
        ck_assert_int_eq(value.reply.list.items[1].mtime, 500);
    }
    decodes(&files_reply_type, "a1 644c697374 80");
    ck_assert_uint_eq(value.reply.list.count, 0);
    decodes(&files_reply_type, "a1 644c697374 9fff");
    ck_assert_uint_eq(value.reply.list.count, 0);
}
END_TEST

/* Whatever an unknown key holds is skipped unseen; the others may stand in any order around it. */
START_TEST(keys_of_later_versions_are_ignored)
{
    static const char *const unknown[] = {
        "00", "3903e7", "5f4101ff",           "7f6161ff",       "c1c1c100",   "fb3ff199999999999a",
        "f6", "f820",   "83018202039f0405ff", "bf61619f01ffff", "bf9fff02ff",
    };
    char hex[256];

    for (int i = 0; i < LENGTH(unknown); i++) {
        snprintf(hex, sizeof hex, "a5 6178%s 656d74696d65 20 6179%s 6473697a65 05 6470617468 6161",
                 unknown[i], unknown[i]);
        decodes(&file_type, hex);
        ck_assert_text(value.file.path.text, "a");
        ck_assert_uint_eq(value.file.size, 5);
        ck_assert_int_eq(value.file.mtime, -1);
    }
}
END_TEST

START_TEST(expressions)
{
    const struct expr_let *let;

    /* {"Let": ["x", {"Num": -1}, {"Add": [{"Var": "x"}, {"Num": 2}]}]} */
    decodes(&expr_type,
            "a1 634c6574 83 6178 a1634e756d20 a1 63416464 82 a1635661726178 a1634e756d02");
    ck_assert_int_eq(value.expr.kind, EXPR_LET);
    let = value.expr.let;
    ck_assert_text(let->name, "x");
    ck_assert_int_eq(let->value.kind, EXPR_NUM);
    ck_assert_int_eq(let->value.num, -1);
    ck_assert_int_eq(let->body.kind, EXPR_ADD);
    ck_assert_text(let->body.add->left.var, "x");
    ck_assert_int_eq(let->body.add->right.num, 2);
    decodes(&expr_type, "a1 634d756c 9f a1634e756d00 a1634e756d1b7fffffffffffffff ff");
    ck_assert_int_eq(value.expr.mul->right.num, INT64_MAX);
    decodes(&expr_type, "a1 634e756d 3b7fffffffffffffff");
    ck_assert_int_eq(value.expr.num, INT64_MIN);
}
END_TEST

#define HASH   "6468617368 420102"
#define LEVEL  "656c6576656c 20"
#define EITHER "66656974686572 "

START_TEST(optional_members_say_whether_they_came)
{
    decodes(&sample_type, "a3" HASH LEVEL EITHER "f6");
    ck_assert(!value.sample.has_id && !value.sample.has_note && !value.sample.has_more);
    ck_assert_uint_eq(value.sample.id, 0); /* what did not come is zero */
    ck_assert_ptr_null(value.sample.more);
    ck_assert_int_eq(value.sample.level, -1);
    ck_assert_int_eq(value.sample.either.kind, EITHER_NIL);
    decodes(&sample_type, "a5" EITHER "f5" LEVEL "626964 19012c" HASH "646e6f7465 60");
    ck_assert(value.sample.has_id && value.sample.has_note && !value.sample.has_more);
    ck_assert_uint_eq(value.sample.id, 300);
    decodes(&sample_type, "a4" HASH "646d6f7265" FILE_A LEVEL EITHER "f4");
    ck_assert(value.sample.has_more);
    ck_assert_uint_eq(value.sample.more->size, 5);
}
END_TEST

START_TEST(a_choice_is_told_by_its_first_head)
{
    decodes(&sample_type, "a3" HASH LEVEL EITHER "1864");
    ck_assert_int_eq(value.sample.either.kind, EITHER_UINT);
    ck_assert_uint_eq(value.sample.either.number, 100);
    decodes(&sample_type, "a3" HASH LEVEL EITHER "3863");
    ck_assert_int_eq(value.sample.either.kind, EITHER_NEGATIVE);
    ck_assert_int_eq(value.sample.either.negative, -100);
    decodes(&sample_type, "a3" HASH LEVEL EITHER "f5");
    ck_assert(value.sample.either.kind == EITHER_BOOL && value.sample.either.boolean);
    decodes(&sample_type, "a3" HASH LEVEL EITHER "9f0102ff");
    ck_assert_int_eq(value.sample.either.kind, EITHER_LIST);
    ck_assert_uint_eq(value.sample.either.list.count, 2);
    ck_assert_uint_eq(value.sample.either.list.items[1], 2);
    decodes(&sample_type, "a3" HASH LEVEL EITHER FILE_A);
    ck_assert_int_eq(value.sample.either.kind, EITHER_FILE);
    ck_assert_uint_eq(value.sample.either.file->size, 5);
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------- */

struct refusal {
    const struct valve_type *type;
    const char *hex;
    const char *words;
};

static const struct refusal refusals[] = {
    /* neither a variant's name nor a map */
    {&files_request_type, "05", "expected a request, found an unsigned integer"},
    {&files_request_type, "24", "expected a request, found a negative integer"},
    {&files_request_type, "40", "expected a request, found bytes"},
    {&files_request_type, "80", "expected a request, found an array"},
    {&files_request_type, "f6", "expected a request, found nil"},
    {&files_request_type, "f5", "expected a request, found true"},
    {&files_request_type, "f93c00", "expected a request, found a float"},
    {&files_request_type, "e0", "expected a request, found a simple value"},
    {&files_request_type, "c1674c697374416c6c", "expected a request, found a tag"},
    {&files_request_type, "c1a16453697a656161", "expected a request, found a tag"},
    {&files_request_type, "7f674c697374416c6cff",
     "expected a request, found text of indefinite length"},
    /* variants */
    {&files_request_type, "65426f677573", "unknown variant \"Bogus\""},
    {&files_request_type, "676c697374416c6c", "unknown variant \"listAll\""},
    {&files_request_type, "60", "unknown variant \"\""},
    {&files_request_type, "a165426f67757301", "unknown variant \"Bogus\""},
    {&files_request_type, "6453697a65", "variant \"Size\" comes without its payload"},
    {&files_request_type, "a1674c697374416c6cf6", "variant \"ListAll\" has no payload"},
    {&files_request_type, "a0", "expected a map of one pair, found one of 0"},
    {&files_request_type, "bfff", "expected a map of one pair, found one of 0"},
    {&files_request_type, "a26453697a656161634765746161",
     "expected a map of one pair, found one of 2"},
    {&files_request_type, "bf6453697a656161634765746161ff",
     "expected a map of one pair, found a longer one"},
    {&files_request_type, "bf6453697a6561616453697a656161ff",
     "expected a map of one pair, found a longer one"},
    {&files_request_type, "a1056161", "expected text as key, found an unsigned integer"},
    {&files_request_type, "a1c16453697a656161", "expected text as key, found a tag"},
    {&files_request_type, "a17f6453697a65ff6161",
     "expected text as key, found text of indefinite length"},
    {&files_request_type, "a161ff6161", "text that is not UTF-8"},
    {&files_request_type, "62c080", "text that is not UTF-8"},
    {&files_request_type, "62075c", "unknown variant \"\\x07\\\\\""},
    /* payloads */
    {&files_request_type, "a16453697a6505", "Size: expected path, found an unsigned integer"},
    {&files_request_type, "a16453697a65f6", "Size: expected path, found nil"},
    {&files_request_type, "a16453697a65c16161", "Size: expected path, found a tag"},
    {&files_request_type, "a16453697a65fb3ff199999999999a", "Size: expected path, found a float"},
    {&files_request_type, "a16453697a657f6161ff",
     "Size: expected text, found text of indefinite length"},
    {&files_request_type, "a16453697a655f4161ff",
     "Size: expected bytes, found bytes of indefinite length"},
    {&files_request_type, "a16453697a6561ff", "Size: text that is not UTF-8"},
    {&files_request_type, "a16453697a6563eda080", "Size: text that is not UTF-8"},
    {&files_request_type, "a16453697a65f7", "Size: expected path, found undefined"},
    /* structs */
    {&file_type, "80", "expected file, found an array"},
    {&file_type, "a0", "key \"path\" is missing"},
    {&file_type, "a2 6470617468 6161 6473697a65 05", "key \"mtime\" is missing"},
    {&file_type, "a2 6470617468 6161 6470617468 6162", "key \"path\" comes twice"},
    {&file_type, "bf 6470617468 6161 6470617468 6161 ff", "key \"path\" comes twice"},
    {&file_type, "a5 6470617468 6161 6473697a65 05 656d74696d65 20 6178 00 6178 01",
     "key \"x\" comes twice"},
    {&file_type, "bf 6178 00 6470617468 6161 6473697a65 05 6179 80 656d74696d65 20 6178 9fff ff",
     "key \"x\" comes twice"},
    {&file_type, "a1 00 00", "expected text as key, found an unsigned integer"},
    {&file_type, "a1 61ff 00", "text that is not UTF-8"},
    {&file_type, "a1 7f6178ff 00", "expected text as key, found text of indefinite length"},
    {&file_type, "a1 6473697a65 20",
     "size: expected an unsigned integer, found a negative integer"},
    {&file_type, "a1 656d74696d65 1b8000000000000000",
     "mtime: expected -9223372036854775808 to 9223372036854775807, found a number beyond 64 bits"},
    {&file_type, "a1 656d74696d65 3b8000000000000000",
     "mtime: expected -9223372036854775808 to 9223372036854775807, found a number beyond 64 bits"},
    {&file_type, "a1 656d74696d65 f97e00", "mtime: expected an integer, found a float"},
    {&sample_type, "a1 627878 00", "unknown key \"xx\""},
    /* ranges */
    {&sample_type, "a1 626964 00", "id: expected 1 to 300, found 0"},
    {&sample_type, "a1 626964 19012d", "id: expected 1 to 300, found 301"},
    {&sample_type, "a1 626964 20", "id: expected id, found a negative integer"},
    {&sample_type, "a1 656c6576656c 06", "level: expected -5 to 5, found 6"},
    {&sample_type, "a1 656c6576656c 25", "level: expected -5 to 5, found -6"},
    {&sample_type, "a1 646e6f7465 66616161616161", "note: expected 0 to 5 bytes, found 6"},
    {&sample_type, "a1 6468617368 4101", "hash: expected at least 2 bytes, found 1"},
    {&sample_type, "a1 66656974686572 60", "either: expected either, found text"},
    {&sample_type, "a1 66656974686572 f7", "either: expected either, found undefined"},
    {&sample_type, "a1 66656974686572 f8f6", "either: expected either, found a simple value"},
    {&sample_type, "a1 66656974686572 3bffffffffffffffff",
     "either: expected -9223372036854775808 to -1, found a number beyond 64 bits"},
    {&sample_type, "a1 66656974686572 820160",
     "either[1]: expected an unsigned integer, found text"},
    {&sample_type, "a1 646d6f7265 a16473697a6560",
     "more.size: expected an unsigned integer, found text"},
    /* arrays */
    {&files_reply_type, "a1644c697374a0", "List: expected a list of file, found a map"},
    {&files_reply_type, "a1644c6973748200 00", "List: 2 items of file do not fit in the message"},
    {&files_reply_type, "a1644c6973749f00 00ff",
     "List[0]: expected file, found an unsigned integer"},
    {&files_reply_type,
     "a1644c69737481 b4 6161 6162 6163 6164 6165 6166 6167 6168 6169 616a 616b "
     "616c 616d 616e 616f 6170 6171 6172 6173 6174 6175 6176 6177 6178 6179 617a "
     "6142 6143 6144 6145 6146 6147 6148 6149 614a 614b 614c 614d 614e 614f",
     "List[0]: key \"path\" is missing"},
    {&files_reply_type, "a1644c69737482" FILE_A "a3 6470617468 6161 6473697a65 f6 656d74696d65 20",
     "List[1].size: expected an unsigned integer, found nil"},
    {&files_reply_type, "a166457869737473f6", "Exists: expected a boolean, found nil"},
    {&files_reply_type, "a166457869737473f8f5", "Exists: expected a boolean, found a simple value"},
    {&expr_type, "a16341646481a1634e756d00", "Add: expected an array of 2, found one of 1"},
    {&expr_type, "a1634164648300 00 00", "Add: expected an array of 2, found one of 3"},
    {&expr_type, "a1634164649fa1634e756d00ff", "Add: expected an array of 2, found one of 1"},
    {&expr_type, "a1634164649fa1634e756d00a1634e756d0000ff",
     "Add: expected an array of 2, found a longer one"},
    {&expr_type, "a163416464a0", "Add: expected two expressions, found a map"},
    {&expr_type, "a1634c6574 83 6178 a1634e756d20 a1 63416464 82 a1635661726178 a1634e756d6161",
     "Let.body.Add[1].Num: expected an integer, found text"},
    {&expr_type, "a1634c6574 83 05 a1634e756d20 a1634e756d20",
     "Let.name: expected text, found an unsigned integer"},
};

START_TEST(refuses_with_these_words)
{
    const struct refusal *refusal = &refusals[_i];
    int r = decode(refusal->type, refusal->hex);

    ck_assert_int_eq(r, -EBADMSG);
    ck_assert_str_eq(error.text, refusal->words);
}
END_TEST

START_TEST(long_names_and_paths_are_cut)
{
    char hex[512];
    size_t used = 0;

    ck_assert_int_eq(decode(&files_request_type, "7864 61*100"), -EBADMSG);
    ck_assert_str_eq(error.text,
                     "unknown variant \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\"");
    ck_assert_int_eq(decode(&files_request_type, "7864 01*100"), -EBADMSG);
    ck_assert_uint_lt(strlen(error.text), MESSAGE_MAX);
    for (int i = 0; i < 7; i++)
        used += (size_t)snprintf(hex + used, sizeof hex - used, "a1634c657483 6178 a1634e756d00 ");
    snprintf(hex + used, sizeof hex - used, "05");
    ck_assert_int_eq(decode(&expr_type, hex), -EBADMSG);
    ck_assert_str_eq(error.text, "Let.body.Let.body.Let.body.Let.body.Let.body.Let.body."
                                 "Let.body: expected an expression, found an unsigned integer");
    used = 0;
    for (int i = 0; i < 3; i++)
        used += (size_t)snprintf(hex + used, sizeof hex - used, "a163416464 82 ");
    snprintf(hex + used, sizeof hex - used, "05 00 00 00");
    ck_assert_int_eq(decode(&expr_type, hex), -EBADMSG);
    ck_assert_str_eq(error.text,
                     "Add[0].Add[0].Add[0]: expected an expression, found an unsigned integer");
}
END_TEST

START_TEST(a_long_path_is_cut)
{
    uint8_t deep[8 * 64];
    struct valve_cursor cursor;
    size_t used = 0;

    for (int i = 0; i < 20; i++) {
        struct bytes level = from_hex("a163416464 81");

        memcpy(deep + used, level.data, level.size);
        deep[used + 5] = 0x82;
        used += level.size;
    }
    memset(deep + used, 0, 21);
    cursor = (struct valve_cursor){deep, deep + used + 21};
    ck_assert_int_eq(valve_decode(&expr_type, &cursor, &arena, &value, &error), -EBADMSG);
    ck_assert_str_eq(error.text, "Add[0].Add[0].Add[0].Add[0].Add[0].Add[0]..."
                                 "Add[0].Add[0].Add[0].Add[0].Add[0].Add[0]"
                                 ": expected an expression, found an unsigned integer");
}
END_TEST

/* Many unknown keys are sorted in the arena, not compared each with each. */
START_TEST(many_unknown_keys)
{
    static uint8_t many[3 * 65536];
    struct valve_cursor cursor;
    size_t used = 0, count = 4096;
    struct bytes file = from_hex("6470617468 6161 6473697a65 05 656d74696d65 20");

    many[used++] = 0xbf;
    memcpy(many + used, file.data, file.size);
    used += file.size;
    for (size_t i = 0; i < count; i++) {
        uint8_t pair[] = {0x62, (uint8_t)(0x30 + i % 64), (uint8_t)(0x30 + i / 64), 0xf6};

        memcpy(many + used, pair, sizeof pair);
        used += sizeof pair;
    }
    many[used++] = 0xff;
    valve_arena_fini(&arena);
    valve_arena_init(&arena, NULL, 0, 1 << 20);
    cursor = (struct valve_cursor){many, many + used};
    ck_assert_int_eq(valve_decode(&file_type, &cursor, &arena, &value, &error), 0);
    ck_assert_ptr_eq(cursor.next, many + used);
    memcpy(many + used - 1 - 4, many + 1 + file.size, 4); /* the last as the first */
    cursor = (struct valve_cursor){many, many + used};
    ck_assert_int_eq(valve_decode(&file_type, &cursor, &arena, &value, &error), -EBADMSG);
    ck_assert_str_eq(error.text, "key \"00\" comes twice");
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------------------- */

/* With ever more memory: -ENOMEM until there is enough, and never a leak. */
START_TEST(too_small_an_arena_is_an_error)
{
    static const char *const hex =
        "a1 634c6574 83 6178 a1634e756d20 a1 63416464 82 a1635661726178 a1634e756d02";
    size_t needed = sizeof(struct expr_let) + sizeof(struct expr_pair);
    _Alignas(16) uint8_t buffer[256];

    ck_assert_uint_le(needed, sizeof buffer);
    for (size_t size = 0; size < needed; size++) {
        valve_arena_init(&arena, buffer, size, 0);
        ck_assert_int_eq(decode(&expr_type, hex), -ENOMEM);
        ck_assert_ptr_nonnull(strstr(error.text, "takes more memory than a message may"));
    }
    valve_arena_init(&arena, buffer, needed, 0);
    ck_assert_int_eq(decode(&expr_type, hex), 0);
    ck_assert_uint_eq(arena.taken, 0);
}
END_TEST

/* Also where nothing says how much will be needed, and for keys that nobody knows. */
START_TEST(memory_that_grows_has_an_end)
{
    _Alignas(16) uint8_t buffer[7 * sizeof(uint64_t)];

    valve_arena_init(&arena, buffer, sizeof buffer, 0);
    ck_assert_int_eq(decode(&uint_list_type, "9f 01 02 ff"), -ENOMEM);
    ck_assert_int_eq(decode(&uint_list_type, "87 01 02 03 04 05 06 07"), 0);
    valve_arena_init(&arena, buffer, sizeof buffer, 0);
    ck_assert_int_eq(decode(&file_type, "a4 6178 00 6470617468 6161 6473697a65 05 656d74696d65 20"),
                     -ENOMEM);
}
END_TEST

START_TEST(too_small_a_heap_limit_is_an_error)
{
    for (size_t limit = 0; limit < 2 * sizeof(struct file); limit++) {
        valve_arena_init(&arena, NULL, 0, limit);
        ck_assert_int_eq(decode(&files_reply_type, "a1 644c697374 82" FILE_A FILE_B), -ENOMEM);
        ck_assert_str_eq(error.text, "List: the value takes more memory than a message may");
        valve_arena_fini(&arena);
    }
    valve_arena_init(&arena, NULL, 0, 4096);
    ck_assert_int_eq(decode(&files_reply_type, "a1 644c697374 82" FILE_A FILE_B), 0);
}
END_TEST

/* ---- Cursors --------------------------------------------------------------------------------- */

START_TEST(skips_any_item)
{
    static const char *const items[] = {
        "00",
        "1bffffffffffffffff",
        "20",
        "40",
        "420102",
        "6161",
        "5f41004100ff",
        "7fff",
        "80",
        "8301820203820405",
        "9f018202039f0405ffff",
        "a201020304",
        "bf61610161629f0203ffff",
        "c100",
        "c1c1d81845820102f6f6",
        "f4",
        "f8ff",
        "f97e00",
        "fa7f800000",
        "fb7ff0000000000000",
    };

    for (int i = 0; i < LENGTH(items); i++) {
        struct bytes bytes = from_hex(items[i]);
        struct valve_cursor cursor = {bytes.data, bytes.data + bytes.size + 1};

        ck_assert(is_one_item(&bytes));
        valve_cursor_skip(&cursor);
        ck_assert_ptr_eq(cursor.next, bytes.data + bytes.size);
    }
}
END_TEST

/* A chain of tags is long, not deep. */
START_TEST(skips_a_million_tags)
{
    size_t size = 1000001;
    uint8_t *tags = malloc(size);
    struct valve_cursor cursor = {tags, tags + size};

    ck_assert_ptr_nonnull(tags);
    memset(tags, 0xc1, size - 1);
    tags[size - 1] = 0xf6;
    valve_cursor_skip(&cursor);
    ck_assert_ptr_eq(cursor.next, cursor.end);
    free(tags);
}
END_TEST

/* Input that no scanner has passed may be refused or not, but is never read beyond its end. */
START_TEST(stays_inside_input_that_is_not_well_formed)
{
    static const struct valve_type *const types[] = {&files_request_type, &files_reply_type,
                                                     &expr_type, &sample_type, &file_type};
    uint64_t seed = UINT64_C(0x6465636f6465) + (uint64_t)_i;

    for (unsigned round = 0; round < 5000; round++) {
        struct bytes bytes = from_hex(refusals[random_below(&seed, LENGTH(refusals))].hex);
        size_t size = 1 + random_below(&seed, bytes.size);
        uint8_t *copy = malloc(size);
        struct valve_cursor cursor = {copy, copy + size};
        const struct valve_type *type = types[random_below(&seed, LENGTH(types))];
        int r;

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes.data, size);
        copy[random_below(&seed, size)] = (uint8_t)random_next(&seed);
        r = valve_decode(type, &cursor, &arena, &value, &error);
        ck_assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
        ck_assert(cursor.next >= copy && cursor.next <= copy + size);
        if (r < 0)
            ck_assert_uint_lt(strlen(error.text), MESSAGE_MAX);
        cursor = (struct valve_cursor){copy, copy + size};
        valve_cursor_skip(&cursor);
        ck_assert(cursor.next > copy && cursor.next <= copy + size);
        free(copy);
        valve_arena_reset(&arena);
    }
}
END_TEST

static Suite *decoder_suite(void)
{
    Suite *suite = suite_create("decoder");
    TCase *tcase = tcase_create("decoder");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, requests_of_the_file_service);
    tcase_add_test(tcase, long_heads_and_indefinite_containers);
    tcase_add_test(tcase, replies_of_the_file_service);
    tcase_add_test(tcase, lists_of_both_lengths);
    tcase_add_test(tcase, keys_of_later_versions_are_ignored);
    tcase_add_test(tcase, expressions);
    tcase_add_test(tcase, optional_members_say_whether_they_came);
    tcase_add_test(tcase, a_choice_is_told_by_its_first_head);
    tcase_add_loop_test(tcase, refuses_with_these_words, 0, LENGTH(refusals));
    tcase_add_test(tcase, long_names_and_paths_are_cut);
    tcase_add_test(tcase, a_long_path_is_cut);
    tcase_add_test(tcase, many_unknown_keys);
    tcase_add_test(tcase, too_small_an_arena_is_an_error);
    tcase_add_test(tcase, memory_that_grows_has_an_end);
    tcase_add_test(tcase, too_small_a_heap_limit_is_an_error);
    tcase_add_test(tcase, skips_any_item);
    tcase_add_test(tcase, skips_a_million_tags);
    tcase_add_loop_test(tcase, stays_inside_input_that_is_not_well_formed, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(decoder_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
