/* SPDX-License-Identifier: MIT */
/*
 * calc_client ADDRESS WORD... - has a calc_server evaluate an expression, operations first:
 *
 *     calc_client unix:/tmp/calc let x 5 mul add x 1 x
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"

/* The words of the command line, and an arena for what they say: nothing in it is freed singly. */
struct reader {
    char **next;
    struct valve_arena *arena;
    const char *problem; /* the first that was met, or NULL */
};

static const struct calc_expr *refuse(struct reader *reader, const char *problem)
{
    if (reader->problem == NULL)
        reader->problem = problem;
    return NULL;
}

/* `add A B`, `mul A B`, `let NAME A B`, a number, or a name: each has its kind, and its member. */
static const struct calc_expr *read_expr(struct reader *reader, unsigned depth)
{
    struct calc_expr *expr = valve_arena_alloc(reader->arena, sizeof(*expr),
                                               _Alignof(struct calc_expr));
    const char *word = *reader->next;
    char *end;

    if (expr == NULL)
        return refuse(reader, "no memory");
    if (word == NULL)
        return refuse(reader, "the expression ends too early");
    if (depth == 0)
        return refuse(reader, "the expression is too deep");
    reader->next++;
    errno = 0;
    if (strcmp(word, "add") == 0) {
        expr->kind = CALC_EXPR_ADD;
        expr->add.left = read_expr(reader, depth - 1);
        expr->add.right = read_expr(reader, depth - 1);
    } else if (strcmp(word, "mul") == 0) {
        expr->kind = CALC_EXPR_MUL;
        expr->mul.left = read_expr(reader, depth - 1);
        expr->mul.right = read_expr(reader, depth - 1);
    } else if (strcmp(word, "let") == 0 && *reader->next != NULL) {
        expr->kind = CALC_EXPR_LET;
        expr->let.name = valve_text(*reader->next++);
        expr->let.value = read_expr(reader, depth - 1);
        expr->let.body = read_expr(reader, depth - 1);
    } else if (strchr("-0123456789", *word) != NULL) {
        expr->kind = CALC_EXPR_NUM;
        expr->num = strtoll(word, &end, 10);
        if (errno != 0 || end == word || *end != '\0')
            return refuse(reader, "a number is not one of 64 bits");
    } else {
        expr->kind = CALC_EXPR_VAR;
        expr->var = valve_text(word);
    }
    return expr;
}

/* The call got one of the replies of its method, or it failed: a switch looks at all, or warns. */
static int ask(struct valve_client *client, const struct calc_expr *expr, struct valve_arena *arena,
               uint64_t deadline)
{
    struct calc_eval_result result = calc_eval(client, expr, NULL, arena, deadline);

    switch (result.outcome) {
    case CALC_EVAL_GOT_VALUE:
        printf("%" PRId64 "\n", result.value);
        return EXIT_SUCCESS;
    case CALC_EVAL_GOT_ERROR:
        fwrite(result.error.data, 1, result.error.size, stderr);
        fputc('\n', stderr);
        return EXIT_FAILURE;
    case CALC_EVAL_FAILED:
        fprintf(stderr, "%s\n", valve_client_problem(client));
        return EXIT_FAILURE;
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const uint64_t deadline = valve_deadline(5000000000); /* five seconds for all of it */
    struct valve_arena arena;
    struct valve_error error;
    struct valve_client *client = NULL;
    struct reader reader = {.arena = &arena};
    const struct calc_expr *expr;
    int status = EXIT_FAILURE;

    if (argc < 3) {
        fprintf(stderr, "usage: calc_client ADDRESS WORD...\n");
        return 64;
    }
    valve_arena_init(&arena, NULL, 0, 1024 * 1024);
    reader.next = argv + 2;
    expr = read_expr(&reader, 100); /* as deep as a calc_server takes */
    if (*reader.next != NULL)
        refuse(&reader, "there are words behind the expression");
    if (reader.problem != NULL)
        fprintf(stderr, "%s\n", reader.problem);
    else if (valve_client_connect(argv[1], deadline, &client, &error) < 0)
        fprintf(stderr, "%s\n", error.text);
    else
        status = ask(client, expr, &arena, deadline);
    valve_client_free(client);
    valve_arena_fini(&arena);
    return status;
}
