/* SPDX-License-Identifier: MIT */
/*
 * What scanning, decoding and encoding cost, beside libcbor's cbor_load() on the same bytes.
 *
 * Each figure is the best of several rounds: what the code costs, not what else the machine did.
 */
#include <cbor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpc/cursor.h"
#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "rpc/scanner.h"
#include "rpc_bytes.h"
#include "rpc_tables.h"

#define FILES     1000
#define MAX_SIZE  ((size_t)4 << 20)
#define MAX_DEPTH 64
#define ROUNDS    7
#define ROUND_NS  20000000 /* least length of a round */

struct subject {
    const char *name;
    const struct valve_type *type;
    const void *value;
    bool in_envelope; /* measured as a request is served: envelope and all */
    uint8_t *data;
    size_t size;
    uint64_t items; /* heads: data items of CBOR */
    struct valve_scanner *scanner;
    struct valve_arena arena;
};

typedef void work_function(struct subject *subject);

static void fail(const char *what)
{
    fprintf(stderr, "bench_rpc: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- The work ------------------------------------------------------------------------------- */

static void scan(struct subject *subject)
{
    size_t taken;

    valve_scanner_init(subject->scanner, &subject->scanner->limits);
    if (valve_scanner_feed(subject->scanner, subject->data, subject->size, &taken) !=
        VALVE_SCAN_DONE)
        fail("an item that does not scan");
}

static void scan_byte_by_byte(struct subject *subject)
{
    enum valve_scan verdict = VALVE_SCAN_MORE;
    size_t taken;

    valve_scanner_init(subject->scanner, &subject->scanner->limits);
    for (size_t i = 0; i < subject->size; i++)
        verdict = valve_scanner_feed(subject->scanner, subject->data + i, 1, &taken);
    if (verdict != VALVE_SCAN_DONE)
        fail("an item that does not scan");
}

static void decode(struct subject *subject)
{
    static union {
        struct files_request request;
        struct files_reply reply;
        struct expr expr;
    } value;
    struct valve_envelope envelope = {.body = {subject->data, subject->data + subject->size}};
    struct valve_error error;

    valve_arena_reset(&subject->arena);
    if (subject->in_envelope &&
        valve_envelope_read(subject->data, subject->size, &envelope, &error) < 0)
        fail("an envelope that cannot be read");
    if (valve_decode(subject->type, &envelope.body, &subject->arena, &value, &error) < 0)
        fail("an item that does not decode");
}

static void scan_and_decode(struct subject *subject)
{
    scan(subject);
    decode(subject);
}

static void encode(struct subject *subject)
{
    uint8_t *data = subject->data;
    size_t size;

    if (subject->in_envelope)
        data = valve_envelope_write_request(2, false, data);
    if (valve_encode_within(subject->type, subject->value, MAX_DEPTH, data,
                            (size_t)(subject->data + subject->size - data), &size, NULL) < 0)
        fail("a value that cannot be encoded");
}

static void load(struct subject *subject)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(subject->data, subject->size, &result);

    if (item == NULL)
        fail("an item that libcbor does not load");
    cbor_decref(&item);
}

/* ---- Measuring ------------------------------------------------------------------------------ */

/* The time that was worked, whatever else the machine did. */
static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Nanoseconds that one piece of work takes. */
static double measure(work_function *work, struct subject *subject)
{
    double best = 0;
    uint64_t times = 1;

    for (int round = 0; round < ROUNDS;) {
        uint64_t start = now(), spent;

        for (uint64_t i = 0; i < times; i++)
            work(subject);
        spent = now() - start;
        if (spent < ROUND_NS) {
            times *= 2;
            continue;
        }
        if (round++ == 0 || (double)spent / (double)times < best)
            best = (double)spent / (double)times;
    }
    return best;
}

static void report(struct subject *subject)
{
    static const struct {
        const char *name;
        work_function *work;
    } columns[] = {{"scan", scan},
                   {"decode", decode},
                   {"scan+decode", scan_and_decode},
                   {"encode", encode},
                   {"cbor_load", load}};

    printf("%s: %zu bytes, %llu items\n", subject->name, subject->size,
           (unsigned long long)subject->items);
    for (int i = 0; i < LENGTH(columns); i++) {
        double cost = measure(columns[i].work, subject);

        printf("    %-12s %10.1f ns  %6.1f ns an item\n", columns[i].name, cost,
               cost / (double)subject->items);
    }
}

/* What each byte costs when they come one at a time, and what twice the message does. */
static void report_growth(struct subject *subject, struct subject *twice)
{
    double bytewise = measure(scan_byte_by_byte, subject);
    double bytes = (double)twice->size / (double)subject->size;

    printf("%s, fed one byte at a time: %.1f ns a byte; %.2f times the bytes cost %.2f times as "
           "much\n",
           subject->name, bytewise / (double)subject->size, bytes,
           measure(scan_byte_by_byte, twice) / bytewise);
    printf("    in one piece %.2f, decoding %.2f, encoding %.2f times as much\n",
           measure(scan, twice) / measure(scan, subject),
           measure(decode, twice) / measure(decode, subject),
           measure(encode, twice) / measure(encode, subject));
}

/* ---- The subjects --------------------------------------------------------------------------- */

static uint64_t count_items(struct valve_cursor *cursor)
{
    struct valve_head head;
    uint64_t count = 1, contents = 0;

    if (valve_cursor_head(cursor, &head) < 0)
        fail("bytes that are not CBOR");
    if (head.major == VALVE_MAJOR_BYTES || head.major == VALVE_MAJOR_TEXT)
        cursor->next += head.argument;
    if (head.major == VALVE_MAJOR_ARRAY || head.major == VALVE_MAJOR_MAP)
        contents = head.major == VALVE_MAJOR_MAP ? 2 * head.argument : head.argument;
    for (; contents > 0; contents--)
        count += count_items(cursor);
    return count;
}

static void begin(struct subject *subject)
{
    struct valve_limits limits = {.max_size = MAX_SIZE, .max_depth = MAX_DEPTH};
    struct valve_cursor cursor;
    size_t prefix = subject->in_envelope ? 2 : 0;

    if (valve_encoded_size(subject->type, subject->value, MAX_DEPTH, &subject->size) < 0)
        fail("a value that cannot be encoded");
    subject->size += prefix;
    subject->data = malloc(subject->size);
    subject->scanner = malloc(valve_scanner_size(MAX_DEPTH));
    if (subject->data == NULL || subject->scanner == NULL)
        fail("no memory");
    valve_scanner_init(subject->scanner, &limits);
    valve_arena_init(&subject->arena, NULL, 0, MAX_SIZE);
    encode(subject);
    cursor = (struct valve_cursor){subject->data, subject->data + subject->size};
    subject->items = count_items(&cursor);
}

static void end(struct subject *subject)
{
    valve_arena_fini(&subject->arena);
    free(subject->scanner);
    free(subject->data);
}

static void run(struct subject *subject)
{
    begin(subject);
    report(subject);
    end(subject);
}

static void run_request(void)
{
    struct files_request request = {.kind = FILES_SIZE,
                                    .size = {.kind = PATH_TEXT, .text = valve_text("a/b.txt")}};

    run(&(struct subject){.name = "request [2, {\"Size\": \"a/b.txt\"}]",
                          .type = &files_request_type,
                          .value = &request,
                          .in_envelope = true});
}

static struct files_reply make_list(size_t count)
{
    static struct file files[2 * FILES];
    static char names[2 * FILES][32];

    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "spool/2024-%04zu.eml", i);
        files[i] = (struct file){.path = {.kind = PATH_TEXT, .text = valve_text(names[i])},
                                 .size = (uint64_t)i * 977,
                                 .mtime = INT64_C(1700000000000000000) + (int64_t)i};
    }
    return (struct files_reply){.kind = REPLY_LIST, .list = {files, count}};
}

static void run_list(void)
{
    struct files_reply reply = make_list(FILES), reply_twice = make_list(2 * FILES);
    struct subject list = {
        .name = "reply with 1000 files", .type = &files_reply_type, .value = &reply};
    struct subject twice = {.type = &files_reply_type, .value = &reply_twice};

    begin(&list);
    begin(&twice);
    report(&list);
    report_growth(&list, &twice);
    end(&twice);
    end(&list);
}

static void run_expr(void)
{
    static struct expr_pair pairs[255];
    struct expr expr = {.kind = EXPR_ADD, .add = &pairs[0]};

    for (int i = 0; i < LENGTH(pairs); i++) {
        bool inner = 2 * i + 2 < LENGTH(pairs);

        pairs[i].left = inner ? (struct expr){EXPR_MUL, {.mul = &pairs[2 * i + 1]}}
                              : (struct expr){EXPR_NUM, {.num = i}};
        pairs[i].right = inner ? (struct expr){EXPR_ADD, {.add = &pairs[2 * i + 2]}}
                               : (struct expr){EXPR_VAR, {.var = valve_text("x")}};
    }
    run(&(struct subject){
        .name = "expression with 255 operators", .type = &expr_type, .value = &expr});
}

int main(void)
{
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("WARNING: this is a debug build; its figures mean nothing\n");
#endif
    printf("libcbor %s\n", CBOR_VERSION);
    run_request();
    run_list();
    run_expr();
    return EXIT_SUCCESS;
}
