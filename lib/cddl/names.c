/* SPDX-License-Identifier: MIT */
/*
 * The names that generated C will have: no two things of a schema may come to the same.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cddl/schema.h"

/*
 * One name and the words of the schema that it is made of. Name spaces of C are told apart by what
 * stands in front: "tag X", "X" for functions, tables and enumerators, "OWNER.X" for members.
 */
struct claim {
    const char *name;
    struct cddl_span span;
    struct claim *next;
};

struct claims {
    struct cddl_schema *schema;
    struct claim *first;
    size_t count;
};

static void claim(struct claims *claims, struct cddl_span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void claim(struct claims *claims, struct cddl_span span, const char *format, ...)
{
    struct cddl_pool *pool = claims->schema->source->pool;
    struct claim *new = cddl_pool_alloc(pool, 1, sizeof(*new));
    va_list list;

    va_start(list, format);
    new->name = cddl_pool_print_list(pool, format, list);
    va_end(list);
    new->span = span;
    new->next = claims->first;
    claims->first = new;
    claims->count++;
}

/* ---- Types ---- */

static void claim_fields(struct claims *claims, const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (!cddl_is_void(member))
            claim(claims, member->span, "%s.%s", type->tag, member->field);
        if (member->optional)
            claim(claims, member->span, "%s.has_%s", type->tag, member->word);
    }
}

static void claim_kinds(struct claims *claims, const struct cddl_type *type)
{
    const char *upper = cddl_upper(claims->schema->source, type->tag);

    claim(claims, type->span, "tag %s_kind", type->tag);
    claim(claims, type->span, "%s.kind", type->tag);
    for (unsigned i = 0; i < type->count; i++)
        claim(claims, type->members[i].span, "%s_%s", upper, type->members[i].upper);
}

static void claim_type(struct claims *claims, const struct cddl_type *type)
{
    claim(claims, type->span, "%s_type", type->tag);
    if (cddl_is_compound(type) || type->is_index)
        claim(claims, type->span, "%s_members", type->tag);
    if (!cddl_is_compound(type))
        return;
    if (type->is_table)
        claim(claims, type->span, "%s_at", type->tag);
    if (type->shape == CDDL_MAP)
        claim(claims, type->span, "%s_%s", type->tag,
              cddl_is_void(&type->members[0].type->members[1]) ? "has" : "find");
    claim(claims, type->span, "tag %s", type->tag);
    if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        claim_kinds(claims, type);
    if (!cddl_is_sequence(type))
        claim_fields(claims, type);
}

/* ---- Methods ---- */

static void claim_all(struct claims *claims, struct cddl_span span, const char *const *names,
                      const char *prefix)
{
    for (; *names != NULL; names++) {
        bool tag = strncmp(*names, "tag ", 4) == 0;

        claim(claims, span, "%s%s%s", tag ? "tag " : "", prefix, tag ? *names + 4 : *names);
    }
}

/* What makes a reply of an arm. */
static void claim_constructors(struct claims *claims, const struct cddl_method *method,
                               const struct cddl_member *arm)
{
    static const char *const of_lists[] = {"", "_begin", "_add", "_end", NULL};
    static const char *const of_bytes[] = {"", "_reserve", "_done", "_file", NULL};
    static const char *const of_others[] = {"", NULL};
    enum cddl_shape shape = cddl_is_void(arm) ? CDDL_NIL : arm->type->shape;
    const char *const *constructors = of_others;

    if (shape == CDDL_LIST)
        constructors = of_lists;
    else if (shape == CDDL_BYTES)
        constructors = of_bytes;
    claim_all(claims, arm->span, constructors,
              cddl_pool_print(claims->schema->source->pool, "%s_reply_%s", method->tag, arm->word));
    if (!method->one_way)
        claim(claims, arm->span, "%s_later_%s", method->tag, arm->word);
}

/* What a client has of an arm. */
static void claim_outcome(struct claims *claims, const struct cddl_method *method,
                          const struct cddl_member *arm)
{
    enum cddl_shape shape = cddl_is_void(arm) ? CDDL_NIL : arm->type->shape;

    claim(claims, arm->span, "%s_GOT_%s", cddl_upper(claims->schema->source, method->tag),
          arm->upper);
    if (shape == CDDL_LIST)
        claim(claims, arm->span, "%s_%s_next", method->tag, arm->word);
    if (shape == CDDL_BYTES)
        claim(claims, arm->span, "%s_result.%s_size", method->tag, arm->word);
    else if (shape != CDDL_LIST && shape != CDDL_NIL)
        claim(claims, arm->span, "%s_result.%s", method->tag, arm->field);
}

static void claim_call(struct claims *claims, const struct cddl_method *method)
{
    static const char *const of_all[] = {
        "_start",          "_receive",       "_wait",       "_next",
        "_reply_later",    "tag _pending",   "tag _later",  "tag _outcome",
        "_result.outcome", "_result.failed", "tag _result", NULL,
    };
    static const char *const of_streams[] = {"_send_item", "_result.item", NULL};
    static const char *const of_others[] = {"", NULL};
    const char *upper = cddl_upper(claims->schema->source, method->tag);

    claim_all(claims, method->span, of_all, method->tag);
    claim_all(claims, method->span, method->item != NULL ? of_streams : of_others, method->tag);
    claim(claims, method->span, "%s_FAILED", upper);
    if (method->item != NULL)
        claim(claims, method->span, "%s_GOT_ITEM", upper);
}

static void claim_method(struct claims *claims, const struct cddl_method *method)
{
    static const char *const of_all[] = {
        "_reply_type", "_reply_members",   "tag _arm",          "tag _reply",
        "tag _answer", "tag _reply_value", "_reply_value.kind", NULL,
    };
    static const char *const of_one_way[] = {"_send", "_reply_none", NULL};
    const char *upper = cddl_upper(claims->schema->source, method->tag);

    claim_all(claims, method->span, of_all, method->tag);
    claim(claims, method->span, "%s", upper);
    claim(claims, method->span, "%s_handlers.%s", claims->schema->word, method->field);
    if (method->one_way)
        claim_all(claims, method->span, of_one_way, method->tag);
    else
        claim_call(claims, method);
    for (unsigned i = 0; i < method->reply->count; i++) {
        const struct cddl_member *arm = &method->reply->members[i];

        claim(claims, arm->span, "%s_%s", upper, arm->upper);
        if (!cddl_is_void(arm))
            claim(claims, arm->span, "%s_reply_value.%s", method->tag, arm->field);
        claim_constructors(claims, method, arm);
        if (!method->one_way)
            claim_outcome(claims, method, arm);
    }
}

static void claim_service(struct claims *claims, struct cddl_span root)
{
    static const char *const names[] = {
        "_dispatch",   "_service",     "_request_type", "_request_members",
        "tag _method", "tag _request", "tag _handlers", NULL,
    };
    struct cddl_schema *schema = claims->schema;

    claim_all(claims, root, names, schema->word);
    claim(claims, root, "%s_DIGEST", cddl_upper(schema->source, schema->word));
    claim(claims, root, "%s_HANDLERS", cddl_upper(schema->source, schema->word));
    claim(claims, root, "%s_request.kind", schema->word);
    claim_fields(claims, schema->request);
    for (const struct cddl_method *method = schema->methods; method != NULL; method = method->next)
        claim_method(claims, method);
}

/* ---- Collisions ---- */

static int by_name(const void *left, const void *right)
{
    const struct claim *a = *(const struct claim *const *)left;
    const struct claim *b = *(const struct claim *const *)right;
    int order = strcmp(a->name, b->name);

    if (order != 0)
        return order;
    return (a->span.offset > b->span.offset) - (a->span.offset < b->span.offset);
}

/* One collision is enough for each place: the others go with it. */
static bool is_noted(const struct cddl_source *source, struct cddl_span span)
{
    for (unsigned i = 0; i < source->problem_count; i++)
        if (source->problems[i].span.offset == span.offset)
            return true;
    return false;
}

static void note_collision(struct cddl_source *source, const struct claim *first,
                           const struct claim *second)
{
    const char *name = strncmp(second->name, "tag ", 4) == 0 ? second->name + 4 : second->name;

    if (!is_noted(source, second->span))
        cddl_problem(source, second->span,
                     "its name in C, %s, is already that of line %zu, column %zu: rename one of "
                     "them",
                     name, cddl_source_line(source, first->span.offset),
                     cddl_source_column(source, first->span.offset));
}

static void check_claims(const struct claims *claims)
{
    struct cddl_source *source = claims->schema->source;
    struct claim **sorted = cddl_pool_alloc(source->pool, claims->count, sizeof(struct claim *));
    size_t count = 0;

    for (struct claim *next = claims->first; next != NULL; next = next->next)
        sorted[count++] = next;
    qsort(sorted, count, sizeof(struct claim *), by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            note_collision(source, sorted[i - 1], sorted[i]);
}

/* Methods and types alone: when two of them collide, all that is made of their names does. */
static void check_heads(struct cddl_schema *schema)
{
    struct claims claims = {.schema = schema};

    for (const struct cddl_method *method = schema->methods; method != NULL; method = method->next)
        claim(&claims, method->span, "tag %s", method->tag);
    for (const struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (!type->message)
            claim(&claims, type->span, "%s", type->tag);
    check_claims(&claims);
}

void cddl_check_c_names(struct cddl_schema *schema)
{
    struct claims claims = {.schema = schema};

    check_heads(schema);
    if (!cddl_source_sound(schema->source))
        return;
    claim_service(&claims, schema->request->span);
    for (const struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (!type->message)
            claim_type(&claims, type);
    check_claims(&claims);
}
