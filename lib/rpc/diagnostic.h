/* SPDX-License-Identifier: MIT */
/*
 * Pieces of CBOR's diagnostic notation (RFC 8949, section 8), written to a stream whose errors the
 * caller looks for.
 */
#ifndef VALVE_RPC_DIAGNOSTIC_H
#define VALVE_RPC_DIAGNOSTIC_H

#include <stdio.h>

#include "rpc/cursor.h"

/*
 * "text": as in JSON; other control characters are escaped too, and bytes that are no UTF-8 are
 * \ufffd.
 */
void valve_diagnose_text(const char *data, size_t size, FILE *stream);

/* h'6279746573' */
void valve_diagnose_bytes(const uint8_t *data, size_t size, FILE *stream);

/*
 * 1.5, 1.0e+300, NaN, -Infinity: with as few digits as printf() needs to make it the same number
 * again, and a point whatever the locale has for one.
 */
void valve_diagnose_float(double number, FILE *stream);

/*
 * The item at the cursor, whatever it is, and moves behind it. Of bytes that are not well-formed as
 * much as is.
 */
void valve_diagnose_item(struct valve_cursor *cursor, FILE *stream);

#endif
