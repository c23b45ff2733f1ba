/* SPDX-License-Identifier: MIT */
/*
 * Requests of the file service from ready parts, and its answers up to where their bytes begin.
 */
#include "load_valve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "rpc/head.h"

#define FIRST_ROOM 4096
#define MAX_DEPTH  4 /* of a path, more than enough */

/* ---- Names ----------------------------------------------------------------------------------- */

void load_valve_init(struct load_valve *valve)
{
    *valve = (struct load_valve){.random = UINT64_C(0x9e3779b97f4a7c15)};
    for (unsigned method = FILES_SIZE; method < LOAD_METHODS; method++) {
        uint8_t *data = valve->prefixes[method].data;

        valve->prefixes[method].size =
            (size_t)(valve_encode_arm_prefix(&files_request_type, method, data) - data);
    }
}

void load_valve_fini(struct load_valve *valve)
{
    free(valve->paths);
    free(valve->ends);
}

void load_valve_call(struct load_valve *valve, enum files_method method, unsigned share)
{
    valve->shares[method] += share;
    valve->shares_sum += share;
    if (method == FILES_DEL && share > 0)
        valve->once = true;
}

/* Makes room for one more element behind `used`. */
static int grow(void **data, size_t *room, size_t used, size_t more, size_t element)
{
    size_t wanted = *room == 0 ? FIRST_ROOM : *room;
    void *larger;

    if (used + more <= *room)
        return 0;
    while (wanted < used + more)
        wanted *= 2;
    larger = reallocarray(*data, wanted, element);
    if (larger == NULL)
        return -ENOMEM;
    *data = larger;
    *room = wanted;
    return 0;
}

int load_valve_add(struct load_valve *valve, const char *name, size_t size)
{
    struct files_path path = names_path(name, size);
    void *paths = valve->paths, *ends = valve->ends;
    size_t taken = 0;
    int r = grow(&paths, &valve->room, valve->used, size + VALVE_HEAD_MAX, 1);

    valve->paths = paths;
    if (r == 0)
        r = grow(&ends, &valve->ends_room, valve->count, 1, sizeof *valve->ends);
    valve->ends = ends;
    if (r == 0)
        r = valve_encode_within(&files_path_type, &path, MAX_DEPTH, valve->paths + valve->used,
                                valve->room - valve->used, &taken, NULL);
    if (r < 0)
        return r;
    valve->used += taken;
    valve->ends[valve->count++] = valve->used;
    if (taken > valve->longest)
        valve->longest = taken;
    return 0;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* By Marsaglia's xorshift: the same calls in every run, and in no rhythm with the names. */
static unsigned draw_method(struct load_valve *valve)
{
    unsigned method = 0, left;

    valve->random ^= valve->random << 13;
    valve->random ^= valve->random >> 7;
    valve->random ^= valve->random << 17;
    left = (unsigned)(valve->random >> 32) % valve->shares_sum;
    for (; left >= valve->shares[method]; method++)
        left -= valve->shares[method];
    return method;
}

static size_t write_request(void *context, uint32_t slot, uint8_t *ret_kind, uint8_t *data)
{
    struct load_valve *valve = context;
    unsigned method = draw_method(valve);
    uint8_t *end = data;
    size_t begin, size;

    if (valve->next == valve->count) {
        if (valve->once)
            return 0;
        valve->next = 0;
    }
    begin = valve->next == 0 ? 0 : valve->ends[valve->next - 1];
    size = valve->ends[valve->next++] - begin;
    end = valve_envelope_write_request(slot + 1, false, end);
    memcpy(end, valve->prefixes[method].data, sizeof valve->prefixes[method].data);
    end += valve->prefixes[method].size;
    memcpy(end, valve->paths + begin, size);
    *ret_kind = (uint8_t)method;
    return (size_t)(end + size - data);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static const char *const codes[] = {
    "malformed", "too-large", "bad-request", "denied", "bad-path", "not-found",
    "busy",      "timeout",   "cancelled",   "io",     "other",
};
#define CODES (sizeof codes / sizeof codes[0])
_Static_assert(LOAD_ERROR_FIRST + CODES <= LOAD_ERRORS, "all codes are counted");

static const char *error_name(unsigned error)
{
    return codes[error - LOAD_ERROR_FIRST];
}

/* The number of "code: words". */
static uint8_t error_number(const uint8_t *text, size_t size)
{
    const uint8_t *colon = memchr(text, ':', size);
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    unsigned i = 0;

    while (i + 1 < CODES && (strlen(codes[i]) != length || memcmp(codes[i], text, length) != 0))
        i++;
    return (uint8_t)(LOAD_ERROR_FIRST + i);
}

/* A cursor of its own: this is all that is done for each answer. */
struct reader {
    const uint8_t *next, *end;
    struct valve_head head;
};

/* The next head, which must be of this type. 0, -EAGAIN or -EPROTO. */
static inline int read_head(struct reader *reader, enum valve_major major)
{
    int r = valve_head_read(reader->next, (size_t)(reader->end - reader->next), &reader->head);

    if (r < 0)
        return r == -EAGAIN ? r : -EPROTO;
    if (reader->head.major != major || reader->head.indefinite)
        return -EPROTO;
    reader->next += reader->head.size;
    return 0;
}

/* The next text, which must be all there. */
static inline int read_text(struct reader *reader, const uint8_t **ret_text, size_t *ret_size)
{
    int r = read_head(reader, VALVE_MAJOR_TEXT);

    if (r < 0)
        return r;
    if (reader->head.argument > LOAD_HEAD_ROOM / 2)
        return -EPROTO;
    if (reader->head.argument > (size_t)(reader->end - reader->next))
        return -EAGAIN;
    *ret_text = reader->next;
    *ret_size = (size_t)reader->head.argument;
    reader->next += *ret_size;
    return 0;
}

/* What stands under the variant's name. */
static int read_payload(struct reader *reader, const uint8_t *variant, size_t size,
                        struct load_answer *answer)
{
    const uint8_t *text = NULL;
    size_t length = 0;
    int r;

    if (size == 7 && memcmp(variant, "Content", 7) == 0) {
        answer->kind = FILES_GET;
        r = read_head(reader, VALVE_MAJOR_BYTES);
        answer->body = reader->head.argument;
        return r;
    }
    if (size == 6 && memcmp(variant, "Exists", 6) == 0) {
        answer->kind = FILES_EXISTS;
        r = read_head(reader, VALVE_MAJOR_SIMPLE);
        if (r == 0 && reader->head.argument != VALVE_SIMPLE_FALSE &&
            reader->head.argument != VALVE_SIMPLE_TRUE)
            return -EPROTO;
        return r;
    }
    if (size == 4 && memcmp(variant, "Size", 4) == 0) {
        answer->kind = FILES_SIZE;
        return read_head(reader, VALVE_MAJOR_UINT);
    }
    if (size != 5 || memcmp(variant, "Error", 5) != 0)
        return -EPROTO;
    r = read_text(reader, &text, &length);
    if (r == 0)
        answer->error = error_number(text, length);
    return r;
}

static int read_reply(struct reader *reader, struct load_answer *answer)
{
    const uint8_t *variant = NULL;
    size_t size = 0;
    int r = read_head(reader, VALVE_MAJOR_ARRAY);

    if (r == 0 && reader->head.argument != 2)
        return -EPROTO;
    if (r == 0)
        r = read_head(reader, VALVE_MAJOR_UINT);
    if (r < 0)
        return r;
    answer->slot = (uint32_t)(reader->head.argument - 1);
    if (reader->head.argument == 0 || reader->head.argument > UINT32_MAX)
        return -EPROTO;
    if (reader->next < reader->end && *reader->next >> 5 == VALVE_MAJOR_TEXT) {
        answer->kind = FILES_DEL;
        r = read_text(reader, &variant, &size);
        return r == 0 && (size != 2 || memcmp(variant, "Ok", 2) != 0) ? -EPROTO : r;
    }
    r = read_head(reader, VALVE_MAJOR_MAP);
    if (r == 0 && reader->head.argument != 1)
        return -EPROTO;
    if (r == 0)
        r = read_text(reader, &variant, &size);
    return r < 0 ? r : read_payload(reader, variant, size, answer);
}

static ssize_t read_answer(void *context, const uint8_t *data, size_t size,
                           struct load_answer *ret_answer, const char **ret_problem)
{
    struct reader reader = {.next = data, .end = data + size};
    struct load_answer answer = {0};
    int r = read_reply(&reader, &answer);

    (void)context;
    if (r == -EAGAIN)
        return 0;
    if (r < 0) {
        *ret_problem = "what it sends is no answer of the file service";
        return r;
    }
    *ret_answer = answer;
    return reader.next - data;
}

struct load_protocol load_valve_protocol(struct load_valve *valve)
{
    return (struct load_protocol){
        .context = valve,
        .request_room = VALVE_ENVELOPE_PREFIX + sizeof valve->prefixes[0].data + valve->longest,
        .write = write_request,
        .read = read_answer,
        .error_name = error_name,
    };
}
