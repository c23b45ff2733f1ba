/* SPDX-License-Identifier: MIT */
/*
 * The envelope: every legal form, every other one with its id and its words, and what is written.
 */
#include "rpc/envelope.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "rpc_bytes.h"

struct legal {
    const char *hex;
    uint32_t id;
    enum valve_envelope_kind kind;
    size_t body, body_size; /* where the request lies in the bytes */
    bool has_timeout;
    uint64_t timeout;
};

static const struct legal legals[] = {
    {"8201674c697374416c6c", 1, VALVE_ENVELOPE_REQUEST, 2, 8, false, 0},
    {"8202a16453697a6567612f622e747874", 2, VALVE_ENVELOPE_REQUEST, 2, 14, false, 0},
    {"8202a16453697a6505", 2, VALVE_ENVELOPE_REQUEST, 2, 7, false, 0}, /* the decoder's affair */
    {"821affffffff05", UINT32_MAX, VALVE_ENVELOPE_REQUEST, 6, 1, false, 0},
    {"821b00000000ffffffff05", UINT32_MAX, VALVE_ENVELOPE_REQUEST, 10, 1, false, 0},
    {"82180705", 7, VALVE_ENVELOPE_REQUEST, 3, 1, false, 0},
    {"9b000000000000000219000705", 7, VALVE_ENVELOPE_REQUEST, 12, 1, false, 0},
    {"9f0705ff", 7, VALVE_ENVELOPE_REQUEST, 2, 1, false, 0},
    {"9f07bf61619f01ffffff", 7, VALVE_ENVELOPE_REQUEST, 2, 7, false, 0},
    {"8207c105", 7, VALVE_ENVELOPE_REQUEST, 2, 2, false, 0}, /* likewise */
    {"8207c1f6", 7, VALVE_ENVELOPE_REQUEST, 2, 2, false, 0},
    {"8207f8f6", 7, VALVE_ENVELOPE_REQUEST, 2, 2, false, 0},
    {"830705a0", 7, VALVE_ENVELOPE_REQUEST, 2, 1, false, 0},
    {"830705bfff", 7, VALVE_ENVELOPE_REQUEST, 2, 1, false, 0},
    {"830705a16774696d656f757400", 7, VALVE_ENVELOPE_REQUEST, 2, 1, true, 0},
    {"830705a16774696d656f75741903e8", 7, VALVE_ENVELOPE_REQUEST, 2, 1, true, 1000},
    {"830705bf780774696d656f75741b00000000000003e8ff", 7, VALVE_ENVELOPE_REQUEST, 2, 1, true, 1000},
    {"9f0705bf6774696d656f75741bffffffffffffffffffff", 7, VALVE_ENVELOPE_REQUEST, 2, 1, true,
     UINT64_MAX},
    {"8207f6", 7, VALVE_ENVELOPE_CANCEL, 2, 1, false, 0},
    {"9f1a00000007f6ff", 7, VALVE_ENVELOPE_CANCEL, 6, 1, false, 0},
};

START_TEST(legal_envelopes)
{
    const struct legal *legal = &legals[_i];
    struct bytes bytes = from_hex(legal->hex);
    struct valve_envelope envelope;
    struct valve_error error;

    memset(&envelope, 0xa5, sizeof envelope);
    ck_assert_int_eq(valve_envelope_read(bytes.data, bytes.size, &envelope, &error), 0);
    ck_assert_uint_eq(envelope.id, legal->id);
    ck_assert_int_eq(envelope.kind, legal->kind);
    ck_assert_ptr_eq(envelope.body.next, bytes.data + legal->body);
    ck_assert_ptr_eq(envelope.body.end, bytes.data + legal->body + legal->body_size);
    ck_assert_int_eq(envelope.has_timeout, legal->has_timeout);
    ck_assert_uint_eq(envelope.timeout, legal->timeout);
    ck_assert_uint_eq(valve_envelope_peek_id(bytes.data, bytes.size), legal->id);
}
END_TEST

struct bad {
    const char *hex;
    uint32_t id;
    const char *words;
};

static const struct bad bads[] = {
    {"05", 0, "expected an array of id and request, found an unsigned integer"},
    {"674c697374416c6c", 0, "expected an array of id and request, found text"},
    {"7f674c697374416c6cff", 0,
     "expected an array of id and request, found text of indefinite length"},
    {"a10105", 0, "expected an array of id and request, found a map"},
    {"f6", 0, "expected an array of id and request, found nil"},
    {"f93c00", 0, "expected an array of id and request, found a float"},
    {"c18201674c697374416c6c", 0, "expected an array of id and request, found a tag"},
    {"80", 0, "expected an array of id and request, found an empty one"},
    {"9fff", 0, "expected an array of id and request, found an empty one"},
    {"820005", 0, "expected an id from 1 to 4294967295, found 0"},
    {"821b000000010000000005", 0, "expected an id from 1 to 4294967295, found 4294967296"},
    {"821bffffffffffffffff05", 0,
     "expected an id from 1 to 4294967295, found 18446744073709551615"},
    {"822005", 0, "expected an unsigned integer as id, found a negative integer"},
    {"82613105", 0, "expected an unsigned integer as id, found text"},
    {"82413105", 0, "expected an unsigned integer as id, found bytes"},
    {"82f605", 0, "expected an unsigned integer as id, found nil"},
    {"82c10705", 0, "expected an unsigned integer as id, found a tag"},
    {"82f93c0005", 0, "expected an unsigned integer as id, found a float"},
    {"82810705", 0, "expected an unsigned integer as id, found an array"},
    {"8100", 0, "expected an id from 1 to 4294967295, found 0"},
    {"8107", 7, "expected a request after the id, found nothing"},
    {"9f07ff", 7, "expected a request after the id, found nothing"},
    {"8307f6a0", 7, "expected nothing after nil, which cancels a request"},
    {"8307f6f6", 7, "expected nothing after nil, which cancels a request"},
    {"9f07f600ff", 7, "expected nothing after nil, which cancels a request"},
    {"840705a005", 7, "expected nothing after the options"},
    {"9f0705a005ff", 7, "expected nothing after the options"},
    {"83070505", 7, "options: expected a map of options, found an unsigned integer"},
    {"830705f6", 7, "options: expected a map of options, found nil"},
    {"83070580", 7, "options: expected a map of options, found an array"},
    {"830705c1a0", 7, "options: expected a map of options, found a tag"},
    {"830705a165737065656400", 7, "options: unknown key \"speed\""},
    {"830705a16754696d656f757400", 7, "options: unknown key \"Timeout\""},
    {"830705a26774696d656f757400657370656564f6", 7, "options: unknown key \"speed\""},
    {"830705a26774696d656f7574006774696d656f757401", 7, "options: key \"timeout\" comes twice"},
    {"830705a16774696d656f757420", 7,
     "options: timeout: expected an unsigned integer (milliseconds), found a negative integer"},
    {"830705a16774696d656f7574fb3ff199999999999a", 7,
     "options: timeout: expected an unsigned integer (milliseconds), found a float"},
    {"830705a16774696d656f75746131", 7,
     "options: timeout: expected an unsigned integer (milliseconds), found text"},
    {"830705a16774696d656f7574c100", 7,
     "options: timeout: expected an unsigned integer (milliseconds), found a tag"},
    {"830705a10100", 7, "options: expected text as key, found an unsigned integer"},
    {"830705a17f6774696d656f7574ff00", 7,
     "options: expected text as key, found text of indefinite length"},
    {"830705a161ff00", 7, "options: text that is not UTF-8"},
};

START_TEST(bad_envelopes)
{
    const struct bad *bad = &bads[_i];
    struct bytes bytes = from_hex(bad->hex);
    struct valve_envelope envelope;
    struct valve_error error;

    memset(&envelope, 0xa5, sizeof envelope);
    ck_assert_int_eq(valve_envelope_read(bytes.data, bytes.size, &envelope, &error), -EBADMSG);
    ck_assert_uint_eq(envelope.id, bad->id);
    ck_assert_str_eq(error.text, bad->words);
    ck_assert_uint_eq(valve_envelope_peek_id(bytes.data, bytes.size), bad->id);
}
END_TEST

/* Broken off anywhere: the id where it is wholly there. */
START_TEST(the_id_of_an_item_that_was_broken_off)
{
    static const struct {
        const char *hex;
        uint32_t id;
    } rows[] = {
        {"", 0},           {"82", 0},           {"8218", 0},       {"821a00000007", 7},
        {"821a000000", 0}, {"821807 81*16", 7}, {"9f05 9f*16", 5}, {"9f", 0},
        {"98", 0},         {"980205", 5},       {"81*17", 0},      {"82c105", 0},
        {"8200", 0},       {"1c", 0},           {"821c", 0},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        struct bytes bytes = from_hex(rows[i].hex);
        uint8_t *copy = malloc(bytes.size + 1);

        ck_assert_ptr_nonnull(copy);
        memcpy(copy + 1, bytes.data, bytes.size); /* up against the end of its memory */
        ck_assert_uint_eq(valve_envelope_peek_id(copy + 1, bytes.size), rows[i].id);
        free(copy);
    }
}
END_TEST

START_TEST(what_is_written)
{
    static const uint32_t ids[] = {1, 23, 24, 255, 256, 65535, 65536, UINT32_MAX};
    static const uint64_t timeouts[] = {0, 1000, UINT64_C(1) << 40, UINT64_MAX - 1};
    uint8_t data[VALVE_ENVELOPE_PREFIX + 1 + VALVE_ENVELOPE_OPTIONS];
    struct bytes zero = from_hex("8200");
    struct valve_envelope envelope;
    struct valve_error error;

    ck_assert_ptr_eq(valve_envelope_write_reply(0, data), data + zero.size);
    ck_assert_mem_eq(data, zero.data, zero.size);
    for (int i = 0; i < LENGTH(ids) * LENGTH(timeouts); i++) {
        uint32_t id = ids[i / LENGTH(timeouts)];
        uint64_t timeout = timeouts[i % LENGTH(timeouts)];
        uint8_t *end = valve_envelope_write_reply(id, data);

        ck_assert_uint_le((size_t)(end - data), VALVE_ENVELOPE_PREFIX);
        *end++ = 0x05;
        ck_assert_int_eq(valve_envelope_read(data, (size_t)(end - data), &envelope, &error), 0);
        ck_assert_uint_eq(envelope.id, id);

        end = valve_envelope_write_request(id, true, data);
        ck_assert_uint_le((size_t)(end - data), VALVE_ENVELOPE_PREFIX);
        *end++ = 0x05;
        end = valve_envelope_write_options(timeout, end);
        ck_assert_uint_le((size_t)(end - data), sizeof data);
        ck_assert_int_eq(valve_envelope_read(data, (size_t)(end - data), &envelope, &error), 0);
        ck_assert_uint_eq(envelope.id, id);
        ck_assert(envelope.has_timeout);
        ck_assert_uint_eq(envelope.timeout, timeout);
    }
    ck_assert_uint_eq((size_t)(valve_envelope_write_options(UINT64_MAX, data) - data),
                      VALVE_ENVELOPE_OPTIONS);
}
END_TEST

START_TEST(items_of_streams)
{
    static const struct {
        uint32_t id;
        const char *hex;
    } rows[] = {
        {1, "830105f5"},
        {23, "831705f5"},
        {24, "83181805f5"},
        {65535, "8319ffff05f5"},
        {UINT32_MAX, "831affffffff05f5"},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        struct bytes wanted = from_hex(rows[i].hex);
        uint8_t data[VALVE_ENVELOPE_PREFIX + 1 + VALVE_ENVELOPE_SUFFIX];
        uint8_t *end = valve_envelope_write_item(rows[i].id, data);

        ck_assert_uint_le((size_t)(end - data), VALVE_ENVELOPE_PREFIX);
        *end++ = 0x05;
        end = valve_envelope_end_item(end);
        ck_assert_uint_eq((size_t)(end - data), wanted.size);
        ck_assert_mem_eq(data, wanted.data, wanted.size);
    }
}
END_TEST

static Suite *envelope_suite(void)
{
    Suite *suite = suite_create("envelope");
    TCase *tcase = tcase_create("envelope");

    tcase_add_loop_test(tcase, legal_envelopes, 0, LENGTH(legals));
    tcase_add_loop_test(tcase, bad_envelopes, 0, LENGTH(bads));
    tcase_add_test(tcase, the_id_of_an_item_that_was_broken_off);
    tcase_add_test(tcase, what_is_written);
    tcase_add_test(tcase, items_of_streams);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(envelope_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
