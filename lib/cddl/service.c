/* SPDX-License-Identifier: MIT */
/*
 * The root rule: a choice of arrays, each the request and the reply of one method.
 */
#include <string.h>

#include "cddl/schema.h"

struct service {
    struct cddl_resolver *resolver;
    struct cddl_method **place;
    unsigned count;
    unsigned visits; /* bounds what names that lead to names can make of a short schema */
};

static void refuse_transcript(struct cddl_source *source, const struct cddl_node *node,
                              unsigned count)
{
    if (count == 1)
        cddl_problem(source, node->span,
                     "a call without a reply is not supported in this version: write "
                     "[request, reply]");
    else if (count > 2)
        cddl_problem(source, node->span,
                     "streams are not supported in this version: write [request, reply]");
    else
        cddl_problem(source, node->span, "a method is an array: [request, reply]");
}

/* Request and reply of [request, reply]. */
static bool split_method(struct cddl_source *source, const struct cddl_node *node,
                         struct cddl_node **ret_request, struct cddl_node **ret_reply)
{
    unsigned count = 0;
    bool repeated = false;

    if (node->kind == CDDL_NODE_ARRAY)
        for (const struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next) {
            repeated |= entry->occurrence != CDDL_ONCE;
            count++;
        }
    if (count != 2 || repeated) {
        refuse_transcript(source, node, repeated ? 3 : count);
        return false;
    }
    *ret_request = node->entries->type;
    *ret_reply = node->entries->next->type;
    return true;
}

static bool admits_error(const struct cddl_type *reply)
{
    for (unsigned i = 0; i < reply->count; i++) {
        const struct cddl_type *type = reply->members[i].type;

        if (strcmp(reply->members[i].name, "Error") == 0)
            return type != NULL && type->shape == CDDL_TEXT && !type->limited;
    }
    return false;
}

static void resolve_reply(struct cddl_resolver *resolver, struct cddl_node *node,
                          struct cddl_method *method)
{
    struct cddl_source *source = resolver->syntax->source;

    method->text = cddl_words(source, node->span);
    if (cddl_follow(resolver, node) == NULL)
        return;
    if (!cddl_is_variants(resolver, node)) {
        cddl_problem(source, node->span,
                     "a reply is a sum: each alternative is \"Variant\" or {\"Variant\" => T}");
        return;
    }
    method->reply = cddl_resolve_sum(resolver, node, method->tag, NULL);
    method->reply->name = "reply";
    method->reply->message = true;
    method->reply->tag = cddl_pool_print(source->pool, "%s_reply", method->tag);
    if (!method->reply->incomplete && !admits_error(method->reply))
        cddl_problem(source, node->span,
                     "this reply must admit {\"Error\" => tstr}, with which the server itself "
                     "answers what it cannot pass on");
}

static void check_duplicate(struct cddl_resolver *resolver, const struct cddl_method *method)
{
    struct cddl_source *source = resolver->syntax->source;

    for (const struct cddl_method *other = resolver->schema->methods; other != NULL;
         other = other->next)
        if (strcmp(other->variant, method->variant) == 0)
            cddl_problem(source, method->span, "the method \"%s\" stands twice, first in line %zu",
                         method->variant, cddl_source_line(source, other->span.offset));
}

static void add_method(struct service *service, const struct cddl_node *node)
{
    struct cddl_resolver *resolver = service->resolver;
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_node *request, *reply, *variant;
    struct cddl_entry *pair;
    struct cddl_method *method;

    if (!split_method(source, node, &request, &reply))
        return;
    variant = cddl_follow(resolver, request);
    if (variant == NULL)
        return;
    pair = cddl_only_pair(variant);
    if (pair == NULL && variant->kind != CDDL_NODE_TEXT) {
        cddl_problem(source, request->span,
                     "a request is one variant: \"Method\" or {\"Method\" => T}");
        return;
    }
    method = cddl_pool_alloc(source->pool, 1, sizeof(*method));
    method->variant = pair != NULL ? pair->key->text : variant->text;
    method->span = pair != NULL ? pair->key->span : variant->span;
    method->word = cddl_snake(source, method->span, method->variant);
    method->field = cddl_escape(source, method->word);
    method->tag = cddl_pool_print(source->pool, "%s_%s", resolver->schema->word, method->word);
    check_duplicate(resolver, method);
    if (pair != NULL)
        method->request = cddl_resolve_type(
            resolver, pair->type, cddl_pool_print(source->pool, "%s_request", method->tag));
    resolve_reply(resolver, reply, method);
    *service->place = method;
    service->place = &method->next;
    service->count++;
}

static void add_methods(struct service *service, struct cddl_node *node);

/* Methods that stand in a rule of their own. */
static void add_named_methods(struct service *service, const struct cddl_node *name)
{
    struct cddl_syntax *syntax = service->resolver->syntax;
    struct cddl_rule *rule = cddl_find_rule(syntax, name->text);

    if (rule == NULL && cddl_is_prelude(name->text))
        refuse_transcript(syntax->source, name, 0);
    if (rule == NULL)
        return;
    if (rule->collecting) {
        cddl_problem(syntax->source, name->span,
                     "%.60s leads back to itself with no array or map between", rule->name);
        return;
    }
    rule->collecting = true;
    add_methods(service, rule->node);
    rule->collecting = false;
}

static void add_methods(struct service *service, struct cddl_node *node)
{
    if (service->visits++ == 2 * CDDL_MAX_MEMBERS)
        cddl_problem(service->resolver->syntax->source, node->span,
                     "the service has too many methods");
    if (service->visits > 2 * CDDL_MAX_MEMBERS || node->kind == CDDL_NODE_BROKEN)
        return;
    if (node->kind == CDDL_NODE_CHOICE)
        for (node = node->parts; node != NULL; node = node->next)
            add_methods(service, node);
    else if (node->kind == CDDL_NODE_NAME)
        add_named_methods(service, node);
    else
        add_method(service, node);
}

/* The sum of the methods, as it travels. */
static void make_request(struct cddl_resolver *resolver, unsigned count)
{
    struct cddl_schema *schema = resolver->schema;
    struct cddl_pool *pool = schema->source->pool;
    struct cddl_type *request = cddl_new_type(resolver, CDDL_SUM,
                                              cddl_pool_print(pool, "%s_request", schema->word),
                                              resolver->syntax->rules->span);

    request->name = "request";
    request->message = true;
    request->members = cddl_pool_alloc(pool, count, sizeof(*request->members));
    for (const struct cddl_method *method = schema->methods; method != NULL;
         method = method->next) {
        struct cddl_member *member = &request->members[request->count++];

        member->name = method->variant;
        member->span = method->span;
        member->type = method->request;
        cddl_name_member(schema->source, member);
    }
    schema->request = request;
}

static bool check_root(struct cddl_source *source, const struct cddl_rule *root, const char *name)
{
    if (root == NULL) {
        cddl_problem(source, (struct cddl_span){0, 0}, "the schema has no rule");
        return false;
    }
    if (name != NULL && strcmp(root->name, name) != 0)
        cddl_problem(source, root->span,
                     "the first rule is the service and is named as the file: %s", name);
    if (strcmp(root->name, "valve") == 0)
        cddl_problem(source, root->span, "the name valve is taken: valve.h uses it in C");
    return true;
}

void cddl_resolve(struct cddl_syntax *syntax, const char *name, struct cddl_schema *ret_schema)
{
    struct cddl_resolver resolver = {.syntax = syntax, .schema = ret_schema};
    struct service service = {.resolver = &resolver, .place = &ret_schema->methods};
    struct cddl_rule *root = syntax->rules;

    *ret_schema = (struct cddl_schema){.source = syntax->source};
    if (!check_root(syntax->source, root, name))
        return;
    ret_schema->name = root->name;
    ret_schema->word = cddl_snake(syntax->source, root->span, root->name);
    root->collecting = true;
    add_methods(&service, root->node);
    root->collecting = false;
    make_request(&resolver, service.count);
    cddl_bind_indices(&resolver);
}
