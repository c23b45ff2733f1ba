/* SPDX-License-Identifier: MIT */
/*
 * calc_server ADDRESS - a service in a hundred lines: evaluates expressions, which are recursive
 * sums (see schema/calc.cddl).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"

/* Names that are bound where an expression stands: a list that grows with each `Let`. */
struct binding {
    struct valve_text name;
    int64_t value;
    const struct binding *outer;
};

static const char *evaluate(const struct calc_expr *expr, const struct binding *bound,
                            int64_t *ret_value);

static const char *look_up(struct valve_text name, const struct binding *bound, int64_t *ret_value)
{
    for (; bound != NULL; bound = bound->outer) {
        if (bound->name.size == name.size && memcmp(bound->name.data, name.data, name.size) == 0) {
            *ret_value = bound->value;
            return NULL;
        }
    }
    return "unbound: a variable has no value";
}

static const char *evaluate_add(const struct calc_expr_add *add, const struct binding *bound,
                                int64_t *ret_value)
{
    int64_t left, right;
    const char *problem = evaluate(add->item0, bound, &left);

    if (problem == NULL)
        problem = evaluate(add->item1, bound, &right);
    if (problem == NULL && __builtin_add_overflow(left, right, ret_value))
        problem = "overflow: a sum does not fit into 64 bits";
    return problem;
}

static const char *evaluate_mul(const struct calc_expr_mul *mul, const struct binding *bound,
                                int64_t *ret_value)
{
    int64_t left, right;
    const char *problem = evaluate(mul->item0, bound, &left);

    if (problem == NULL)
        problem = evaluate(mul->item1, bound, &right);
    if (problem == NULL && __builtin_mul_overflow(left, right, ret_value))
        problem = "overflow: a product does not fit into 64 bits";
    return problem;
}

static const char *evaluate_let(const struct calc_expr_let *let, const struct binding *bound,
                                int64_t *ret_value)
{
    struct binding inner = {.name = let->name, .outer = bound};
    const char *problem = evaluate(let->value, bound, &inner.value);

    return problem != NULL ? problem : evaluate(let->body, &inner, ret_value);
}

/* NULL, or what is wrong. The decoder has bounded the depth: recursion is safe. */
static const char *evaluate(const struct calc_expr *expr, const struct binding *bound,
                            int64_t *ret_value)
{
    switch (expr->kind) {
    case CALC_EXPR_NUM:
        *ret_value = expr->num;
        return NULL;
    case CALC_EXPR_VAR:
        return look_up(expr->var, bound, ret_value);
    case CALC_EXPR_ADD:
        return evaluate_add(&expr->add, bound, ret_value);
    case CALC_EXPR_MUL:
        return evaluate_mul(&expr->mul, bound, ret_value);
    case CALC_EXPR_LET:
        return evaluate_let(&expr->let, bound, ret_value);
    }
    return "io: a kind of expression that the schema does not have";
}

static struct calc_eval_answer handle_eval(void *context, struct calc_eval_reply reply,
                                           const struct calc_expr *expr)
{
    int64_t value;
    const char *problem = evaluate(expr, NULL, &value);

    (void)context;
    if (problem != NULL)
        return calc_eval_reply_error(reply, valve_text(problem));
    return calc_eval_reply_value(reply, value);
}

static void log_line(void *context, enum valve_priority priority, const char *message)
{
    (void)context;
    if (priority <= VALVE_LOG_WARNING)
        fprintf(stderr, "calc_server: %s\n", message);
}

int main(int argc, char **argv)
{
    static const struct calc_handlers handlers = CALC_HANDLERS(handle_eval);
    struct valve_service service = calc_service(&handlers, NULL);
    struct valve_listener_options listener = {.mode = 0600, .group = (gid_t)-1};
    struct valve_server_options options;
    struct valve_server *server = NULL;
    struct valve_error error;
    int r;

    if (argc != 2) {
        fprintf(stderr, "usage: calc_server ADDRESS\n");
        return 64;
    }
    listener.address = argv[1];
    valve_server_options_default(&options);
    options.max_depth = 201; /* each level of an expression is a map in an array */
    options.log = log_line;
    r = valve_server_new(&options, &service, &server, &error);
    if (r == 0)
        r = valve_server_listen(server, &listener, &error);
    if (r == 0)
        r = valve_server_start(server, &error);
    if (r < 0) {
        fprintf(stderr, "calc_server: %s\n", error.text);
        valve_server_free(server);
        return EXIT_FAILURE;
    }
    valve_server_stop_on_signals(server);
    printf("listening on %s\n", valve_server_address(server, 0));
    fflush(stdout);
    r = valve_server_run(server);
    valve_server_free(server);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
