/* SPDX-License-Identifier: MIT */
/*
 * One alternative of the root rule: a method, written as the transcript of its calls.
 */
#include <string.h>

#include "cddl/schema.h"

/* The places of [request, * item, reply]; item and reply may be missing. */
struct transcript {
    struct cddl_node *request, *item, *reply;
};

/* ---- What stands where ---- */

static bool is_request(struct cddl_source *source, const struct cddl_entry *entry)
{
    if (entry->occurrence == CDDL_ONCE)
        return true;
    cddl_problem(source, entry->span, "a call begins with one request: no * + or ? before it");
    return false;
}

static bool is_stream(struct cddl_source *source, const struct cddl_entry *entry)
{
    switch (entry->occurrence) {
    case CDDL_ANY:
        return true;
    case CDDL_ONCE:
        cddl_problem(source, entry->span,
                     "between request and reply only a stream may stand: * item");
        return false;
    case CDDL_OPTIONAL:
        cddl_problem(source, entry->span,
                     "a stream has any number of items: write * instead of ?, or make this a part "
                     "of the reply");
        return false;
    case CDDL_SOME:
        cddl_problem(source, entry->span,
                     "a stream may end before its first item, when its call is refused: write * "
                     "instead of +");
        return false;
    }
    return false;
}

static bool is_reply(struct cddl_source *source, const struct cddl_entry *entry)
{
    if (entry->occurrence == CDDL_ONCE)
        return true;
    if (entry->occurrence == CDDL_OPTIONAL)
        cddl_problem(source, entry->span,
                     "a call has a reply or is one-way: [request, reply] or [request]");
    else
        cddl_problem(source, entry->span, "a stream ends with a reply: [request, * item, reply]");
    return false;
}

static unsigned count_entries(const struct cddl_node *node)
{
    unsigned count = 0;

    for (const struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next)
        count++;
    return count;
}

static bool read_transcript(struct cddl_source *source, const struct cddl_node *node,
                            struct transcript *ret_transcript)
{
    unsigned count = node->kind == CDDL_NODE_ARRAY ? count_entries(node) : 0;
    const struct cddl_entry *entry = node->entries;
    struct transcript transcript = {0};
    bool sound;

    if (count == 0 || count > 3) {
        cddl_refuse_method(source, node);
        return false;
    }
    sound = is_request(source, entry);
    transcript.request = entry->type;
    if (count == 3) {
        entry = entry->next;
        sound = is_stream(source, entry) && sound;
        transcript.item = entry->type;
    }
    if (count > 1) {
        entry = entry->next;
        sound = is_reply(source, entry) && sound;
        transcript.reply = entry->type;
    }
    if (sound)
        *ret_transcript = transcript;
    return sound;
}

void cddl_refuse_method(struct cddl_source *source, const struct cddl_node *node)
{
    cddl_problem(source, node->span,
                 "a method is [request, reply], [request, * item, reply], or [request] alone if it "
                 "is one-way");
}

/* ---- Replies ---- */

static void set_reply(struct cddl_resolver *resolver, struct cddl_method *method,
                      struct cddl_type *reply)
{
    reply->name = "reply";
    reply->message = true;
    reply->tag = cddl_pool_print(resolver->syntax->source->pool, "%s_reply", method->tag);
    method->reply = reply;
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

    if (cddl_follow(resolver, node) == NULL)
        return;
    if (!cddl_is_variants(resolver, node)) {
        cddl_problem(source, node->span,
                     "a reply is a sum: each alternative is \"Variant\" or {\"Variant\" => T}");
        return;
    }
    set_reply(resolver, method, cddl_resolve_sum(resolver, node, method->tag, NULL));
    if (!method->reply->incomplete && !admits_error(method->reply))
        cddl_problem(source, node->span,
                     "this reply must admit {\"Error\" => tstr}, with which the server itself "
                     "answers what it cannot pass on");
}

/* {"Error" => tstr}: what may come back of a one-way request, when it is refused. */
static void make_refusal(struct cddl_resolver *resolver, struct cddl_method *method)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_node *text = cddl_pool_alloc(source->pool, 1, sizeof(*text));
    struct cddl_type *reply = cddl_new_type(resolver, CDDL_SUM, NULL, method->span);

    *text = (struct cddl_node){.kind = CDDL_NODE_NAME, .span = method->span, .text = "tstr"};
    reply->members = cddl_pool_alloc(source->pool, 1, sizeof(*reply->members));
    reply->members[0] = (struct cddl_member){
        .name = "Error", .type = cddl_resolve_type(resolver, text, NULL), .span = method->span};
    reply->count = 1;
    cddl_name_member(source, &reply->members[0]);
    set_reply(resolver, method, reply);
}

/* ---- Methods ---- */

static void resolve_item(struct cddl_resolver *resolver, struct cddl_node *node,
                         struct cddl_method *method)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_type *item = cddl_resolve_type(
        resolver, node, cddl_pool_print(source->pool, "%s_item", method->tag));

    if (item == NULL)
        return;
    if (item->shape == CDDL_NIL)
        cddl_problem(source, node->span, "a stream of nil says no more than its length");
    item->is_item = true;
    method->item = item;
}

/* The schema's words for what comes back. */
static const char *words_of(struct cddl_source *source, const struct transcript *transcript)
{
    const char *reply;

    if (transcript->reply == NULL)
        return "one-way";
    reply = cddl_words(source, transcript->reply->span);
    if (transcript->item == NULL)
        return reply;
    return cddl_pool_print(source->pool, "* %s, %s", cddl_words(source, transcript->item->span),
                           reply);
}

/* Names the method after its variant and resolves what is sent along with it. */
static struct cddl_method *resolve_request(struct cddl_resolver *resolver, struct cddl_node *node)
{
    struct cddl_source *source = resolver->syntax->source;
    struct cddl_node *variant = cddl_follow(resolver, node);
    struct cddl_entry *pair;
    struct cddl_method *method;

    if (variant == NULL)
        return NULL;
    pair = cddl_only_pair(variant);
    if (pair == NULL && variant->kind != CDDL_NODE_TEXT) {
        cddl_problem(source, node->span,
                     "a request is one variant: \"Method\" or {\"Method\" => T}");
        return NULL;
    }
    method = cddl_pool_alloc(source->pool, 1, sizeof(*method));
    method->variant = pair != NULL ? pair->key->text : variant->text;
    method->span = pair != NULL ? pair->key->span : variant->span;
    method->word = cddl_snake(source, method->span, method->variant);
    method->field = cddl_escape(source, method->word);
    method->tag = cddl_pool_print(source->pool, "%s_%s", resolver->schema->word, method->word);
    if (pair != NULL)
        method->request = cddl_resolve_type(
            resolver, pair->type, cddl_pool_print(source->pool, "%s_request", method->tag));
    return method;
}

struct cddl_method *cddl_resolve_method(struct cddl_resolver *resolver,
                                        const struct cddl_node *node)
{
    struct cddl_source *source = resolver->syntax->source;
    struct transcript transcript;
    struct cddl_method *method;

    if (!read_transcript(source, node, &transcript))
        return NULL;
    method = resolve_request(resolver, transcript.request);
    if (method == NULL)
        return NULL;
    method->text = words_of(source, &transcript);
    method->one_way = transcript.reply == NULL;
    if (transcript.item != NULL)
        resolve_item(resolver, transcript.item, method);
    if (method->one_way)
        make_refusal(resolver, method);
    else
        resolve_reply(resolver, transcript.reply, method);
    return method;
}
