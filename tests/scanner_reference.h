/* SPDX-License-Identifier: MIT */
/* What the scanner is held against, by its tests and by its fuzzer. */
#ifndef VALVE_SCANNER_REFERENCE_H
#define VALVE_SCANNER_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "rpc/scanner.h"

/*
 * The verdict on the first `size` bytes (not 0) of an item, all that has come of it. A scanner gives
 * it at the last of them, unless it gave another at an earlier one.
 */
enum valve_scan reference_judge(const uint8_t *data, size_t size, size_t max_size,
                                unsigned max_depth);

#endif
