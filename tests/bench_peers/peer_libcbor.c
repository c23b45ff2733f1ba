/* SPDX-License-Identifier: MIT */
/*
 * libcbor the usual way: cbor_load(), and a walk by hand over what it made. It decodes what valve
 * has encoded; its own trees of items are no structures of C that one would encode.
 */
#include <cbor.h>
#include <string.h>

#include "peers.h"

static void prepare(const struct bench_data *data)
{
    (void)data;
}

static bool is_text(const cbor_item_t *item, const char *text)
{
    return cbor_isa_string(item) && cbor_string_length(item) == strlen(text) &&
           memcmp(cbor_string_handle(item), text, strlen(text)) == 0;
}

static uint64_t text_sum(const cbor_item_t *item)
{
    return bench_text_sum(cbor_string_handle(item), cbor_string_length(item));
}

static int64_t integer(const cbor_item_t *item)
{
    if (cbor_isa_uint(item))
        return (int64_t)cbor_get_int(item);
    if (cbor_isa_negint(item))
        return -1 - (int64_t)cbor_get_int(item);
    bench_fail("libcbor: no integer");
}

static uint64_t walk_file(const cbor_item_t *file)
{
    const struct cbor_pair *pairs = cbor_map_handle(file);
    const cbor_item_t *path = NULL;
    uint64_t size = 0;
    int64_t mtime = 0;

    for (size_t i = 0; i < cbor_map_size(file); i++) {
        if (is_text(pairs[i].key, "path"))
            path = pairs[i].value;
        else if (is_text(pairs[i].key, "size"))
            size = cbor_get_int(pairs[i].value);
        else if (is_text(pairs[i].key, "mtime"))
            mtime = integer(pairs[i].value);
    }
    if (path == NULL || !cbor_isa_string(path))
        bench_fail("libcbor: no path");
    return bench_file_sum(cbor_string_handle(path), cbor_string_length(path), size, mtime);
}

static uint64_t walk_expr(const cbor_item_t *item)
{
    const struct cbor_pair *pair = cbor_map_handle(item);
    const cbor_item_t *value = pair->value;
    cbor_item_t **parts;

    if (is_text(pair->key, "Num"))
        return (uint64_t)integer(value);
    if (is_text(pair->key, "Var"))
        return text_sum(value);
    parts = cbor_array_handle(value);
    if (is_text(pair->key, "Add"))
        return 3 * walk_expr(parts[0]) + 5 * walk_expr(parts[1]);
    if (is_text(pair->key, "Mul"))
        return 3 * walk_expr(parts[0]) + 5 * walk_expr(parts[1]) + 1;
    if (is_text(pair->key, "Let"))
        return text_sum(parts[0]) + 3 * walk_expr(parts[1]) + 5 * walk_expr(parts[2]);
    bench_fail("libcbor: an expression of no kind");
}

static void decode(enum bench_subject subject, const uint8_t *bytes, size_t size, uint64_t *sum)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(bytes, size, &result);
    uint64_t walked = 0;

    if (item == NULL)
        bench_fail("libcbor: cbor_load");
    if (subject == BENCH_EXPR)
        walked = walk_expr(item);
    else
        for (size_t i = 0; i < cbor_array_size(item); i++)
            walked += walk_file(cbor_array_handle(item)[i]);
    if (sum != NULL)
        *sum = walked;
    __asm__ volatile("" : : "r"(walked)); /* the walk is part of the work */
    cbor_decref(&item);
}

const struct bench_peer bench_libcbor = {"cbor_load", prepare, NULL, decode};
