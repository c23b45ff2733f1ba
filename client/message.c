/* SPDX-License-Identifier: MIT */
/*
 * Messages for people.
 */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/utf8.h"

void complain(const char *format, ...)
{
    va_list arguments;

    flockfile(stderr);
    fputs("valvectl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
}

const char *show_name(const char *data, size_t size, char text[SHOWN_ROOM])
{
    valve_escape(data, size, text, SHOWN_ROOM);
    return text;
}

/* Control characters of ASCII, and those that UTF-8 writes as C2 80 to C2 9F. */
static bool has_controls(struct valve_text words)
{
    for (size_t i = 0; i < words.size; i++) {
        unsigned char byte = (unsigned char)words.data[i];

        if (byte < 0x20 || byte == 0x7f)
            return true;
        if (byte == 0xc2 && i + 1 < words.size && (unsigned char)words.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}

const char *show_words(struct valve_text words, char text[SHOWN_ROOM])
{
    /* The server has escaped the names in its words: doing it twice would double backslashes. */
    if (words.size >= SHOWN_ROOM || has_controls(words) ||
        !valve_utf8_valid(words.data, words.size))
        return show_name(words.data, words.size, text);
    memcpy(text, words.data, words.size);
    text[words.size] = '\0';
    return text;
}
