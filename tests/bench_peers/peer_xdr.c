/* SPDX-License-Identifier: MIT */
/*
 * XDR by the code that rpcgen makes.
 */
#include <string.h>

#include "bench_peers_xdr.h"
#include "peers.h"

static xdr_files files;
static xdr_expr *expr;

static char *text(const char *string)
{
    return strcpy(bench_alloc(1, strlen(string) + 1), string);
}

static xdr_expr *make(const struct bench_expr *source)
{
    xdr_expr *made = bench_alloc(1, sizeof *made);
    xdr_value *value = &made->value;

    switch (source->kind) {
    case BENCH_NUM:
        value->kind = XDR_NUM;
        value->xdr_value_u.number = source->number;
        break;
    case BENCH_VAR:
        value->kind = XDR_VAR;
        value->xdr_value_u.name = text(source->name);
        break;
    case BENCH_ADD:
        value->kind = XDR_ADD;
        value->xdr_value_u.add = (xdr_pair){make(source->left), make(source->right)};
        break;
    case BENCH_MUL:
        value->kind = XDR_MUL;
        value->xdr_value_u.mul = (xdr_pair){make(source->left), make(source->right)};
        break;
    case BENCH_LET:
        value->kind = XDR_LET;
        value->xdr_value_u.let = (xdr_let){text(source->name), make(source->left),
                                           make(source->right)};
        break;
    }
    return made;
}

static void prepare(const struct bench_data *data)
{
    files.files.files_len = (u_int)data->file_count;
    files.files.files_val = bench_alloc(data->file_count, sizeof(xdr_file));
    for (size_t i = 0; i < data->file_count; i++)
        files.files.files_val[i] = (xdr_file){text(data->files[i].path), data->files[i].size,
                                              data->files[i].mtime};
    expr = make(data->expr);
}

static size_t encode(enum bench_subject subject, uint8_t *bytes, size_t room)
{
    XDR xdr;
    size_t size;
    bool_t done;

    xdrmem_create(&xdr, (char *)bytes, (u_int)room, XDR_ENCODE);
    done = subject == BENCH_FILES ? xdr_xdr_files(&xdr, &files) : xdr_xdr_expr(&xdr, expr);
    if (!done)
        bench_fail("xdr: encoding");
    size = xdr_getpos(&xdr);
    xdr_destroy(&xdr);
    return size;
}

static uint64_t text_sum(const char *string)
{
    return bench_text_sum(string, strlen(string));
}

static uint64_t sum_of(const xdr_expr *node)
{
    const xdr_value *value = &node->value;

    switch (value->kind) {
    case XDR_NUM:
        return (uint64_t)value->xdr_value_u.number;
    case XDR_VAR:
        return text_sum(value->xdr_value_u.name);
    case XDR_ADD:
        return 3 * sum_of(value->xdr_value_u.add.left) + 5 * sum_of(value->xdr_value_u.add.right);
    case XDR_MUL:
        return 3 * sum_of(value->xdr_value_u.mul.left) + 5 * sum_of(value->xdr_value_u.mul.right) +
               1;
    case XDR_LET:
        return text_sum(value->xdr_value_u.let.name) + 3 * sum_of(value->xdr_value_u.let.value) +
               5 * sum_of(value->xdr_value_u.let.body);
    }
    bench_fail("xdr: an expression of no kind");
}

static void decode(enum bench_subject subject, const uint8_t *bytes, size_t size, uint64_t *sum)
{
    xdr_files list = {0};
    xdr_expr tree = {0};
    XDR xdr;
    bool_t done;

    xdrmem_create(&xdr, (char *)(uintptr_t)bytes, (u_int)size, XDR_DECODE);
    done = subject == BENCH_FILES ? xdr_xdr_files(&xdr, &list) : xdr_xdr_expr(&xdr, &tree);
    if (!done)
        bench_fail("xdr: decoding");
    if (sum != NULL && subject == BENCH_EXPR)
        *sum = sum_of(&tree);
    for (u_int i = 0; sum != NULL && i < list.files.files_len; i++) {
        const xdr_file *file = &list.files.files_val[i];

        *sum += bench_file_sum(file->path, strlen(file->path), file->size, file->mtime);
    }
    if (subject == BENCH_FILES)
        xdr_free((xdrproc_t)xdr_xdr_files, (char *)&list);
    else
        xdr_free((xdrproc_t)xdr_xdr_expr, (char *)&tree);
    xdr_destroy(&xdr);
}

const struct bench_peer bench_xdr = {"rpcgen XDR", prepare, encode, decode};
