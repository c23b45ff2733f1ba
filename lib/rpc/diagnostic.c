/* SPDX-License-Identifier: MIT */
/*
 * Pieces of CBOR's diagnostic notation: strings, floats, and items of which no schema is known.
 */
#include "rpc/diagnostic.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/float.h"
#include "rpc/utf8.h"

/* ---- Strings --------------------------------------------------------------------------------- */

/* The letter that stands behind a backslash for a character; 0: none. */
static char short_escape(uint8_t byte)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = byte != '\0' ? strchr(escaped, byte) : NULL;

    return found != NULL ? letters[found - escaped] : '\0';
}

static void print_character(const uint8_t *data, size_t length, FILE *stream)
{
    char letter = short_escape(data[0]);

    if (length == 0)
        fputs("\\ufffd", stream);
    else if (letter != '\0')
        fprintf(stream, "\\%c", letter);
    else if (valve_utf8_is_control(data, length))
        fprintf(stream, "\\u%04x", length == 1 ? data[0] : data[1]); /* C2 80 is U+0080 */
    else
        fwrite(data, 1, length, stream);
}

/* What stands between the quotes. */
static void print_characters(const uint8_t *data, size_t size, FILE *stream)
{
    while (size > 0) {
        size_t length = valve_utf8_length(data, size);

        print_character(data, length, stream);
        length = length > 0 ? length : 1;
        data += length;
        size -= length;
    }
}

void valve_diagnose_text(const char *data, size_t size, FILE *stream)
{
    fputc('"', stream);
    print_characters((const uint8_t *)data, size, stream);
    fputc('"', stream);
}

void valve_diagnose_bytes(const uint8_t *data, size_t size, FILE *stream)
{
    fputs("h'", stream);
    for (size_t i = 0; i < size; i++)
        fprintf(stream, "%02x", data[i]);
    fputc('\'', stream);
}

/* ---- Floats ---------------------------------------------------------------------------------- */

enum {
    MOST_DIGITS = 17,    /* enough for every double */
    LEAST_EXPONENT = -6, /* of what is written without one, as in JavaScript */
    MOST_EXPONENT = 20,
    FLOAT_ROOM = 40, /* a double by %e, whatever stands for the decimal point */
};

/*
 * The digits of a finite number that is not negative, the first of which counts 10^exponent:
 * as few as printf() needs to make it the same number again.
 */
static void find_digits(double number, char digits[MOST_DIGITS + 1], int *ret_exponent)
{
    char text[FLOAT_ROOM];
    size_t count = 0;
    char *exponent;

    for (int precision = 0; precision < MOST_DIGITS; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    exponent = strchr(text, 'e');
    for (const char *next = text; next < exponent; next++) {
        if (*next >= '0' && *next <= '9')
            digits[count++] = *next;
    }
    digits[count] = '\0';
    *ret_exponent = (int)strtol(exponent + 1, NULL, 10);
}

static void print_digits(const char *digits, int exponent, FILE *stream)
{
    static const char zeros[] = "00000000000000000000"; /* MOST_EXPONENT */
    int count = (int)strlen(digits);

    if (exponent < LEAST_EXPONENT || exponent > MOST_EXPONENT) {
        fprintf(stream, "%c.%se%+d", digits[0], count > 1 ? digits + 1 : "0", exponent);
    } else if (exponent < 0) {
        fprintf(stream, "0.%.*s%s", -exponent - 1, zeros, digits);
    } else if (count <= exponent + 1) {
        fprintf(stream, "%s%.*s.0", digits, exponent + 1 - count, zeros);
    } else {
        fprintf(stream, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
}

void valve_diagnose_float(double number, FILE *stream)
{
    char digits[MOST_DIGITS + 1];
    int exponent;

    if (isnan(number)) {
        fputs("NaN", stream);
        return;
    }
    if (signbit(number))
        fputc('-', stream);
    if (isinf(number)) {
        fputs("Infinity", stream);
        return;
    }
    find_digits(fabs(number), digits, &exponent);
    print_digits(digits, exponent, stream);
}

/* ---- Items ----------------------------------------------------------------------------------- */

static void print_negative(uint64_t argument, FILE *stream)
{
    if (argument == UINT64_MAX)
        fputs("-18446744073709551616", stream);
    else
        fprintf(stream, "-%" PRIu64, argument + 1);
}

static void print_simple(const struct valve_head *head, FILE *stream)
{
    if (head->is_float)
        valve_diagnose_float(valve_float_read(head), stream);
    else if (head->argument == VALVE_SIMPLE_FALSE || head->argument == VALVE_SIMPLE_TRUE)
        fputs(head->argument == VALVE_SIMPLE_TRUE ? "true" : "false", stream);
    else if (head->argument == VALVE_SIMPLE_NIL)
        fputs("null", stream);
    else if (head->argument == VALVE_SIMPLE_UNDEFINED)
        fputs("undefined", stream);
    else
        fprintf(stream, "simple(%" PRIu64 ")", head->argument);
}

/* A string in one piece. */
static void print_string(struct valve_cursor *cursor, const struct valve_head *head, FILE *stream)
{
    const uint8_t *body;

    if (valve_cursor_body(cursor, head->argument, &body) < 0)
        cursor->next = cursor->end;
    else if (head->major == VALVE_MAJOR_TEXT)
        valve_diagnose_text((const char *)body, (size_t)head->argument, stream);
    else
        valve_diagnose_bytes(body, (size_t)head->argument, stream);
}

/* The items of an array, the pairs of a map, the chunks of a string; with what is around them. */
static void print_contents(struct valve_cursor *cursor, const struct valve_head *head, FILE *stream)
{
    struct valve_remainder remainder = valve_remainder(head);
    const char *around = head->major == VALVE_MAJOR_ARRAY ? "[]"
                         : head->major == VALVE_MAJOR_MAP ? "{}"
                                                          : "()";
    const char *before = "";

    fputc(around[0], stream);
    fputs(head->indefinite ? "_ " : "", stream);
    while (cursor->next < cursor->end && valve_cursor_more(cursor, &remainder)) {
        fputs(before, stream);
        before = ", ";
        valve_diagnose_item(cursor, stream);
        if (head->major != VALVE_MAJOR_MAP)
            continue;
        fputs(": ", stream);
        valve_diagnose_item(cursor, stream);
    }
    fputc(around[1], stream);
}

/* A string in pieces. If there are none, the notation has a form of its own. */
static void print_chunks(struct valve_cursor *cursor, const struct valve_head *head, FILE *stream)
{
    if (cursor->next < cursor->end && *cursor->next == VALVE_BREAK) {
        cursor->next++;
        fputs(head->major == VALVE_MAJOR_TEXT ? "\"\"_" : "''_", stream);
        return;
    }
    print_contents(cursor, head, stream);
}

/* Tags, any number of them, up to the head of what they are for; a tag if that is missing. */
static unsigned print_tags(struct valve_cursor *cursor, struct valve_head *ret_head, FILE *stream)
{
    unsigned count = 0;

    ret_head->major = VALVE_MAJOR_TAG;
    while (valve_cursor_head(cursor, ret_head) == 0 && ret_head->major == VALVE_MAJOR_TAG) {
        fprintf(stream, "%" PRIu64 "(", ret_head->argument);
        count++;
    }
    return count;
}

void valve_diagnose_item(struct valve_cursor *cursor, FILE *stream)
{
    struct valve_head head;
    unsigned tags = print_tags(cursor, &head, stream);

    switch (head.major) {
    case VALVE_MAJOR_UINT:
        fprintf(stream, "%" PRIu64, head.argument);
        break;
    case VALVE_MAJOR_NEGINT:
        print_negative(head.argument, stream);
        break;
    case VALVE_MAJOR_BYTES:
    case VALVE_MAJOR_TEXT:
        if (head.indefinite)
            print_chunks(cursor, &head, stream);
        else
            print_string(cursor, &head, stream);
        break;
    case VALVE_MAJOR_ARRAY:
    case VALVE_MAJOR_MAP:
        print_contents(cursor, &head, stream);
        break;
    case VALVE_MAJOR_SIMPLE:
        print_simple(&head, stream);
        break;
    case VALVE_MAJOR_TAG:
        cursor->next = cursor->end;
        break;
    }
    for (; tags > 0; tags--)
        fputc(')', stream);
}
