/* SPDX-License-Identifier: MIT */
/*
 * Lines of logs: RFC 8259 for JSON, systemd.journal-fields(7) for names in the journal.
 */
#include <config.h>

#include "daemon/record.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rpc/utf8.h"

#define ENDING      ((size_t)8) /* kept for what closes a line: quote, brace, newline */
#define STAMP_ROOM  64
#define OWN_PREFIX  "VALVE_" /* of fields that are no well-known ones */
#define LONGEST_ONE 6        /* bytes that a byte becomes: \u001f */

/* A line in the making. */
struct line {
    char *text;
    size_t used, room; /* the last ENDING bytes of which only put_end() takes */
};

static const char *level_name(enum valve_priority priority)
{
    switch (priority) {
    case VALVE_LOG_ERROR:
        return "error";
    case VALVE_LOG_WARNING:
        return "warning";
    case VALVE_LOG_NOTICE:
        return "notice";
    case VALVE_LOG_INFO:
        return "info";
    case VALVE_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

/* RFC 3339, in UTC. */
static void write_time(char stamp[STAMP_ROOM])
{
    struct timespec now;
    struct tm utc;
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size = strftime(stamp, STAMP_ROOM, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + size, STAMP_ROOM - size, ".%03ldZ", now.tv_nsec / 1000000);
}

/* ---- Pieces of a line: whole ones, or none ---- */

static bool put(struct line *line, const char *format, ...) VALVE_PRINTF(2, 3);
static bool put(struct line *line, const char *format, ...)
{
    size_t left = line->room - ENDING - line->used;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(line->text + line->used, left, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= left)
        return false;
    line->used += (size_t)size;
    return true;
}

/* Of what is open there is always room for the end. */
static void put_end(struct line *line, const char *ending)
{
    size_t size = strlen(ending);

    memcpy(line->text + line->used, ending, size);
    line->used += size;
}

/* As far as it fits, so that it stays one line and drives no terminal. */
static void put_text(struct line *line, const char *text)
{
    for (; *text != '\0' && line->room - ENDING - line->used > LONGEST_ONE; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte < 0x20 || byte == 0x7f)
            put(line, "\\x%02x", byte);
        else
            line->text[line->used++] = *text;
    }
}

/* The same in a string of JSON, which is UTF-8. */
static void put_string(struct line *line, const char *text)
{
    size_t left = strlen(text);

    while (left > 0 && line->room - ENDING - line->used > LONGEST_ONE) {
        size_t length = valve_utf8_length((const uint8_t *)text, left);

        if (length == 0)
            put(line, "\\\\x%02x", (unsigned char)*text);
        else if (length > 1)
            put(line, "%.*s", (int)length, text);
        else if (*text == '"' || *text == '\\')
            put(line, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            put(line, "\\u%04x", (unsigned char)*text);
        else
            line->text[line->used++] = *text;
        text += length > 0 ? length : 1;
        left -= length > 0 ? length : 1;
    }
}

/* ---- The forms ---- */

static void put_message(struct line *line, const struct record *record)
{
    if (record->message) {
        put_text(line, record->message);
        return;
    }
    put(line, "%s:", record->event);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct record_field *field = &record->fields[i];

        if (!field->text) {
            put(line, " %s=%" PRIu64, field->name, field->number);
        } else if (put(line, " %s=%s", field->name, field->is_quoted ? "\"" : "")) {
            put_text(line, field->text);
            put_end(line, field->is_quoted ? "\"" : "");
        }
    }
}

static void put_pair(struct line *line, const char *name, const char *text)
{
    if (put(line, ",\"%s\":\"", name)) {
        put_string(line, text);
        put_end(line, "\"");
    }
}

static void write_json(struct line *line, const struct record *record)
{
    char stamp[STAMP_ROOM];

    write_time(stamp);
    put(line, "{\"time\":\"%s\",\"level\":\"%s\"", stamp, level_name(record->priority));
    if (record->event)
        put_pair(line, "event", record->event);
    if (record->message)
        put_pair(line, "message", record->message);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct record_field *field = &record->fields[i];

        if (field->text)
            put_pair(line, field->name, field->text);
        else
            put(line, ",\"%s\":%" PRIu64, field->name, field->number);
    }
    put_end(line, "}");
}

static void put_field(struct line *line, const char *name, const char *text)
{
    char upper[32];
    size_t size = 0;

    for (; name[size] != '\0' && size < sizeof upper - 1; size++)
        upper[size] = (char)toupper((unsigned char)name[size]);
    upper[size] = '\0';
    if (put(line, "%c" OWN_PREFIX "%s=", RECORD_MARK, upper))
        put_text(line, text);
}

static void write_journal(struct line *line, const struct record *record)
{
    put(line, "%cPRIORITY=%d%cMESSAGE=", RECORD_MARK, (int)record->priority, RECORD_MARK);
    put_message(line, record);
    if (record->event)
        put_field(line, "event", record->event);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct record_field *field = &record->fields[i];
        char number[24];

        snprintf(number, sizeof number, "%" PRIu64, field->number);
        put_field(line, field->name, field->text ? field->text : number);
    }
}

size_t record_write(const struct record *record, enum record_form form, char *text, size_t room)
{
    struct line line = {.text = text, .room = room};
    char stamp[STAMP_ROOM];

    if (form == RECORD_PREFIXED || form == RECORD_PREFIXED_JSON)
        put(&line, "<%d>", (int)record->priority);
    switch (form) {
    case RECORD_JSON:
    case RECORD_PREFIXED_JSON:
        write_json(&line, record);
        break;
    case RECORD_JOURNAL:
        write_journal(&line, record);
        break;
    case RECORD_PREFIXED:
        put_message(&line, record);
        break;
    case RECORD_FILE:
    case RECORD_TERMINAL:
        write_time(stamp);
        put(&line, "%s ", stamp);
        if (form == RECORD_TERMINAL)
            put(&line, "valved: %s: ", level_name(record->priority));
        put_message(&line, record);
        break;
    }
    put_end(&line, "\n");
    return line.used;
}
