/* SPDX-License-Identifier: MIT */
/* The scanner on mutated messages, held against a reference that is slow and plain. */
#include "check_scanner.h"

#include <stdio.h>
#include <string.h>

#include "rpc_bytes.h"
#include "scanner_reference.h"

/* Asks the reference of ever longer prefixes, which shows where each verdict falls. */
static struct result reference_scan(const uint8_t *data, size_t size, size_t max_size,
                                    unsigned max_depth)
{
    for (size_t prefix = 1; prefix <= size; prefix++) {
        enum valve_scan verdict = reference_judge(data, prefix, max_size, max_depth);

        if (verdict != VALVE_SCAN_MORE)
            return (struct result){verdict, prefix};
    }
    return (struct result){VALVE_SCAN_MORE, size};
}

static void mutate(struct bytes *bytes, uint64_t *seed)
{
    static const uint8_t heads[] = {0x00, 0x18, 0x1b, 0x41, 0x58, 0x5b, 0x5f, 0x61, 0x79, 0x7f,
                                    0x80, 0x82, 0x9a, 0x9b, 0x9f, 0xa1, 0xb8, 0xbf, 0xc1, 0xd8,
                                    0xdb, 0xe0, 0xf6, 0xf8, 0xfb, 0xff, 0x1c, 0xbb, 0x40, 0xa0};
    size_t place = random_below(seed, bytes->size);

    switch (random_below(seed, 5)) {
    case 0:
        bytes->data[place] = (uint8_t)random_next(seed);
        break;
    case 1:
        bytes->data[place] = heads[random_below(seed, sizeof heads)];
        break;
    case 2:
        bytes->data[place] ^= (uint8_t)(1u << random_below(seed, 8));
        break;
    case 3: /* put something in between */
        memmove(bytes->data + place + 1, bytes->data + place, bytes->size++ - place);
        bytes->data[place] = heads[random_below(seed, sizeof heads)];
        break;
    default: /* take something out */
        if (bytes->size > 1)
            memmove(bytes->data + place, bytes->data + place + 1, --bytes->size - place);
        break;
    }
}

START_TEST(agrees_with_the_reference)
{
    uint64_t seed = UINT64_C(0x76616c7665) + (uint64_t)_i;
    unsigned verdicts[VALVE_SCAN_TOO_DEEP + 1] = {0};

    for (unsigned round = 0; round < 12500; round++) {
        struct bytes bytes = from_hex(examples[random_below(&seed, example_count)]);
        struct bytes more = from_hex(examples[random_below(&seed, example_count)]);
        size_t max_size = 1 + random_below(&seed, 64), stride = random_below(&seed, 4);
        unsigned max_depth = (unsigned)random_below(&seed, 5);
        struct result expected, result;

        memcpy(bytes.data + bytes.size, more.data, more.size);
        bytes.size += more.size;
        for (size_t changes = 1 + random_below(&seed, 4); changes > 0; changes--)
            mutate(&bytes, &seed);
        expected = reference_scan(bytes.data, bytes.size, max_size, max_depth);
        verdicts[expected.verdict]++;
        result = scan(bytes.data, bytes.size, max_size, max_depth, 0, 0);
        ck_assert_msg(result.verdict == expected.verdict && result.taken == expected.taken,
                      "seed base 76616c7665 + %d, round %u: %d at %zu, not %d at %zu", _i, round,
                      (int)result.verdict, result.taken, (int)expected.verdict, expected.taken);
        result = scan(bytes.data, bytes.size, max_size, max_depth, 1 + stride, stride);
        ck_assert_msg(result.verdict == expected.verdict && result.taken == expected.taken,
                      "seed base 76616c7665 + %d, round %u, in pieces", _i, round);
    }
    for (unsigned i = 0; i <= VALVE_SCAN_TOO_DEEP; i++)
        ck_assert_uint_gt(verdicts[i], 100);
}
END_TEST

void add_reference_tests(Suite *suite)
{
    TCase *tcase = tcase_create("reference");

    printf("scanner: messages mutated from seed 0x76616c7665\n");
    tcase_set_timeout(tcase, 120); /* under Valgrind */
    tcase_add_loop_test(tcase, agrees_with_the_reference, 0, 8);
    suite_add_tcase(suite, tcase);
}
