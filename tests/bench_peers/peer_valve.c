/* SPDX-License-Identifier: MIT */
/*
 * valve, by the tables that valve-cddl made of schema/files.cddl and schema/calc.cddl.
 */
#include <string.h>

#include "calc.h"
#include "files.h"
#include "peers.h"

#define ARENA_LIMIT ((size_t)64 << 20)

static const struct valve_limits limits = {.max_size = (size_t)64 << 20, .max_depth = 256};

static struct files_file_list files;
static struct calc_expr *expr;
static struct valve_arena arena; /* stays warm */

static struct valve_text text(const char *string)
{
    return (struct valve_text){string, strlen(string)};
}

static struct calc_expr *make(const struct bench_expr *source)
{
    struct calc_expr *made = bench_alloc(1, sizeof *made);

    switch (source->kind) {
    case BENCH_NUM:
        *made = (struct calc_expr){.kind = CALC_EXPR_NUM, .num = source->number};
        break;
    case BENCH_VAR:
        *made = (struct calc_expr){.kind = CALC_EXPR_VAR, .var = text(source->name)};
        break;
    case BENCH_ADD:
        *made = (struct calc_expr){.kind = CALC_EXPR_ADD,
                                   .add = {make(source->left), make(source->right)}};
        break;
    case BENCH_MUL:
        *made = (struct calc_expr){.kind = CALC_EXPR_MUL,
                                   .mul = {make(source->left), make(source->right)}};
        break;
    case BENCH_LET:
        *made = (struct calc_expr){
            .kind = CALC_EXPR_LET,
            .let = {text(source->name), make(source->left), make(source->right)}};
        break;
    }
    return made;
}

static void prepare(const struct bench_data *data)
{
    struct files_file *items = bench_alloc(data->file_count, sizeof *items);

    for (size_t i = 0; i < data->file_count; i++) {
        items[i].path = (struct files_path){.kind = FILES_PATH_TEXT,
                                            .text = text(data->files[i].path)};
        items[i].size = data->files[i].size;
        items[i].mtime = data->files[i].mtime;
    }
    files = (struct files_file_list){items, data->file_count};
    expr = make(data->expr);
    valve_arena_init(&arena, NULL, 0, ARENA_LIMIT);
}

/* Encodes into an arena that is the room for the bytes, and nothing else. */
static size_t encode(enum bench_subject subject, uint8_t *bytes, size_t room)
{
    struct valve_arena output;
    struct valve_bytes encoded;
    struct valve_error error;
    int r;

    valve_arena_init(&output, bytes, room, 0);
    r = subject == BENCH_FILES
            ? valve_value_encode(&files_file_list_type, &limits, &files, &output, &encoded, &error)
            : valve_value_encode(&calc_expr_type, &limits, expr, &output, &encoded, &error);
    if (r < 0)
        bench_fail(error.text);
    return encoded.size;
}

static uint64_t sum_of(const struct calc_expr *node)
{
    switch (node->kind) {
    case CALC_EXPR_NUM:
        return (uint64_t)node->num;
    case CALC_EXPR_VAR:
        return bench_text_sum(node->var.data, node->var.size);
    case CALC_EXPR_ADD:
        return 3 * sum_of(node->add.left) + 5 * sum_of(node->add.right);
    case CALC_EXPR_MUL:
        return 3 * sum_of(node->mul.left) + 5 * sum_of(node->mul.right) + 1;
    case CALC_EXPR_LET:
        return bench_text_sum(node->let.name.data, node->let.name.size) +
               3 * sum_of(node->let.value) + 5 * sum_of(node->let.body);
    }
    bench_fail("valve: an expression of no kind");
}

static void decode(enum bench_subject subject, const uint8_t *bytes, size_t size, uint64_t *sum)
{
    struct files_file_list list;
    struct calc_expr tree;
    struct valve_error error;
    int r;

    valve_arena_reset(&arena);
    r = subject == BENCH_FILES ? valve_value_decode(&files_file_list_type, &limits, bytes, size,
                                                    &arena, &list, NULL, &error)
                               : valve_value_decode(&calc_expr_type, &limits, bytes, size, &arena,
                                                    &tree, NULL, &error);
    if (r < 0)
        bench_fail(error.text);
    if (sum == NULL)
        return;
    if (subject == BENCH_EXPR)
        *sum = sum_of(&tree);
    else
        for (size_t i = 0; i < list.count; i++)
            *sum += bench_file_sum(list.items[i].path.text.data, list.items[i].path.text.size,
                                   list.items[i].size, list.items[i].mtime);
}

const struct bench_peer bench_valve = {"valve", prepare, encode, decode};
