/* SPDX-License-Identifier: MIT */
/*
 * The decoder's rules, applied to all that a sender may send.
 */
#include "cddl/accept.h"

#include <inttypes.h>
#include <string.h>

#include "cddl/describe.h"

/* ---- What holds no other values ---- */

static bool lies_within(const struct cddl_range *inner, const struct cddl_range *outer)
{
    return !inner->present ||
           (outer->present && inner->low >= outer->low && inner->high <= outer->high);
}

static const char *refuses_simple(const struct cddl_form *receiver, const struct cddl_form *sender)
{
    if (sender->nil && !receiver->nil)
        return "takes no nil";
    if (sender->boolean && !receiver->boolean)
        return "takes no boolean";
    if (sender->floating && !receiver->floating)
        return "takes no float";
    return NULL;
}

static const char *refuses_integers(struct cddl_pool *pool, const struct cddl_form *receiver,
                                    const struct cddl_form *sender)
{
    bool some = receiver->natural.present || receiver->negative.present;

    if (receiver->table.form != NULL && sender->natural.present && sender->table.form == NULL)
        return cddl_pool_print(pool, "takes only numbers of what stands in %s",
                               receiver->table.name);
    if (lies_within(&sender->natural, &receiver->natural) &&
        lies_within(&sender->negative, &receiver->negative))
        return NULL;
    if (!some)
        return "takes no integer";
    return cddl_pool_print(pool, "takes only integers of %s",
                           cddl_describe_integers(pool, receiver));
}

static const char *refuses_length(struct cddl_pool *pool, const char *what,
                                  const struct cddl_range *receiver,
                                  const struct cddl_range *sender)
{
    if (lies_within(sender, receiver))
        return NULL;
    if (!receiver->present)
        return cddl_pool_print(pool, "takes no %s", what);
    return cddl_pool_print(pool, "takes only %s of %s", what, cddl_describe_length(pool, receiver));
}

/* A name that travels as text. */
static const char *refuses_name(struct cddl_pool *pool, const char *what,
                                const struct cddl_range *receiver, const char *name)
{
    struct cddl_range length = {true, strlen(name), strlen(name)};

    return refuses_length(pool, what, receiver, &length);
}

/* Names of variants are text to who knows no variants. */
static const char *refuses_units_as_text(struct cddl_pool *pool, const struct cddl_form *receiver,
                                         const struct cddl_form *sender)
{
    const char *why = NULL;

    if (cddl_is_sum(receiver) && !receiver->text.present)
        return NULL;
    for (unsigned i = 0; why == NULL && i < sender->units.count; i++)
        why = refuses_name(pool, "text", &receiver->text, sender->units.list[i].name);
    return why;
}

static const char *refuses_text(struct cddl_pool *pool, const struct cddl_form *receiver,
                                const struct cddl_form *sender)
{
    if (!sender->text.present)
        return refuses_units_as_text(pool, receiver, sender);
    if (receiver->units.count > 0)
        return "takes no text but the names of its variants";
    return refuses_length(pool, "text", &receiver->text, &sender->text);
}

/* ---- What does ---- */

static const char *refuses_array(struct cddl_pool *pool, const struct cddl_form *receiver,
                                 const struct cddl_form *sender)
{
    if (sender->array == CDDL_NO_ARRAY || receiver->array == CDDL_ARRAY_LIST)
        return NULL;
    if (receiver->array == CDDL_NO_ARRAY)
        return "takes no array";
    if (sender->array == CDDL_ARRAY_TUPLE && sender->elements.count == receiver->elements.count)
        return NULL;
    return cddl_pool_print(pool, "takes only arrays of %u", receiver->elements.count);
}

/* The key, not this one, without which no value is whole; or NULL. */
static const struct cddl_part *other_needed_key(const struct cddl_form *receiver, const char *key)
{
    for (unsigned i = 0; i < receiver->keys.count; i++) {
        const struct cddl_part *part = &receiver->keys.list[i];

        if (!part->optional && (key == NULL || strcmp(part->name, key) != 0))
            return part;
    }
    return NULL;
}

/* A pair that comes alone, to a struct. */
static const char *refuses_pair(struct cddl_pool *pool, const struct cddl_form *receiver,
                                const char *key)
{
    const struct cddl_part *needed = other_needed_key(receiver, key);

    if (needed != NULL)
        return cddl_pool_print(pool, "needs the key \"%s\"", needed->name);
    if (!receiver->open && cddl_find_part(&receiver->keys, key) == NULL)
        return cddl_pool_print(pool, "knows no key \"%s\"", key);
    return NULL;
}

static const char *struct_refuses(struct cddl_pool *pool, const struct cddl_form *receiver,
                                  const struct cddl_form *sender)
{
    const struct cddl_part *needed = other_needed_key(receiver, NULL);
    const char *why = NULL;

    if (sender->pairs == CDDL_PAIRS_MAP && needed != NULL)
        return cddl_pool_print(pool, "needs the key \"%s\"", needed->name);
    if (sender->pairs == CDDL_PAIRS_MAP)
        return receiver->open ? NULL : "knows no keys but its own";
    for (unsigned i = 0; why == NULL && i < sender->keys.count; i++)
        why = refuses_pair(pool, receiver, sender->keys.list[i].name);
    return why;
}

/* Of structs only those that always are one pair pass for a variant. */
static const char *sum_refuses(struct cddl_pool *pool, const struct cddl_form *receiver,
                               const struct cddl_form *sender)
{
    const struct cddl_part *key = &sender->keys.list[0];

    if (sender->pairs == CDDL_PAIRS_MAP || sender->keys.count != 1 || key->optional)
        return "takes only maps of one pair";
    if (cddl_find_part(&receiver->keys, key->name) == NULL)
        return cddl_pool_print(pool, "knows no variant \"%s\"", key->name);
    return NULL;
}

static const char *map_refuses(struct cddl_pool *pool, const struct cddl_form *receiver,
                               const struct cddl_form *sender)
{
    const struct cddl_range *text = &receiver->keys.list[0].form->text;
    const char *why = NULL;

    if (sender->pairs == CDDL_PAIRS_MAP)
        return refuses_length(pool, "keys", text, &sender->keys.list[0].form->text);
    for (unsigned i = 0; why == NULL && i < sender->keys.count; i++)
        why = refuses_name(pool, "keys", text, sender->keys.list[i].name);
    return why;
}

/* Whether maps of the two are compared name by name. */
static bool shares_names(const struct cddl_form *receiver, const struct cddl_form *sender)
{
    if (cddl_common_pairs(receiver, sender) != CDDL_NO_PAIRS)
        return true;
    return receiver->pairs == CDDL_NO_PAIRS && cddl_is_sum(receiver) &&
           cddl_effective_pairs(sender) == CDDL_PAIRS_VARIANT;
}

static const char *refuses_map(struct cddl_pool *pool, const struct cddl_form *receiver,
                               const struct cddl_form *sender)
{
    if (sender->pairs == CDDL_NO_PAIRS || shares_names(receiver, sender))
        return NULL;
    switch (receiver->pairs) {
    case CDDL_NO_PAIRS:
        return "takes no map";
    case CDDL_PAIRS_VARIANT:
        return sum_refuses(pool, receiver, sender);
    case CDDL_PAIRS_STRUCT:
        return struct_refuses(pool, receiver, sender);
    case CDDL_PAIRS_MAP:
        return map_refuses(pool, receiver, sender);
    }
    return NULL;
}

const char *cddl_refuses_kind(struct cddl_pool *pool, const struct cddl_form *receiver,
                              const struct cddl_form *sender)
{
    const char *why;

    if (receiver->anything)
        return NULL;
    if (sender->anything)
        return cddl_pool_print(pool, "takes only %s", cddl_describe(pool, receiver));
    why = refuses_simple(receiver, sender);
    if (why == NULL)
        why = refuses_integers(pool, receiver, sender);
    if (why == NULL)
        why = refuses_text(pool, receiver, sender);
    if (why == NULL)
        why = refuses_length(pool, "bytes", &receiver->bytes, &sender->bytes);
    if (why == NULL)
        why = refuses_array(pool, receiver, sender);
    return why != NULL ? why : refuses_map(pool, receiver, sender);
}

/* ---- Names ---- */

const char *cddl_refuses_key(struct cddl_pool *pool, const struct cddl_form *receiver,
                             const struct cddl_form *sender, const char *key)
{
    const struct cddl_part *known = cddl_find_part(&receiver->keys, key);
    const struct cddl_part *sent = cddl_find_part(&sender->keys, key);

    if (known == NULL && sent != NULL && !receiver->open)
        return cddl_pool_print(pool, "knows no key \"%s\"", key);
    if (known != NULL && !known->optional && (sent == NULL || sent->optional))
        return cddl_pool_print(pool, "needs the key \"%s\"", key);
    return NULL;
}

static const struct cddl_part *find_payload(const struct cddl_form *form, const char *variant)
{
    if (cddl_effective_pairs(form) != CDDL_PAIRS_VARIANT)
        return NULL;
    return cddl_find_part(&form->keys, variant);
}

static const char *refuses_payload(struct cddl_pool *pool, const struct cddl_form *receiver,
                                   const struct cddl_form *sender, const char *variant)
{
    if (find_payload(sender, variant) == NULL || find_payload(receiver, variant) != NULL ||
        !shares_names(receiver, sender))
        return NULL;
    if (cddl_find_part(&receiver->units, variant) != NULL)
        return cddl_pool_print(pool, "takes the variant \"%s\" only without payload", variant);
    return cddl_pool_print(pool, "knows no variant \"%s\"", variant);
}

static const char *refuses_unit(struct cddl_pool *pool, const struct cddl_form *receiver,
                                const struct cddl_form *sender, const char *variant)
{
    if (cddl_find_part(&sender->units, variant) == NULL || receiver->text.present ||
        cddl_find_part(&receiver->units, variant) != NULL)
        return NULL;
    if (find_payload(receiver, variant) != NULL)
        return cddl_pool_print(pool, "takes the variant \"%s\" only with its payload", variant);
    return cddl_pool_print(pool, "knows no variant \"%s\"", variant);
}

const char *cddl_refuses_variant(struct cddl_pool *pool, const struct cddl_form *receiver,
                                 const struct cddl_form *sender, const char *variant)
{
    const char *why = refuses_unit(pool, receiver, sender, variant);

    return why != NULL ? why : refuses_payload(pool, receiver, sender, variant);
}

/* ---- All the way down ---- */

static const char *first_refusal(struct cddl_pool *pool, const struct cddl_form *receiver,
                                 const struct cddl_form *sender, const struct cddl_parts *parts,
                                 cddl_refusal *refuses)
{
    const char *why = NULL;

    for (unsigned i = 0; why == NULL && i < parts->count; i++)
        why = refuses(pool, receiver, sender, parts->list[i].name);
    return why;
}

static const char *refuses_names(struct cddl_pool *pool, const struct cddl_form *receiver,
                                 const struct cddl_form *sender)
{
    const char *why = NULL;

    if (cddl_common_pairs(receiver, sender) == CDDL_PAIRS_STRUCT)
        why = first_refusal(pool, receiver, sender, &sender->keys, cddl_refuses_key);
    if (why == NULL && cddl_common_pairs(receiver, sender) == CDDL_PAIRS_STRUCT)
        why = first_refusal(pool, receiver, sender, &receiver->keys, cddl_refuses_key);
    if (why == NULL && cddl_is_sum(receiver))
        why = first_refusal(pool, receiver, sender, &sender->units, cddl_refuses_variant);
    if (why == NULL && cddl_is_sum(receiver))
        why = first_refusal(pool, receiver, sender, &sender->keys, cddl_refuses_variant);
    return why;
}

static const char *with_path(struct cddl_pool *pool, const char *why,
                             const struct cddl_meeting *meeting)
{
    const char *path = cddl_walk_path(pool, meeting);

    return *path == '\0' ? why : cddl_pool_print(pool, "%s at %s", why, path);
}

const char *cddl_refuses(struct cddl_walk *walk, const struct cddl_form *receiver,
                         const struct cddl_form *sender, unsigned senders)
{
    const struct cddl_meeting *meeting;

    cddl_walk_begin(walk, receiver, sender, senders);
    while ((meeting = cddl_walk_next(walk)) != NULL) {
        const char *why = cddl_refuses_kind(walk->pool, meeting->left, meeting->right);

        if (why == NULL && !meeting->left->anything)
            why = refuses_names(walk->pool, meeting->left, meeting->right);
        if (why != NULL)
            return with_path(walk->pool, why, meeting);
        cddl_walk_elements(walk, meeting);
        cddl_walk_keys(walk, meeting);
    }
    return NULL;
}
