/* SPDX-License-Identifier: MIT */
/*
 * Protocol buffers by protobuf-c, with the allocator that it has by default.
 */
#include <string.h>

#include "bench_peers.pb-c.h"
#include "peers.h"

static BenchFiles files = BENCH_FILES__INIT;
static BenchExpr *expr;

static char *text(const char *string)
{
    return strcpy(bench_alloc(1, strlen(string) + 1), string);
}

static BenchExpr *make(const struct bench_expr *source);

static BenchPair *make_pair(const struct bench_expr *source)
{
    BenchPair *pair = bench_alloc(1, sizeof *pair);

    bench_pair__init(pair);
    pair->left = make(source->left);
    pair->right = make(source->right);
    return pair;
}

static BenchLet *make_let(const struct bench_expr *source)
{
    BenchLet *let = bench_alloc(1, sizeof *let);

    bench_let__init(let);
    let->name = text(source->name);
    let->value = make(source->left);
    let->body = make(source->right);
    return let;
}

static BenchExpr *make(const struct bench_expr *source)
{
    BenchExpr *made = bench_alloc(1, sizeof *made);

    bench_expr__init(made);
    switch (source->kind) {
    case BENCH_NUM:
        made->kind_case = BENCH_EXPR__KIND_NUM;
        made->num = source->number;
        break;
    case BENCH_VAR:
        made->kind_case = BENCH_EXPR__KIND_VAR;
        made->var = text(source->name);
        break;
    case BENCH_ADD:
        made->kind_case = BENCH_EXPR__KIND_ADD;
        made->add = make_pair(source);
        break;
    case BENCH_MUL:
        made->kind_case = BENCH_EXPR__KIND_MUL;
        made->mul = make_pair(source);
        break;
    case BENCH_LET:
        made->kind_case = BENCH_EXPR__KIND_LET;
        made->let = make_let(source);
        break;
    }
    return made;
}

static void prepare(const struct bench_data *data)
{
    files.n_files = data->file_count;
    files.files = bench_alloc(data->file_count, sizeof(BenchFile *));
    for (size_t i = 0; i < data->file_count; i++) {
        BenchFile *file = bench_alloc(1, sizeof *file);

        bench_file__init(file);
        file->path = text(data->files[i].path);
        file->size = data->files[i].size;
        file->mtime = data->files[i].mtime;
        files.files[i] = file;
    }
    expr = make(data->expr);
}

/* Measured first, as one does who does not know how large it will be. */
static size_t encode(enum bench_subject subject, uint8_t *bytes, size_t room)
{
    size_t size = subject == BENCH_FILES ? bench_files__get_packed_size(&files)
                                         : bench_expr__get_packed_size(expr);

    if (size > room)
        bench_fail("protobuf-c: no room");
    return subject == BENCH_FILES ? bench_files__pack(&files, bytes)
                                  : bench_expr__pack(expr, bytes);
}

static uint64_t text_sum(const char *string)
{
    return bench_text_sum(string, strlen(string));
}

static uint64_t sum_of(const BenchExpr *node)
{
    switch ((unsigned)node->kind_case) {
    case BENCH_EXPR__KIND_NUM:
        return (uint64_t)node->num;
    case BENCH_EXPR__KIND_VAR:
        return text_sum(node->var);
    case BENCH_EXPR__KIND_ADD:
        return 3 * sum_of(node->add->left) + 5 * sum_of(node->add->right);
    case BENCH_EXPR__KIND_MUL:
        return 3 * sum_of(node->mul->left) + 5 * sum_of(node->mul->right) + 1;
    case BENCH_EXPR__KIND_LET:
        return text_sum(node->let->name) + 3 * sum_of(node->let->value) +
               5 * sum_of(node->let->body);
    default:
        bench_fail("protobuf-c: an expression of no kind");
    }
}

static void decode_files(const uint8_t *bytes, size_t size, uint64_t *sum)
{
    BenchFiles *list = bench_files__unpack(NULL, size, bytes);

    if (list == NULL)
        bench_fail("protobuf-c: decoding");
    for (size_t i = 0; sum != NULL && i < list->n_files; i++) {
        const BenchFile *file = list->files[i];

        *sum += bench_file_sum(file->path, strlen(file->path), file->size, file->mtime);
    }
    bench_files__free_unpacked(list, NULL);
}

static void decode(enum bench_subject subject, const uint8_t *bytes, size_t size, uint64_t *sum)
{
    BenchExpr *tree;

    if (subject == BENCH_FILES) {
        decode_files(bytes, size, sum);
        return;
    }
    tree = bench_expr__unpack(NULL, size, bytes);
    if (tree == NULL)
        bench_fail("protobuf-c: decoding");
    if (sum != NULL)
        *sum = sum_of(tree);
    bench_expr__free_unpacked(tree, NULL);
}

const struct bench_peer bench_protobuf = {"protobuf-c", prepare, encode, decode};
