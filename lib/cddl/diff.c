/* SPDX-License-Identifier: MIT */
/*
 * Comparing services: methods that come and go, and the messages of those that stay.
 */
#include "cddl/diff.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cddl/canon.h"

static const char *with_subject(const struct cddl_context *context, const char *words)
{
    static const char *const subjects[] = {
        [CDDL_SERVER] = "the server", [CDDL_CLIENT] = "the client"};

    if (words == NULL)
        return NULL;
    return cddl_pool_print(context->diff->pool, "%s %s", subjects[context->receiver], words);
}

void cddl_note_other(struct cddl_diff *diff, struct cddl_change *change, const char *message)
{
    if (change->other_count++ == 0)
        change->others = message;
    else if (change->other_count <= CDDL_OTHERS)
        change->others = cddl_pool_print(diff->pool, "%s, %s", change->others, message);
}

static bool is_same_reason(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* The change of the same words at the same place of the schema, or NULL. */
static struct cddl_change *find_change(const struct cddl_diff *diff,
                                       const struct cddl_change *change)
{
    struct cddl_change *other = diff->changes;

    for (; other != NULL; other = other->next)
        if (other->source == change->source && other->span.offset == change->span.offset &&
            strcmp(other->what, change->what) == 0 &&
            is_same_reason(other->old_clients, change->old_clients) &&
            is_same_reason(other->new_clients, change->new_clients))
            break;
    return other;
}

/* A sum that stands in several choices is in each of their forms, but changes once. */
static void add_change(struct cddl_diff *diff, struct cddl_change *change)
{
    struct cddl_change *other = find_change(diff, change);

    if (other != NULL && strcmp(other->message, change->message) != 0)
        cddl_note_other(diff, other, change->message);
    if (other != NULL)
        return;
    *diff->place = change;
    diff->place = &change->next;
    diff->count++;
    diff->breaks_old_clients |= change->old_clients != NULL;
    diff->breaks_new_clients |= change->new_clients != NULL;
}

void cddl_note(const struct cddl_context *context, const char *path, const struct cddl_forms *forms,
               struct cddl_span span, struct cddl_reasons reasons, const char *format, ...)
{
    struct cddl_diff *diff = context->diff;
    struct cddl_change *change = cddl_pool_alloc(diff->pool, 1, sizeof(*change));
    const char *new_refuses = with_subject(context, reasons.new_refuses);
    const char *old_refuses = with_subject(context, reasons.old_refuses);
    va_list list;

    va_start(list, format);
    change->what = cddl_pool_print_list(diff->pool, format, list);
    va_end(list);
    change->source = forms->source;
    change->span = span;
    change->message = context->message;
    change->path = path;
    change->old_clients = context->receiver == CDDL_SERVER ? new_refuses : old_refuses;
    change->new_clients = context->receiver == CDDL_SERVER ? old_refuses : new_refuses;
    add_change(diff, change);
}

/* ---- Methods ---- */

static int by_variant(const void *name, const void *call)
{
    const struct cddl_call *other = call;

    return strcmp(name, other->method->variant);
}

static const struct cddl_call *find_call(const struct cddl_forms *forms, const char *variant)
{
    if (forms->call_count == 0)
        return NULL;
    return bsearch(variant, forms->calls, forms->call_count, sizeof(*forms->calls), by_variant);
}

static struct cddl_context context_of(struct cddl_diff *diff, const struct cddl_method *method,
                                      const char *message, enum cddl_receiver receiver)
{
    return (struct cddl_context){
        .diff = diff,
        .receiver = receiver,
        .message = cddl_pool_print(diff->pool, "%s%s", method->variant, message),
        .span = method->span,
    };
}

static void note_new_method(struct cddl_diff *diff, const struct cddl_method *method)
{
    struct cddl_context context = context_of(diff, method, "", CDDL_SERVER);
    const char *why = cddl_pool_print(diff->pool, "knows no request \"%s\"", method->variant);

    cddl_note(&context, "", &diff->new_forms, method->span, (struct cddl_reasons){NULL, why},
              "the method is new");
}

static void note_gone_method(struct cddl_diff *diff, const struct cddl_method *method)
{
    struct cddl_context context = context_of(diff, method, "", CDDL_SERVER);
    const char *why = cddl_pool_print(diff->pool, "knows no request \"%s\"", method->variant);

    cddl_note(&context, "", &diff->old_forms, method->span, (struct cddl_reasons){why, NULL},
              "the method is gone");
}

/* ---- The messages of a method ---- */

static void compare_requests(struct cddl_diff *diff, const struct cddl_call *old,
                             const struct cddl_call *new)
{
    struct cddl_context context = context_of(diff, new->method, " request", CDDL_SERVER);
    const char *with = "takes this request only with its payload";
    const char *without = "takes this request only without payload";

    if (old->request != NULL && new->request != NULL)
        cddl_compare_values(&context, old->request, new->request);
    else if (new->request != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){with, without}, "it has a payload now");
    else if (old->request != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){without, with}, "it has no payload any more");
}

static void compare_items(struct cddl_diff *diff, const struct cddl_call *old,
                          const struct cddl_call *new)
{
    struct cddl_context context = context_of(diff, new->method, " item", CDDL_CLIENT);
    const char *why = "expects no items before the reply";

    if (old->item != NULL && new->item != NULL)
        cddl_compare_values(&context, old->item, new->item);
    else if (new->item != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){NULL, why}, "a stream comes before the reply now");
    else if (old->item != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){why, NULL}, "no stream comes before the reply any more");
}

static void compare_replies(struct cddl_diff *diff, const struct cddl_call *old,
                            const struct cddl_call *new)
{
    struct cddl_context context = context_of(diff, new->method, " reply", CDDL_CLIENT);
    const char *waits = "waits for a reply that does not come";
    const char *expects = "expects no reply";

    if (old->reply != NULL && new->reply != NULL)
        cddl_compare_values(&context, old->reply, new->reply);
    else if (new->reply != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){waits, expects}, "it was one-way and has a reply now");
    else if (old->reply != NULL)
        cddl_note(&context, "", &diff->new_forms, new->method->span,
                  (struct cddl_reasons){expects, waits}, "it is one-way now and has no reply");
}

static void compare_services(struct cddl_diff *diff, const struct cddl_schema *old,
                             const struct cddl_schema *new)
{
    const struct cddl_method *method;

    for (method = new->methods; method != NULL; method = method->next) {
        const struct cddl_call *now = find_call(&diff->new_forms, method->variant);
        const struct cddl_call *before = find_call(&diff->old_forms, method->variant);

        if (before == NULL) {
            note_new_method(diff, method);
            continue;
        }
        compare_requests(diff, before, now);
        compare_items(diff, before, now);
        compare_replies(diff, before, now);
    }
    for (method = old->methods; method != NULL; method = method->next)
        if (find_call(&diff->new_forms, method->variant) == NULL)
            note_gone_method(diff, method);
}

/* Room for what is found out about each two forms, and each table. */
static void prepare(struct cddl_diff *diff, const struct cddl_schema *old,
                    const struct cddl_schema *new)
{
    struct cddl_pool *pool = diff->pool;
    size_t pairs;

    cddl_find_forms(old, &diff->old_forms);
    cddl_find_forms(new, &diff->new_forms);
    cddl_walk_init(&diff->walk, pool, &diff->old_forms, &diff->new_forms);
    cddl_walk_init(&diff->depth, pool, &diff->old_forms, &diff->new_forms);
    pairs = (size_t)diff->old_forms.count * diff->new_forms.count;
    for (unsigned i = 0; i < 2; i++)
        diff->judgements[i] = cddl_pool_alloc(pool, pairs, sizeof(*diff->judgements[i]));
    diff->new_tables = cddl_pool_alloc(pool, diff->old_forms.count + 1, sizeof(unsigned));
    diff->old_tables = cddl_pool_alloc(pool, diff->new_forms.count + 1, sizeof(unsigned));
}

void cddl_compare(struct cddl_pool *pool, const struct cddl_schema *old,
                  const struct cddl_schema *new, struct cddl_diff *ret_diff)
{
    *ret_diff = (struct cddl_diff){
        .pool = pool,
        .place = &ret_diff->changes,
        .last_index = &ret_diff->indices,
        .old_name = old->name,
        .new_name = new->name,
        .name_span = new->request->span,
        .digest = cddl_digest(new),
    };
    prepare(ret_diff, old, new);
    compare_services(ret_diff, old, new);
    cddl_compare_indices(ret_diff);
}
