/* SPDX-License-Identifier: MIT */
/*
 * Counts, and the evidence of a failure.
 */
#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/soak/load.h"

#define MOST_COUNTS 64
#define MOST_EVENTS 65536
#define SHOWN_BYTES 256

static struct {
    const char *name, *detail;
    uint64_t number;
} counts[MOST_COUNTS];

static struct {
    uint64_t time;
    const char *what;
    uint64_t detail;
    uint32_t file;
} events[MOST_EVENTS];
static uint64_t event_count;

void count_up(const char *name, const char *detail)
{
    unsigned i = 0;

    while (counts[i].name &&
           (strcmp(counts[i].name, name) != 0 ||
            strcmp(counts[i].detail ? counts[i].detail : "", detail ? detail : "") != 0))
        if (++i == MOST_COUNTS)
            give_up("too many counts");
    counts[i].name = name;
    counts[i].detail = detail;
    counts[i].number++;
}

void print_counts(void)
{
    for (unsigned i = 0; i < MOST_COUNTS && counts[i].name; i++)
        printf("count %s%s%s %" PRIu64 "\n", counts[i].name, counts[i].detail ? " " : "",
               counts[i].detail ? counts[i].detail : "", counts[i].number);
    fflush(stdout);
}

void remember(uint32_t file, const char *what, uint64_t detail)
{
    const uint64_t i = event_count++ % MOST_EVENTS;

    events[i].time = oracle_tick(load.oracle);
    events[i].what = what;
    events[i].detail = detail;
    events[i].file = file;
}

/* ---- Evidence -------------------------------------------------------------------------------- */

static void print_bytes(FILE *stream, const char *what, const uint8_t *bytes, size_t size)
{
    fprintf(stream, "%s (%zu bytes): ", what, size);
    for (size_t i = 0; i < size && i < SHOWN_BYTES; i++)
        fprintf(stream, "%02x", bytes[i]);
    fputs("  ", stream);
    for (size_t i = 0; i < size && i < SHOWN_BYTES; i++)
        fputc(isprint(bytes[i]) ? bytes[i] : '.', stream);
    fputc('\n', stream);
}

static void print_past(FILE *stream, uint32_t file)
{
    uint64_t first = event_count > MOST_EVENTS ? event_count - MOST_EVENTS : 0;

    for (uint64_t i = first; i < event_count; i++)
        if (events[i % MOST_EVENTS].file == file)
            fprintf(stream, "  at %" PRIu64 ": %s %" PRIu64 "\n", events[i % MOST_EVENTS].time,
                    events[i % MOST_EVENTS].what, events[i % MOST_EVENTS].detail);
}

static void print_file(FILE *stream, uint32_t file)
{
    char name[NAME_ROOM];
    size_t size = files_name(file, name);
    uint32_t version = version_on_disk(file), newest = oracle_newest(load.oracle, file);

    print_bytes(stream, "file", (const uint8_t *)name, size);
    fprintf(stream, "on disk now: version %" PRIu32 "\n", version);
    for (uint32_t i = newest; i > 0 && i + 8 > newest; i--) {
        struct body body = files_body(file, i);

        fprintf(stream, "version %" PRIu32 ": %" PRIu64 " bytes, mtime %" PRId64 "\n", i, body.size,
                body.mtime);
    }
    oracle_print(load.oracle, file, stream);
    print_past(stream, file);
}

static void print_event(FILE *stream, const struct event *event)
{
    static const char *const kinds[] = {"nothing", "broken rules", "Ok",      "Size",
                                        "Exists",  "Error",        "Content", "bytes of Content",
                                        "List",    "a File",       "the end"};

    fprintf(stream, "answer: %s, id %" PRIu32 ", number %" PRIu64 ", mtime %" PRId64 "\n",
            kinds[event->kind], event->id, event->number, event->mtime);
    if (event->text)
        print_bytes(stream, "text of the answer", event->text, event->text_size);
}

/* Where bytes of content are others than those of the version that was last taken for possible. */
static void print_difference(FILE *stream, const struct asked *asked, const struct event *event)
{
    const struct body body = files_body(asked->file, asked->candidates[0]);
    const uint64_t start = asked->offset - event->text_size;
    uint8_t wanted;

    for (size_t i = 0; i < event->text_size; i++) {
        body_fill(&body, start + i, &wanted, 1);
        if (wanted == event->text[i])
            continue;
        fprintf(stream,
                "first difference from version %" PRIu32 ": byte %" PRIu64 " is %02x, not %02x\n",
                asked->candidates[0], start + i, event->text[i], wanted);
        return;
    }
}

static void print_request(FILE *stream, const struct asked *asked)
{
    fprintf(stream, "request: %s, id %" PRIu32 ", sent at %" PRIu64, method_names[asked->method],
            asked->id, asked->since);
    if (asked->timeout != NO_TIMEOUT)
        fprintf(stream, ", timeout %" PRIu64 " ms", asked->timeout);
    fprintf(stream, "%s, %.3f s ago\n", asked->cancelled ? ", cancelled" : "",
            (double)(now_ns() - asked->sent) / 1e9);
    print_bytes(stream, "bytes of the request", asked->bytes, asked->size);
}

static FILE *open_evidence(void)
{
    FILE *stream = load.evidence ? fopen(load.evidence, "w") : NULL;

    return stream ? stream : stderr;
}

/* What went to a file is shown, too. */
static _Noreturn void close_evidence(FILE *stream)
{
    int c;

    if (stream == stderr)
        exit(EXIT_FAILURE);
    stream = freopen(load.evidence, "r", stream);
    while (stream && (c = fgetc(stream)) != EOF)
        fputc(c, stderr);
    exit(EXIT_FAILURE);
}

_Noreturn void wrong_answer(const struct asked *asked, const struct event *event, const char *where,
                            const char *expected)
{
    FILE *stream = open_evidence();

    fprintf(stream, "WRONG ANSWER at %" PRIu64 ", seed %" PRIu64 ", %s\n", oracle_tick(load.oracle),
            load.seed, where);
    fprintf(stream, "expected: %s\n", expected);
    if (asked)
        print_request(stream, asked);
    if (event)
        print_event(stream, event);
    if (asked && event && event->kind == EVENT_BYTES)
        print_difference(stream, asked, event);
    if (asked && asked->about == ABOUT_FILE)
        print_file(stream, asked->file);
    if (event && event->kind == EVENT_FILE && files_find(event->text, event->text_size) != NO_FILE)
        print_file(stream, files_find(event->text, event->text_size));
    close_evidence(stream);
}

_Noreturn void wrong_tree(uint32_t file, const char *problem)
{
    FILE *stream = open_evidence();

    fprintf(stream, "WRONG STATE at %" PRIu64 ", seed %" PRIu64 ": %s\n", oracle_tick(load.oracle),
            load.seed, problem);
    print_file(stream, file);
    close_evidence(stream);
}
