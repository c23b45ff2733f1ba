/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629), and names made fit for a message.
 */
#ifndef VALVE_RPC_UTF8_H
#define VALVE_RPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/word.h"

/* What valve_utf8_valid() does with text that is not all ASCII. */
bool valve_utf8_valid_beyond(const char *data, size_t size);

/* Whether all of it is ASCII, looked at by words. */
static inline bool valve_is_ascii(const char *data, size_t size)
{
    uint64_t bits = 0;

    if (size < VALVE_WORD) {
        for (size_t i = 0; i < size; i++)
            bits |= (uint8_t)data[i];
        return bits < 0x80;
    }
    for (size_t i = 0; i < size - VALVE_WORD; i += VALVE_WORD)
        bits |= valve_load_8(data + i);
    bits |= valve_load_8(data + size - VALVE_WORD); /* may overlap the one before */
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

/* Whether all of it is valid: no surrogates, no overlong forms, nothing beyond U+10FFFF. */
static inline bool valve_utf8_valid(const char *data, size_t size)
{
    return valve_is_ascii(data, size) || valve_utf8_valid_beyond(data, size);
}

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
