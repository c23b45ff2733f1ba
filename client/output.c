/* SPDX-License-Identifier: MIT */
/*
 * Records on stdout. Whatever fails there is remembered, so that no caller need look at each write.
 */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/utf8.h"

#define ESCAPED_MOST 4   /* bytes that valve_escape() makes of one */
#define LINE_MOST    512 /* bytes of output_line() */

void output_init(struct output *output, char end)
{
    *output = (struct output){.stream = stdout, .end = end, .terminal = isatty(STDOUT_FILENO)};
}

static void note_error(struct output *output)
{
    if (output->error == 0)
        output->error = errno == 0 ? -EIO : -errno;
}

void output_bytes(struct output *output, const void *data, size_t size)
{
    if (output->error == 0 && fwrite(data, 1, size, output->stream) < size)
        note_error(output);
}

int output_flush(struct output *output)
{
    if (output->error == 0 && fflush(output->stream) != 0)
        note_error(output);
    return output->error;
}

int output_close(struct output *output)
{
    (void)output_flush(output);
    if (fclose(output->stream) != 0)
        note_error(output);
    free(output->scratch);
    output->scratch = NULL;
    return output->error;
}

void output_text(struct output *output, const char *text)
{
    output_bytes(output, text, strlen(text));
}

void output_format(struct output *output, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (output->error == 0 && vfprintf(output->stream, format, arguments) < 0)
        note_error(output);
    va_end(arguments);
}

void output_end(struct output *output)
{
    output_bytes(output, &output->end, 1);
}

void output_line(struct output *output, const char *format, ...)
{
    char text[LINE_MOST];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    output_name(output, text, strlen(text));
    output_text(output, output->terminal ? "\033[K\n" : "\n");
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Room for a name of this size, escaped and terminated; false: no memory, which is an error too. */
static bool make_room(struct output *output, size_t size)
{
    size_t room = size * ESCAPED_MOST + ESCAPED_MOST;
    char *scratch;

    if (room <= output->room)
        return true;
    scratch = realloc(output->scratch, room);
    if (scratch == NULL) {
        note_error(output);
        return false;
    }
    output->scratch = scratch;
    output->room = room;
    return true;
}

void output_name(struct output *output, const char *data, size_t size)
{
    if (!output->terminal)
        output_bytes(output, data, size);
    else if (make_room(output, size))
        output_bytes(output, output->scratch,
                     valve_escape(data, size, output->scratch, output->room));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* What stands for a character that JSON, or a terminal, would not take; NULL: it may stand. */
static const char *json_escape(unsigned character, char text[8])
{
    switch (character) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (character >= 0x20 && (character < 0x7f || character > 0x9f))
            return NULL;
        snprintf(text, 8, "\\u%04x", character);
        return text;
    }
}

/* The character that begins here, if it is ASCII or a C1 control; else some that may stand. */
static unsigned character_at(const char *data, size_t size, size_t *ret_size)
{
    const unsigned char *bytes = (const unsigned char *)data;

    *ret_size = 1;
    if (bytes[0] == 0xc2 && size > 1 && bytes[1] < 0xa0) {
        *ret_size = 2;
        return bytes[1];
    }
    return bytes[0] < 0x80 ? bytes[0] : 0xffff;
}

static void put_json(struct output *output, const char *data, size_t size)
{
    size_t plain = 0, at = 0; /* plain..at needs no escape and is not yet written */

    while (at < size) {
        char text[8];
        size_t length = 1;
        const char *escape = json_escape(character_at(data + at, size - at, &length), text);

        if (escape != NULL) {
            output_bytes(output, data + plain, at - plain);
            output_text(output, escape);
            plain = at + length;
        }
        at += length;
    }
    output_bytes(output, data + plain, size - plain);
}

void output_json_string(struct output *output, const char *data, size_t size)
{
    output_text(output, "\"");
    if (valve_utf8_valid(data, size))
        put_json(output, data, size);
    else
        output_text(output, "\xef\xbf\xbd");
    output_text(output, "\"");
}

static void put_base64(struct output *output, const unsigned char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        unsigned group = (unsigned)data[i] << 16;
        char text[4];

        if (count > 1)
            group |= (unsigned)data[i + 1] << 8;
        if (count > 2)
            group |= data[i + 2];
        for (size_t j = 0; j < sizeof text; j++)
            text[j] = j <= count ? digits[group >> (18 - 6 * j) & 63] : '=';
        output_bytes(output, text, sizeof text);
    }
}

void output_json_path(struct output *output, const char *data, size_t size)
{
    if (valve_utf8_valid(data, size)) {
        output_text(output, "\"path\":");
        output_json_string(output, data, size);
    } else {
        output_text(output, "\"path_base64\":\"");
        put_base64(output, (const unsigned char *)data, size);
        output_text(output, "\"");
    }
}
