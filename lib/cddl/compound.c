/* SPDX-License-Identifier: MIT */
/*
 * Maps and arrays: structs, tuples, lists, and maps from any text.
 */
#include <string.h>

#include "cddl/schema.h"

static struct cddl_source *source_of(const struct cddl_resolver *resolver)
{
    return resolver->syntax->source;
}

static unsigned count_entries(const struct cddl_entry *entry)
{
    unsigned count = 0;

    for (; entry != NULL; entry = entry->next)
        count++;
    return count;
}

static const char *inner_tag(struct cddl_resolver *resolver, const char *tag, const char *word)
{
    return cddl_pool_print(source_of(resolver)->pool, "%s_%s", tag, word);
}

/* Whether a node comes to this name of the prelude. */
static bool comes_to(struct cddl_resolver *resolver, struct cddl_node *node, const char *name)
{
    struct cddl_node *end = cddl_follow(resolver, node);

    return end != NULL && end->kind == CDDL_NODE_NAME && strcmp(end->text, name) == 0;
}

static struct cddl_type *begin_compound(struct cddl_resolver *resolver, enum cddl_shape shape,
                                        struct cddl_node *node, const char *tag,
                                        struct cddl_rule *rule)
{
    struct cddl_source *source = source_of(resolver);
    unsigned count = count_entries(node->entries);
    struct cddl_type *type;

    if (count == 0 || count > CDDL_MAX_MEMBERS) {
        cddl_problem(source, node->span,
                     count == 0 ? "this holds nothing: it must have an entry"
                                : "this has too many entries");
        return NULL;
    }
    type = cddl_new_type(resolver, shape, tag, node->span);
    type->members = cddl_pool_alloc(source->pool, count, sizeof(*type->members));
    cddl_name_type(resolver, type, rule);
    node->type = type; /* before its members, which may lead back to it */
    node->resolved = true;
    return type;
}

/* ---- Structs ---- */

/* * tstr => any, which stands last. */
static bool opens_map(struct cddl_resolver *resolver, const struct cddl_entry *entry)
{
    return entry->occurrence == CDDL_ANY && entry->arrow &&
           comes_to(resolver, entry->key, "tstr") && comes_to(resolver, entry->type, "any");
}

static void refuse_repetition(struct cddl_resolver *resolver, const struct cddl_entry *entry)
{
    if (entry->occurrence == CDDL_ANY && entry->arrow && entry->key->kind != CDDL_NODE_TEXT)
        cddl_problem(source_of(resolver), entry->span,
                     "beside other entries only * tstr => any may stand; {* tstr => T} stands "
                     "alone");
    else
        cddl_problem(source_of(resolver), entry->span,
                     "of a map's entries only * tstr => T may be repeated");
}

static bool key_is_fit(struct cddl_resolver *resolver, const struct cddl_type *type,
                       const struct cddl_entry *entry)
{
    struct cddl_source *source = source_of(resolver);

    if (entry->key == NULL) {
        cddl_problem(source, entry->span,
                     "an entry of a map needs a key; groups are not in the subset");
        return false;
    }
    if (entry->key->kind != CDDL_NODE_TEXT) {
        cddl_problem(source, entry->key->span, "keys are text in the subset: \"k\" => T or k: T");
        return false;
    }
    for (unsigned i = 0; i < type->count; i++) {
        if (strcmp(type->members[i].name, entry->key->text) != 0)
            continue;
        cddl_problem(source, entry->key->span, "the key \"%s\" stands twice, first in line %zu",
                     entry->key->text, cddl_source_line(source, type->members[i].span.offset));
        return false;
    }
    return true;
}

static bool entry_is_fit(struct cddl_resolver *resolver, const struct cddl_type *type,
                         const struct cddl_entry *entry)
{
    if (entry->occurrence == CDDL_ONCE || entry->occurrence == CDDL_OPTIONAL)
        return key_is_fit(resolver, type, entry);
    refuse_repetition(resolver, entry);
    return false;
}

static void add_key(struct cddl_resolver *resolver, struct cddl_type *type,
                    struct cddl_entry *entry)
{
    struct cddl_member *member = &type->members[type->count];

    if (!entry_is_fit(resolver, type, entry)) {
        type->incomplete = true;
        return;
    }
    type->count++;
    member->name = entry->key->text;
    member->span = entry->key->span;
    member->optional = entry->occurrence == CDDL_OPTIONAL;
    cddl_name_member(source_of(resolver), member);
    member->type = cddl_resolve_member(resolver, entry->type,
                                       inner_tag(resolver, type->tag, member->word));
}

static struct cddl_type *resolve_struct(struct cddl_resolver *resolver, struct cddl_node *node,
                                        const char *tag, struct cddl_rule *rule)
{
    struct cddl_type *type = begin_compound(resolver, CDDL_STRUCT, node, tag, rule);

    if (type == NULL)
        return NULL;
    for (struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next) {
        if (!opens_map(resolver, entry)) {
            add_key(resolver, type, entry);
            continue;
        }
        type->open = true;
        if (entry->next != NULL)
            cddl_problem(source_of(resolver), entry->span, "* tstr => any must stand last");
    }
    return type;
}

/* ---- Tuples ---- */

static void add_element(struct cddl_resolver *resolver, struct cddl_type *type,
                        struct cddl_entry *entry)
{
    struct cddl_source *source = source_of(resolver);
    struct cddl_member *member = &type->members[type->count];

    if (entry->occurrence != CDDL_ONCE) {
        type->incomplete = true;
        cddl_problem(source, entry->span,
                     "an array in the subset is a list [* T] or has a fixed number of elements");
        return;
    }
    member->nameless = entry->key == NULL;
    if (member->nameless) {
        member->name = cddl_pool_print(source->pool, "item%u", type->count);
        member->span = entry->span;
    } else {
        member->name = entry->key->text;
        member->span = entry->key->span;
    }
    type->count++;
    cddl_name_member(source, member);
    member->type = cddl_resolve_member(resolver, entry->type,
                                       inner_tag(resolver, type->tag, member->word));
}

static struct cddl_type *resolve_tuple(struct cddl_resolver *resolver, struct cddl_node *node,
                                       const char *tag, struct cddl_rule *rule)
{
    struct cddl_type *type = begin_compound(resolver, CDDL_TUPLE, node, tag, rule);

    if (type != NULL)
        for (struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next)
            add_element(resolver, type, entry);
    return type;
}

/* ---- Lists ---- */

/* [* T] where T has a name is one type wherever it stands: T_list. */
static struct cddl_type *resolve_list(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag, struct cddl_rule *rule)
{
    struct cddl_node *element = node->entries->type;
    bool shared = rule == NULL && element->kind == CDDL_NODE_NAME;
    struct cddl_type *item = NULL, *type;

    if (shared)
        item = cddl_resolve_type(resolver, element, NULL);
    if (shared && item == NULL)
        return NULL;
    if (shared && item->list != NULL)
        return item->list;
    type = begin_compound(resolver, CDDL_LIST, node, tag, rule);
    if (shared) {
        type->tag = inner_tag(resolver, item->tag, "list");
        item->list = type;
    } else {
        item = cddl_resolve_member(resolver, element, inner_tag(resolver, tag, "item"));
    }
    if (item->shape == CDDL_NIL)
        cddl_problem(source_of(resolver), node->span, "a list of nil says no more than its length");
    type->count = 1;
    type->members[0] = (struct cddl_member){
        .name = item->name, .type = item, .span = element->span};
    return type;
}

/* ---- Maps from any text ---- */

/* What a map consists of: a tuple in C and in the tables, a pair on the wire. */
static struct cddl_type *new_pair(struct cddl_resolver *resolver, const struct cddl_type *map,
                                  struct cddl_type *key, const struct cddl_entry *entry)
{
    static const char *const names[] = {"key", "value"};
    struct cddl_source *source = source_of(resolver);
    struct cddl_type *pair = cddl_new_type(resolver, CDDL_TUPLE,
                                           inner_tag(resolver, map->tag, "entry"), entry->span);

    pair->name = pair->word = "entry";
    pair->is_pair = true;
    pair->members = cddl_pool_alloc(source->pool, 2, sizeof(*pair->members));
    pair->count = 2;
    for (unsigned i = 0; i < 2; i++) {
        pair->members[i].name = names[i];
        pair->members[i].span = i == 0 ? entry->key->span : entry->type->span;
        cddl_name_member(source, &pair->members[i]);
    }
    pair->members[0].type = key;
    return pair;
}

static struct cddl_type *resolve_key(struct cddl_resolver *resolver, const struct cddl_entry *entry,
                                     const char *tag)
{
    struct cddl_type *key = cddl_resolve_member(resolver, entry->key,
                                                inner_tag(resolver, tag, "key"));

    if (key != &resolver->schema->unknown && key->shape != CDDL_TEXT)
        cddl_problem(source_of(resolver), entry->key->span,
                     "keys are text in the subset: {* tstr => T}");
    return key;
}

/* {* tstr => T} where T has a name is one type wherever it stands: T_map. */
static struct cddl_type *resolve_map(struct cddl_resolver *resolver, struct cddl_node *node,
                                     const char *tag, struct cddl_rule *rule)
{
    struct cddl_entry *entry = node->entries;
    bool shared = rule == NULL && entry->type->kind == CDDL_NODE_NAME &&
                  comes_to(resolver, entry->key, "tstr");
    struct cddl_type *value = NULL, *type, *pair;

    if (shared)
        value = cddl_resolve_type(resolver, entry->type, NULL);
    if (shared && value == NULL)
        return NULL;
    if (shared && value->map != NULL)
        return value->map;
    type = begin_compound(resolver, CDDL_MAP, node, tag, rule);
    if (shared) {
        type->tag = inner_tag(resolver, value->tag, "map");
        value->map = type;
    }
    pair = new_pair(resolver, type, resolve_key(resolver, entry, type->tag), entry);
    type->count = 1;
    type->members[0] = (struct cddl_member){.name = pair->name, .type = pair, .span = entry->span};
    if (!shared)
        value = cddl_resolve_member(resolver, entry->type, inner_tag(resolver, type->tag, "value"));
    pair->members[1].type = value;
    return type;
}

/* ---- All of them ---- */

struct cddl_type *cddl_resolve_compound(struct cddl_resolver *resolver, struct cddl_node *node,
                                        const char *tag, struct cddl_rule *rule)
{
    const struct cddl_entry *first = node->entries;
    bool repeated = first != NULL && first->next == NULL && first->occurrence == CDDL_ANY;

    if (node->kind == CDDL_NODE_ARRAY)
        return repeated ? resolve_list(resolver, node, tag, rule)
                        : resolve_tuple(resolver, node, tag, rule);
    return repeated && first->arrow && first->key->kind != CDDL_NODE_TEXT
               ? resolve_map(resolver, node, tag, rule)
               : resolve_struct(resolver, node, tag, rule);
}
