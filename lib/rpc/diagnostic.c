/* SPDX-License-Identifier: MIT */
/*
 * Diagnostic notation of texts, bytes, floats, and of items that no schema describes.
 */
#include "rpc/diagnostic.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/cursor.h"
#include "rpc/float.h"
#include "rpc/utf8.h"

/* ---- Strings and floats ---------------------------------------------------------------------- */

/* Bytes of the character at `data`: 0 where there is none in UTF-8. */
static size_t character_size(const char *data, size_t size)
{
    for (size_t length = 1; length <= 4 && length <= size; length++) {
        if (valve_utf8_valid(data, length))
            return length;
    }
    return 0;
}

static void put_character(const char *data, size_t length, FILE *stream)
{
    unsigned char first = (unsigned char)data[0];
    unsigned char second = length == 2 ? (unsigned char)data[1] : 0;

    if (length == 0)
        fprintf(stream, "\\x%02x", first);
    else if (first == '"' || first == '\\')
        fprintf(stream, "\\%c", first);
    else if (first == '\n')
        fputs("\\n", stream);
    else if (first < 0x20 || first == 0x7f)
        fprintf(stream, "\\u%04x", first);
    else if (first == 0xc2 && second < 0xa0) /* U+0080 to U+009F */
        fprintf(stream, "\\u%04x", second);
    else
        fwrite(data, 1, length, stream);
}

void valve_diagnose_text(const char *data, size_t size, FILE *stream)
{
    putc('"', stream);
    while (size > 0) {
        size_t length = character_size(data, size);

        put_character(data, length, stream);
        length = length > 0 ? length : 1;
        data += length;
        size -= length;
    }
    putc('"', stream);
}

void valve_diagnose_bytes(const uint8_t *data, size_t size, FILE *stream)
{
    fputs("h'", stream);
    for (size_t i = 0; i < size; i++)
        fprintf(stream, "%02x", data[i]);
    putc('\'', stream);
}

void valve_diagnose_float(double number, FILE *stream)
{
    char text[40];
    char *point;

    if (isnan(number)) {
        fputs("NaN", stream);
        return;
    }
    if (isinf(number)) {
        fputs(number < 0 ? "-Infinity" : "Infinity", stream);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    point = text + strspn(text, "-0123456789");
    if (*point == 'e' || *point == '\0')
        fprintf(stream, "%.*s.0%s", (int)(point - text), text, point);
    else /* whatever the locale has there is a point */
        fprintf(stream, "%.*s.%s", (int)(point - text), text, point + 1);
}

/* ---- Items of any type ------------------------------------------------------------------------ */

static void diagnose(struct valve_cursor *cursor, FILE *stream);

static void diagnose_string(struct valve_cursor *cursor, const struct valve_head *head,
                            FILE *stream)
{
    const uint8_t *data = NULL;

    if (valve_cursor_body(cursor, head->argument, &data) < 0)
        return;
    if (head->major == VALVE_MAJOR_TEXT)
        valve_diagnose_text((const char *)data, (size_t)head->argument, stream);
    else
        valve_diagnose_bytes(data, (size_t)head->argument, stream);
}

/* What comes between the brackets: elements, pairs, or the chunks of a string. */
static void diagnose_inside(struct valve_cursor *cursor, const struct valve_head *head,
                            FILE *stream)
{
    struct valve_remainder remainder = valve_remainder(head);
    bool is_map = head->major == VALVE_MAJOR_MAP;

    for (bool first = true; cursor->next < cursor->end && valve_cursor_more(cursor, &remainder);
         first = false) {
        if (!first)
            fputs(", ", stream);
        diagnose(cursor, stream);
        if (is_map) {
            fputs(": ", stream);
            diagnose(cursor, stream);
        }
    }
}

static void diagnose_container(struct valve_cursor *cursor, const struct valve_head *head,
                               FILE *stream)
{
    static const char *const brackets[] = {[VALVE_MAJOR_BYTES] = "()",
                                           [VALVE_MAJOR_TEXT] = "()",
                                           [VALVE_MAJOR_ARRAY] = "[]",
                                           [VALVE_MAJOR_MAP] = "{}"};

    putc(brackets[head->major][0], stream);
    if (head->indefinite)
        fputs("_ ", stream);
    diagnose_inside(cursor, head, stream);
    putc(brackets[head->major][1], stream);
}

static void diagnose_simple(const struct valve_head *head, FILE *stream)
{
    static const char *const names[] = {"false", "true", "null", "undefined"};

    if (head->is_float)
        valve_diagnose_float(valve_float_read(head), stream);
    else if (head->argument >= VALVE_SIMPLE_FALSE && head->argument <= VALVE_SIMPLE_UNDEFINED)
        fputs(names[head->argument - VALVE_SIMPLE_FALSE], stream);
    else
        fprintf(stream, "simple(%" PRIu64 ")", head->argument);
}

static void diagnose_negative(uint64_t argument, FILE *stream)
{
    if (argument == UINT64_MAX)
        fputs("-18446744073709551616", stream);
    else
        fprintf(stream, "-%" PRIu64, argument + 1);
}

static void diagnose(struct valve_cursor *cursor, FILE *stream)
{
    struct valve_head head;

    if (valve_cursor_head(cursor, &head) < 0)
        return;
    switch (head.major) {
    case VALVE_MAJOR_UINT:
        fprintf(stream, "%" PRIu64, head.argument);
        break;
    case VALVE_MAJOR_NEGINT:
        diagnose_negative(head.argument, stream);
        break;
    case VALVE_MAJOR_BYTES:
    case VALVE_MAJOR_TEXT:
        if (head.indefinite)
            diagnose_container(cursor, &head, stream);
        else
            diagnose_string(cursor, &head, stream);
        break;
    case VALVE_MAJOR_ARRAY:
    case VALVE_MAJOR_MAP:
        diagnose_container(cursor, &head, stream);
        break;
    case VALVE_MAJOR_TAG:
        fprintf(stream, "%" PRIu64 "(", head.argument);
        diagnose(cursor, stream);
        putc(')', stream);
        break;
    case VALVE_MAJOR_SIMPLE:
        diagnose_simple(&head, stream);
        break;
    }
}

void valve_diagnose_item(const uint8_t *data, size_t size, FILE *stream)
{
    struct valve_cursor cursor = {data, data + size};

    diagnose(&cursor, stream);
}
