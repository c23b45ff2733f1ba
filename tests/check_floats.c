/* SPDX-License-Identifier: MIT */
/*
 * Floats: the vectors of RFC 8949, appendix A, and that no form is longer than it need be.
 */
#include "rpc/float.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

static struct valve_arena arena; /* floats need none */
static struct valve_error error;

static int decode(const char *hex, double *ret_number)
{
    struct bytes bytes = from_hex(hex);
    struct valve_cursor cursor = {bytes.data, bytes.data + bytes.size};

    return valve_decode(&float_type, &cursor, &arena, ret_number, &error);
}

static uint64_t bits_of(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

static float single_from_bits(uint32_t bits)
{
    float number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

/* ---- Appendix A ------------------------------------------------------------------------------- */

static const struct {
    double number;
    const char *hex;
} vectors[] = {
    {0.0, "f90000"},
    {-0.0, "f98000"},
    {1.0, "f93c00"},
    {1.1, "fb3ff199999999999a"},
    {1.5, "f93e00"},
    {65504.0, "f97bff"},
    {100000.0, "fa47c35000"},
    {3.4028234663852886e+38, "fa7f7fffff"},
    {1.0e+300, "fb7e37e43c8800759c"},
    {5.960464477539063e-8, "f90001"},
    {0.00006103515625, "f90400"},
    {-4.0, "f9c400"},
    {-4.1, "fbc010666666666666"},
    {INFINITY, "f97c00"},
    {-INFINITY, "f9fc00"},
    /* and where the next longer form begins */
    {65505.0, "fa477fe100"},
    {65536.0, "fa47800000"},
    {2049.0, "fa45001000"},
    {0x1.ff8p-15, "f903ff"},          /* the greatest subnormal half */
    {0x1.ffcp-15, "fa387fe000"},      /* between it and the least normal one */
    {0x1p-25, "fa33000000"},          /* less than all of them */
    {0x1p-149, "fa00000001"},         /* the least single */
    {0x1p-150, "fb3690000000000000"}, /* less than all of those */
    {0x1.fffffcp-127, "fa007fffff"},  /* the greatest subnormal single */
    {0x1.fffffep-127, "fb380fffffe0000000"},
    {0x1p+128, "fb47f0000000000000"},  /* more than the greatest single */
    {0x1p-1074, "fb0000000000000001"}, /* the least double */
};

START_TEST(the_shortest_form_that_keeps_the_value)
{
    struct bytes expected = from_hex(vectors[_i].hex);
    uint8_t data[VALVE_HEAD_MAX];
    size_t size;
    double number;

    ck_assert_int_eq(
        valve_encode_within(&float_type, &vectors[_i].number, 0, data, sizeof data, &size, &error),
        0);
    ck_assert_uint_eq(size, expected.size);
    ck_assert_mem_eq(data, expected.data, size);
    ck_assert_int_eq(decode(vectors[_i].hex, &number), 0);
    ck_assert_uint_eq(bits_of(number), bits_of(vectors[_i].number));
}
END_TEST

START_TEST(longer_forms_are_read)
{
    static const struct {
        const char *hex;
        double number;
    } rows[] = {
        {"fa3f800000", 1.0},       {"fb3ff0000000000000", 1.0},
        {"fa7f800000", INFINITY},  {"fb7ff0000000000000", INFINITY},
        {"faff800000", -INFINITY}, {"fbfff0000000000000", -INFINITY},
        {"fa80000000", -0.0},      {"fb8000000000000000", -0.0},
        {"fa33800000", 0x1p-24},   {"fb3e70000000000000", 0x1p-24},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        double number;

        ck_assert_int_eq(decode(rows[i].hex, &number), 0);
        ck_assert_uint_eq(bits_of(number), bits_of(rows[i].number));
    }
}
END_TEST

START_TEST(every_nan_is_written_as_one)
{
    static const char *const rows[] = {"f97e00",
                                       "f97c01",
                                       "f9ffff",
                                       "fa7fc00000",
                                       "fa7f800001",
                                       "fb7ff8000000000000",
                                       "fb7ff0000000000001",
                                       "fbffffffffffffffff"};

    for (int i = 0; i < LENGTH(rows); i++) {
        uint8_t data[VALVE_HEAD_MAX];
        double number = 0;

        ck_assert_int_eq(decode(rows[i], &number), 0);
        ck_assert(isnan(number));
        ck_assert_uint_eq(valve_float_write(number, data), 3);
        ck_assert_mem_eq(data, "\xf9\x7e\x00", 3);
    }
}
END_TEST

START_TEST(what_is_no_float)
{
    static const struct {
        const char *hex, *words;
    } rows[] = {
        {"00", "expected a float, found an unsigned integer"},
        {"20", "expected a float, found a negative integer"},
        {"f4", "expected a float, found false"},
        {"f8ff", "expected a float, found a simple value"},
        {"c1f93c00", "expected a float, found a tag"},
        {"f93c", "not well-formed"},
        {"fb3ff00000000000", "not well-formed"},
    };

    for (int i = 0; i < LENGTH(rows); i++) {
        double number;

        ck_assert_int_eq(decode(rows[i].hex, &number), -EBADMSG);
        ck_assert_str_eq(error.text, rows[i].words);
    }
}
END_TEST

/* ---- All halves, and many others -------------------------------------------------------------- */

/* What a half is worth, from the definition (RFC 8949, appendix D). */
static double worth(unsigned half)
{
    int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 0x3ff);
    double number = exponent == 0    ? ldexp(fraction, -24)
                    : exponent != 31 ? ldexp(fraction + 1024, exponent - 25)
                    : fraction == 0  ? INFINITY
                                     : NAN;

    return (half & 0x8000) != 0 ? -number : number;
}

START_TEST(every_half)
{
    for (unsigned half = 0; half < 65536; half++) {
        uint8_t data[VALVE_HEAD_MAX] = {0xf9, (uint8_t)(half >> 8), (uint8_t)half};
        struct valve_head head;
        double number;

        ck_assert_int_eq(valve_head_read(data, 3, &head), 0);
        number = valve_float_read(&head);
        if (isnan(worth(half))) {
            ck_assert(isnan(number));
            continue;
        }
        ck_assert_uint_eq(bits_of(number), bits_of(worth(half)));
        memset(data, 0, sizeof data);
        ck_assert_uint_eq(valve_float_write(number, data), 3);
        ck_assert_uint_eq(data[0], 0xf9);
        ck_assert_uint_eq((unsigned)data[1] << 8 | data[2], half);
    }
}
END_TEST

static bool is_some_half(double number)
{
    for (unsigned half = 0; half < 65536; half++) {
        if (bits_of(worth(half)) == bits_of(number))
            return true;
    }
    return false;
}

/* Singles that are near the halves in number, and doubles near the singles. */
START_TEST(what_is_longer_has_to_be)
{
    uint64_t seed = UINT64_C(0x666c6f6174) + (uint64_t)_i;

    for (int round = 0; round < 100; round++) {
        uint32_t single = (uint32_t)random_next(&seed) & ~(uint32_t)(0x3fffff >> round % 12);
        double number = (double)single_from_bits(single);
        uint64_t wide = bits_of(number) ^ (UINT64_C(1) << random_below(&seed, 29));
        uint8_t data[VALVE_HEAD_MAX];
        size_t size;

        if (isnan(number) || isinf(number))
            continue;
        size = valve_float_write(number, data);
        ck_assert_uint_eq(size, is_some_half(number) ? 3 : 5);
        ck_assert_uint_eq(valve_float_write(from_bits(wide), data), 9); /* a bit no single has */
    }
}
END_TEST

static Suite *floats_suite(void)
{
    Suite *suite = suite_create("floats");
    TCase *tcase = tcase_create("floats");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, the_shortest_form_that_keeps_the_value, 0, LENGTH(vectors));
    tcase_add_test(tcase, longer_forms_are_read);
    tcase_add_test(tcase, every_nan_is_written_as_one);
    tcase_add_test(tcase, what_is_no_float);
    tcase_add_test(tcase, every_half);
    tcase_add_loop_test(tcase, what_is_longer_has_to_be, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(floats_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
