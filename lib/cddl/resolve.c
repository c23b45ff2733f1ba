/* SPDX-License-Identifier: MIT */
/*
 * From nodes to types: names are followed, maps and arrays become structs, tuples and lists.
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
        if (hops++ > CDDL_MAX_RULES) {
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
        [CDDL_TEXT] = {"text", "text"},
        [CDDL_BYTES] = {"bytes", "bytes"},
        [CDDL_NIL] = {"nil", "nil"},
        [CDDL_STRUCT] = {"map", "map"},
        [CDDL_TUPLE] = {"array", "array"},
        [CDDL_LIST] = {"list", "list"},
        [CDDL_SUM] = {"variant", "variant"},
        [CDDL_CHOICE] = {"choice", "choice"},
    };
    struct cddl_schema *schema = resolver->schema;
    struct cddl_type *type = cddl_pool_alloc(source_of(resolver)->pool, 1, sizeof(*type));
    struct cddl_type **place = &schema->types;

    type->number = schema->type_count++;
    if (schema->type_count > CDDL_MAX_TYPES)
        cddl_problem(schema->source, (struct cddl_span){0, 1}, "the schema has too many types");
    type->shape = shape;
    type->tag = tag;
    type->span = span;
    type->name = descriptions[shape].name;
    type->word = descriptions[shape].word;
    while (*place != NULL)
        place = &(*place)->next;
    *place = type;
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

    if (rule == NULL) {
        type = prelude_type(resolver, node->text);
        if (type == NULL && (strcmp(node->text, "any") == 0 || strcmp(node->text, "float64") == 0))
            cddl_problem(source_of(resolver), node->span,
                         "values of type %s are not supported in this version", node->text);
        return type;
    }
    if (rule->resolving && !rule->node->resolved) {
        refuse_recursion(resolver, node);
        return NULL;
    }
    rule->resolving = true;
    type = resolve(resolver, rule->node, cddl_rule_tag(resolver, rule), rule);
    rule->resolving = false;
    return type;
}

/* ---- Numbers ---- */

static bool number_of(struct cddl_resolver *resolver, struct cddl_node *node,
                      struct cddl_number *ret_number)
{
    struct cddl_node *end = cddl_follow(resolver, node);

    if (end == NULL)
        return false;
    if (end->kind != CDDL_NODE_NUMBER) {
        cddl_problem(source_of(resolver), node->span, "an integer should stand here");
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
        cddl_problem(source_of(resolver), node->span, "this range holds no number");
        return false;
    }
    if (node->exclusive)
        high = number_before(high);
    if (number_less(high, low)) {
        cddl_problem(source_of(resolver), node->span, "this range ends below its start");
        return false;
    }
    *ret_low = low;
    *ret_high = high;
    return true;
}

static struct cddl_type *resolve_range(struct cddl_resolver *resolver, struct cddl_node *node,
                                       const char *tag)
{
    struct cddl_number low, high;
    struct cddl_type *type;

    if (!bounds_of(resolver, node, &low, &high))
        return NULL;
    if (low.negative && (low.magnitude > (uint64_t)INT64_MAX + 1 ||
                         (!high.negative && high.magnitude > INT64_MAX))) {
        cddl_problem(source_of(resolver), node->span,
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
        cddl_problem(source_of(resolver), limit->span, "the size of an integer is 1 to 8 bytes");
        return false;
    }
    type->high = UINT64_MAX >> (64 - 8 * low.magnitude);
    return true;
}

static struct cddl_type *resolve_size(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag)
{
    struct cddl_node *limit = node->parts->next, *range = cddl_follow(resolver, limit);
    struct cddl_type *base = cddl_resolve_type(resolver, node->parts, tag), *type;
    struct cddl_number low, high;

    if (base == NULL)
        return NULL;
    if (base->limited ||
        (base->shape != CDDL_TEXT && base->shape != CDDL_BYTES && base->shape != CDDL_UINT)) {
        cddl_problem(source_of(resolver), node->parts->span,
                     ".size goes with tstr, bstr and uint only");
        return NULL;
    }
    if (range == NULL || range->kind != CDDL_NODE_RANGE)
        range = limit;
    if (!bounds_of(resolver, range, &low, &high))
        return NULL;
    if (low.negative) {
        cddl_problem(source_of(resolver), limit->span, "a size is not negative");
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

/* ---- Maps and arrays ---- */

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

static void refuse_repetition(struct cddl_resolver *resolver, const struct cddl_entry *entry)
{
    const struct cddl_node *key = entry->key;

    if (key != NULL && key->kind == CDDL_NODE_NAME && strcmp(key->text, "tstr") == 0)
        cddl_problem(source_of(resolver), entry->span,
                     "maps from any text to a type ({* tstr => T}) are not supported in this "
                     "version");
    else
        cddl_problem(source_of(resolver), entry->span,
                     "of a map's entries only * tstr => any may be repeated");
}

/* * tstr => any, which stands last. */
static bool opens_map(const struct cddl_entry *entry)
{
    return entry->occurrence == CDDL_ANY && entry->key != NULL &&
           entry->key->kind == CDDL_NODE_NAME && strcmp(entry->key->text, "tstr") == 0 &&
           entry->type->kind == CDDL_NODE_NAME && strcmp(entry->type->text, "any") == 0;
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

static void add_key(struct cddl_resolver *resolver, struct cddl_type *type,
                    struct cddl_entry *entry)
{
    struct cddl_member *member = &type->members[type->count];

    if (entry->occurrence == CDDL_ANY || entry->occurrence == CDDL_SOME) {
        refuse_repetition(resolver, entry);
        return;
    }
    if (!key_is_fit(resolver, type, entry))
        return;
    type->count++;
    member->name = entry->key->text;
    member->span = entry->key->span;
    member->optional = entry->occurrence == CDDL_OPTIONAL;
    cddl_name_member(source_of(resolver), member);
    member->type = cddl_resolve_type(resolver, entry->type,
                                     inner_tag(resolver, type->tag, member->word));
}

static void fill_struct(struct cddl_resolver *resolver, struct cddl_node *node,
                        struct cddl_type *type)
{
    for (struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next) {
        if (!opens_map(entry)) {
            add_key(resolver, type, entry);
            continue;
        }
        type->open = true;
        if (entry->next != NULL)
            cddl_problem(source_of(resolver), entry->span, "* tstr => any must stand last");
    }
}

static void add_element(struct cddl_resolver *resolver, struct cddl_type *type,
                        struct cddl_entry *entry)
{
    struct cddl_source *source = source_of(resolver);
    struct cddl_member *member = &type->members[type->count];

    if (entry->occurrence != CDDL_ONCE) {
        cddl_problem(source, entry->span,
                     "an array in the subset is a list [* T] or has a fixed number of elements");
        return;
    }
    if (entry->key != NULL && entry->key->kind == CDDL_NODE_TEXT) {
        member->name = entry->key->text;
        member->span = entry->key->span;
    } else {
        member->name = cddl_pool_print(source->pool, "item%u", type->count);
        member->span = entry->span;
    }
    type->count++;
    cddl_name_member(source, member);
    member->type = cddl_resolve_type(resolver, entry->type,
                                     inner_tag(resolver, type->tag, member->word));
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
        item = cddl_resolve_type(resolver, element, inner_tag(resolver, tag, "item"));
    }
    if (item != NULL && item->shape == CDDL_NIL)
        cddl_problem(source_of(resolver), node->span, "a list of nil says no more than its length");
    type->count = 1;
    type->members[0] = (struct cddl_member){
        .name = item == NULL ? "" : item->name, .type = item, .span = element->span};
    return item == NULL ? NULL : type;
}

static struct cddl_type *resolve_compound(struct cddl_resolver *resolver, struct cddl_node *node,
                                          const char *tag, struct cddl_rule *rule)
{
    struct cddl_entry *first = node->entries;
    struct cddl_type *type;

    if (node->kind == CDDL_NODE_ARRAY && first != NULL && first->next == NULL &&
        first->occurrence == CDDL_ANY)
        return resolve_list(resolver, node, tag, rule);
    type = begin_compound(resolver, node->kind == CDDL_NODE_MAP ? CDDL_STRUCT : CDDL_TUPLE, node,
                          tag, rule);
    if (type == NULL)
        return NULL;
    if (type->shape == CDDL_STRUCT)
        fill_struct(resolver, node, type);
    else
        for (struct cddl_entry *entry = first; entry != NULL; entry = entry->next)
            add_element(resolver, type, entry);
    return type;
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
        return resolve_range(resolver, node, tag);
    case CDDL_NODE_SIZE:
        return resolve_size(resolver, node, tag);
    case CDDL_NODE_TEXT:
    case CDDL_NODE_CHOICE:
        return cddl_resolve_choice(resolver, node, tag, rule);
    case CDDL_NODE_MAP:
    case CDDL_NODE_ARRAY:
        return resolve_compound(resolver, node, tag, rule);
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
    node->type = type;
    node->resolved = true;
    if (type != NULL && node->kind != CDDL_NODE_NAME)
        cddl_name_type(resolver, type, rule);
    return type;
}

struct cddl_type *cddl_resolve_type(struct cddl_resolver *resolver, struct cddl_node *node,
                                    const char *tag)
{
    return resolve(resolver, node, tag, NULL);
}
