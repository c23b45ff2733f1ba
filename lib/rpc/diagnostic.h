/* SPDX-License-Identifier: MIT */
/*
 * The parts of CBOR's diagnostic notation (RFC 8949, section 8).
 *
 * Errors of the stream are left to it: ferror() tells whether all was written.
 */
#ifndef VALVE_RPC_DIAGNOSTIC_H
#define VALVE_RPC_DIAGNOSTIC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * In quotes, with JSON's escapes for quotes, backslashes and control characters. Bytes that are no
 * UTF-8, which only unchecked text has, appear as \xHH.
 */
void valve_diagnose_text(const char *data, size_t size, FILE *stream);

/* h'...' */
void valve_diagnose_bytes(const uint8_t *data, size_t size, FILE *stream);

/* The shortest decimal number that is read back as the same double, always with a point. */
void valve_diagnose_float(double number, FILE *stream);

/* One well-formed item of any type; the depth of the recursion is its own. */
void valve_diagnose_item(const uint8_t *data, size_t size, FILE *stream);

#endif
