/* SPDX-License-Identifier: MIT */
/*
 * What the codecs that are compared have in common: the data, and how each is called.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

/* ---- The data, of no codec ---- */

struct bench_file {
    const char *path;
    uint64_t size;
    int64_t mtime;
};

enum bench_kind { BENCH_NUM, BENCH_VAR, BENCH_ADD, BENCH_MUL, BENCH_LET };

struct bench_expr {
    enum bench_kind kind;
    int64_t number;                        /* NUM */
    const char *name;                      /* VAR, LET */
    const struct bench_expr *left, *right; /* ADD, MUL; LET: value and body */
};

struct bench_data {
    const struct bench_file *files;
    size_t file_count;
    const struct bench_expr *expr;
    size_t expr_count; /* nodes in it */
};

/* ---- A codec ---- */

enum bench_subject { BENCH_FILES, BENCH_EXPR };

struct bench_peer {
    const char *name;

    /* Makes the codec's own structures of the data. Not timed. */
    void (*prepare)(const struct bench_data *data);

    /* Encodes them into `bytes`; returns the size. NULL: the codec has no encoder of its own. */
    size_t (*encode)(enum bench_subject subject, uint8_t *bytes, size_t room);

    /*
     * Decodes into structures that C can use, and gives them back. With `sum` set, adds up what is
     * in them: that is how the runner knows that all have decoded the same.
     */
    void (*decode)(enum bench_subject subject, const uint8_t *bytes, size_t size, uint64_t *sum);
};

extern const struct bench_peer bench_valve, bench_libcbor, bench_xdr, bench_protobuf;

/* What is summed up: the same of each codec. */
static inline uint64_t bench_text_sum(const void *text, size_t size)
{
    const uint8_t *bytes = text;

    return size == 0 ? 0 : size * 1000003 + bytes[0] * 31 + bytes[size - 1];
}

static inline uint64_t bench_file_sum(const void *path, size_t path_size, uint64_t size,
                                      int64_t mtime)
{
    return bench_text_sum(path, path_size) + size * 3 + (uint64_t)mtime * 7;
}

/* Says what failed and ends the program. */
void bench_fail(const char *what) __attribute__((noreturn));

/* malloc() or the end of the program. */
void *bench_alloc(size_t count, size_t size);

#endif
