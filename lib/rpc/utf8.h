/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629), and names made fit for a message.
 */
#ifndef VALVE_RPC_UTF8_H
#define VALVE_RPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all of it is valid: no surrogates, no overlong forms, nothing beyond U+10FFFF. */
bool valve_utf8_valid(const char *data, size_t size);

/*
 * Copies a name into a message: valid UTF-8 without control characters as it is, every other byte
 * as \xHH, the backslash doubled; cut short with "..." to what `room` (terminator included) holds,
 * never inside a character. Returns the length written. room is at least 4.
 */
size_t valve_escape(const char *data, size_t size, char *text, size_t room);

#endif
