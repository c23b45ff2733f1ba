/* SPDX-License-Identifier: MIT */
/* What the tests of the scanner share: a scan that may be cut into pieces, and the examples. */
#ifndef VALVE_CHECK_SCANNER_H
#define VALVE_CHECK_SCANNER_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/scanner.h"

struct result {
    enum valve_scan verdict;
    size_t taken;
};

/* Of RFC 8949, in hexadecimal: well-formed items, each whole. */
extern const char *const examples[];
extern const size_t example_count;

/*
 * Feeds a copy of each piece, in memory of exactly its size, so that a sanitizer sees any read
 * beyond it. `cut` is the first cut; further ones follow at each `stride` bytes (0: none).
 */
struct result scan(const uint8_t *data, size_t size, size_t max_size, unsigned max_depth,
                   size_t cut, size_t stride);

/* The tests in the other file; prints the seed of their messages. */
void add_reference_tests(Suite *suite);

#endif
