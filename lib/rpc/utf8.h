/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629), and names made fit for a message.
 */
#ifndef VALVE_RPC_UTF8_H
#define VALVE_RPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of it is valid: no surrogates, no overlong forms, nothing beyond U+10FFFF. */
bool valve_utf8_valid(const char *data, size_t size);

/* Bytes of the character that begins here, of at least one byte; 0: none does. */
size_t valve_utf8_length(const uint8_t *data, size_t size);

/* Whether a valid character is one of the control characters: U+0000..U+001F, U+007F..U+009F. */
bool valve_utf8_is_control(const uint8_t *character, size_t length);

/*
 * Copies a name into a message: valid UTF-8 without control characters as it is, every other byte
 * as \xHH, the backslash doubled; cut short with "..." to what `room` (terminator included) holds,
 * never inside a character. Returns the length written. room is at least 4.
 */
size_t valve_escape(const char *data, size_t size, char *text, size_t room);

#endif
