/* SPDX-License-Identifier: MIT */
/*
 * Comparing values: whatever two forms that meet say differently is a change, judged for both
 * directions. What a message has in common with one before it is judged once.
 */
#include <string.h>

#include "cddl/accept.h"
#include "cddl/describe.h"
#include "cddl/diff.h"

/* Two forms that met, old on the left. */
struct place {
    const struct cddl_context *context;
    const struct cddl_meeting *meeting;
    const struct cddl_form *old, *new;
    bool structs; /* both are, and are compared key by key */
};

static const char *path_of(const struct place *place)
{
    return cddl_walk_path(place->context->diff->pool, place->meeting);
}

/* Where the new form stands: types of the prelude stand nowhere themselves. */
static struct cddl_span span_of(const struct place *place)
{
    const struct cddl_part *part = place->meeting->part;

    if (place->new->span.offset > 0)
        return place->new->span;
    return part != NULL ? part->span : place->context->span;
}

static struct cddl_reasons judge_name(const struct place *place, cddl_refusal *refuses,
                                      const char *name)
{
    struct cddl_pool *pool = place->context->diff->pool;

    return (struct cddl_reasons){refuses(pool, place->new, place->old, name),
                                 refuses(pool, place->old, place->new, name)};
}

static void note_part(const struct place *place, bool is_new, const struct cddl_part *part,
                      struct cddl_reasons reasons, const char *words)
{
    const struct cddl_diff *diff = place->context->diff;

    cddl_note(place->context, path_of(place), is_new ? &diff->new_forms : &diff->old_forms,
              part->span, reasons, words, part->name);
}

/* ---- Keys of structs ---- */

static void compare_key(const struct place *place, const struct cddl_part *old,
                        const struct cddl_part *new)
{
    const struct cddl_part *key = new != NULL ? new : old;
    struct cddl_reasons reasons = judge_name(place, cddl_refuses_key, key->name);

    if (old == NULL)
        note_part(place, true, key, reasons,
                  key->optional ? "the optional key \"%s\" is new" : "the key \"%s\" is new");
    else if (new == NULL)
        note_part(place, false, key, reasons,
                  key->optional ? "the optional key \"%s\" is gone" : "the key \"%s\" is gone");
    else if (old->optional != new->optional)
        note_part(place, true, key, reasons,
                  new->optional ? "the key \"%s\" is optional now"
                                : "the key \"%s\" is not optional any more");
}

static void compare_structs(const struct place *place)
{
    const struct cddl_parts *old = &place->old->keys, *new = &place->new->keys;
    const struct cddl_context *context = place->context;

    for (unsigned i = 0; i < new->count; i++)
        compare_key(place, cddl_find_part(old, new->list[i].name), &new->list[i]);
    for (unsigned i = 0; i < old->count; i++)
        if (cddl_find_part(new, old->list[i].name) == NULL)
            compare_key(place, &old->list[i], NULL);
    if (place->old->open != place->new->open)
        cddl_note(context, path_of(place), &context->diff->new_forms, span_of(place),
                  (struct cddl_reasons){NULL, NULL},
                  place->new->open ? "unknown keys are passed over now"
                                   : "unknown keys are refused from now on");
}

/* ---- Variants of sums ---- */

/* A name in a sum: it may stand alone, with a payload, or either way. */
struct variant {
    const struct cddl_part *unit, *payload;
};

static struct variant find_variant(const struct place *place, const struct cddl_form *form,
                                   const char *name)
{
    bool has_payloads = !place->structs && cddl_effective_pairs(form) == CDDL_PAIRS_VARIANT;

    return (struct variant){
        .unit = cddl_find_part(&form->units, name),
        .payload = has_payloads ? cddl_find_part(&form->keys, name) : NULL,
    };
}

static bool is_variant(struct variant variant)
{
    return variant.unit != NULL || variant.payload != NULL;
}

static const char *change_of(struct variant old, struct variant new)
{
    if (!is_variant(old))
        return "the variant \"%s\" is new";
    if (!is_variant(new))
        return "the variant \"%s\" is gone";
    if (old.payload == NULL && new.payload != NULL)
        return new.unit != NULL ? "the variant \"%s\" may have a payload now"
                                : "the variant \"%s\" has a payload now";
    if (old.payload != NULL && new.payload == NULL)
        return "the variant \"%s\" has no payload any more";
    if (old.unit == NULL && new.unit != NULL)
        return "the variant \"%s\" may lack its payload now";
    if (old.unit != NULL && new.unit == NULL)
        return "the variant \"%s\" always has its payload now";
    return NULL;
}

static void compare_variant(const struct place *place, const struct cddl_part *part,
                            struct variant old, struct variant new)
{
    const char *words = change_of(old, new);

    if (words != NULL)
        note_part(place, is_variant(new), part, judge_name(place, cddl_refuses_variant, part->name),
                  words);
}

/* A name may stand with payload and without, in the new sum and the old: it is looked at once. */
static void compare_part(const struct place *place, const struct cddl_part *part)
{
    struct variant old = find_variant(place, place->old, part->name);
    struct variant new = find_variant(place, place->new, part->name);
    struct variant own = is_variant(new) ? new : old;

    if (part == (own.payload != NULL ? own.payload : own.unit))
        compare_variant(place, part, old, new);
}

static void compare_sums(const struct place *place)
{
    const struct cddl_form *forms[] = {place->new, place->old};

    for (unsigned i = 0; i < 2; i++) {
        const struct cddl_form *form = forms[i];

        for (unsigned k = 0; k < form->keys.count; k++)
            compare_part(place, &form->keys.list[k]);
        for (unsigned k = 0; k < form->units.count; k++)
            compare_part(place, &form->units.list[k]);
    }
}

/* ---- All that forms say ---- */

/* Whether the pairs of maps that two forms have are alike enough to be looked into. */
static bool are_comparable(const struct cddl_form *old, const struct cddl_form *new)
{
    return (old->pairs == CDDL_PAIRS_MAP && new->pairs == CDDL_PAIRS_MAP) ||
           cddl_common_pairs(old, new) != CDDL_NO_PAIRS;
}

/* Parts that no walk compares, because what holds them on both sides is of different kinds. */
static bool hides_parts(const struct cddl_form *old, const struct cddl_form *new)
{
    return (old->array != CDDL_NO_ARRAY && new->array != CDDL_NO_ARRAY &&
            old->array != new->array) ||
           (old->pairs != CDDL_NO_PAIRS && new->pairs != CDDL_NO_PAIRS &&
            !are_comparable(old, new));
}

static struct cddl_reasons judge_kinds(const struct place *place)
{
    struct cddl_diff *diff = place->context->diff;
    const struct cddl_form *old = place->old, *new = place->new;
    struct cddl_reasons reasons = {
        cddl_refuses_kind(diff->pool, new, old),
        cddl_refuses_kind(diff->pool, old, new),
    };

    if (!hides_parts(old, new))
        return reasons;
    if (reasons.new_refuses == NULL)
        reasons.new_refuses = cddl_refuses(&diff->depth, new, old, diff->old_forms.count);
    if (reasons.old_refuses == NULL)
        reasons.old_refuses = cddl_refuses(&diff->depth, old, new, diff->new_forms.count);
    return reasons;
}

static void compare_forms(const struct place *place)
{
    struct cddl_diff *diff = place->context->diff;

    if (!cddl_same_kind(place->old, place->new))
        cddl_note(place->context, path_of(place), &diff->new_forms, span_of(place),
                  judge_kinds(place), "was %s, is %s", cddl_describe(diff->pool, place->old),
                  cddl_describe(diff->pool, place->new));
    if (place->structs)
        compare_structs(place);
    if (cddl_is_sum(place->old) && cddl_is_sum(place->new))
        compare_sums(place);
    cddl_compare_tables(place->context, place->meeting, span_of(place));
}

/* ---- Messages ---- */

static void judge(const struct cddl_context *context, const struct cddl_meeting *meeting)
{
    struct cddl_diff *diff = context->diff;
    size_t pair = (size_t)meeting->left->number * diff->new_forms.count + meeting->right->number;
    struct cddl_judgement *judgement = &diff->judgements[context->receiver][pair];
    struct cddl_change **changes = diff->place, *change = judgement->first;
    unsigned count = diff->count;

    for (unsigned i = 0; i < judgement->count; i++, change = change->next)
        cddl_note_other(diff, change, context->message);
    if (judgement->made)
        return;
    compare_forms(&(struct place){
        .context = context,
        .meeting = meeting,
        .old = meeting->left,
        .new = meeting->right,
        .structs = cddl_common_pairs(meeting->left, meeting->right) == CDDL_PAIRS_STRUCT,
    });
    *judgement = (struct cddl_judgement){true, *changes, diff->count - count};
}

void cddl_compare_values(const struct cddl_context *context, const struct cddl_form *old,
                         const struct cddl_form *new)
{
    struct cddl_walk *walk = &context->diff->walk;
    const struct cddl_meeting *meeting;

    cddl_walk_begin(walk, old, new, context->diff->new_forms.count);
    while ((meeting = cddl_walk_next(walk)) != NULL) {
        judge(context, meeting);
        if (meeting->left->array == meeting->right->array)
            cddl_walk_elements(walk, meeting);
        if (are_comparable(meeting->left, meeting->right))
            cddl_walk_keys(walk, meeting);
    }
}
