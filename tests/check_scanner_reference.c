/* SPDX-License-Identifier: MIT */
/* The scanner on mutated messages, held against a reference that is slow and plain. */
#include "check_scanner.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rpc_bytes.h"

/*
 * The reference reads a prefix of the input recursively and adds up what is missing. Asked of ever
 * longer prefixes, it shows where each verdict falls.
 */
struct reference {
    const uint8_t *data;
    size_t size, position;
    uint64_t owed;
    unsigned max_depth;
    bool malformed, deep;
};

#define ENOUGH ((uint64_t)1 << 40) /* more than any limit, and far from wrapping */

static void owe(struct reference *reference, uint64_t bytes)
{
    reference->owed += bytes < ENOUGH ? bytes : ENOUGH;
    if (reference->owed > ENOUGH)
        reference->owed = ENOUGH;
}

static void read_item(struct reference *reference, unsigned depth);

static void read_items(struct reference *reference, uint64_t count, unsigned depth)
{
    for (uint64_t i = 0; i < count && !reference->malformed; i++) {
        if (reference->position == reference->size) {
            owe(reference, count - i);
            return;
        }
        read_item(reference, depth);
    }
}

static void read_to_break(struct reference *reference, unsigned major, unsigned depth)
{
    for (uint64_t items = 0; !reference->malformed; items++) {
        bool odd = major == 5 && items % 2 == 1;
        uint8_t next;

        if (reference->position == reference->size) {
            owe(reference, odd ? 2 : 1);
            return;
        }
        next = reference->data[reference->position];
        if (next == 0xff) {
            reference->malformed |= odd;
            reference->position++;
            return;
        }
        if (major < 4 && (next >> 5 != major || (next & 31) == 31))
            reference->malformed = true;
        else
            read_item(reference, depth);
    }
}

static uint64_t read_argument(struct reference *reference, unsigned bytes)
{
    uint64_t argument = 0;

    for (unsigned i = 0; i < bytes; i++)
        argument = argument << 8 | reference->data[reference->position++];
    return argument;
}

static void read_content(struct reference *reference, unsigned major, uint64_t argument,
                         unsigned depth)
{
    uint64_t left = reference->size - reference->position;

    if (major == 2 || major == 3) {
        reference->position += (size_t)(argument < left ? argument : left);
        owe(reference, argument < left ? 0 : argument - left);
    } else if (major == 4) {
        read_items(reference, argument, depth);
    } else if (major == 5) {
        read_items(reference, argument < ENOUGH ? 2 * argument : ENOUGH, depth);
    } else if (major == 6) {
        read_items(reference, 1, depth);
    }
}

static void read_item(struct reference *reference, unsigned depth)
{
    uint8_t initial = reference->data[reference->position++];
    unsigned major = initial >> 5, info = initial & 31, bytes = 0;
    uint64_t argument = info;

    if ((info >= 28 && info <= 30) || (info == 31 && (major < 2 || major > 5))) {
        reference->malformed = true;
        return;
    }
    if (major == 4 || major == 5)
        reference->deep |= ++depth > reference->max_depth;
    if (info == 31) {
        read_to_break(reference, major, depth);
        return;
    }
    if (info >= 24)
        bytes = 1u << (info - 24);
    if (bytes > reference->size - reference->position) {
        owe(reference, bytes - (reference->size - reference->position) + (major == 6));
        reference->position = reference->size;
        return;
    }
    if (bytes > 0)
        argument = read_argument(reference, bytes);
    if (initial == 0xf8 && argument < 32)
        reference->malformed = true;
    else
        read_content(reference, major, argument, depth);
}

static struct result reference_scan(const uint8_t *data, size_t size, size_t max_size,
                                    unsigned max_depth)
{
    for (size_t prefix = 1; prefix <= size; prefix++) {
        struct reference reference = {.data = data, .size = prefix, .max_depth = max_depth};

        read_item(&reference, 0);
        if (reference.malformed)
            return (struct result){VALVE_SCAN_MALFORMED, prefix};
        if (prefix + reference.owed > max_size)
            return (struct result){VALVE_SCAN_TOO_LARGE, prefix};
        if (reference.deep)
            return (struct result){VALVE_SCAN_TOO_DEEP, prefix};
        if (reference.owed == 0)
            return (struct result){VALVE_SCAN_DONE, prefix};
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
