/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629): whether it is valid, and names made fit for a message.
 */
#include "rpc/utf8.h"

#include <string.h>

/* Keeps out overlong forms, surrogates and what lies beyond the last character. */
static bool second_byte_fits(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0: /* less would fit in two bytes */
        return second >= 0xa0;
    case 0xed: /* more would be a surrogate */
        return second <= 0x9f;
    case 0xf0: /* less would fit in three bytes */
        return second >= 0x90;
    case 0xf4: /* more would be beyond U+10FFFF */
        return second <= 0x8f;
    default:
        return true;
    }
}

static size_t length_by_lead(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t valve_utf8_length(const uint8_t *data, size_t size)
{
    size_t length = length_by_lead(data[0]);

    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    }
    return length == 1 || second_byte_fits(data[0], data[1]) ? length : 0;
}

/* Bytes at the start that are ASCII, sought word by word. */
static size_t ascii_length(const uint8_t *data, size_t size)
{
    size_t length = 0;
    uint64_t word;

    for (; size - length >= sizeof word; length += sizeof word) {
        memcpy(&word, data + length, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (length < size && data[length] < 0x80)
        length++;
    return length;
}

bool valve_utf8_valid_beyond(const char *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    size_t used = ascii_length(bytes, size);

    while (used < size) {
        size_t length = valve_utf8_length(bytes + used, size - used);

        if (length == 0)
            return false;
        used += length;
        used += ascii_length(bytes + used, size - used);
    }
    return true;
}

bool valve_utf8_is_control(const uint8_t *character, size_t length)
{
    if (length == 1)
        return character[0] < 0x20 || character[0] == 0x7f;
    return character[0] == 0xc2 && character[1] < 0xa0;
}

enum {
    PIECE_MAX = 4, /* bytes: \xHH, or the longest character */
};

/* What stands in a message for the first bytes of a name; says how many of them it covers. */
static size_t escape_piece(const uint8_t *data, size_t size, char piece[PIECE_MAX],
                           size_t *ret_covered)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = valve_utf8_length(data, size);

    *ret_covered = 1;
    if (data[0] == '\\') {
        memcpy(piece, "\\\\", 2);
        return 2;
    }
    if (length == 0 || valve_utf8_is_control(data, length)) {
        memcpy(piece, "\\x", 2);
        piece[2] = digits[data[0] >> 4];
        piece[3] = digits[data[0] & 15];
        return 4;
    }
    memcpy(piece, data, length);
    *ret_covered = length;
    return length;
}

size_t valve_escape(const char *data, size_t size, char *text, size_t room)
{
    static const char dots[] = "...";
    const uint8_t *bytes = (const uint8_t *)data;
    size_t covered = 0, written = 0;
    size_t cut = 0; /* the end of the last piece behind which the dots still find room */

    while (covered < size) {
        char piece[PIECE_MAX];
        size_t step, length = escape_piece(bytes + covered, size - covered, piece, &step);

        if (written + length >= room) {
            memcpy(text + cut, dots, sizeof dots);
            return cut + strlen(dots);
        }
        memcpy(text + written, piece, length);
        written += length;
        covered += step;
        if (written + sizeof dots <= room)
            cut = written;
    }
    text[written] = '\0';
    return written;
}
