/* SPDX-License-Identifier: MIT */
/*
 * The encoder: the bytes of the protocol, the shortest form always, and back again unchanged.
 */
#include "rpc/encoder.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/cursor.h"
#include "rpc/decoder.h"
#include "rpc/scanner.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

#define MAX_DEPTH   16
#define ENCODED_MAX 16384

static struct valve_text text(const char *string)
{
    return valve_text(string);
}

/* Measures and writes, in memory of exactly the size measured. */
static uint8_t *encode(const struct valve_type *type, const void *value, size_t *ret_size)
{
    size_t size = SIZE_MAX;
    int r = valve_encoded_size(type, value, MAX_DEPTH, &size);
    uint8_t *data;

    ck_assert_int_eq(r, 0);
    data = malloc(size);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(valve_encode_within(type, value, MAX_DEPTH, data, size, ret_size, NULL), 0);
    ck_assert_uint_eq(*ret_size, size);
    return data;
}

/* In one pass, into ever more room: the size is told always, and no byte beyond the room touched. */
static void encodes_within(const struct valve_type *type, const void *value,
                           const struct bytes *expected)
{
    for (size_t room = 0; room <= expected->size + VALVE_HEAD_MAX; room++) {
        uint8_t *data = malloc(room + 1), *end = data + 1 + room; /* never of no size */
        size_t size = SIZE_MAX;

        ck_assert_ptr_nonnull(data);
        ck_assert_int_eq(valve_encode_within(type, value, MAX_DEPTH, end - room, room, &size, NULL),
                         0);
        ck_assert_uint_eq(size, expected->size);
        if (size <= room)
            ck_assert_mem_eq(end - room, expected->data, size);
        free(data);
    }
}

static void encodes(const struct valve_type *type, const void *value, const char *hex)
{
    struct bytes expected = from_hex(hex);
    size_t size;
    uint8_t *data = encode(type, value, &size);

    ck_assert_uint_eq(size, expected.size);
    ck_assert_mem_eq(data, expected.data, size);
    free(data);
    encodes_within(type, value, &expected);
}

/* ---- Bytes that are known -------------------------------------------------------------------- */

START_TEST(messages_of_the_protocol)
{
    struct files_request list_all = {.kind = FILES_LIST_ALL};
    struct files_request size = {.kind = FILES_SIZE, .size = {PATH_TEXT, {text("a/b.txt")}}};
    struct files_request del = {.kind = FILES_DEL,
                                .del = {.kind = PATH_BYTES, .bytes = {(const uint8_t *)"\xff", 1}}};
    struct files_reply content = {.kind = REPLY_CONTENT, .content = {(const uint8_t *)"hi", 2}};
    struct files_reply ok = {.kind = REPLY_OK};
    struct files_reply exists = {.kind = REPLY_EXISTS, .exists = true};
    struct files_reply empty = {.kind = REPLY_ERROR, .error = {NULL, 0}};

    encodes(&files_request_type, &list_all, "674c697374416c6c");
    encodes(&files_request_type, &size, "a16453697a6567612f622e747874");
    encodes(&files_request_type, &del, "a16344656c41ff");
    encodes(&files_reply_type, &content, "a167436f6e74656e74426869");
    encodes(&files_reply_type, &ok, "624f6b");
    encodes(&files_reply_type, &exists, "a166457869737473f5");
    encodes(&files_reply_type, &empty, "a1654572726f7260");
}
END_TEST

START_TEST(members_in_the_order_of_the_table)
{
    struct file files[] = {{{PATH_TEXT, {text("a")}}, 24, -25},
                           {{PATH_TEXT, {text("")}}, UINT64_MAX, INT64_MIN}};
    struct files_reply list = {.kind = REPLY_LIST, .list = {files, 2}};
    struct sample sample = {.has_note = true,
                            .note = text("n"),
                            .level = -1,
                            .hash = {(const uint8_t *)"\x01\x02", 2},
                            .either = {.kind = EITHER_NIL}};

    encodes(&files_reply_type, &list,
            "a1644c69737482 a3 6470617468 6161 6473697a65 1818 656d74696d65 3818"
            "a3 6470617468 60 6473697a65 1bffffffffffffffff 656d74696d65 3b7fffffffffffffff");
    encodes(&sample_type, &sample,
            "a4 6468617368 420102 646e6f7465 616e 656c6576656c 20 66656974686572 f6");
    sample.has_note = false;
    encodes(&sample_type, &sample, "a3 6468617368 420102 656c6576656c 20 66656974686572 f6");
    list.list = (struct file_list){NULL, 0};
    encodes(&files_reply_type, &list, "a1644c69737480");
}
END_TEST

START_TEST(expressions)
{
    struct expr_pair add = {{EXPR_VAR, {.var = text("x")}}, {EXPR_NUM, {.num = 2}}};
    struct expr_let let = {text("x"), {EXPR_NUM, {.num = -1}}, {EXPR_ADD, {.add = &add}}};
    struct expr expr = {EXPR_LET, {.let = &let}};

    encodes(&expr_type, &expr,
            "a1 634c6574 83 6178 a1634e756d20 a1 63416464 82 a1635661726178 a1634e756d02");
}
END_TEST

START_TEST(numbers_take_the_shortest_head)
{
    static const struct {
        int64_t number;
        const char *hex;
    } rows[] = {
        {0, "00"},
        {23, "17"},
        {24, "1818"},
        {255, "18ff"},
        {256, "190100"},
        {65535, "19ffff"},
        {65536, "1a00010000"},
        {UINT32_MAX, "1affffffff"},
        {INT64_C(1) << 32, "1b0000000100000000"},
        {INT64_MAX, "1b7fffffffffffffff"},
        {-1, "20"},
        {-24, "37"},
        {-25, "3818"},
        {-256, "38ff"},
        {-257, "390100"},
        {-65536, "39ffff"},
        {-65537, "3a00010000"},
        {-(INT64_C(1) << 32), "3affffffff"},
        {-(INT64_C(1) << 32) - 1, "3b0000000100000000"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };

    for (int i = 0; i < LENGTH(rows); i++)
        encodes(&i64_type, &rows[i].number, rows[i].hex);
}
END_TEST

/* ---- Arms, and what is sent in pieces -------------------------------------------------------- */

START_TEST(an_arm_is_written_from_its_payload)
{
    struct bytes unit = from_hex("624f6b"), number = from_hex("a16453697a651903e8");
    uint64_t payload = 1000;
    uint8_t data[32];
    size_t size;

    ck_assert_int_eq(valve_encode_arm_within(&files_reply_type, REPLY_OK, NULL, 0, data,
                                             sizeof data, &size, NULL),
                     0);
    ck_assert_uint_eq(size, unit.size);
    ck_assert_mem_eq(data, unit.data, size);
    ck_assert_int_eq(valve_encode_arm_within(&files_reply_type, REPLY_SIZE, &payload, 1, data,
                                             sizeof data, &size, NULL),
                     0);
    ck_assert_uint_eq(size, number.size);
    ck_assert_mem_eq(data, number.data, size);
    size = 77;
    ck_assert_int_eq(valve_encoded_arm_size(&files_reply_type, REPLY_SIZE, &payload, 0, &size),
                     -ELOOP);
    ck_assert_int_eq(valve_encoded_arm_size(&files_reply_type, REPLY_SIZE, NULL, 1, &size),
                     -EINVAL);
    ck_assert_int_eq(valve_encoded_arm_size(&files_reply_type, 6, &payload, 1, &size), -EINVAL);
    ck_assert_uint_eq(size, 77);
}
END_TEST

START_TEST(a_list_and_bytes_in_pieces)
{
    struct bytes expected = from_hex("a1 644c697374 9f ff a1 67436f6e74656e74 5a00010000");
    uint8_t data[64], *end = data;

    end = valve_encode_arm_prefix(&files_reply_type, REPLY_LIST, end);
    end = valve_encode_list_begin(end);
    end = valve_encode_list_end(end);
    end = valve_encode_arm_prefix(&files_reply_type, REPLY_CONTENT, end);
    end = valve_encode_bytes_head(65536, end);
    ck_assert_uint_eq((size_t)(end - data), expected.size);
    ck_assert_mem_eq(data, expected.data, expected.size);
}
END_TEST

/* ---- What cannot be sent --------------------------------------------------------------------- */

static int judge(const struct valve_type *type, const void *value, unsigned max_depth)
{
    size_t size = 77;
    int r = valve_encoded_size(type, value, max_depth, &size);

    if (r < 0)
        ck_assert_uint_eq(size, 77);
    return r;
}

START_TEST(depth_is_counted_in_arrays_and_maps)
{
    struct expr_pair pairs[8];
    struct expr expr = {EXPR_NUM, {.num = 1}};

    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(judge(&expr_type, &expr, 2 * i + 1), 0);
        ck_assert_int_eq(judge(&expr_type, &expr, 2 * i), -ELOOP);
        pairs[i] = (struct expr_pair){expr, expr};
        expr = (struct expr){EXPR_ADD, {.add = &pairs[i]}};
    }
}
END_TEST

START_TEST(a_value_that_contains_itself_is_too_deep)
{
    struct expr_let let = {.name = text("x"), .value = {EXPR_NUM, {.num = 1}}};

    let.body = (struct expr){EXPR_LET, {.let = &let}};
    ck_assert_int_eq(judge(&expr_type, &let.body, 10000), -ELOOP);
}
END_TEST

START_TEST(values_that_are_not_of_their_type)
{
    static const struct sample good = {.hash = {(const uint8_t *)"hh", 2},
                                       .either = {.kind = EITHER_NIL}};
    struct files_request request = {.kind = (enum files_method)5};
    struct expr boxed_nothing = {EXPR_ADD, {.add = NULL}};
    struct files_reply no_items = {.kind = REPLY_LIST, .list = {NULL, 1}};
    struct files_reply no_bytes = {.kind = REPLY_CONTENT, .content = {NULL, 1}};
    struct files_reply latin = {.kind = REPLY_ERROR, .error = text("caf\xe9")};
    struct sample sample = good;

    ck_assert_int_eq(judge(&files_request_type, &request, MAX_DEPTH), -EINVAL);
    request = (struct files_request){.kind = FILES_GET, .get = {.kind = (enum path_kind)2}};
    ck_assert_int_eq(judge(&files_request_type, &request, MAX_DEPTH), -EINVAL);
    ck_assert_int_eq(judge(&expr_type, &boxed_nothing, MAX_DEPTH), -EINVAL);
    ck_assert_int_eq(judge(&files_reply_type, &no_items, MAX_DEPTH), -EINVAL);
    ck_assert_int_eq(judge(&files_reply_type, &no_bytes, MAX_DEPTH), -EINVAL);
    ck_assert_int_eq(judge(&files_reply_type, &latin, MAX_DEPTH), -EINVAL);

    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), 0);
    sample.level = 6;
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample.level = -6;
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample = good;
    sample.has_id = true; /* 0 is below its range */
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample.id = 301;
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample.id = 300;
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), 0);
    sample.hash.size = 1;
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample = good;
    sample.has_note = true;
    sample.note = text("sixsix");
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
    sample = good;
    sample.has_more = true; /* and no pointer */
    ck_assert_int_eq(judge(&sample_type, &sample, MAX_DEPTH), -EINVAL);
}
END_TEST

/* ---- There and back -------------------------------------------------------------------------- */

static struct valve_arena arena;
static uint64_t seed;

static void *take(size_t size)
{
    void *memory = valve_arena_alloc(&arena, size, 16);

    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, size);
    return memory;
}

static int64_t random_integer(void)
{
    return (int64_t)(random_next(&seed) >> random_below(&seed, 64));
}

static struct valve_text random_text(size_t most)
{
    static const char *const pieces[] = {"a", "/", "\n", "é", "水", "𐅑", ".txt"};
    char *data = take(most + 1);
    size_t size = 0, limit = random_below(&seed, most + 1);

    for (;;) {
        const char *piece = pieces[random_below(&seed, (size_t)LENGTH(pieces))];

        if (size + strlen(piece) > limit)
            return (struct valve_text){data, size};
        memcpy(data + size, piece, strlen(piece));
        size += strlen(piece);
    }
}

static struct valve_bytes random_bytes(size_t least, size_t most)
{
    size_t size = least + random_below(&seed, most - least + 1);
    uint8_t *data = take(size + 1);

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)random_next(&seed);
    return (struct valve_bytes){data, size};
}

static struct path random_path(void)
{
    if (random_below(&seed, 4) == 0)
        return (struct path){.kind = PATH_BYTES, .bytes = random_bytes(0, 300)};
    return (struct path){.kind = PATH_TEXT, .text = random_text(300)};
}

static struct file random_file(void)
{
    return (struct file){random_path(), (uint64_t)random_integer(),
                         random_integer() * (random_below(&seed, 2) == 0 ? 1 : -1)};
}

static struct file_list random_list(void)
{
    size_t count = random_below(&seed, 30);
    struct file *files = take(count * sizeof *files + 1);

    for (size_t i = 0; i < count; i++)
        files[i] = random_file();
    return (struct file_list){files, count};
}

static struct files_reply random_reply(void)
{
    struct files_reply reply = {.kind = (enum files_reply_kind)random_below(&seed, 6)};

    switch (reply.kind) {
    case REPLY_LIST:
        reply.list = random_list();
        break;
    case REPLY_SIZE:
        reply.size = (uint64_t)random_integer();
        break;
    case REPLY_CONTENT:
        reply.content = random_bytes(0, 1000);
        break;
    case REPLY_EXISTS:
        reply.exists = random_below(&seed, 2) == 0;
        break;
    case REPLY_OK:
        break;
    case REPLY_ERROR:
        reply.error = random_text(200);
        break;
    }
    return reply;
}

static struct expr random_expr(unsigned levels)
{
    struct expr expr = {.kind = (enum expr_kind)random_below(&seed, levels > 0 ? 5 : 2)};
    struct expr_pair *pair;
    struct expr_let *let;

    switch (expr.kind) {
    case EXPR_NUM:
        expr.num = random_integer();
        break;
    case EXPR_VAR:
        expr.var = random_text(10);
        break;
    case EXPR_ADD:
    case EXPR_MUL:
        pair = take(sizeof *pair);
        *pair = (struct expr_pair){random_expr(levels - 1), random_expr(levels - 1)};
        expr.add = pair;
        break;
    case EXPR_LET:
        let = take(sizeof *let);
        *let = (struct expr_let){random_text(30), random_expr(levels - 1), random_expr(levels - 1)};
        expr.let = let;
        break;
    }
    return expr;
}

static struct either random_either(void)
{
    struct either either = {.kind = (enum either_kind)random_below(&seed, 6)};
    uint64_t *numbers;
    struct file *file;

    switch (either.kind) {
    case EITHER_UINT:
        either.number = random_next(&seed);
        break;
    case EITHER_NEGATIVE:
        either.negative = INT64_MIN + (int64_t)(random_next(&seed) >> 1);
        break;
    case EITHER_BOOL:
        either.boolean = random_below(&seed, 2) == 0;
        break;
    case EITHER_NIL:
        break;
    case EITHER_LIST:
        either.list.count = random_below(&seed, 5);
        numbers = take(5 * sizeof *numbers);
        for (size_t i = 0; i < either.list.count; i++)
            numbers[i] = random_next(&seed);
        either.list.items = numbers;
        break;
    case EITHER_FILE:
        file = take(sizeof *file);
        *file = random_file();
        either.file = file;
        break;
    }
    return either;
}

static struct sample random_sample(void)
{
    struct sample sample = {.level = (int64_t)random_below(&seed, 11) - 5,
                            .hash = random_bytes(2, 40),
                            .either = random_either(),
                            .has_id = random_below(&seed, 2) == 0,
                            .has_note = random_below(&seed, 2) == 0,
                            .has_more = random_below(&seed, 2) == 0};
    struct file *more = take(sizeof *more);

    if (sample.has_id)
        sample.id = 1 + random_below(&seed, 300);
    if (sample.has_note)
        sample.note = random_text(5);
    *more = random_file();
    if (sample.has_more)
        sample.more = more;
    return sample;
}

static void same_path(const struct path *left, const struct path *right)
{
    ck_assert_int_eq(left->kind, right->kind);
    ck_assert_uint_eq(left->bytes.size, right->bytes.size);
    if (left->bytes.size > 0)
        ck_assert_mem_eq(left->bytes.data, right->bytes.data, left->bytes.size);
}

static void same_text(const struct valve_text *left, const struct valve_text *right)
{
    ck_assert_uint_eq(left->size, right->size);
    if (left->size > 0)
        ck_assert_mem_eq(left->data, right->data, left->size);
}

static void same_file(const struct file *left, const struct file *right)
{
    same_path(&left->path, &right->path);
    ck_assert_uint_eq(left->size, right->size);
    ck_assert_int_eq(left->mtime, right->mtime);
}

static void same_reply(const struct files_reply *left, const struct files_reply *right)
{
    ck_assert_int_eq(left->kind, right->kind);
    switch (left->kind) {
    case REPLY_LIST:
        ck_assert_uint_eq(left->list.count, right->list.count);
        for (size_t i = 0; i < left->list.count; i++)
            same_file(&left->list.items[i], &right->list.items[i]);
        break;
    case REPLY_SIZE:
        ck_assert_uint_eq(left->size, right->size);
        break;
    case REPLY_EXISTS:
        ck_assert_int_eq(left->exists, right->exists);
        break;
    case REPLY_OK:
        break;
    case REPLY_CONTENT:
        ck_assert_uint_eq(left->content.size, right->content.size);
        ck_assert_int_eq(memcmp(left->content.data, right->content.data, left->content.size), 0);
        break;
    case REPLY_ERROR:
        same_text(&left->error, &right->error);
        break;
    }
}

static void same_expr(const struct expr *left, const struct expr *right)
{
    ck_assert_int_eq(left->kind, right->kind);
    switch (left->kind) {
    case EXPR_NUM:
        ck_assert_int_eq(left->num, right->num);
        break;
    case EXPR_VAR:
        same_text(&left->var, &right->var);
        break;
    case EXPR_ADD:
    case EXPR_MUL:
        same_expr(&left->add->left, &right->add->left);
        same_expr(&left->add->right, &right->add->right);
        break;
    case EXPR_LET:
        same_text(&left->let->name, &right->let->name);
        same_expr(&left->let->value, &right->let->value);
        same_expr(&left->let->body, &right->let->body);
        break;
    }
}

static void same_either(const struct either *left, const struct either *right)
{
    ck_assert_int_eq(left->kind, right->kind);
    switch (left->kind) {
    case EITHER_UINT:
        ck_assert_uint_eq(left->number, right->number);
        break;
    case EITHER_NEGATIVE:
        ck_assert_int_eq(left->negative, right->negative);
        break;
    case EITHER_BOOL:
        ck_assert_int_eq(left->boolean, right->boolean);
        break;
    case EITHER_NIL:
        break;
    case EITHER_LIST:
        ck_assert_uint_eq(left->list.count, right->list.count);
        for (size_t i = 0; i < left->list.count; i++)
            ck_assert_uint_eq(left->list.items[i], right->list.items[i]);
        break;
    case EITHER_FILE:
        same_file(left->file, right->file);
        break;
    }
}

static void same_sample(const struct sample *left, const struct sample *right)
{
    ck_assert_int_eq(left->has_id, right->has_id);
    ck_assert_uint_eq(left->id, right->id);
    ck_assert_int_eq(left->has_note, right->has_note);
    same_text(&left->note, &right->note);
    ck_assert_int_eq(left->level, right->level);
    ck_assert_uint_eq(left->hash.size, right->hash.size);
    ck_assert_mem_eq(left->hash.data, right->hash.data, left->hash.size);
    ck_assert_int_eq(left->has_more, right->has_more);
    if (left->has_more)
        same_file(left->more, right->more);
    same_either(&left->either, &right->either);
}

/* RFC 8949, 4.2.1: shortest heads, no indefinite lengths, keys in bytewise order and only once. */
static void is_deterministic(struct valve_cursor *cursor)
{
    const uint8_t *key = NULL, *key_end = NULL;
    struct valve_head head;
    uint64_t items = 0;

    ck_assert_int_eq(valve_cursor_head(cursor, &head), 0);
    ck_assert(!head.indefinite && !head.is_float && head.major != VALVE_MAJOR_TAG);
    ck_assert_uint_eq(head.size, valve_head_length(head.argument));
    if (head.major == VALVE_MAJOR_BYTES || head.major == VALVE_MAJOR_TEXT)
        cursor->next += head.argument;
    if (head.major == VALVE_MAJOR_ARRAY)
        items = head.argument;
    if (head.major == VALVE_MAJOR_MAP)
        items = 2 * head.argument;
    for (uint64_t i = 0; i < items; i++) {
        const uint8_t *start = cursor->next;
        size_t size;

        is_deterministic(cursor);
        if (head.major != VALVE_MAJOR_MAP || i % 2 == 1)
            continue;
        size = (size_t)(cursor->next - start);
        if (key != NULL && size >= (size_t)(key_end - key))
            ck_assert_int_lt(memcmp(key, start, (size_t)(key_end - key)), 0);
        else if (key != NULL)
            ck_assert_int_lt(memcmp(key, start, size), 0);
        key = start;
        key_end = cursor->next;
    }
}

/* Encodes, looks at the bytes, scans and decodes them into `ret_value`; returns them. */
static uint8_t *round_trip(const struct valve_type *type, const void *value, void *ret_value)
{
    struct valve_limits limits = {.max_size = ENCODED_MAX, .max_depth = MAX_DEPTH};
    struct valve_scanner *scanner = malloc(valve_scanner_size(MAX_DEPTH));
    struct valve_cursor cursor;
    struct valve_error error;
    size_t size, taken;
    uint8_t *data = encode(type, value, &size);

    ck_assert_ptr_nonnull(scanner);
    valve_scanner_init(scanner, &limits);
    ck_assert_int_eq(valve_scanner_feed(scanner, data, size, &taken), VALVE_SCAN_DONE);
    ck_assert_uint_eq(taken, size);
    free(scanner);
    ck_assert_uint_ge(size, type->least);
    cursor = (struct valve_cursor){data, data + size};
    is_deterministic(&cursor);
    ck_assert_ptr_eq(cursor.next, cursor.end);
    cursor.next = data;
    ck_assert_msg(valve_decode(type, &cursor, &arena, ret_value, &error) == 0, "%s", error.text);
    ck_assert_ptr_eq(cursor.next, cursor.end);
    return data;
}

START_TEST(what_is_encoded_decodes_to_the_same)
{
    seed = UINT64_C(0x656e636f6465) + (uint64_t)_i;
    valve_arena_init(&arena, NULL, 0, 1 << 20);
    for (unsigned round = 0; round < 500; round++) {
        struct files_reply reply = random_reply(), reply_back;
        struct expr expr = random_expr(6), expr_back;
        struct sample sample = random_sample(), sample_back;
        uint8_t *data = round_trip(&files_reply_type, &reply, &reply_back);

        same_reply(&reply, &reply_back);
        free(data);
        data = round_trip(&expr_type, &expr, &expr_back);
        same_expr(&expr, &expr_back);
        free(data);
        data = round_trip(&sample_type, &sample, &sample_back);
        same_sample(&sample, &sample_back);
        free(data);
        valve_arena_reset(&arena);
    }
    valve_arena_fini(&arena);
}
END_TEST

static Suite *encoder_suite(void)
{
    Suite *suite = suite_create("encoder");
    TCase *tcase = tcase_create("encoder");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, messages_of_the_protocol);
    tcase_add_test(tcase, members_in_the_order_of_the_table);
    tcase_add_test(tcase, expressions);
    tcase_add_test(tcase, numbers_take_the_shortest_head);
    tcase_add_test(tcase, an_arm_is_written_from_its_payload);
    tcase_add_test(tcase, a_list_and_bytes_in_pieces);
    tcase_add_test(tcase, depth_is_counted_in_arrays_and_maps);
    tcase_add_test(tcase, a_value_that_contains_itself_is_too_deep);
    tcase_add_test(tcase, values_that_are_not_of_their_type);
    tcase_add_loop_test(tcase, what_is_encoded_decodes_to_the_same, 0, 8);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(encoder_suite());
    int failed;

    printf("encoder: random values from seed 0x656e636f6465\n");
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
