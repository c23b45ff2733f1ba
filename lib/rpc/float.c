/* SPDX-License-Identifier: MIT */
/*
 * Floating-point numbers of CBOR, between the three sizes of IEEE 754.
 */
#include "rpc/float.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Of a half: 1 bit for the sign, 5 for the exponent, 10 for the fraction; the others likewise. */
enum {
    HALF_FRACTION = 10,
    HALF_BIAS = 15,
    HALF_SPECIAL = 31, /* the exponent of infinities and NaNs */
    SINGLE_FRACTION = 23,
    SINGLE_BIAS = 127,
    SINGLE_SPECIAL = 255,
    DOUBLE_FRACTION = 52,
    DOUBLE_BIAS = 1023,
    DOUBLE_SPECIAL = 2047,
};

static double read_half(unsigned half)
{
    unsigned exponent = half >> HALF_FRACTION & HALF_SPECIAL;
    uint64_t fraction = half & ((1U << HALF_FRACTION) - 1), bits;
    double number;

    if (exponent == 0) {
        number = (double)fraction * 0x1p-24;
        return (half & 0x8000) != 0 ? -number : number;
    }
    bits = exponent == HALF_SPECIAL ? DOUBLE_SPECIAL : exponent + DOUBLE_BIAS - HALF_BIAS;
    bits = (uint64_t)(half >> 15) << 63 | bits << DOUBLE_FRACTION |
           fraction << (DOUBLE_FRACTION - HALF_FRACTION);
    memcpy(&number, &bits, sizeof number);
    return number;
}

double valve_float_read(const struct valve_head *head)
{
    uint32_t bits = (uint32_t)head->argument;
    double number;
    float single;

    if (head->size == 3)
        return read_half(bits);
    if (head->size == 5) {
        memcpy(&single, &bits, sizeof single);
        return single;
    }
    memcpy(&number, &head->argument, sizeof number);
    return number;
}

/* Whether a half can hold the number of these bits, no NaN. */
static bool fits_half(uint32_t single, uint32_t *ret_half)
{
    uint32_t sign = single >> 31 << 15;
    uint32_t exponent = single >> SINGLE_FRACTION & SINGLE_SPECIAL;
    uint32_t fraction = single & ((1U << SINGLE_FRACTION) - 1);
    uint32_t lost = SINGLE_FRACTION - HALF_FRACTION; /* bits that do not fit in */

    if (exponent == SINGLE_SPECIAL) {
        exponent = HALF_SPECIAL;
    } else if (exponent > SINGLE_BIAS - HALF_BIAS) {
        exponent -= SINGLE_BIAS - HALF_BIAS;
        if (exponent >= HALF_SPECIAL)
            return false;
    } else if ((single & ~(1U << 31)) != 0) { /* a subnormal half, if any */
        lost += SINGLE_BIAS - HALF_BIAS + 1 - exponent;
        if (lost > SINGLE_FRACTION)
            return false;
        fraction |= 1U << SINGLE_FRACTION;
        exponent = 0;
    }
    if ((fraction & ((1U << lost) - 1)) != 0)
        return false;
    *ret_half = sign | exponent << HALF_FRACTION | fraction >> lost;
    return true;
}

/* Whether a single can hold the number, no NaN. */
static bool fits_single(double number, uint32_t *ret_single)
{
    float single;

    if (fabs(number) > (double)FLT_MAX && !isinf(number))
        return false;
    single = (float)number;
    if ((double)single != number)
        return false;
    memcpy(ret_single, &single, sizeof single);
    return true;
}

/* The lowest bytes of an argument behind its initial byte, the highest first. */
static size_t write_bytes(uint8_t initial, uint64_t bits, unsigned count, uint8_t *data)
{
    data[0] = initial;
    for (unsigned i = 0; i < count; i++)
        data[1 + i] = (uint8_t)(bits >> 8 * (count - 1 - i));
    return 1 + count;
}

size_t valve_float_write(double number, uint8_t *data)
{
    uint32_t half, single;
    uint64_t bits;

    if (isnan(number))
        return write_bytes(VALVE_INITIAL_HALF, 0x7e00, 2, data);
    if (!fits_single(number, &single)) {
        memcpy(&bits, &number, sizeof bits);
        return write_bytes(VALVE_INITIAL_DOUBLE, bits, 8, data);
    }
    if (!fits_half(single, &half))
        return write_bytes(VALVE_INITIAL_SINGLE, single, 4, data);
    return write_bytes(VALVE_INITIAL_HALF, half, 2, data);
}
