/* SPDX-License-Identifier: MIT */
/*
 * From nodes to types: names are followed, and what has a name is resolved once.
 */
#include <string.h>

#include "cddl/schema.h"

static struct cddl_source *source_of(const struct cddl_resolver *resolver)
{
    return resolver->syntax->source;
}

/* A name that leads back to its own rule, and no value could be told from it. */
static void refuse_recursion(const struct cddl_resolver *resolver, const struct cddl_node *name)
{
    cddl_problem(resolver->syntax->source, name->span,
                 "%.60s leads back to itself with no array or map between", name->text);
}

struct cddl_node *cddl_follow(const struct cddl_resolver *resolver, struct cddl_node *node)
{
    unsigned hops = 0;

    while (node->kind == CDDL_NODE_NAME) {
        struct cddl_rule *rule = cddl_find_rule(resolver->syntax, node->text);

        if (rule == NULL)
            return cddl_is_prelude(node->text) ? node : NULL;
        if (hops++ > resolver->syntax->rule_count) {
            refuse_recursion(resolver, node);
            return NULL;
        }
        node = rule->node;
    }
    return node->kind == CDDL_NODE_BROKEN ? NULL : node;
}

struct cddl_type *cddl_new_type(struct cddl_resolver *resolver, enum cddl_shape shape,
                                const char *tag, struct cddl_span span)
{
    static const struct {
        const char *name, *word;
    } descriptions[] = {
        [CDDL_UINT] = {"unsigned integer", "uint"},
        [CDDL_INT] = {"integer", "int"},
        [CDDL_BOOL] = {"boolean", "bool"},
        [CDDL_FLOAT] = {"floating-point number", "float64"},
        [CDDL_TEXT] = {"text", "text"},
        [CDDL_BYTES] = {"bytes", "bytes"},
        [CDDL_ANYTHING] = {"any item", "any"},
        [CDDL_NIL] = {"nil", "nil"},
        [CDDL_STRUCT] = {"map", "map"},
        [CDDL_TUPLE] = {"array", "array"},
        [CDDL_LIST] = {"list", "list"},
        [CDDL_MAP] = {"map", "map"},
        [CDDL_SUM] = {"variant", "variant"},
        [CDDL_CHOICE] = {"choice", "choice"},
    };
    struct cddl_schema *schema = resolver->schema;
    struct cddl_type *type = cddl_pool_alloc(source_of(resolver)->pool, 1, sizeof(*type));

    if (++schema->type_count > CDDL_MAX_TYPES)
        cddl_problem(schema->source, (struct cddl_span){0, 1}, "the schema has too many types");
    type->shape = shape;
    type->tag = tag;
    type->span = span;
    type->name = descriptions[shape].name;
    type->word = descriptions[shape].word;
    type->previous = schema->last_type;
    if (schema->types == NULL)
        schema->types = type;
    else
        schema->last_type->next = type;
    schema->last_type = type;
    return type;
}

void cddl_name_type(struct cddl_resolver *resolver, struct cddl_type *type,
                    const struct cddl_rule *rule)
{
    if (rule == NULL)
        return;
    type->name = type->rule = rule->name;
    type->word = cddl_snake(source_of(resolver), rule->span, rule->name);
}

/* ---- Names ---- */

static struct cddl_type *prelude_type(struct cddl_resolver *resolver, const char *name)
{
    static const struct {
        const char *name;
        enum cddl_shape shape;
        uint64_t low, high;
    } prelude[] = {
        {"uint", CDDL_UINT, 0, UINT64_MAX},  {"int", CDDL_INT, (uint64_t)INT64_MIN, INT64_MAX},
        {"bool", CDDL_BOOL, 0, 0},           {"tstr", CDDL_TEXT, 0, UINT64_MAX},
        {"bstr", CDDL_BYTES, 0, UINT64_MAX}, {"nil", CDDL_NIL, 0, 0},
        {"float64", CDDL_FLOAT, 0, 0},       {"any", CDDL_ANYTHING, 0, 0},
    };

    for (size_t i = 0; i < sizeof(prelude) / sizeof(prelude[0]); i++) {
        struct cddl_type *type = resolver->prelude[i];

        if (strcmp(prelude[i].name, name) != 0)
            continue;
        if (type == NULL) {
            type = cddl_new_type(resolver, prelude[i].shape, NULL, (struct cddl_span){0, 1});
            type->tag = cddl_pool_print(source_of(resolver)->pool, "%s_%s", resolver->schema->word,
                                        type->word);
            type->low = prelude[i].low;
            type->high = prelude[i].high;
            resolver->prelude[i] = type;
        }
        return type;
    }
    return NULL;
}

static struct cddl_type *resolve(struct cddl_resolver *resolver, struct cddl_node *node,
                                 const char *tag, struct cddl_rule *rule);

const char *cddl_rule_tag(struct cddl_resolver *resolver, const struct cddl_rule *rule)
{
    struct cddl_source *source = source_of(resolver);

    return cddl_pool_print(source->pool, "%s_%s", resolver->schema->word,
                           cddl_snake(source, rule->span, rule->name));
}

static struct cddl_type *resolve_name(struct cddl_resolver *resolver, struct cddl_node *node)
{
    struct cddl_rule *rule = cddl_find_rule(resolver->syntax, node->text);
    struct cddl_type *type;

    if (rule == NULL)
        return prelude_type(resolver, node->text);
    if (rule->resolving && !rule->node->resolved) {
        refuse_recursion(resolver, node);
        return NULL;
    }
    rule->resolving = true;
    type = resolve(resolver, rule->node, cddl_rule_tag(resolver, rule), rule);
    rule->resolving = false;
    return type;
}

/* An annotated rule has a type of its own, also where it is only another name for a number. */
static struct cddl_type *make_index(struct cddl_resolver *resolver, struct cddl_type *base,
                                    const struct cddl_rule *rule, const char *tag)
{
    struct cddl_type *index = base;

    if (rule->node->kind == CDDL_NODE_NAME) {
        index = cddl_new_type(resolver, CDDL_UINT, tag, rule->node->span);
        index->low = base->low;
        index->high = base->high;
    }
    index->limited = true;
    index->is_index = true;
    cddl_name_type(resolver, index, rule);
    return index;
}

/* ---- All of them ---- */

static struct cddl_type *resolve_kind(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag, struct cddl_rule *rule)
{
    switch (node->kind) {
    case CDDL_NODE_BROKEN:
        return NULL;
    case CDDL_NODE_NAME:
        return resolve_name(resolver, node);
    case CDDL_NODE_NUMBER:
    case CDDL_NODE_RANGE:
        return cddl_resolve_range(resolver, node, tag);
    case CDDL_NODE_SIZE:
        return cddl_resolve_size(resolver, node, tag);
    case CDDL_NODE_TEXT:
    case CDDL_NODE_CHOICE:
        return cddl_resolve_choice(resolver, node, tag, rule);
    case CDDL_NODE_MAP:
    case CDDL_NODE_ARRAY:
        return cddl_resolve_compound(resolver, node, tag, rule);
    }
    return NULL;
}

static struct cddl_type *resolve(struct cddl_resolver *resolver, struct cddl_node *node,
                                 const char *tag, struct cddl_rule *rule)
{
    struct cddl_type *type;

    if (node->resolved)
        return node->type;
    if (resolver->schema->type_count > CDDL_MAX_TYPES)
        return NULL;
    type = resolve_kind(resolver, node, tag, rule);
    if (type != NULL && rule != NULL && rule->table != NULL && type->shape == CDDL_UINT &&
        !type->is_index)
        type = make_index(resolver, type, rule, tag);
    else if (type != NULL && node->kind != CDDL_NODE_NAME)
        cddl_name_type(resolver, type, rule);
    node->type = type;
    node->resolved = true;
    return type;
}

struct cddl_type *cddl_resolve_type(struct cddl_resolver *resolver, struct cddl_node *node,
                                    const char *tag)
{
    return resolve(resolver, node, tag, NULL);
}

struct cddl_type *cddl_resolve_member(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag)
{
    struct cddl_type *type = resolve(resolver, node, tag, NULL);

    return type == NULL ? &resolver->schema->unknown : type;
}
