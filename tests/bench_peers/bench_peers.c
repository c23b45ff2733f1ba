/* SPDX-License-Identifier: MIT */
/*
 * valve's codec beside cbor_load() with a walk by hand, rpcgen's XDR and protobuf-c: the same data,
 * in one run, ns a node. A node is a File with its three fields, or one Expr.
 *
 * The codecs take turns, and each figure is the median of its rounds.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peers.h"

#define FILES     1000
#define EXPRS     1000
#define ROOM      ((size_t)1 << 20)
#define ROUNDS    9
#define ROUND_NS  20000000 /* least length of a round */
#define NUMBERS   UINT64_C(6364136223846793005)
#define PATH_ROOM 64

static const struct bench_peer *const peers[] = {&bench_valve, &bench_libcbor, &bench_xdr,
                                                 &bench_protobuf};
#define PEERS (sizeof peers / sizeof *peers)

void bench_fail(const char *what)
{
    fprintf(stderr, "bench_peers: %s\n", what);
    exit(EXIT_FAILURE);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        bench_fail("no memory");
    return memory;
}

/* ---- Data ------------------------------------------------------------------------------------ */

static uint64_t next_number(void)
{
    static uint64_t state = 1;

    state = state * NUMBERS + 1442695040888963407;
    return state >> 20;
}

static const struct bench_file *make_files(void)
{
    struct bench_file *files = bench_alloc(FILES, sizeof *files);

    for (size_t i = 0; i < FILES; i++) {
        char *path = bench_alloc(1, PATH_ROOM);

        snprintf(path, PATH_ROOM, "outbox/2026-11/%02zu/recording-%05zu.raw", i % 30, i);
        files[i] = (struct bench_file){path, next_number() % 10000000,
                                       1700000000000000000 + (int64_t)next_number()};
    }
    return files;
}

/* A tree of `count` nodes, as deep as it must be. */
static const struct bench_expr *make_expr(size_t count)
{
    struct bench_expr *expr = bench_alloc(1, sizeof *expr);

    if (count < 3) {
        expr->kind = next_number() % 3 == 0 ? BENCH_VAR : BENCH_NUM;
        expr->name = "total";
        expr->number = (int64_t)(next_number() % 100000) - 50000;
        return expr;
    }
    expr->kind = next_number() % 8 == 0   ? BENCH_LET
                 : next_number() % 2 == 0 ? BENCH_ADD
                                          : BENCH_MUL;
    expr->name = "total";
    expr->left = make_expr((count - 1) / 2);
    expr->right = make_expr(count - 1 - (count - 1) / 2);
    return expr;
}

static size_t count_nodes(const struct bench_expr *expr)
{
    return expr->left == NULL ? 1 : 1 + count_nodes(expr->left) + count_nodes(expr->right);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

struct task {
    enum bench_subject subject;
    bool encodes;
    size_t nodes;
    uint8_t *bytes[PEERS]; /* of each codec */
    size_t sizes[PEERS];
    uint8_t *room;
};

static void run_once(const struct task *task, size_t peer)
{
    if (task->encodes)
        (void)peers[peer]->encode(task->subject, task->room, ROOM);
    else
        peers[peer]->decode(task->subject, task->bytes[peer], task->sizes[peer], NULL);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ns a node */
static double time_round(const struct task *task, size_t peer)
{
    uint64_t runs = 0, start = now(), end;

    do {
        run_once(task, peer);
        runs++;
        end = now();
    } while (end - start < ROUND_NS);
    return (double)(end - start) / (double)runs / (double)task->nodes;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Bytes that one run takes from the heap and does not have already. */
static size_t heap_taken(const struct task *task, size_t peer)
{
    struct mallinfo2 before, after;

    run_once(task, peer);
    before = mallinfo2();
    run_once(task, peer);
    after = mallinfo2();
    return after.uordblks - before.uordblks;
}

static void measure(const struct task *task, const char *title)
{
    double times[PEERS][ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t peer = 0; peer < PEERS; peer++)
            if (!task->encodes || peers[peer]->encode != NULL)
                times[peer][round] = time_round(task, peer);
    printf("%s\n", title);
    for (size_t peer = 0; peer < PEERS; peer++) {
        if (task->encodes && peers[peer]->encode == NULL)
            continue;
        qsort(times[peer], ROUNDS, sizeof(double), by_size);
        printf("  %-12s %7.1f ns a node  %5.2f x valve  %7zu bytes\n", peers[peer]->name,
               times[peer][ROUNDS / 2], times[peer][ROUNDS / 2] / times[0][ROUNDS / 2],
               task->sizes[peer]);
        if (heap_taken(task, peer) > 0)
            bench_fail("memory is lost");
    }
}

/* Encodes by each codec, and holds what they decode against each other. */
static void prepare(struct task *task)
{
    uint64_t sums[PEERS] = {0};

    task->room = bench_alloc(1, ROOM);
    for (size_t peer = 0; peer < PEERS; peer++) {
        if (peers[peer]->encode == NULL) { /* reads what valve wrote, which stands first */
            task->bytes[peer] = task->bytes[0];
            task->sizes[peer] = task->sizes[0];
        } else {
            task->bytes[peer] = bench_alloc(1, ROOM);
            task->sizes[peer] = peers[peer]->encode(task->subject, task->bytes[peer], ROOM);
        }
        peers[peer]->decode(task->subject, task->bytes[peer], task->sizes[peer], &sums[peer]);
        if (sums[peer] != sums[0])
            bench_fail("the codecs do not agree");
    }
}

int main(void)
{
    const struct bench_expr *expr = make_expr(EXPRS);
    struct bench_data data = {make_files(), FILES, expr, count_nodes(expr)};
    struct task files = {.subject = BENCH_FILES, .nodes = FILES};
    struct task exprs = {.subject = BENCH_EXPR, .nodes = data.expr_count};

    for (size_t peer = 0; peer < PEERS; peer++)
        peers[peer]->prepare(&data);
    prepare(&files);
    prepare(&exprs);
    measure(&files, "decoding 1000 Files");
    measure(&exprs, "decoding an Expr of about 1000 nodes");
    files.encodes = exprs.encodes = true;
    measure(&files, "encoding 1000 Files");
    measure(&exprs, "encoding an Expr of about 1000 nodes");
    return 0;
}
