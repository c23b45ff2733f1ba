/* SPDX-License-Identifier: MIT */
/*
 * The root rule: a choice of methods.
 */
#include <string.h>

#include "cddl/schema.h"

struct service {
    struct cddl_resolver *resolver;
    struct cddl_method **place;
    unsigned count;
    unsigned visits; /* bounds what names that lead to names can make of a short schema */
};

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
    struct cddl_method *method = cddl_resolve_method(service->resolver, node);

    if (method == NULL)
        return;
    check_duplicate(service->resolver, method);
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
        cddl_refuse_method(syntax->source, name);
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
    return true;
}

/* The word that all names in C begin with. */
static const char *name_service(struct cddl_source *source, const struct cddl_rule *root)
{
    const char *word = cddl_snake(source, root->span, root->name);

    if (strcmp(word, "valve") == 0 || strncmp(word, "valve_", 6) == 0)
        cddl_problem(source, root->span,
                     "names that begin with valve are those of valve.h in C: call it otherwise");
    return word;
}

void cddl_resolve(struct cddl_syntax *syntax, const char *name, struct cddl_schema *ret_schema)
{
    struct cddl_resolver resolver = {.syntax = syntax, .schema = ret_schema};
    struct service service = {.resolver = &resolver, .place = &ret_schema->methods};
    struct cddl_rule *root = syntax->rules;

    *ret_schema = (struct cddl_schema){.source = syntax->source, .rules = syntax->rules};
    if (!check_root(syntax->source, root, name))
        return;
    ret_schema->name = root->name;
    ret_schema->word = name_service(syntax->source, root);
    root->collecting = true;
    add_methods(&service, root->node);
    root->collecting = false;
    make_request(&resolver, service.count);
    cddl_bind_indices(&resolver);
}
