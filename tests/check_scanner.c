/* SPDX-License-Identifier: MIT */
/* The scanner: every verdict at its byte, however the bytes are cut. */
#include "check_scanner.h"

#include <errno.h>
#include <string.h>

#include "rpc_bytes.h"

#define MAX_SIZE  8192
#define MAX_DEPTH 16

static struct valve_scanner *new_scanner(size_t max_size, unsigned max_depth)
{
    struct valve_limits limits = {.max_size = max_size, .max_depth = max_depth};
    struct valve_scanner *scanner = malloc(valve_scanner_size(max_depth));

    ck_assert_ptr_nonnull(scanner);
    valve_scanner_init(scanner, &limits);
    return scanner;
}

struct result scan(const uint8_t *data, size_t size, size_t max_size, unsigned max_depth,
                   size_t cut, size_t stride)
{
    struct valve_scanner *scanner = new_scanner(max_size, max_depth);
    struct result result = {VALVE_SCAN_MORE, 0};

    while (result.verdict == VALVE_SCAN_MORE && result.taken < size) {
        size_t end = cut > result.taken ? cut : size;
        size_t piece_size = (end < size ? end : size) - result.taken, taken = SIZE_MAX;
        uint8_t *piece = malloc(piece_size);

        ck_assert_ptr_nonnull(piece);
        memcpy(piece, data + result.taken, piece_size);
        result.verdict = valve_scanner_feed(scanner, piece, piece_size, &taken);
        free(piece);
        ck_assert_uint_le(taken, piece_size);
        if (result.verdict == VALVE_SCAN_MORE)
            ck_assert_uint_eq(taken, piece_size);
        result.taken += taken;
        if (stride > 0 && cut <= result.taken)
            cut = result.taken + stride;
    }
    free(scanner);
    return result;
}

/* Whole, one byte at a time, and in two pieces cut at every place: all the same. */
static void check_scan(const uint8_t *data, size_t size, size_t max_size, unsigned max_depth,
                       struct result expected)
{
    for (size_t cut = 0; cut < size; cut++) {
        struct result result = scan(data, size, max_size, max_depth, cut, 0);

        ck_assert_int_eq(result.verdict, expected.verdict);
        ck_assert_uint_eq(result.taken, expected.taken);
    }
    for (size_t stride = 1; stride <= 3; stride++) {
        struct result result = scan(data, size, max_size, max_depth, stride, stride);

        ck_assert_int_eq(result.verdict, expected.verdict);
        ck_assert_uint_eq(result.taken, expected.taken);
    }
}

/* ---- RFC 8949 ------------------------------------------------------------------------------- */

/* Appendix A, in its order. */
const char *const examples[] = {
    "00",
    "01",
    "0a",
    "17",
    "1818",
    "1819",
    "1864",
    "1903e8",
    "1a000f4240",
    "1b000000e8d4a51000",
    "1bffffffffffffffff",
    "c249010000000000000000",
    "3bffffffffffffffff",
    "c349010000000000000000",
    "20",
    "29",
    "3863",
    "3903e7",
    "f90000",
    "f98000",
    "f93c00",
    "fb3ff199999999999a",
    "f93e00",
    "f97bff",
    "fa47c35000",
    "fa7f7fffff",
    "fb7e37e43c8800759c",
    "f90001",
    "f90400",
    "f9c400",
    "fbc010666666666666",
    "f97c00",
    "f97e00",
    "f9fc00",
    "fa7f800000",
    "fa7fc00000",
    "faff800000",
    "fb7ff0000000000000",
    "fb7ff8000000000000",
    "fbfff0000000000000",
    "f4",
    "f5",
    "f6",
    "f7",
    "f0",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",
    "c11a514b67b0",
    "c1fb41d452d9e8200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "40",
    "4401020304",
    "60",
    "6161",
    "6449455446",
    "62225c",
    "62c3bc",
    "63e6b0b4",
    "64f0908591",
    "80",
    "83010203",
    "8301820203820405",
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "a0",
    "a201020304",
    "a26161016162820203",
    "826161a161626163",
    "a56161614161626142616361436164614461656145",
    "5f42010243030405ff",
    "7f657374726561646d696e67ff",
    "9fff",
    "9f018202039f0405ffff",
    "9f01820203820405ff",
    "83018202039f0405ff",
    "83019f0203ff820405",
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    "bf61610161629f0203ffff",
    "826161bf61626163ff",
    "bf6346756ef563416d7421ff",
};
const size_t example_count = LENGTH(examples);

START_TEST(accepts_the_examples_of_the_rfc)
{
    struct bytes bytes = from_hex(examples[_i]);
    struct result done = {VALVE_SCAN_DONE, bytes.size};

    check_scan(bytes.data, bytes.size, MAX_SIZE, MAX_DEPTH, done);
    check_scan(bytes.data, bytes.size, bytes.size, MAX_DEPTH, done); /* exactly the limit */
    bytes.data[bytes.size] = 0xff; /* what follows the item is not looked at */
    check_scan(bytes.data, bytes.size + 1, bytes.size, MAX_DEPTH, done);
}
END_TEST

START_TEST(one_byte_less_than_an_example_is_too_little)
{
    struct bytes bytes = from_hex(examples[_i]);
    struct result result;

    for (size_t size = 1; size < bytes.size; size++) {
        result = scan(bytes.data, size, MAX_SIZE, MAX_DEPTH, 0, 0);
        ck_assert_int_eq(result.verdict, VALVE_SCAN_MORE);
    }
    if (bytes.size > 1) {
        result = scan(bytes.data, bytes.size, bytes.size - 1, MAX_DEPTH, 0, 0);
        ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_LARGE);
    }
}
END_TEST

struct row {
    const char *hex;
    enum valve_scan verdict;
    size_t taken; /* 0: all of it */
};

/* Appendix F.1, in its order. */
static const struct row ill_formed[] = {
    /* the input ends in a head */
    {"18", VALVE_SCAN_MORE, 0},
    {"19", VALVE_SCAN_MORE, 0},
    {"1a", VALVE_SCAN_MORE, 0},
    {"1b", VALVE_SCAN_MORE, 0},
    {"1901", VALVE_SCAN_MORE, 0},
    {"1a0102", VALVE_SCAN_MORE, 0},
    {"1b01020304050607", VALVE_SCAN_MORE, 0},
    {"38", VALVE_SCAN_MORE, 0},
    {"58", VALVE_SCAN_MORE, 0},
    {"78", VALVE_SCAN_MORE, 0},
    {"98", VALVE_SCAN_MORE, 0},
    {"9a01ff00", VALVE_SCAN_MORE, 0},
    {"b8", VALVE_SCAN_MORE, 0},
    {"d8", VALVE_SCAN_MORE, 0},
    {"f8", VALVE_SCAN_MORE, 0},
    {"f900", VALVE_SCAN_MORE, 0},
    {"fa0000", VALVE_SCAN_MORE, 0},
    {"fb000000", VALVE_SCAN_MORE, 0},
    /* strings with short data */
    {"41", VALVE_SCAN_MORE, 0},
    {"61", VALVE_SCAN_MORE, 0},
    {"5affffffff00", VALVE_SCAN_TOO_LARGE, 5},
    {"5bffffffffffffffff010203", VALVE_SCAN_TOO_LARGE, 9},
    {"7affffffff00", VALVE_SCAN_TOO_LARGE, 5},
    {"7b7fffffffffffffff010203", VALVE_SCAN_TOO_LARGE, 9},
    /* arrays and maps without enough items */
    {"81", VALVE_SCAN_MORE, 0},
    {"818181818181818181", VALVE_SCAN_MORE, 0},
    {"8200", VALVE_SCAN_MORE, 0},
    {"a1", VALVE_SCAN_MORE, 0},
    {"a20102", VALVE_SCAN_MORE, 0},
    {"a100", VALVE_SCAN_MORE, 0},
    {"a2000000", VALVE_SCAN_MORE, 0},
    /* a tag without content; no break */
    {"c0", VALVE_SCAN_MORE, 0},
    {"5f4100", VALVE_SCAN_MORE, 0},
    {"7f6100", VALVE_SCAN_MORE, 0},
    {"9f", VALVE_SCAN_MORE, 0},
    {"9f0102", VALVE_SCAN_MORE, 0},
    {"bf", VALVE_SCAN_MORE, 0},
    {"bf01020102", VALVE_SCAN_MORE, 0},
    {"819f", VALVE_SCAN_MORE, 0},
    {"9f8000", VALVE_SCAN_MORE, 0},
    {"9f9f9f9f9fffffffff", VALVE_SCAN_MORE, 0},
    {"9f819f819f9fffffff", VALVE_SCAN_MORE, 0},
    /* reserved additional information */
    {"1c", VALVE_SCAN_MALFORMED, 1},
    {"1d", VALVE_SCAN_MALFORMED, 1},
    {"1e", VALVE_SCAN_MALFORMED, 1},
    {"3c", VALVE_SCAN_MALFORMED, 1},
    {"3d", VALVE_SCAN_MALFORMED, 1},
    {"3e", VALVE_SCAN_MALFORMED, 1},
    {"5c", VALVE_SCAN_MALFORMED, 1},
    {"5d", VALVE_SCAN_MALFORMED, 1},
    {"5e", VALVE_SCAN_MALFORMED, 1},
    {"7c", VALVE_SCAN_MALFORMED, 1},
    {"7d", VALVE_SCAN_MALFORMED, 1},
    {"7e", VALVE_SCAN_MALFORMED, 1},
    {"9c", VALVE_SCAN_MALFORMED, 1},
    {"9d", VALVE_SCAN_MALFORMED, 1},
    {"9e", VALVE_SCAN_MALFORMED, 1},
    {"bc", VALVE_SCAN_MALFORMED, 1},
    {"bd", VALVE_SCAN_MALFORMED, 1},
    {"be", VALVE_SCAN_MALFORMED, 1},
    {"dc", VALVE_SCAN_MALFORMED, 1},
    {"dd", VALVE_SCAN_MALFORMED, 1},
    {"de", VALVE_SCAN_MALFORMED, 1},
    {"fc", VALVE_SCAN_MALFORMED, 1},
    {"fd", VALVE_SCAN_MALFORMED, 1},
    {"fe", VALVE_SCAN_MALFORMED, 1},
    /* simple values that have a shorter head, or none */
    {"f800", VALVE_SCAN_MALFORMED, 2},
    {"f801", VALVE_SCAN_MALFORMED, 2},
    {"f818", VALVE_SCAN_MALFORMED, 2},
    {"f81f", VALVE_SCAN_MALFORMED, 2},
    /* chunks of the wrong kind */
    {"5f00ff", VALVE_SCAN_MALFORMED, 2},
    {"5f21ff", VALVE_SCAN_MALFORMED, 2},
    {"5f6100ff", VALVE_SCAN_MALFORMED, 2},
    {"5f80ff", VALVE_SCAN_MALFORMED, 2},
    {"5fa0ff", VALVE_SCAN_MALFORMED, 2},
    {"5fc000ff", VALVE_SCAN_MALFORMED, 2},
    {"5fe0ff", VALVE_SCAN_MALFORMED, 2},
    {"7f4100ff", VALVE_SCAN_MALFORMED, 2},
    {"5f5f4100ffff", VALVE_SCAN_MALFORMED, 2},
    {"7f7f6100ffff", VALVE_SCAN_MALFORMED, 2},
    /* stray breaks */
    {"ff", VALVE_SCAN_MALFORMED, 1},
    {"81ff", VALVE_SCAN_MALFORMED, 2},
    {"8200ff", VALVE_SCAN_MALFORMED, 3},
    {"a1ff", VALVE_SCAN_MALFORMED, 2},
    {"a1ff00", VALVE_SCAN_MALFORMED, 2},
    {"a100ff", VALVE_SCAN_MALFORMED, 3},
    {"a20000ff", VALVE_SCAN_MALFORMED, 4},
    {"9f81ff", VALVE_SCAN_MALFORMED, 3},
    {"9f829f819f9fffffffff", VALVE_SCAN_MALFORMED, 10},
    {"bf00ff", VALVE_SCAN_MALFORMED, 3},
    {"bf000000ff", VALVE_SCAN_MALFORMED, 5},
    {"1f", VALVE_SCAN_MALFORMED, 1},
    {"3f", VALVE_SCAN_MALFORMED, 1},
    {"df", VALVE_SCAN_MALFORMED, 1},
};

START_TEST(refuses_the_ill_formed_examples_of_the_rfc)
{
    const struct row *row = &ill_formed[_i];
    struct bytes bytes = from_hex(row->hex);
    struct result expected = {row->verdict, row->taken > 0 ? row->taken : bytes.size};

    check_scan(bytes.data, bytes.size, MAX_SIZE, MAX_DEPTH, expected);
}
END_TEST

/* ---- What a server meets -------------------------------------------------------------------- */

static const struct row hostile[] = {
    /* simple values and tags that libcbor calls errors are well-formed */
    {"e0", VALVE_SCAN_DONE, 1},
    {"f3", VALVE_SCAN_DONE, 1},
    {"f820", VALVE_SCAN_DONE, 2},
    {"f8ff", VALVE_SCAN_DONE, 2},
    {"c600", VALVE_SCAN_DONE, 2},
    {"d400", VALVE_SCAN_DONE, 2},
    {"dbffffffffffffffff00", VALVE_SCAN_DONE, 10},
    /* a break that ends nothing, behind a tag */
    {"c0ff", VALVE_SCAN_MALFORMED, 2},
    {"9fc0ff", VALVE_SCAN_MALFORMED, 3},
    {"9fd818ff", VALVE_SCAN_MALFORMED, 4},
    {"bfc000ff", VALVE_SCAN_MALFORMED, 4},
    {"bf00c0ff", VALVE_SCAN_MALFORMED, 4},
    {"5fff", VALVE_SCAN_DONE, 2},
    {"bfff", VALVE_SCAN_DONE, 2},
    {"9f5fff7fffff", VALVE_SCAN_DONE, 6},
    /* reserved values inside */
    {"82011c", VALVE_SCAN_MALFORMED, 3},
    {"8201f81f", VALVE_SCAN_MALFORMED, 4},
    {"5f5c", VALVE_SCAN_MALFORMED, 2},
    /* more than fits: strings, items, pairs, and twice the pairs wrapping round */
    {"5bffffffffffffffff", VALVE_SCAN_TOO_LARGE, 9},
    {"7bffffffffffffffff", VALVE_SCAN_TOO_LARGE, 9},
    {"9affffffff", VALVE_SCAN_TOO_LARGE, 5},
    {"9b0000000100000000", VALVE_SCAN_TOO_LARGE, 9},
    {"9bffffffffffffffff", VALVE_SCAN_TOO_LARGE, 9},
    {"bb8000000000000000", VALVE_SCAN_TOO_LARGE, 9},
    {"bb8000000000000001", VALVE_SCAN_TOO_LARGE, 9},
    {"bbffffffffffffffff", VALVE_SCAN_TOO_LARGE, 9},
    {"ba80000000", VALVE_SCAN_TOO_LARGE, 5},
    {"82019b0000000100000000", VALVE_SCAN_TOO_LARGE, 11},
    {"5f5bffffffffffffffff", VALVE_SCAN_TOO_LARGE, 10},
    {"792000", VALVE_SCAN_TOO_LARGE, 3},
    {"791ffd 61*100", VALVE_SCAN_MORE, 0},
    {"791ffe", VALVE_SCAN_TOO_LARGE, 3},
    {"991ffd", VALVE_SCAN_MORE, 0},
    {"991ffe", VALVE_SCAN_TOO_LARGE, 3},
    {"b90ffe", VALVE_SCAN_MORE, 0},
    {"b90fff", VALVE_SCAN_TOO_LARGE, 3},
    /* what outer containers still wait for counts too */
    {"991ffc 9f", VALVE_SCAN_MORE, 0},
    {"991ffd 9f", VALVE_SCAN_TOO_LARGE, 4},
    {"991ffd 61", VALVE_SCAN_TOO_LARGE, 4},
    {"991ffd c0", VALVE_SCAN_TOO_LARGE, 4},
    {"991ffd d8", VALVE_SCAN_TOO_LARGE, 4},
    {"991ffd 00", VALVE_SCAN_MORE, 0},
    /* depth: level 16 passes, 17 does not, whatever it is */
    {"81*16 00", VALVE_SCAN_DONE, 17},
    {"81*15 80", VALVE_SCAN_DONE, 16},
    {"81*16 80", VALVE_SCAN_TOO_DEEP, 17},
    {"81*16 a0", VALVE_SCAN_TOO_DEEP, 17},
    {"81*16 9f", VALVE_SCAN_TOO_DEEP, 17},
    {"81*16 9a", VALVE_SCAN_TOO_DEEP, 17},
    {"81*17 00", VALVE_SCAN_TOO_DEEP, 17},
    {"9f*17", VALVE_SCAN_TOO_DEEP, 17},
    {"a100*20", VALVE_SCAN_DONE, 3},
    {"81*16 c081", VALVE_SCAN_TOO_DEEP, 18},
    {"81*16 c0*300 00", VALVE_SCAN_DONE, 317},
    {"81*16 5f4100ff", VALVE_SCAN_DONE, 20},
    {"81*16 9c", VALVE_SCAN_MALFORMED, 17},
    /* siblings are not levels */
    {"82 8100 82 8100 8100", VALVE_SCAN_DONE, 8},
    {"9f 80*40 ff", VALVE_SCAN_DONE, 42},
    /* a request, and what follows it */
    {"8202a16453697a6567612f622e747874", VALVE_SCAN_DONE, 16},
    {"8201674c697374416c6c ff1c", VALVE_SCAN_DONE, 10},
};

START_TEST(judges_hostile_input_at_its_byte)
{
    const struct row *row = &hostile[_i];
    struct bytes bytes = from_hex(row->hex);
    struct result expected = {row->verdict, row->taken > 0 ? row->taken : bytes.size};

    check_scan(bytes.data, bytes.size, MAX_SIZE, MAX_DEPTH, expected);
}
END_TEST

/* Of several errors at one byte, malformed wins over too large, and that over too deep. */
START_TEST(the_worse_error_wins_at_the_same_byte)
{
    struct bytes bytes = from_hex("81 84 00*9");
    struct result result = scan(bytes.data, bytes.size, 5, 1, 0, 0);

    ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_LARGE);
    ck_assert_uint_eq(result.taken, 2);
    result = scan(bytes.data, bytes.size, 6, 1, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_DEEP);
    ck_assert_uint_eq(result.taken, 2);
    result = scan(bytes.data, bytes.size, 6, 2, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_DONE);
    bytes = from_hex("81 9c");
    result = scan(bytes.data, bytes.size, 2, 1, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_MALFORMED);
    bytes = from_hex("9b ffffffffffffffff"); /* too large already by the length of its head */
    result = scan(bytes.data, bytes.size, 8, 0, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_LARGE);
    ck_assert_uint_eq(result.taken, 1);
}
END_TEST

START_TEST(an_item_of_exactly_the_limit_passes)
{
    uint8_t *item = malloc(MAX_SIZE + 1);
    struct result result;

    ck_assert_ptr_nonnull(item);
    memset(item, 'x', MAX_SIZE + 1);
    memcpy(item, "\x59\x1f\xfd", 3); /* 8189 bytes */
    for (size_t cut = 0; cut < MAX_SIZE; cut += 97) {
        result = scan(item, MAX_SIZE, MAX_SIZE, MAX_DEPTH, cut, cut % 2 == 0 ? 0 : 1);
        ck_assert_int_eq(result.verdict, VALVE_SCAN_DONE);
        ck_assert_uint_eq(result.taken, MAX_SIZE);
    }
    item[2]++;
    result = scan(item, MAX_SIZE + 1, MAX_SIZE, MAX_DEPTH, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_LARGE);
    ck_assert_uint_eq(result.taken, 3);
    free(item);
}
END_TEST

START_TEST(depth_of_ten_thousand_is_refused_at_level_17)
{
    static uint8_t deep[10000];
    struct result result;

    memset(deep, 0x81, sizeof deep);
    result = scan(deep, sizeof deep, 2 * sizeof deep, MAX_DEPTH, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_TOO_DEEP);
    ck_assert_uint_eq(result.taken, 17);
    result = scan(deep, sizeof deep, 2 * sizeof deep, 10000, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_MORE);
    memset(deep, 0xc1, sizeof deep); /* tags are no levels */
    deep[sizeof deep - 1] = 0;
    result = scan(deep, sizeof deep, sizeof deep, 0, 0, 0);
    ck_assert_int_eq(result.verdict, VALVE_SCAN_DONE);
}
END_TEST

/* The same scanner, item after item, with the limits that it holds itself. */
START_TEST(a_scanner_is_used_again)
{
    struct bytes bytes = from_hex("8201674c697374416c6c 9f01ff 1c");
    struct valve_scanner *scanner = new_scanner(MAX_SIZE, MAX_DEPTH);
    size_t taken;

    ck_assert_int_eq(valve_scanner_feed(scanner, bytes.data, bytes.size, &taken), VALVE_SCAN_DONE);
    ck_assert_uint_eq(taken, 10);
    valve_scanner_init(scanner, &scanner->limits);
    ck_assert_int_eq(valve_scanner_feed(scanner, bytes.data + 10, 1, &taken), VALVE_SCAN_MORE);
    ck_assert_int_eq(valve_scanner_feed(scanner, bytes.data + 11, 0, &taken), VALVE_SCAN_MORE);
    ck_assert_uint_eq(taken, 0);
    ck_assert_int_eq(valve_scanner_feed(scanner, bytes.data + 11, 3, &taken), VALVE_SCAN_DONE);
    ck_assert_uint_eq(taken, 2);
    valve_scanner_init(scanner, &scanner->limits);
    ck_assert_int_eq(valve_scanner_feed(scanner, bytes.data + 13, 1, &taken), VALVE_SCAN_MALFORMED);
    free(scanner);
}
END_TEST

/* ---- Heads ---------------------------------------------------------------------------------- */

START_TEST(heads_are_read_as_they_are_written)
{
    static const uint64_t arguments[] = {
        0,     1,          23,         24,        255,        256,           65535,
        65536, UINT32_MAX, 1ull << 32, INT64_MAX, UINT64_MAX, UINT64_MAX - 1};
    uint8_t data[VALVE_HEAD_MAX];
    struct valve_head head;

    for (unsigned major = 0; major < VALVE_MAJOR_SIMPLE; major++) {
        for (int i = 0; i < LENGTH(arguments); i++) {
            size_t size = valve_head_write((enum valve_major)major, arguments[i], data);

            ck_assert_uint_eq(size, valve_head_length(arguments[i]));
            ck_assert_uint_eq(size, valve_head_size(data[0]));
            for (size_t part = 0; part < size; part++)
                ck_assert_int_eq(valve_head_read(data, part, &head), -EAGAIN);
            ck_assert_int_eq(valve_head_read(data, size, &head), 0);
            ck_assert_uint_eq(head.major, major);
            ck_assert_uint_eq(head.argument, arguments[i]);
            ck_assert_uint_eq(head.size, size);
            ck_assert(!head.indefinite && !head.is_break && !head.is_float);
        }
    }
}
END_TEST

START_TEST(each_initial_byte_has_its_description)
{
    static const struct {
        const char *hex, *words;
    } rows[] = {
        {"00", "an unsigned integer"},
        {"20", "a negative integer"},
        {"40", "bytes"},
        {"5f", "bytes of indefinite length"},
        {"60", "text"},
        {"7f", "text of indefinite length"},
        {"80", "an array"},
        {"9f", "an array"},
        {"a0", "a map"},
        {"c0", "a tag"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "nil"},
        {"f7", "undefined"},
        {"e0", "a simple value"},
        {"f8ff", "a simple value"},
        {"f93c00", "a float"},
        {"fa7f800000", "a float"},
        {"fb7ff0000000000000", "a float"},
        {"ff", "a break"},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        struct bytes bytes = from_hex(rows[i].hex);
        struct valve_head head;

        ck_assert_int_eq(valve_head_read(bytes.data, bytes.size, &head), 0);
        ck_assert_str_eq(valve_head_describe(&head), rows[i].words);
    }
}
END_TEST

static Suite *scanner_suite(void)
{
    Suite *suite = suite_create("scanner");
    TCase *tcase = tcase_create("scanner");

    tcase_set_timeout(tcase, 120); /* under Valgrind */
    tcase_add_loop_test(tcase, accepts_the_examples_of_the_rfc, 0, LENGTH(examples));
    tcase_add_loop_test(tcase, one_byte_less_than_an_example_is_too_little, 0, LENGTH(examples));
    tcase_add_loop_test(tcase, refuses_the_ill_formed_examples_of_the_rfc, 0, LENGTH(ill_formed));
    tcase_add_loop_test(tcase, judges_hostile_input_at_its_byte, 0, LENGTH(hostile));
    tcase_add_test(tcase, the_worse_error_wins_at_the_same_byte);
    tcase_add_test(tcase, an_item_of_exactly_the_limit_passes);
    tcase_add_test(tcase, depth_of_ten_thousand_is_refused_at_level_17);
    tcase_add_test(tcase, a_scanner_is_used_again);
    tcase_add_test(tcase, heads_are_read_as_they_are_written);
    tcase_add_test(tcase, each_initial_byte_has_its_description);
    suite_add_tcase(suite, tcase);
    add_reference_tests(suite);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(scanner_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
