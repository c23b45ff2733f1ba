/* SPDX-License-Identifier: MIT */
/*
 * Checks of all types: that alternatives can be told apart, that values end, that C can hold them.
 */
#include <string.h>

#include "cddl/schema.h"

/* What the first byte of an encoding tells apart. */
enum {
    HEAD_UINT,
    HEAD_NEGATIVE,
    HEAD_BYTES,
    HEAD_TEXT,
    HEAD_ARRAY,
    HEAD_MAP,
    HEAD_BOOL,
    HEAD_NIL,
    HEAD_FLOAT,
    HEAD_OTHER, /* tags and the like, which only any may begin with */
    ALL_HEADS = (2 << HEAD_OTHER) - 1,
};

enum { UNSEEN, OPEN, DONE }; /* marks of a choice whose heads are looked for */

static unsigned heads_of_choice(struct cddl_schema *schema, struct cddl_type *choice);

/* The heads that the encodings of a type may begin with, as bits. */
static unsigned heads_of(struct cddl_schema *schema, struct cddl_type *type)
{
    static const unsigned heads[] = {
        [CDDL_UINT] = 1 << HEAD_UINT,   [CDDL_BOOL] = 1 << HEAD_BOOL,
        [CDDL_FLOAT] = 1 << HEAD_FLOAT, [CDDL_TEXT] = 1 << HEAD_TEXT,
        [CDDL_BYTES] = 1 << HEAD_BYTES, [CDDL_ANYTHING] = ALL_HEADS,
        [CDDL_NIL] = 1 << HEAD_NIL,     [CDDL_STRUCT] = 1 << HEAD_MAP,
        [CDDL_TUPLE] = 1 << HEAD_ARRAY, [CDDL_LIST] = 1 << HEAD_ARRAY,
        [CDDL_MAP] = 1 << HEAD_MAP,
    };
    unsigned all = 0;

    if (type->shape == CDDL_CHOICE)
        return heads_of_choice(schema, type);
    if (type->shape == CDDL_INT)
        return 1U << HEAD_NEGATIVE | ((int64_t)type->high >= 0 ? 1U << HEAD_UINT : 0);
    if (type->shape != CDDL_SUM)
        return heads[type->shape];
    for (unsigned i = 0; i < type->count; i++)
        all |= 1U << (type->members[i].type == NULL ? HEAD_TEXT : HEAD_MAP);
    return all;
}

static void refuse_alike(struct cddl_source *source, struct cddl_span span, unsigned heads)
{
    static const char *const names[] = {
        [HEAD_UINT] = "unsigned integer",
        [HEAD_NEGATIVE] = "negative integer",
        [HEAD_BYTES] = "byte string",
        [HEAD_TEXT] = "text",
        [HEAD_ARRAY] = "array",
        [HEAD_MAP] = "map",
        [HEAD_BOOL] = "boolean",
        [HEAD_NIL] = "nil",
        [HEAD_FLOAT] = "floating-point number",
    };

    cddl_problem(source, span,
                 "this alternative begins as another before it does (%s): nothing tells them apart",
                 names[__builtin_ctz(heads)]);
}

/* Also notes alternatives that begin alike. A choice that meets itself has no guard. */
static unsigned heads_of_choice(struct cddl_schema *schema, struct cddl_type *choice)
{
    if (choice->mark == OPEN) {
        cddl_problem(schema->source, choice->span,
                     "this choice leads back to itself with no array or map between");
        return 0;
    }
    if (choice->mark == DONE)
        return choice->heads;
    choice->mark = OPEN;
    for (unsigned i = 0; i < choice->count; i++) {
        unsigned heads = heads_of(schema, choice->members[i].type);

        if (heads == ALL_HEADS)
            cddl_problem(schema->source, choice->members[i].span,
                         "any is every type: nothing tells it apart from the others");
        else if ((heads & choice->heads) != 0)
            refuse_alike(schema->source, choice->members[i].span, heads & choice->heads);
        if (heads != ALL_HEADS)
            choice->heads |= heads;
    }
    choice->mark = DONE;
    return choice->heads;
}

/* A struct of C must have a member. */
static void check_substance(struct cddl_schema *schema, const struct cddl_type *type)
{
    if ((type->shape != CDDL_STRUCT && type->shape != CDDL_TUPLE) || type->incomplete)
        return;
    for (unsigned i = 0; i < type->count; i++)
        if (type->members[i].optional || !cddl_is_void(&type->members[i]))
            return;
    cddl_problem(schema->source, type->span,
                 "C has nothing to keep of this: it holds no value but nil");
}

void cddl_check_types(struct cddl_schema *schema)
{
    cddl_find_least(schema);
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next) {
        if (type->shape == CDDL_CHOICE)
            heads_of_choice(schema, type);
        check_substance(schema, type);
        if (type->least == CDDL_ENDLESS && type->rule != NULL)
            cddl_problem(schema->source, type->span, "no value of %s ends: each one holds another",
                         type->rule);
    }
}
