/* SPDX-License-Identifier: MIT */
/*
 * Checks of a whole schema: names before it is resolved, types afterwards.
 */
#include <string.h>

#include "cddl/schema.h"

/* ---- Names ---- */

static const char *const supported[] = {"uint", "int", "bool", "tstr",
                                        "bstr", "nil", "any",  "float64"};

/* Names of CDDL's prelude that the subset leaves out, and what to write in their place. */
static const struct {
    const char *name, *instead;
} left_out[] = {
    {"text", "tstr"},          {"bytes", "bstr"},         {"null", "nil"},
    {"nint", "a range"},       {"integer", "int"},        {"unsigned", "uint"},
    {"float", "float64"},      {"float16", "float64"},    {"float32", "float64"},
    {"float16-32", "float64"}, {"float32-64", "float64"}, {"number", "int"},
    {"true", "bool"},          {"false", "bool"},         {"undefined", "nil"},
    {"tdate", "tstr"},         {"time", "uint"},          {"bigint", "int"},
    {"biguint", "uint"},       {"bignint", "int"},        {"decfrac", "int"},
    {"bigfloat", "float64"},   {"eb64url", "bstr"},       {"eb64legacy", "bstr"},
    {"eb16", "bstr"},          {"encoded-cbor", "bstr"},  {"uri", "tstr"},
    {"b64url", "tstr"},        {"b64legacy", "tstr"},     {"regexp", "tstr"},
    {"mime-message", "tstr"},  {"cbor-any", "any"},
};

bool cddl_is_prelude(const char *name)
{
    for (size_t i = 0; i < sizeof(supported) / sizeof(supported[0]); i++)
        if (strcmp(supported[i], name) == 0)
            return true;
    return false;
}

static const char *instead_of(const char *name)
{
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        if (strcmp(left_out[i].name, name) == 0)
            return left_out[i].instead;
    return NULL;
}

static void check_name(struct cddl_source *source, const struct cddl_node *node)
{
    const char *instead = instead_of(node->text);

    if (cddl_is_prelude(node->text))
        return;
    if (instead != NULL)
        cddl_problem(source, node->span, "%s of CDDL's prelude is not in the subset: write %s",
                     node->text, instead);
    else if (strstr(node->text, "..") != NULL)
        cddl_problem(source, node->span,
                     "%.60s is one name in CDDL, and not defined: a range needs blanks around ..",
                     node->text);
    else
        cddl_problem(source, node->span, "the name %.60s is not defined", node->text);
}

/* Marks the rules that a node names, and notes names that nothing has. */
static void walk_names(const struct cddl_syntax *syntax, const struct cddl_node *node)
{
    if (node->kind == CDDL_NODE_NAME) {
        struct cddl_rule *rule = cddl_find_rule(syntax, node->text);

        if (rule != NULL)
            rule->reached = true;
        else
            check_name(syntax->source, node);
    }
    for (const struct cddl_node *part = node->parts; part != NULL; part = part->next)
        walk_names(syntax, part);
    for (const struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next)
        walk_names(syntax, entry->type);
}

/* Goes on from the rules that are marked until no other is. */
static void walk_reached(const struct cddl_syntax *syntax)
{
    bool more = true;

    while (more) {
        more = false;
        for (struct cddl_rule *rule = syntax->rules; rule != NULL; rule = rule->next) {
            if (!rule->reached || rule->walked)
                continue;
            rule->walked = true;
            walk_names(syntax, rule->node);
            more = true;
        }
    }
}

void cddl_check_names(const struct cddl_syntax *syntax)
{
    bool whole = cddl_source_sound(syntax->source); /* what is broken may have led anywhere */

    if (syntax->rules != NULL)
        syntax->rules->reached = true;
    walk_reached(syntax);
    for (struct cddl_rule *rule = syntax->rules; rule != NULL; rule = rule->next) {
        if (cddl_is_prelude(rule->name) || instead_of(rule->name) != NULL)
            cddl_problem(syntax->source, rule->span, "%s is a name of CDDL's prelude", rule->name);
        else if (!rule->reached && whole)
            cddl_problem(syntax->source, rule->span,
                         "%.60s is not used: the service does not lead to it", rule->name);
        rule->reached = true;
    }
    walk_reached(syntax);
}

/* ---- Types ---- */

enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_ARRAY,
    MAJOR_MAP,
    MAJOR_SIMPLE = 7
};

static unsigned majors_of_choice(struct cddl_schema *schema, struct cddl_type *choice);

/* The major types that the encodings of a type may begin with, as bits. */
static unsigned majors_of(struct cddl_schema *schema, struct cddl_type *type)
{
    unsigned majors = 0;

    switch (type->shape) {
    case CDDL_UINT:
        return 1U << MAJOR_UINT;
    case CDDL_INT:
        return 1U << MAJOR_NEGATIVE | ((int64_t)type->high >= 0 ? 1U << MAJOR_UINT : 0);
    case CDDL_BOOL:
    case CDDL_NIL:
        return 1U << MAJOR_SIMPLE;
    case CDDL_TEXT:
        return 1U << MAJOR_TEXT;
    case CDDL_BYTES:
        return 1U << MAJOR_BYTES;
    case CDDL_STRUCT:
        return 1U << MAJOR_MAP;
    case CDDL_TUPLE:
    case CDDL_LIST:
        return 1U << MAJOR_ARRAY;
    case CDDL_SUM:
        for (unsigned i = 0; i < type->count; i++)
            majors |= 1U << (type->members[i].type == NULL ? MAJOR_TEXT : MAJOR_MAP);
        return majors;
    case CDDL_CHOICE:
        return majors_of_choice(schema, type);
    case CDDL_FLOAT:
    case CDDL_ANYTHING:
    case CDDL_MAP:
        break;
    }
    return 0;
}

static const char *major_name(unsigned majors)
{
    static const char *const names[] = {
        [MAJOR_UINT] = "unsigned integer",
        [MAJOR_NEGATIVE] = "negative integer",
        [MAJOR_BYTES] = "byte string",
        [MAJOR_TEXT] = "text",
        [MAJOR_ARRAY] = "array",
        [MAJOR_MAP] = "map",
        [6] = "tag",
        [MAJOR_SIMPLE] = "simple value",
    };

    return names[__builtin_ctz(majors)];
}

/* Also notes alternatives that begin alike. A choice that meets itself has no guard. */
static unsigned majors_of_choice(struct cddl_schema *schema, struct cddl_type *choice)
{
    unsigned all = 0;

    if (choice->mark == 1) {
        cddl_problem(schema->source, choice->span,
                     "this choice leads back to itself with no array or map between");
        return 0;
    }
    choice->mark = 1;
    for (unsigned i = 0; i < choice->count; i++) {
        unsigned majors = majors_of(schema, choice->members[i].type);

        if ((majors & all) != 0)
            cddl_problem(schema->source, choice->members[i].span,
                         "this alternative begins as another before it does (%s): nothing tells "
                         "them apart",
                         major_name(majors & all));
        all |= majors;
    }
    choice->mark = 0;
    return all;
}

/* A struct of C must have a member. */
static void check_substance(struct cddl_schema *schema, const struct cddl_type *type)
{
    if (type->shape != CDDL_STRUCT && type->shape != CDDL_TUPLE)
        return;
    for (unsigned i = 0; i < type->count; i++)
        if (type->members[i].optional || !cddl_is_void(&type->members[i]))
            return;
    cddl_problem(schema->source, type->span,
                 "C has nothing to keep of this: it holds no value but nil");
}

static uint64_t least_sum(uint64_t a, uint64_t b)
{
    return a > UINT32_MAX || b > UINT32_MAX
               ? (a == CDDL_ENDLESS || b == CDDL_ENDLESS ? CDDL_ENDLESS : UINT32_MAX)
               : a + b;
}

static uint64_t head_size(uint64_t argument)
{
    if (argument < 24)
        return 1;
    if (argument <= UINT8_MAX)
        return 2;
    if (argument <= UINT16_MAX)
        return 3;
    return argument <= UINT32_MAX ? 5 : 9;
}

static uint64_t least_of_int(const struct cddl_type *type)
{
    if ((int64_t)type->high >= 0)
        return 1; /* low is negative: 0 is one of them */
    return head_size(~type->high);
}

static uint64_t least_of_text(const char *text)
{
    return head_size(strlen(text)) + strlen(text);
}

static uint64_t least_of_members(const struct cddl_type *type)
{
    uint64_t least = 0, count = 0;

    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (member->optional)
            continue;
        count++;
        if (type->shape == CDDL_STRUCT)
            least = least_sum(least, least_of_text(member->name));
        least = least_sum(least, member->type->least);
    }
    return least_sum(least, head_size(count));
}

static uint64_t least_of_alternatives(const struct cddl_type *type)
{
    uint64_t least = CDDL_ENDLESS;

    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];
        uint64_t size = 0;

        if (member->type != NULL)
            size = member->type->least;
        if (type->shape == CDDL_SUM)
            size = least_sum(size, least_of_text(member->name) + (member->type != NULL));
        least = size < least ? size : least;
    }
    return least;
}

static uint64_t least_of(const struct cddl_type *type)
{
    switch (type->shape) {
    case CDDL_UINT:
        return head_size(type->low);
    case CDDL_INT:
        return least_of_int(type);
    case CDDL_TEXT:
    case CDDL_BYTES:
        return type->low >= UINT32_MAX - 9 ? UINT32_MAX : head_size(type->low) + type->low;
    case CDDL_BOOL:
    case CDDL_NIL:
    case CDDL_LIST:
        return 1;
    case CDDL_STRUCT:
    case CDDL_TUPLE:
        return least_of_members(type);
    case CDDL_SUM:
    case CDDL_CHOICE:
        return least_of_alternatives(type);
    case CDDL_FLOAT:
    case CDDL_ANYTHING:
    case CDDL_MAP:
        break;
    }
    return CDDL_ENDLESS;
}

/* The least fixed point: what is still endless when nothing shrinks any more has no value. */
static void find_least(struct cddl_schema *schema)
{
    bool more = true;

    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->least = CDDL_ENDLESS;
    while (more) {
        more = false;
        for (struct cddl_type *type = schema->types; type != NULL; type = type->next) {
            uint64_t least = least_of(type);

            more |= least < type->least;
            type->least = least;
        }
    }
}

void cddl_check_types(struct cddl_schema *schema)
{
    find_least(schema);
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next) {
        if (type->shape == CDDL_CHOICE)
            majors_of_choice(schema, type);
        check_substance(schema, type);
        if (type->least == CDDL_ENDLESS && type->rule != NULL)
            cddl_problem(schema->source, type->span, "no value of %s ends: each one holds another",
                         type->rule);
    }
}
