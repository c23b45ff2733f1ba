/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into the scanner, whole and in pieces: the same verdict at the same byte, which is the
 * reference's; and what it calls whole, the cursor and libcbor's loader take as one item, too.
 *
 * An input is three bytes that choose limits and pieces, then what is scanned.
 */
#include <cbor.h>
#include <stdbool.h>
#include <string.h>

#include "../scanner_reference.h"
#include "fuzz.h"
#include "rpc/cursor.h"
#include "rpc/scanner.h"
#include "rpc/utf8.h"

#define MAX_DEPTH 16

struct choices {
    struct valve_limits limits;
    size_t cut, stride; /* bytes of the first piece, and of those behind it (0: all) */
    bool load;          /* ask libcbor, which costs more than all the rest */
};

struct result {
    enum valve_scan verdict;
    size_t taken;
};

static struct choices choose(const uint8_t *data)
{
    static const size_t sizes[] = {1, 8, 24, 64, 200, 256, 4096, 1 << 20};

    return (struct choices){
        .limits = {.max_size = sizes[data[0] & 7], .max_depth = 1 + (data[0] >> 3) % MAX_DEPTH},
        .cut = data[1],
        .stride = data[2] & 15,
        .load = data[2] >> 4 == 0,
    };
}

/* Of exactly the size for its depth, so that a sanitizer sees any level beyond it. */
static struct valve_scanner *scanner_for(unsigned max_depth)
{
    static struct valve_scanner *scanners[MAX_DEPTH + 1];

    if (scanners[max_depth] == NULL)
        scanners[max_depth] = malloc(valve_scanner_size(max_depth));
    DEMAND(scanners[max_depth] != NULL);
    return scanners[max_depth];
}

static struct result scan(const struct choices *choices, size_t cut, size_t stride,
                          const uint8_t *data, size_t size)
{
    struct valve_scanner *scanner = scanner_for(choices->limits.max_depth);
    struct result result = {VALVE_SCAN_MORE, 0};

    valve_scanner_init(scanner, &choices->limits);
    while (result.verdict == VALVE_SCAN_MORE && result.taken < size) {
        size_t left = size - result.taken, piece = cut > 0 && cut < left ? cut : left;
        size_t taken = SIZE_MAX;

        result.verdict = valve_scanner_feed(scanner, data + result.taken, piece, &taken);
        DEMAND(taken <= piece);
        DEMAND(result.verdict != VALVE_SCAN_MORE || taken == piece);
        result.taken += taken;
        cut = stride;
    }
    return result;
}

static void check_by_reference(const struct choices *choices, struct result result,
                               const uint8_t *data)
{
    size_t max_size = choices->limits.max_size;
    unsigned max_depth = choices->limits.max_depth;

    DEMAND(reference_judge(data, result.taken, max_size, max_depth) == result.verdict);
    if (result.taken > 1)
        DEMAND(reference_judge(data, result.taken - 1, max_size, max_depth) == VALVE_SCAN_MORE);
}

static void check_by_cursor(const uint8_t *data, size_t size)
{
    struct valve_cursor cursor = {data, data + size};

    valve_cursor_skip(&cursor);
    DEMAND(cursor.next == data + size);
}

/* What libcbor refuses of well-formed items: simple values without a name, some tags, bad UTF-8. */
static bool is_beyond_libcbor(const struct cbor_error *error, const uint8_t *data)
{
    if (error->code == CBOR_ERR_MALFORMATED)
        return data[error->position] >> 5 >= VALVE_MAJOR_TAG;
    return error->code == CBOR_ERR_SYNTAXERROR &&
           !valve_utf8_valid((const char *)data, error->position);
}

static void check_by_libcbor(const uint8_t *data, size_t size)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(data, size, &result);

    if (item == NULL) {
        DEMAND(is_beyond_libcbor(&result.error, data));
        return;
    }
    DEMAND(result.read == size);
    cbor_decref(&item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices choices;
    struct result whole, pieces;

    if (size < 4)
        return -1;
    choices = choose(data);
    data += 3;
    size -= 3;
    whole = scan(&choices, 0, 0, data, size);
    pieces = scan(&choices, choices.cut, choices.stride, data, size);
    DEMAND(whole.verdict == pieces.verdict && whole.taken == pieces.taken);
    check_by_reference(&choices, whole, data);
    if (whole.verdict == VALVE_SCAN_DONE) {
        check_by_cursor(data, whole.taken);
        if (choices.load)
            check_by_libcbor(data, whole.taken);
    }
    return 0;
}
