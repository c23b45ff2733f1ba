/* SPDX-License-Identifier: MIT */
/*
 * calc_server ADDRESS - evaluates expressions: a whole service.
 *
 * schema/calc.cddl says what a client may ask and what it may be answered. valve-cddl has made
 * calc.h of that: `struct calc_expr`, a tagged union that points to others of its kind, and the
 * type of a handler for each method, of which this service has one. What a handler is given has
 * been checked against the schema, and lives until the handler has answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"

/* The names that have a value where an expression stands; each `Let` adds one for its body. */
struct binding {
    struct valve_text name;
    int64_t value;
    const struct binding *outer;
};

/* The functions below return NULL, or what is wrong: a code for programs, words for people. */
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

static const char *evaluate_both(const struct calc_expr *left, const struct calc_expr *right,
                                 const struct binding *bound, int64_t *ret_left, int64_t *ret_right)
{
    const char *problem = evaluate(left, bound, ret_left);

    return problem != NULL ? problem : evaluate(right, bound, ret_right);
}

static const char *evaluate_let(const struct calc_expr_let *let, const struct binding *bound,
                                int64_t *ret_value)
{
    struct binding inner = {.name = let->name, .outer = bound};
    const char *problem = evaluate(let->value, bound, &inner.value);

    return problem != NULL ? problem : evaluate(let->body, &inner, ret_value);
}

/*
 * A switch over the kinds of expression must have a case for each, or this does not compile. The
 * depth of the tree has been bounded where it was decoded, so recursion is safe.
 */
static const char *evaluate(const struct calc_expr *expr, const struct binding *bound,
                            int64_t *ret_value)
{
    const char *problem = NULL;
    int64_t left, right;

    switch (expr->kind) {
    case CALC_EXPR_NUM:
        *ret_value = expr->num;
        break;
    case CALC_EXPR_VAR:
        return look_up(expr->var, bound, ret_value);
    case CALC_EXPR_ADD:
        problem = evaluate_both(expr->add.left, expr->add.right, bound, &left, &right);
        if (problem == NULL && __builtin_add_overflow(left, right, ret_value))
            problem = "overflow: a sum does not fit into 64 bits";
        break;
    case CALC_EXPR_MUL:
        problem = evaluate_both(expr->mul.left, expr->mul.right, bound, &left, &right);
        if (problem == NULL && __builtin_mul_overflow(left, right, ret_value))
            problem = "overflow: a product does not fit into 64 bits";
        break;
    case CALC_EXPR_LET:
        return evaluate_let(&expr->let, bound, ret_value);
    }
    return problem;
}

/* Only calc_eval_reply_...() make the answer that a handler of Eval has to return. */
static struct calc_eval_answer handle_eval(void *context, struct calc_eval_reply reply,
                                           const struct calc_expr *expr)
{
    int64_t value;
    const char *problem = evaluate(expr, NULL, &value);

    (void)context; /* what calc_service() was given: this service needs nothing */
    if (problem != NULL)
        return calc_eval_reply_error(reply, valve_text(problem));
    return calc_eval_reply_value(reply, value);
}

int main(int argc, char **argv)
{
    static const struct calc_handlers handlers = CALC_HANDLERS(handle_eval);
    const struct valve_service service = calc_service(&handlers, NULL);
    struct valve_server_options options;
    struct valve_error error;

    if (argc != 2) {
        fprintf(stderr, "usage: calc_server ADDRESS\n");
        return 64;
    }
    valve_server_options_default(&options);
    options.max_depth = 201; /* expressions of depth 100: each is a map, and most hold an array */
    if (valve_serve(&service, argv[1], &options, &error) < 0) {
        fprintf(stderr, "calc_server: %s\n", error.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
