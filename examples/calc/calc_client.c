/* SPDX-License-Identifier: MIT */
/*
 * calc_client ADDRESS X - asks a calc_server for "let x = X in (x + 1) * x", as a typed tree.
 */
#include <stdio.h>
#include <stdlib.h>

#include "calc.h"

#define SECONDS(n) ((uint64_t)(n)*1000000000)

static int print_result(const struct calc_eval_result *result, const struct valve_client *client)
{
    switch (result->outcome) {
    case CALC_EVAL_GOT_VALUE:
        printf("%lld\n", (long long)result->value);
        return EXIT_SUCCESS;
    case CALC_EVAL_GOT_ERROR:
        fprintf(stderr, "calc_client: %.*s\n", (int)result->error.size, result->error.data);
        return EXIT_FAILURE;
    case CALC_EVAL_FAILED:
        fprintf(stderr, "calc_client: %s\n", valve_client_problem(client));
        return EXIT_FAILURE;
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct calc_expr x = {.kind = CALC_EXPR_VAR, .var = valve_text("x")};
    const struct calc_expr one = {.kind = CALC_EXPR_NUM, .num = 1};
    const struct calc_expr sum = {.kind = CALC_EXPR_ADD, .add = {&x, &one}};
    const struct calc_expr product = {.kind = CALC_EXPR_MUL, .mul = {&sum, &x}};
    struct calc_expr value = {.kind = CALC_EXPR_NUM};
    const struct calc_expr let = {.kind = CALC_EXPR_LET,
                                  .let = {valve_text("x"), &value, &product}};
    const uint64_t deadline = valve_deadline(SECONDS(5));
    struct valve_client *client;
    struct valve_arena arena;
    struct valve_error error;
    struct calc_eval_result result;
    int status;

    if (argc != 3) {
        fprintf(stderr, "usage: calc_client ADDRESS X\n");
        return 64;
    }
    value.num = strtoll(argv[2], NULL, 10);
    if (valve_client_connect(argv[1], deadline, &client, &error) < 0) {
        fprintf(stderr, "calc_client: %s\n", error.text);
        return EXIT_FAILURE;
    }
    valve_arena_init(&arena, NULL, 0, 65536);
    result = calc_eval(client, &let, NULL, &arena, deadline);
    status = print_result(&result, client);
    valve_arena_fini(&arena);
    valve_client_free(client);
    return status;
}
