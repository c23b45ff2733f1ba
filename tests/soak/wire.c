/* SPDX-License-Identifier: MIT */
/*
 * CBOR as far as the file service needs it: heads written, and replies read.
 */
#include <config.h>

#include "tests/soak/wire.h"

#include <string.h>

enum major { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

const char *const method_names[METHODS] = {"ListAll", "Size", "Get", "Exists", "Del"};

/* ---- Writing --------------------------------------------------------------------------------- */

static void put(struct request *request, const void *bytes, size_t size)
{
    memcpy(request->bytes + request->size, bytes, size);
    request->size += size;
}

static void put_byte(struct request *request, unsigned byte)
{
    request->bytes[request->size++] = (uint8_t)byte;
}

static void put_head(struct request *request, enum major major, uint64_t value)
{
    const unsigned size = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : 4;
    const unsigned information[] = {(unsigned)value, 24, 25, 0, 26};

    put_byte(request, (unsigned)major << 5 | information[size]);
    for (unsigned i = size; i-- > 0;)
        put_byte(request, (unsigned)(value >> 8 * i) & 0xff);
}

static void put_text(struct request *request, const char *text)
{
    put_head(request, TEXT, strlen(text));
    put(request, text, strlen(text));
}

static void put_start(struct request *request, uint32_t id, unsigned elements)
{
    request->size = 0;
    put_head(request, ARRAY, elements);
    put_head(request, UINT, id);
}

/* A path may always be a byte string; it is text only where that is surely legal. */
static void put_path(struct request *request, const uint8_t *path, size_t size)
{
    bool is_ascii = true;

    for (size_t i = 0; i < size; i++)
        is_ascii &= path[i] < 0x80;
    put_head(request, is_ascii ? TEXT : BYTES, size);
    put(request, path, size);
}

void write_request(struct request *request, uint32_t id, enum method method, const void *path,
                   size_t path_size, uint64_t timeout)
{
    put_start(request, id, timeout == NO_TIMEOUT ? 2 : 3);
    if (method != LIST_ALL)
        put_head(request, MAP, 1);
    put_text(request, method_names[method]);
    if (method != LIST_ALL)
        put_path(request, path, path_size);
    if (timeout != NO_TIMEOUT) {
        put_head(request, MAP, 1);
        put_text(request, "timeout");
        put_head(request, UINT, timeout);
    }
}

void write_cancel(struct request *request, uint32_t id)
{
    put_start(request, id, 2);
    put_byte(request, 0xf6);
}

void write_bad_request(struct request *request, uint32_t id, unsigned which)
{
    put_start(request, id, which == 5 ? 3 : 2);
    if (which == 0) {
        put_text(request, "Format");
    } else if (which == 1) {
        put_head(request, UINT, 7);
    } else if (which == 2) {
        put_text(request, "Size"); /* without its path */
    } else if (which == 3) {
        put_head(request, MAP, 1);
        put_text(request, "Size");
        put_head(request, UINT, 5);
    } else if (which == 4) {
        put_head(request, MAP, 1);
        put_text(request, "Get");
        put(request, (const uint8_t[]){0x62, 0xff, 0xfe}, 3); /* text that is no UTF-8 */
    } else {
        put_text(request, "ListAll");
        put_head(request, MAP, 1);
        put_text(request, "patience");
        put_head(request, UINT, 1);
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A place in what was read, as far as it has come. */
struct cursor {
    const uint8_t *next, *end;
    bool is_short;       /* there was not enough */
    const char *problem; /* a rule that was broken */
};

static bool is_good(const struct cursor *cursor)
{
    return !cursor->is_short && !cursor->problem;
}

static void refuse(struct cursor *cursor, const char *problem)
{
    if (is_good(cursor))
        cursor->problem = problem;
}

static const uint8_t *take(struct cursor *cursor, size_t size)
{
    const uint8_t *bytes = cursor->next;

    if (is_good(cursor) && (size_t)(cursor->end - bytes) < size)
        cursor->is_short = true;
    if (!is_good(cursor))
        return NULL;
    cursor->next += size;
    return bytes;
}

/* A head in its shortest form. */
static uint64_t take_head(struct cursor *cursor, enum major *ret_major)
{
    const uint8_t *first = take(cursor, 1), *more;
    uint64_t value = first ? *first & 0x1f : 0;
    unsigned size;

    *ret_major = first ? *first >> 5 : SIMPLE;
    if (value < 24)
        return value;
    if (value > 27) {
        refuse(cursor, "an indefinite or reserved head");
        return 0;
    }
    size = 1u << (value - 24);
    more = take(cursor, size);
    value = 0;
    for (unsigned i = 0; i < size && more; i++)
        value = value << 8 | more[i];
    if (more && (size == 1 ? value < 24 : value >> 4 * size == 0))
        refuse(cursor, "a head longer than it must be");
    return value;
}

static uint64_t take_value(struct cursor *cursor, enum major wanted, const char *problem)
{
    enum major major;
    uint64_t value = take_head(cursor, &major);

    if (major != wanted)
        refuse(cursor, problem);
    return value;
}

static const uint8_t *take_string(struct cursor *cursor, size_t *ret_size)
{
    enum major major;
    uint64_t size = take_head(cursor, &major);

    *ret_size = 0;
    if (major != TEXT && major != BYTES)
        refuse(cursor, "no string where one must be");
    if (size > READER_ROOM / 2)
        refuse(cursor, "a string longer than any can be");
    if (!is_good(cursor))
        return NULL;
    *ret_size = (size_t)size;
    return take(cursor, (size_t)size);
}

static void take_text(struct cursor *cursor, struct event *event)
{
    event->is_text = cursor->next < cursor->end && *cursor->next >> 5 == TEXT;
    event->text = take_string(cursor, &event->text_size);
}

/* Whether a text stands there; if not, nothing is taken. */
static bool take_word(struct cursor *cursor, const char *word)
{
    struct cursor ahead = *cursor;
    size_t size;
    const uint8_t *bytes = take_string(&ahead, &size);

    cursor->is_short |= ahead.is_short;
    if (!bytes || size != strlen(word) || memcmp(bytes, word, size) != 0)
        return false;
    *cursor = ahead;
    return true;
}

static void expect_word(struct cursor *cursor, const char *word)
{
    if (!take_word(cursor, word))
        refuse(cursor, "not the key that must be there");
}

/* The value of "Exists". */
static uint64_t take_bool(struct cursor *cursor)
{
    uint64_t value = take_value(cursor, SIMPLE, "no bool");

    if (value != 20 && value != 21)
        refuse(cursor, "no bool");
    return value - 20;
}

static void take_sum(struct cursor *cursor, struct reader *reader, struct event *event)
{
    const uint8_t *byte;

    if (take_value(cursor, MAP, "no reply") != 1)
        refuse(cursor, "a reply that is no map of one pair");
    if (take_word(cursor, "Size")) {
        event->kind = EVENT_SIZE;
        event->number = take_value(cursor, UINT, "a size that is no number");
    } else if (take_word(cursor, "Exists")) {
        event->kind = EVENT_EXISTS;
        event->number = take_bool(cursor);
    } else if (take_word(cursor, "Error")) {
        event->kind = EVENT_ERROR;
        take_text(cursor, event);
    } else if (take_word(cursor, "Content")) {
        event->kind = EVENT_CONTENT;
        event->number = take_value(cursor, BYTES, "content that is no bytes");
        reader->remaining = event->number;
    } else if (take_word(cursor, "List")) {
        event->kind = EVENT_LIST;
        byte = take(cursor, 1);
        if (byte && *byte != 0x9f)
            refuse(cursor, "a list that is not indefinite");
    } else {
        refuse(cursor, "an unknown reply");
    }
}

static void take_reply(struct cursor *cursor, struct reader *reader, struct event *event)
{
    uint64_t id;

    if (take_value(cursor, ARRAY, "no array") != 2)
        refuse(cursor, "a reply that is no pair");
    id = take_value(cursor, UINT, "an id that is no number");
    if (id > UINT32_MAX)
        refuse(cursor, "an id that is too large");
    event->id = (uint32_t)id;
    if (take_word(cursor, "Ok"))
        event->kind = EVENT_OK;
    else
        take_sum(cursor, reader, event);
    if (is_good(cursor) && (event->kind == EVENT_CONTENT || event->kind == EVENT_LIST)) {
        reader->in = event->kind;
        reader->id = event->id;
    }
}

static void take_file(struct cursor *cursor, struct reader *reader, struct event *event)
{
    enum major sign;
    uint64_t mtime;

    event->kind = EVENT_FILE;
    if (cursor->next < cursor->end && *cursor->next == 0xff) {
        cursor->next++;
        event->kind = EVENT_END;
        reader->in = EVENT_NOTHING;
        return;
    }
    if (take_value(cursor, MAP, "a file that is no map") != 3)
        refuse(cursor, "a file that has not three keys");
    expect_word(cursor, "path");
    take_text(cursor, event);
    expect_word(cursor, "size");
    event->number = take_value(cursor, UINT, "a size that is no number");
    expect_word(cursor, "mtime");
    mtime = take_head(cursor, &sign);
    if ((sign != UINT && sign != NEGATIVE) || mtime > INT64_MAX)
        refuse(cursor, "an mtime that is no int64");
    event->mtime = sign == NEGATIVE ? -1 - (int64_t)mtime : (int64_t)mtime;
}

static void take_content(struct cursor *cursor, struct reader *reader, struct event *event)
{
    size_t size = (size_t)(cursor->end - cursor->next);

    if (reader->remaining == 0) {
        event->kind = EVENT_END;
        reader->in = EVENT_NOTHING;
        return;
    }
    if (size == 0) {
        cursor->is_short = true;
        return;
    }
    if (size > reader->remaining)
        size = (size_t)reader->remaining;
    event->kind = EVENT_BYTES;
    event->text = take(cursor, size);
    event->text_size = size;
    reader->remaining -= size;
}

uint8_t *reader_room(struct reader *reader, size_t *ret_size)
{
    memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    *ret_size = READER_ROOM - reader->end;
    return reader->bytes + reader->end;
}

void reader_next(struct reader *reader, struct event *ret_event)
{
    struct cursor cursor = {reader->bytes + reader->start, reader->bytes + reader->end, false,
                            NULL};

    *ret_event = (struct event){.id = reader->id};
    if (reader->in == EVENT_CONTENT)
        take_content(&cursor, reader, ret_event);
    else if (reader->in == EVENT_LIST)
        take_file(&cursor, reader, ret_event);
    else
        take_reply(&cursor, reader, ret_event);
    if (cursor.is_short) {
        ret_event->kind = EVENT_NOTHING;
    } else if (cursor.problem) {
        ret_event->kind = EVENT_BROKEN;
        ret_event->text = (const uint8_t *)cursor.problem;
        ret_event->text_size = strlen(cursor.problem);
    } else {
        reader->start = (size_t)(cursor.next - reader->bytes);
    }
}
