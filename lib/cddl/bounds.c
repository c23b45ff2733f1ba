/* SPDX-License-Identifier: MIT */
/*
 * Numbers, ranges of them, and sizes.
 */
#include "cddl/schema.h"

static bool number_of(struct cddl_resolver *resolver, struct cddl_node *node,
                      struct cddl_number *ret_number)
{
    struct cddl_node *end = cddl_follow(resolver, node);

    if (end == NULL)
        return false;
    if (end->kind != CDDL_NODE_NUMBER) {
        cddl_problem(resolver->syntax->source, node->span, "an integer should stand here");
        return false;
    }
    *ret_number = end->number;
    return true;
}

static bool number_less(struct cddl_number a, struct cddl_number b)
{
    if (a.negative != b.negative)
        return a.negative;
    return a.negative ? a.magnitude > b.magnitude : a.magnitude < b.magnitude;
}

static uint64_t complement(struct cddl_number number)
{
    return number.negative ? -number.magnitude : number.magnitude;
}

/* low ... high leaves the upper bound out. */
static struct cddl_number number_before(struct cddl_number number)
{
    if (number.negative || number.magnitude == 0)
        return (struct cddl_number){true, number.magnitude + 1};
    return (struct cddl_number){false, number.magnitude - 1};
}

static bool bounds_of(struct cddl_resolver *resolver, struct cddl_node *node,
                      struct cddl_number *ret_low, struct cddl_number *ret_high)
{
    struct cddl_node *first = node->kind == CDDL_NODE_RANGE ? node->parts : node;
    struct cddl_node *last = node->kind == CDDL_NODE_RANGE ? node->parts->next : node;
    struct cddl_number low, high;
    bool known = number_of(resolver, first, &low);

    if (!number_of(resolver, last, &high) || !known)
        return false;
    if (node->exclusive && !number_less(low, high)) {
        cddl_problem(resolver->syntax->source, node->span, "this range holds no number");
        return false;
    }
    if (node->exclusive)
        high = number_before(high);
    if (number_less(high, low)) {
        cddl_problem(resolver->syntax->source, node->span, "this range ends below its start");
        return false;
    }
    *ret_low = low;
    *ret_high = high;
    return true;
}

struct cddl_type *cddl_resolve_range(struct cddl_resolver *resolver, struct cddl_node *node,
                                     const char *tag)
{
    struct cddl_number low, high;
    struct cddl_type *type;

    if (!bounds_of(resolver, node, &low, &high))
        return NULL;
    if (low.negative && (low.magnitude > (uint64_t)INT64_MAX + 1 ||
                         (!high.negative && high.magnitude > INT64_MAX))) {
        cddl_problem(resolver->syntax->source, node->span,
                     "a range with negative numbers must fit into 64 bits with sign: "
                     "-9223372036854775808..9223372036854775807");
        return NULL;
    }
    type = cddl_new_type(resolver, low.negative ? CDDL_INT : CDDL_UINT, tag, node->span);
    type->low = complement(low);
    type->high = complement(high);
    type->limited = true;
    return type;
}

/* Sizes of integers are numbers of bytes: 0 .. 256^n - 1. */
static bool limit_integer(struct cddl_resolver *resolver, struct cddl_node *limit,
                          struct cddl_number low, struct cddl_number high, struct cddl_type *type)
{
    if (low.magnitude != high.magnitude || low.magnitude < 1 || low.magnitude > 8) {
        cddl_problem(resolver->syntax->source, limit->span,
                     "the size of an integer is 1 to 8 bytes");
        return false;
    }
    type->high = UINT64_MAX >> (64 - 8 * low.magnitude);
    return true;
}

struct cddl_type *cddl_resolve_size(struct cddl_resolver *resolver, struct cddl_node *node,
                                    const char *tag)
{
    struct cddl_node *limit = node->parts->next, *range = cddl_follow(resolver, limit);
    struct cddl_type *base = cddl_resolve_type(resolver, node->parts, tag), *type;
    struct cddl_number low, high;

    if (base == NULL)
        return NULL;
    if (base->limited) {
        cddl_problem(resolver->syntax->source, node->parts->span, "this is limited already");
        return NULL;
    }
    if (base->shape != CDDL_TEXT && base->shape != CDDL_BYTES && base->shape != CDDL_UINT) {
        cddl_problem(resolver->syntax->source, node->parts->span,
                     ".size goes with tstr, bstr and uint only");
        return NULL;
    }
    if (range == NULL || range->kind != CDDL_NODE_RANGE)
        range = limit;
    if (!bounds_of(resolver, range, &low, &high))
        return NULL;
    if (low.negative) {
        cddl_problem(resolver->syntax->source, limit->span, "a size is not negative");
        return NULL;
    }
    type = cddl_new_type(resolver, base->shape, tag, node->span);
    type->low = low.magnitude;
    type->high = high.magnitude;
    type->limited = true;
    if (type->shape == CDDL_UINT) {
        type->low = 0;
        if (!limit_integer(resolver, limit, low, high, type))
            return NULL;
    }
    return type;
}
