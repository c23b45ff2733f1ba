/* SPDX-License-Identifier: MIT */
/*
 * Graphs: rules whose numbers are indices into a list, and the proof that each of them stands
 * inside a value that holds the list.
 */
#include <string.h>

#include "cddl/schema.h"

/* ---- Annotations ---- */

/* [* T], or a name of it. */
static bool is_list(const struct cddl_node *node)
{
    return node->kind == CDDL_NODE_ARRAY && node->entries != NULL && node->entries->next == NULL &&
           node->entries->occurrence == CDDL_ANY;
}

/* The list that an annotation names, or NULL. */
static struct cddl_type *find_table(struct cddl_resolver *resolver, const struct cddl_rule *rule)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_rule *table = cddl_find_rule(resolver->syntax, rule->table);
    const struct cddl_node *node;

    if (table == NULL) {
        cddl_problem(source, rule->table_span, "the table %.60s is not defined", rule->table);
        return NULL;
    }
    node = cddl_follow(resolver, table->node);
    if (node != NULL && !is_list(node))
        cddl_problem(source, rule->table_span, "the table %.60s is not a list [* T]", rule->table);
    return node != NULL && is_list(node) ? table->node->type : NULL;
}

static bool may_be_index(const struct cddl_node *node)
{
    switch (node->kind) {
    case CDDL_NODE_BROKEN:
    case CDDL_NODE_NAME:
    case CDDL_NODE_NUMBER:
    case CDDL_NODE_RANGE:
    case CDDL_NODE_SIZE:
        return true;
    case CDDL_NODE_TEXT:
    case CDDL_NODE_CHOICE:
    case CDDL_NODE_MAP:
    case CDDL_NODE_ARRAY:
        break;
    }
    return false;
}

static void bind_index(struct cddl_resolver *resolver, const struct cddl_rule *rule)
{
    struct cddl_type *table = find_table(resolver, rule), *index = rule->node->type;
    bool fit = index != NULL ? index->is_index && index->rule == rule->name
                             : may_be_index(rule->node);

    if (!fit)
        cddl_problem(resolver->syntax->source, rule->node->span,
                     "an index is an unsigned integer of its own: uint, or a range from 0 on");
    if (!fit || index == NULL || table == NULL)
        return;
    index->table = table;
    table->is_table = true;
}

void cddl_bind_indices(struct cddl_resolver *resolver)
{
    for (const struct cddl_rule *rule = resolver->syntax->rules; rule != NULL; rule = rule->next)
        if (rule->table != NULL)
            bind_index(resolver, rule);
}

/* ---- Holders: the maps and arrays in which indices into a table may stand ---- */

static bool is_holder(const struct cddl_type *type)
{
    return (type->shape == CDDL_STRUCT || type->shape == CDDL_TUPLE) && !type->is_pair;
}

bool cddl_holds(const struct cddl_type *type, const struct cddl_type *table)
{
    if (!is_holder(type))
        return false;
    for (unsigned i = 0; i < type->count; i++)
        if (type->members[i].type == table)
            return true;
    return false;
}

/* Indices must mean one table, and it must be there. */
static void check_holder(struct cddl_schema *schema, const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (member->type == NULL || !member->type->is_table)
            continue;
        if (member->optional)
            cddl_problem(schema->source, member->span, "the table %s must not be optional",
                         member->type->name);
        for (unsigned k = 0; k < i; k++)
            if (type->members[k].type == member->type)
                cddl_problem(schema->source, member->span,
                             "the table %s stands twice: an index could mean either",
                             member->type->name);
    }
}

/* ---- The proof ---- */

static bool leads_to_marked(const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++)
        if (type->members[i].type != NULL && type->members[i].type->mark != 0)
            return true;
    return false;
}

/* Whether an index into the table stands in values of this type and they do not hold the table. */
static bool exposes(const struct cddl_type *type, const struct cddl_type *table)
{
    return type->table == table || (leads_to_marked(type) && !cddl_holds(type, table));
}

/*
 * Marks the types that expose indices into the table, each with a greater number than a member by
 * which it does.
 */
static void mark_exposed(struct cddl_schema *schema, const struct cddl_type *table)
{
    unsigned mark = 0;
    bool more = true;

    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->mark = 0;
    while (more) {
        more = false;
        for (struct cddl_type *type = schema->last_type; type != NULL; type = type->previous) {
            if (type->mark != 0 || !exposes(type, table))
                continue;
            type->mark = ++mark;
            more = true;
        }
    }
}

/* No value of such a type is legal alone. */
static void note_exposed(struct cddl_schema *schema)
{
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->exposed |= type->mark != 0;
}

/* From a marked type to a place where an index stands. */
static struct cddl_span find_index(const struct cddl_type *type, struct cddl_span span)
{
    while (!type->is_index) {
        const struct cddl_member *member = type->members;

        while (member->type == NULL || member->type->mark == 0 || member->type->mark >= type->mark)
            member++;
        span = member->span;
        type = member->type;
    }
    return span;
}

static void check_root(struct cddl_schema *schema, const struct cddl_type *root,
                       struct cddl_span span, const struct cddl_type *table)
{
    struct cddl_span place;

    if (root == NULL || root->mark == 0)
        return;
    place = find_index(root, span);
    cddl_problem(
        schema->source, span,
        "this leads to an index into %s (line %zu, column %zu) outside of any map or array "
        "that has %s as a member",
        table->name, cddl_source_line(schema->source, place.offset),
        cddl_source_column(schema->source, place.offset), table->name);
}

/* All that travels as a whole: requests, items of streams, payloads of replies. */
static void check_roots(struct cddl_schema *schema, const struct cddl_type *table)
{
    for (const struct cddl_method *method = schema->methods; method != NULL;
         method = method->next) {
        check_root(schema, method->request, method->span, table);
        check_root(schema, method->item, method->span, table);
        for (unsigned i = 0; i < method->reply->count; i++)
            check_root(schema, method->reply->members[i].type, method->reply->members[i].span,
                       table);
    }
}

static void find_edges(struct cddl_schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        for (struct cddl_type *type = schema->last_type; type != NULL; type = type->previous) {
            bool edges = type->is_index;

            for (unsigned i = 0; i < type->count && !edges; i++)
                edges = type->members[i].type != NULL && type->members[i].type->has_edges;
            more |= edges && !type->has_edges;
            type->has_edges = edges;
        }
    }
}

void cddl_check_graphs(struct cddl_schema *schema)
{
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next) {
        if (is_holder(type))
            check_holder(schema, type);
        if (!type->is_table)
            continue;
        mark_exposed(schema, type);
        note_exposed(schema);
        check_roots(schema, type);
    }
    find_edges(schema);
}
