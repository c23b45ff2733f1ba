/* SPDX-License-Identifier: MIT */
/*
 * Choices: sums, whose alternatives all are variants, and types that the first head tells apart.
 */
#include <string.h>

#include "cddl/schema.h"

struct cddl_entry *cddl_only_pair(const struct cddl_node *node)
{
    struct cddl_entry *entry = node->kind == CDDL_NODE_MAP ? node->entries : NULL;

    if (entry == NULL || entry->next != NULL || entry->occurrence != CDDL_ONCE ||
        entry->key == NULL || entry->key->kind != CDDL_NODE_TEXT)
        return NULL;
    return entry;
}

/* A rule on its way to its verdict counts as variants: what it meets else decides. */
static bool rule_is_variants(struct cddl_resolver *resolver, struct cddl_rule *rule)
{
    if (rule->verdict == CDDL_UNJUDGED) {
        rule->verdict = CDDL_JUDGING;
        rule->verdict = cddl_is_variants(resolver, rule->node) ? CDDL_VARIANTS : CDDL_NO_VARIANTS;
    }
    return rule->verdict != CDDL_NO_VARIANTS;
}

bool cddl_is_variants(struct cddl_resolver *resolver, const struct cddl_node *node)
{
    struct cddl_rule *rule;

    switch ((unsigned)node->kind) {
    case CDDL_NODE_BROKEN:
    case CDDL_NODE_TEXT:
        return true;
    case CDDL_NODE_MAP:
        return cddl_only_pair(node) != NULL;
    case CDDL_NODE_NAME:
        rule = cddl_find_rule(resolver->syntax, node->text);
        if (rule == NULL) /* not defined: that was noted */
            return !cddl_is_prelude(node->text);
        return rule_is_variants(resolver, rule);
    case CDDL_NODE_CHOICE:
        for (node = node->parts; node != NULL; node = node->next)
            if (!cddl_is_variants(resolver, node))
                return false;
        return true;
    default:
        return false;
    }
}

/* ---- Sums ---- */

/* A variant on its way into a sum. */
struct variant {
    struct cddl_node *node;
    const char *tag; /* what an inline payload is called after */
    struct variant *next;
};

struct collection {
    struct cddl_resolver *resolver;
    struct variant *first, **place;
    unsigned count;
    bool incomplete; /* something could not be collected, for a reason that was noted */
    unsigned visits; /* bounds what names that lead to names can make of a short schema */
};

static const struct cddl_node *name_of_variant(const struct cddl_node *node)
{
    const struct cddl_entry *pair = cddl_only_pair(node);

    return pair != NULL ? pair->key : node;
}

static void collect_variant(struct collection *collection, struct cddl_node *node, const char *tag)
{
    struct cddl_source *source = collection->resolver->syntax->source;
    const struct cddl_node *name = name_of_variant(node);
    struct variant *variant;

    for (variant = collection->first; variant != NULL; variant = variant->next) {
        const struct cddl_node *known = name_of_variant(variant->node);

        if (strcmp(known->text, name->text) != 0)
            continue;
        cddl_problem(source, name->span,
                     "the variant \"%s\" stands twice in a sum, first in line %zu", name->text,
                     cddl_source_line(source, known->span.offset));
        return;
    }
    variant = cddl_pool_alloc(source->pool, 1, sizeof(*variant));
    variant->node = node;
    variant->tag = tag;
    *collection->place = variant;
    collection->place = &variant->next;
    collection->count++;
}

static void collect(struct collection *collection, struct cddl_node *node, const char *tag);

static void collect_rule(struct collection *collection, const struct cddl_node *name)
{
    struct cddl_syntax *syntax = collection->resolver->syntax;
    struct cddl_rule *rule = cddl_find_rule(syntax, name->text);

    if (rule == NULL) {
        collection->incomplete = true;
        return;
    }
    if (rule->collecting) {
        cddl_problem(syntax->source, name->span,
                     "%s leads back to itself with no array or map between", rule->name);
        return;
    }
    rule->collecting = true;
    collect(collection, rule->node, cddl_rule_tag(collection->resolver, rule));
    rule->collecting = false;
}

/* The variants of a node in the order written, those of a named sum where its name stands. */
static void collect(struct collection *collection, struct cddl_node *node, const char *tag)
{
    if (collection->visits++ == 4 * CDDL_MAX_MEMBERS)
        cddl_problem(collection->resolver->syntax->source, node->span,
                     "this sum has too many variants");
    if (collection->visits > 4 * CDDL_MAX_MEMBERS)
        return;
    if (node->kind == CDDL_NODE_CHOICE)
        for (node = node->parts; node != NULL; node = node->next)
            collect(collection, node, tag);
    else if (node->kind == CDDL_NODE_NAME)
        collect_rule(collection, node);
    else if (node->kind == CDDL_NODE_TEXT || cddl_only_pair(node) != NULL)
        collect_variant(collection, node, tag);
    else
        collection->incomplete = true;
}

static void fill_variant(struct cddl_resolver *resolver, const struct variant *variant,
                         struct cddl_member *member)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_entry *pair = cddl_only_pair(variant->node);
    const struct cddl_node *name = name_of_variant(variant->node);

    member->name = name->text;
    member->span = name->span;
    cddl_name_member(source, member);
    if (pair != NULL)
        member->type = cddl_resolve_member(
            resolver, pair->type,
            cddl_pool_print(source->pool, "%s_%s", variant->tag, member->word));
}

struct cddl_type *cddl_resolve_sum(struct cddl_resolver *resolver, struct cddl_node *node,
                                   const char *tag, struct cddl_rule *rule)
{
    struct collection collection = {.resolver = resolver};
    struct cddl_type *sum = cddl_new_type(resolver, CDDL_SUM, tag, node->span);

    cddl_name_type(resolver, sum, rule);
    collection.place = &collection.first;
    if (rule != NULL)
        rule->collecting = true;
    collect(&collection, node, tag);
    sum->incomplete = collection.incomplete;
    if (rule != NULL)
        rule->collecting = false;
    if (rule != NULL || node->kind != CDDL_NODE_NAME) {
        node->type = sum; /* before its payloads, which may lead back to it */
        node->resolved = true;
    }
    sum->members = cddl_pool_alloc(resolver->syntax->source->pool, collection.count,
                                   sizeof(*sum->members));
    for (const struct variant *variant = collection.first; variant != NULL; variant = variant->next)
        fill_variant(resolver, variant, &sum->members[sum->count++]);
    for (unsigned i = 0; i < sum->count; i++)
        sum->incomplete |= sum->members[i].type == &resolver->schema->unknown;
    return sum;
}

/* ---- Types that the first head tells apart ---- */

static bool is_inline_variant(const struct cddl_node *node)
{
    return node->kind == CDDL_NODE_TEXT || cddl_only_pair(node) != NULL;
}

static unsigned count_alternatives(const struct cddl_node *node)
{
    unsigned count = 0;

    if (node->kind != CDDL_NODE_CHOICE)
        return 1;
    for (node = node->parts; node != NULL; node = node->next)
        count += count_alternatives(node);
    return count;
}

static void add_alternative(struct cddl_resolver *resolver, struct cddl_type *choice,
                            struct cddl_node *node)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_member *member = &choice->members[choice->count];
    struct cddl_type *type;

    if (node->kind == CDDL_NODE_CHOICE) {
        for (node = node->parts; node != NULL; node = node->next)
            add_alternative(resolver, choice, node);
        return;
    }
    if (is_inline_variant(node)) {
        choice->incomplete = true;
        cddl_problem(source, node->span,
                     "a variant beside types that are none: make the sum a rule and choose "
                     "between its name and them");
        return;
    }
    type = cddl_resolve_type(
        resolver, node, cddl_pool_print(source->pool, "%s_item%u", choice->tag, choice->count));
    if (type == NULL) {
        choice->incomplete = true;
        return;
    }
    choice->count++;
    member->type = type;
    member->span = node->span;
    member->name = type->name;
    member->word = type->word;
    member->field = cddl_escape(source, member->word);
    member->upper = cddl_upper(source, member->word);
}

/* What stands inline is called "text or nil". */
static void describe(struct cddl_resolver *resolver, struct cddl_type *choice)
{
    struct cddl_pool *pool = resolver->syntax->source->pool;

    for (unsigned i = 0; i < choice->count; i++)
        choice->name = i == 0 ? choice->members[0].name
                              : cddl_pool_print(pool, "%s or %s", choice->name,
                                                choice->members[i].name);
}

struct cddl_type *cddl_resolve_choice(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag, struct cddl_rule *rule)
{
    struct cddl_type *choice;

    if (cddl_is_variants(resolver, node))
        return cddl_resolve_sum(resolver, node, tag, rule);
    choice = cddl_new_type(resolver, CDDL_CHOICE, tag, node->span);
    cddl_name_type(resolver, choice, rule);
    choice->members = cddl_pool_alloc(resolver->syntax->source->pool, count_alternatives(node),
                                      sizeof(*choice->members));
    node->type = choice; /* before its alternatives, which may lead back to it */
    node->resolved = true;
    add_alternative(resolver, choice, node);
    if (rule == NULL)
        describe(resolver, choice);
    return choice;
}
