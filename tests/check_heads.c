/* SPDX-License-Identifier: MIT */
/*
 * Heads, beside those of libcbor: written alike, and read alike wherever the bytes end.
 */
#include "rpc/head.h"

#include <cbor.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_bytes.h"

typedef size_t reference_function(size_t argument, unsigned char *buffer, size_t size);

static size_t encode_uint(size_t argument, unsigned char *buffer, size_t size)
{
    return cbor_encode_uint(argument, buffer, size);
}

static size_t encode_negint(size_t argument, unsigned char *buffer, size_t size)
{
    return cbor_encode_negint(argument, buffer, size);
}

static size_t encode_tag(size_t argument, unsigned char *buffer, size_t size)
{
    return cbor_encode_tag(argument, buffer, size);
}

static reference_function *const references[] = {
    [VALVE_MAJOR_UINT] = encode_uint,
    [VALVE_MAJOR_NEGINT] = encode_negint,
    [VALVE_MAJOR_BYTES] = cbor_encode_bytestring_start,
    [VALVE_MAJOR_TEXT] = cbor_encode_string_start,
    [VALVE_MAJOR_ARRAY] = cbor_encode_array_start,
    [VALVE_MAJOR_MAP] = cbor_encode_map_start,
    [VALVE_MAJOR_TAG] = encode_tag,
};

/* Numbers of all lengths, and those around which a head grows. */
static uint64_t choose(uint64_t *seed)
{
    static const uint64_t edges[] = {0, 23, 255, 65535, UINT32_MAX, UINT64_MAX};

    if (random_below(seed, 3) == 0)
        return edges[random_below(seed, LENGTH(edges))] + random_below(seed, 2);
    return random_next(seed) >> random_below(seed, 64);
}

START_TEST(heads_are_written_as_libcbor_writes_them)
{
    uint64_t seed = UINT64_C(0x68656164) + (uint64_t)_i;

    for (int round = 0; round < 20000; round++) {
        uint64_t argument = choose(&seed);
        uint8_t expected[VALVE_HEAD_MAX], roomy[VALVE_HEAD_MAX], *exact;
        size_t size = references[_i](argument, expected, sizeof expected);

        exact = malloc(size);
        ck_assert_ptr_nonnull(exact);
        ck_assert_uint_eq(valve_head_length(argument), size);
        ck_assert_uint_eq(valve_head_put((enum valve_major)_i, argument, roomy), size);
        ck_assert_mem_eq(roomy, expected, size);
        ck_assert_uint_eq(valve_head_write((enum valve_major)_i, argument, exact), size);
        ck_assert_mem_eq(exact, expected, size);
        free(exact);
    }
}
END_TEST

/* Any head, long ones too, read where nothing follows and where much does. */
START_TEST(heads_are_read_alike_wherever_the_bytes_end)
{
    uint64_t seed = UINT64_C(0x72656164) + (uint64_t)_i;

    for (int round = 0; round < 20000; round++) {
        uint8_t data[2 * VALVE_HEAD_MAX];
        struct valve_head far = {0}, near = {0};
        size_t size;
        int r;

        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)random_next(&seed);
        size = valve_head_size(data[0]);
        r = valve_head_read(data, sizeof data, &far);
        if (size == 0) {
            ck_assert_int_eq(r, -EBADMSG);
            continue;
        }
        ck_assert_int_eq(valve_head_read(data, size, &near), r);
        ck_assert(near.major == far.major && near.size == far.size &&
                  near.argument == far.argument && near.is_float == far.is_float &&
                  near.indefinite == far.indefinite && near.is_break == far.is_break);
        ck_assert(r == 0 || data[0] == VALVE_INITIAL_SIMPLE);
        ck_assert(r < 0 || (near.size == size && near.major == (enum valve_major)(data[0] >> 5)));
        for (size_t less = 0; less < size; less++)
            ck_assert_int_eq(valve_head_read(data, less, &near), -EAGAIN);
    }
}
END_TEST

static Suite *heads_suite(void)
{
    Suite *suite = suite_create("heads");
    TCase *tcase = tcase_create("heads");

    tcase_add_loop_test(tcase, heads_are_written_as_libcbor_writes_them, 0, LENGTH(references));
    tcase_add_loop_test(tcase, heads_are_read_alike_wherever_the_bytes_end, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(heads_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
