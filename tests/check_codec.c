/* SPDX-License-Identifier: MIT */
/*
 * valve_value_decode() and valve_value_encode(): what each error says, and where; and that a fault
 * of the bytes is the one that the scanner finds.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/locate.h"
#include "rpc/scanner.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

static const struct valve_limits limits = {.max_size = 300, .max_depth = 16};

static struct valve_arena arena;
static struct valve_error error;
static union {
    struct files_request request;
    struct files_reply reply;
    struct expr expr;
    struct sample sample;
    struct file file;
    struct valve_any any;
} value;

static void set_up(void)
{
    valve_arena_init(&arena, NULL, 0, 1 << 20);
    memset(&error, 0, sizeof error);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
}

/* ---- Decoding --------------------------------------------------------------------------------- */

#define FILE_A "a3 6470617468 6161 6473697a65 05 656d74696d65 20"

START_TEST(what_follows_the_item_is_not_looked_at)
{
    struct bytes bytes = from_hex("a1 6453697a65 6161 ff ff");
    size_t taken = 0;

    ck_assert_int_eq(valve_value_decode(&files_request_type, &limits, bytes.data, bytes.size,
                                        &arena, &value, &taken, &error),
                     0);
    ck_assert_uint_eq(taken, 8);
    ck_assert_uint_eq(value.request.size.text.size, 1);
    ck_assert_int_eq(valve_value_decode(&files_request_type, &limits, bytes.data, bytes.size,
                                        &arena, &value, NULL, &error),
                     0);
}
END_TEST

static const struct {
    const struct valve_type *type;
    const char *hex;
    int result;
    size_t taken;
    const char *words;
} faults[] = {
    /* not of the type */
    {&files_request_type, "05", -EBADMSG, 0, "expected a request, found an unsigned integer"},
    {&files_request_type, "a16453697a65f6", -EBADMSG, 6, "Size: expected path, found nil"},
    {&files_request_type, "a163416464f6", -EBADMSG, 1, "unknown variant \"Add\""},
    {&file_type, "a2 6470617468 6161 6473697a65 20", -EBADMSG, 13,
     "size: expected an unsigned integer, found a negative integer"},
    {&file_type, "a2 6470617468 6161 6473697a65 05", -EBADMSG, 0, "key \"mtime\" is missing"},
    {&file_type, "a2 6470617468 6161 6470617468 6162", -EBADMSG, 8, "key \"path\" comes twice"},
    {&expr_type, "a1 63416464 82 a1634e756d01 a1634e756d60", -EBADMSG, 17,
     "Add[1].Num: expected an integer, found text"},
    /* breaks off */
    {&files_request_type, "", -EAGAIN, 0, "the bytes end here, and the value does not"},
    {&files_request_type, "a1", -EAGAIN, 1, "[0]: the bytes end here, and the value does not"},
    {&files_request_type, "a1 6453697a65 62 61", -EAGAIN, 8,
     "Size: the bytes end here, and the value does not"},
    {&files_request_type, "a1 6453697a65 19 01", -EAGAIN, 8,
     "Size: the bytes end here, and the value does not"},
    {&files_request_type, "05 05", -EBADMSG, 0, "expected a request, found an unsigned integer"},
    {&files_reply_type, "a1 644c697374 82" FILE_A "a1 6470617468", -EAGAIN, 34,
     "List[1].path: the bytes end here, and the value does not"},
    {&files_reply_type, "a1 644c697374 9f" FILE_A, -EAGAIN, 28,
     "List[1]: the bytes end here, and the value does not"},
    {&any_type, "5f 41", -EAGAIN, 2, "the bytes end here, and the value does not"},
    {&any_type, "bf 01 02 03", -EAGAIN, 4, "[1]: the bytes end here, and the value does not"},
    {&any_type, "c1 c2", -EAGAIN, 2, "the bytes end here, and the value does not"},
    /* not well-formed; that goes before what is wrong by the type */
    {&files_request_type, "a16453697a651c", -EBADMSG, 6,
     "Size: not well-formed: a reserved initial byte"},
    {&files_request_type, "a16453697a65ff", -EBADMSG, 6,
     "Size: not well-formed: a break where a value should be"},
    {&files_request_type, "82f6f800", -EBADMSG, 2,
     "[1]: not well-formed: a simple value in two bytes that fits in one"},
    {&files_reply_type, "bf644c697374ff", -EBADMSG, 6,
     "List: not well-formed: a break where a value should be"},
    {&files_reply_type, "a20102ff", -EBADMSG, 3,
     "[1]: not well-formed: a break where a value should be"},
    {&any_type, "a1 6161 5f 6161 ff", -EBADMSG, 4,
     "a: not well-formed: a chunk of another kind than its string"},
    {&any_type, "7f 7f ff ff", -EBADMSG, 1,
     "not well-formed: a chunk of another kind than its string"},
    {&any_type, "82 c1 ff", -EBADMSG, 2, "[0]: not well-formed: a break where a value should be"},
    /* too much */
    {&files_reply_type, "a1 644c697374 9b ffffffffffffffff", -EMSGSIZE, 6,
     "List: this announces more than 300 bytes in all"},
    {&files_reply_type, "a1 644c697374 bb 4000000000000001", -EMSGSIZE, 6,
     "List: this announces more than 300 bytes in all"},
    {&files_reply_type, "a1 644c697374 99 0130", -EMSGSIZE, 6,
     "List: this announces more than 300 bytes in all"},
    {&files_reply_type, "a1 67436f6e74656e74 59 0121", -EMSGSIZE, 9,
     "Content: this announces more than 300 bytes in all"},
    {&files_reply_type, "a1 67436f6e74656e74 59 0120", -EAGAIN, 12,
     "Content: the bytes end here, and the value does not"},
    {&any_type, "9f 59 0128", -EMSGSIZE, 1, "[0]: this announces more than 300 bytes in all"},
    {&any_type, "c1*300", -EMSGSIZE, 299, "this announces more than 300 bytes in all"},
    /* too deep */
    {&any_type, "81*17", -ELOOP, 16,
     "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16 levels"},
    {&any_type, "81*15 a1 6161 80", -ELOOP, 18,
     "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0].a: nested deeper than 16 levels"},
    {&any_type, "81*15 a1 80 00", -ELOOP, 16,
     "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16 levels"},
};

START_TEST(faults_have_a_place_and_words)
{
    struct bytes bytes = from_hex(faults[_i].hex);
    size_t taken = 77;

    ck_assert_int_eq(valve_value_decode(faults[_i].type, &limits, bytes.data, bytes.size, &arena,
                                        &value, &taken, &error),
                     faults[_i].result);
    ck_assert_str_eq(error.text, faults[_i].words);
    ck_assert_uint_eq(taken, faults[_i].taken);
}
END_TEST

START_TEST(an_arena_one_byte_too_small)
{
    struct bytes bytes = from_hex("a1 644c697374 82" FILE_A FILE_A);
    size_t needed = 2 * sizeof(struct file), taken;
    _Alignas(16) uint8_t buffer[2 * sizeof(struct file)];

    valve_arena_init(&arena, buffer, needed - 1, 0);
    ck_assert_int_eq(valve_value_decode(&files_reply_type, &limits, bytes.data, bytes.size, &arena,
                                        &value, &taken, &error),
                     -ENOMEM);
    ck_assert_str_eq(error.text, "List: the value takes more memory than a message may");
    ck_assert_uint_eq(taken, 6);
    valve_arena_init(&arena, buffer, needed, 0);
    ck_assert_int_eq(valve_value_decode(&files_reply_type, &limits, bytes.data, bytes.size, &arena,
                                        &value, &taken, &error),
                     0);
    ck_assert_uint_eq(taken, bytes.size);
}
END_TEST

/* ---- Deep and large values -------------------------------------------------------------------- */

static const struct valve_limits roomy = {.max_size = (size_t)64 << 20, .max_depth = 200};

/* An expression of so many operators inside each other. */
static struct expr nested(unsigned depth)
{
    struct expr expr = {EXPR_NUM, {.num = 1}};

    for (unsigned i = 0; i < depth; i++) {
        struct expr_pair *pair = valve_arena_alloc(&arena, sizeof *pair, 8);

        ck_assert_ptr_nonnull(pair);
        *pair = (struct expr_pair){{EXPR_VAR, {.var = valve_text("x")}}, expr};
        expr = (struct expr){EXPR_ADD, {.add = pair}};
    }
    return expr;
}

START_TEST(depth_100_passes_and_101_does_not)
{
    static const char words[] = "Add[1].Add[1].Add[1].Add[1].Add[1].Add[1]..."
                                "Add[1].Add[1].Add[1].Add[1].Add[1].Add[0]"
                                ": nested deeper than 200 levels";
    struct expr passes = nested(99), fails = nested(100);
    struct valve_bytes bytes;
    struct valve_limits more = roomy;
    size_t taken;

    more.max_depth++;
    ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, &passes, &arena, &bytes, &error), 0);
    ck_assert_int_eq(valve_value_decode(&expr_type, &roomy, bytes.data, bytes.size, &arena, &value,
                                        &taken, &error),
                     0);
    ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, &fails, &arena, &bytes, &error),
                     -ELOOP);
    ck_assert_str_eq(error.text, words);
    ck_assert_int_eq(valve_value_encode(&expr_type, &more, &fails, &arena, &bytes, &error), 0);
    ck_assert_int_eq(valve_value_decode(&expr_type, &roomy, bytes.data, bytes.size, &arena, &value,
                                        &taken, &error),
                     -ELOOP);
    ck_assert_str_eq(error.text, words);
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(a_hundred_thousand_nodes)
{
    enum { NODES = 100001 };
    struct expr *nodes;
    struct valve_bytes bytes, again;
    size_t taken;

    valve_arena_fini(&arena);
    valve_arena_init(&arena, NULL, 0, (size_t)64 << 20);
    nodes = valve_arena_alloc(&arena, NODES * sizeof *nodes, 8);
    for (size_t i = NODES; i-- > 0;) {
        struct expr_pair *pair = valve_arena_alloc(&arena, sizeof *pair, 8);

        nodes[i] = (struct expr){EXPR_NUM, {.num = (int64_t)i}};
        if (2 * i + 2 >= NODES)
            continue;
        *pair = (struct expr_pair){nodes[2 * i + 1], nodes[2 * i + 2]};
        nodes[i] = (struct expr){EXPR_MUL, {.mul = pair}};
    }
    ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, nodes, &arena, &bytes, &error), 0);
    ck_assert_int_eq(valve_value_decode(&expr_type, &roomy, bytes.data, bytes.size, &arena, &value,
                                        &taken, &error),
                     0);
    ck_assert_uint_eq(taken, bytes.size);
    ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, &value, &arena, &again, &error), 0);
    ck_assert_uint_eq(again.size, bytes.size);
    ck_assert_mem_eq(again.data, bytes.data, bytes.size);
}
END_TEST

/* With a warm arena nothing comes from the heap. */
START_TEST(a_warm_arena_is_enough)
{
    struct expr expr = nested(99);
    struct valve_arena warm;
    struct valve_bytes bytes, again;
    size_t taken = 0;

    ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, &expr, &arena, &bytes, &error), 0);
    valve_arena_init(&warm, NULL, 0, 1 << 20);
    for (int round = 0; round < 6; round++) {
        valve_arena_reset(&warm);
        if (round == 3)
            taken = warm.taken;
        ck_assert_int_eq(valve_value_decode(&expr_type, &roomy, bytes.data, bytes.size, &warm,
                                            &value, NULL, &error),
                         0);
        ck_assert_int_eq(valve_value_encode(&expr_type, &roomy, &value, &warm, &again, &error), 0);
        if (round >= 3)
            ck_assert_uint_eq(warm.taken, taken);
    }
    valve_arena_fini(&warm);
}
END_TEST

/* ---- Encoding --------------------------------------------------------------------------------- */

static int encode(const struct valve_type *type, const void *what, struct valve_bytes *ret_bytes)
{
    return valve_value_encode(type, &limits, what, &arena, ret_bytes, &error);
}

START_TEST(bytes_stand_in_the_arena)
{
    struct files_request size = {.kind = FILES_SIZE,
                                 .size = {PATH_TEXT, {.text = valve_text("a/b.txt")}}};
    struct bytes expected = from_hex("a16453697a6567612f622e747874");
    _Alignas(16) uint8_t buffer[64];
    struct valve_bytes bytes;

    for (size_t room = 0; room < sizeof buffer; room++) {
        valve_arena_init(&arena, buffer, room, 0);
        if (room < expected.size) {
            ck_assert_int_eq(encode(&files_request_type, &size, &bytes), -ENOMEM);
            ck_assert_str_eq(error.text, "no memory for the 14 bytes of the value");
            ck_assert_ptr_eq(arena.next, buffer); /* all was given back */
            continue;
        }
        ck_assert_int_eq(encode(&files_request_type, &size, &bytes), 0);
        ck_assert_ptr_eq(bytes.data, buffer);
        ck_assert_uint_eq(bytes.size, expected.size);
        ck_assert_mem_eq(bytes.data, expected.data, expected.size);
        ck_assert_ptr_eq(arena.next, buffer + expected.size);
    }
    valve_arena_init(&arena, buffer, 5, 1000); /* too little at hand: in a block of the heap */
    ck_assert_int_eq(encode(&files_request_type, &size, &bytes), 0);
    ck_assert_mem_eq(bytes.data, expected.data, expected.size);
}
END_TEST

START_TEST(a_value_that_is_too_long)
{
    static uint8_t content[300];
    struct files_reply reply = {.kind = REPLY_CONTENT, .content = {content, 288}};
    struct valve_bytes bytes = {NULL, 77};

    ck_assert_int_eq(encode(&files_reply_type, &reply, &bytes), 0);
    ck_assert_uint_eq(bytes.size, 300);
    reply.content.size++;
    ck_assert_int_eq(encode(&files_reply_type, &reply, &bytes), -EMSGSIZE);
    ck_assert_str_eq(error.text, "the value takes 301 bytes, and 300 are the limit");
    ck_assert_uint_eq(bytes.size, 300);
}
END_TEST

START_TEST(values_that_break_their_type_say_where)
{
    static const struct sample good = {.hash = {(const uint8_t *)"hh", 2},
                                       .either = {.kind = EITHER_NIL}};
    struct file files[] = {{{PATH_TEXT, {.text = {"a", 1}}}, 0, 0},
                           {{PATH_TEXT, {.text = {"\xff", 1}}}, 0, 0}};
    struct files_reply list = {.kind = REPLY_LIST, .list = {files, 2}};
    struct expr_let let = {.name = {"x", 1}, .body = {EXPR_ADD, {.add = NULL}}};
    struct expr expr = {EXPR_LET, {.let = &let}};
    struct sample sample = good;
    struct valve_bytes bytes;

    ck_assert_int_eq(encode(&files_reply_type, &list, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "List[1].path: text that is not UTF-8");
    files[1].path.kind = (enum path_kind)7;
    ck_assert_int_eq(encode(&files_reply_type, &list, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "List[1].path: 7 is no kind of path");
    list.list.items = NULL;
    ck_assert_int_eq(encode(&files_reply_type, &list, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "List: a null pointer in place of a list of file");
    list = (struct files_reply){.kind = REPLY_CONTENT, .content = {NULL, 1}};
    ck_assert_int_eq(encode(&files_reply_type, &list, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "Content: a null pointer in place of bytes");
    list.kind = (enum files_reply_kind)6;
    ck_assert_int_eq(encode(&files_reply_type, &list, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "6 is no kind of a reply");
    ck_assert_int_eq(encode(&expr_type, &expr, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "Let.body.Add: a null pointer in place of two expressions");
    sample.has_id = true;
    ck_assert_int_eq(encode(&sample_type, &sample, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "id: expected 1 to 300, found 0");
    sample = good;
    sample.level = -6;
    ck_assert_int_eq(encode(&sample_type, &sample, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "level: expected -5 to 5, found -6");
    sample = good;
    sample.hash.size = 1;
    ck_assert_int_eq(encode(&sample_type, &sample, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "hash: expected at least 2 bytes, found 1");
    sample = good;
    sample.has_note = true;
    sample.note = (struct valve_text){"sixsix", 6};
    ck_assert_int_eq(encode(&sample_type, &sample, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "note: expected 0 to 5 bytes, found 6");
    sample = good;
    sample.has_more = true;
    ck_assert_int_eq(encode(&sample_type, &sample, &bytes), -EINVAL);
    ck_assert_str_eq(error.text, "more: a null pointer in place of file");
}
END_TEST

/* ---- Against the scanner ---------------------------------------------------------------------- */

static int result_of(enum valve_scan verdict)
{
    switch (verdict) {
    case VALVE_SCAN_MORE:
        return -EAGAIN;
    case VALVE_SCAN_DONE:
        return 0;
    case VALVE_SCAN_MALFORMED:
        return -EBADMSG;
    case VALVE_SCAN_TOO_LARGE:
        return -EMSGSIZE;
    case VALVE_SCAN_TOO_DEEP:
        return -ELOOP;
    }
    return 1;
}

static int scan(const uint8_t *data, size_t size, const struct valve_limits *within,
                size_t *ret_taken)
{
    struct valve_limits scan_limits = {within->max_size, within->max_depth};
    struct valve_scanner *scanner = malloc(valve_scanner_size(within->max_depth));
    enum valve_scan verdict;

    ck_assert_ptr_nonnull(scanner);
    valve_scanner_init(scanner, &scan_limits);
    verdict = valve_scanner_feed(scanner, data, size, ret_taken);
    free(scanner);
    return result_of(verdict);
}

/* Bytes that begin well, most of the time. */
static size_t random_bytes(uint64_t *seed, uint8_t *data)
{
    static const uint8_t favourites[] = {0x81, 0x82, 0x9f, 0xa1, 0xbf, 0xff, 0x5f, 0x7f, 0x41, 0x61,
                                         0xc1, 0xd8, 0x18, 0x19, 0x1b, 0x98, 0xb8, 0x58, 0xf8, 0xf6,
                                         0xf9, 0x00, 0x80, 0xa0, 0x1c, 0x44, 0x64, 0x99};
    struct bytes bytes = from_hex(faults[random_below(seed, LENGTH(faults))].hex);
    size_t size = bytes.size, changes = random_below(seed, 6);

    memcpy(data, bytes.data, size);
    if (random_below(seed, 2) == 0) {
        size = 1 + random_below(seed, 40);
        changes = size;
    }
    for (; changes > 0 && size > 0; changes--)
        data[changes == size ? size - 1 : random_below(seed, size)] =
            favourites[random_below(seed, sizeof favourites)];
    return size > 1 && random_below(seed, 4) == 0 ? random_below(seed, size) : size;
}

static const struct valve_type *const types[] = {&files_request_type, &files_reply_type, &expr_type,
                                                 &sample_type,        &file_type,        &any_type};

/* Every verdict is the scanner's, and what the decoder accepts the scanner does. */
START_TEST(faults_of_bytes_are_those_of_the_scanner)
{
    uint64_t seed = UINT64_C(0x636f646563) + (uint64_t)_i;
    unsigned accepted = 0;

    for (unsigned round = 0; round < 20000; round++) {
        struct valve_limits within = {1 + random_below(&seed, 60),
                                      (unsigned)random_below(&seed, 6)};
        const struct valve_type *type = types[random_below(&seed, LENGTH(types))];
        uint8_t bytes[BYTES_MAX], *data;
        size_t size = random_bytes(&seed, bytes), taken = 0, at = SIZE_MAX;
        int r, expected;

        data = malloc(size + 1); /* so that a byte too far is noticed */
        ck_assert_ptr_nonnull(data);
        memcpy(data + 1, bytes, size);
        expected = scan(data + 1, size, &within, &taken);
        r = valve_locate(data + 1, size, &within, &at, &error);
        ck_assert_int_eq(r, expected);
        if (r == -EAGAIN)
            ck_assert_uint_eq(at, size);
        else if (r < 0)
            ck_assert(at < taken && taken - at <= VALVE_HEAD_MAX);
        r = valve_value_decode(type, &within, data + 1, size, &arena, &value, &at, &error);
        if (r == 0)
            ck_assert_uint_eq(at, taken);
        ck_assert(expected == 0 ? r == 0 || r == -EBADMSG : r == expected);
        accepted += r == 0;
        valve_arena_reset(&arena);
        free(data);
    }
    ck_assert_uint_gt(accepted, 100);
}
END_TEST

static Suite *codec_suite(void)
{
    Suite *suite = suite_create("codec");
    TCase *tcase = tcase_create("codec");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_follows_the_item_is_not_looked_at);
    tcase_add_loop_test(tcase, faults_have_a_place_and_words, 0, LENGTH(faults));
    tcase_add_test(tcase, an_arena_one_byte_too_small);
    tcase_add_test(tcase, depth_100_passes_and_101_does_not);
    tcase_add_test(tcase, a_hundred_thousand_nodes);
    tcase_add_test(tcase, a_warm_arena_is_enough);
    tcase_add_test(tcase, bytes_stand_in_the_arena);
    tcase_add_test(tcase, a_value_that_is_too_long);
    tcase_add_test(tcase, values_that_break_their_type_say_where);
    tcase_add_loop_test(tcase, faults_of_bytes_are_those_of_the_scanner, 0, 8);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(codec_suite());
    int failed;

    printf("codec: bytes from seed 0x636f646563\n");
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
