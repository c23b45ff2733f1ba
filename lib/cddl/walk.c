/* SPDX-License-Identifier: MIT */
/*
 * Forms of two schemas that meet at the same place of a value.
 */
#include "cddl/walk.h"

void cddl_walk_init(struct cddl_walk *walk, struct cddl_pool *pool, const struct cddl_forms *one,
                    const struct cddl_forms *other)
{
    *walk = (struct cddl_walk){.pool = pool};
    walk->seen = cddl_pool_alloc(pool, (size_t)one->count * other->count, sizeof(*walk->seen));
}

/* Where the part is. */
struct step {
    const struct cddl_meeting *outer;
    const struct cddl_part *part;
    const char *name;
    unsigned index;
};

static void meet(struct cddl_walk *walk, struct step step, const struct cddl_form *left,
                 const struct cddl_form *right)
{
    unsigned *seen = &walk->seen[(size_t)left->number * walk->width + right->number];
    struct cddl_meeting *meeting;

    if (*seen == walk->count)
        return;
    *seen = walk->count;
    meeting = cddl_pool_alloc(walk->pool, 1, sizeof(*meeting));
    *meeting = (struct cddl_meeting){
        .left = left,
        .right = right,
        .outer = step.outer,
        .part = step.part,
        .name = step.name,
        .index = step.index,
    };
    *walk->place = meeting;
    walk->place = &meeting->next;
}

void cddl_walk_begin(struct cddl_walk *walk, const struct cddl_form *left,
                     const struct cddl_form *right, unsigned width)
{
    walk->width = width;
    walk->count++;
    walk->place = &walk->first;
    meet(walk, (struct step){0}, left, right);
}

const struct cddl_meeting *cddl_walk_next(struct cddl_walk *walk)
{
    const struct cddl_meeting *meeting = walk->first;

    if (walk->place == &walk->first)
        return NULL;
    walk->first = meeting->next;
    if (meeting->next == NULL)
        walk->place = &walk->first;
    return meeting;
}

/* ---- Onwards ---- */

void cddl_walk_elements(struct cddl_walk *walk, const struct cddl_meeting *meeting)
{
    const struct cddl_form *left = meeting->left, *right = meeting->right;

    if (left->array == CDDL_NO_ARRAY ||
        (left->array == CDDL_ARRAY_TUPLE && right->array == CDDL_ARRAY_LIST))
        return;
    for (unsigned i = 0; i < right->elements.count; i++) {
        const struct cddl_part *element = &right->elements.list[i];
        unsigned index = right->array == CDDL_ARRAY_LIST ? CDDL_EACH : i;
        unsigned counterpart = left->array == CDDL_ARRAY_LIST ? 0 : i;

        if (counterpart == left->elements.count)
            return;
        meet(walk, (struct step){meeting, element, element->name, index},
             left->elements.list[counterpart].form, element->form);
    }
}

static void meet_by_name(struct cddl_walk *walk, const struct cddl_meeting *meeting)
{
    for (unsigned i = 0; i < meeting->right->keys.count; i++) {
        const struct cddl_part *key = &meeting->right->keys.list[i];
        const struct cddl_part *known = cddl_find_part(&meeting->left->keys, key->name);

        if (known != NULL)
            meet(walk, (struct step){meeting, key, key->name, 0}, known->form, key->form);
    }
}

/* Any text on one side, certain keys on the other. */
static void meet_map(struct cddl_walk *walk, const struct cddl_meeting *meeting, bool on_the_left)
{
    const struct cddl_form *map = on_the_left ? meeting->left : meeting->right;
    const struct cddl_form *other = on_the_left ? meeting->right : meeting->left;
    const struct cddl_part *value = &map->keys.list[1];

    for (unsigned i = 0; i < other->keys.count; i++) {
        const struct cddl_part *key = &other->keys.list[i];
        struct step step = {meeting, on_the_left ? key : value, key->name, 0};

        if (on_the_left)
            meet(walk, step, value->form, key->form);
        else
            meet(walk, step, key->form, value->form);
    }
}

/* Any text on both. */
static void meet_maps(struct cddl_walk *walk, const struct cddl_meeting *meeting)
{
    const struct cddl_part *value = &meeting->right->keys.list[1];

    meet(walk, (struct step){meeting, value, "*", 0}, meeting->left->keys.list[1].form,
         value->form);
}

void cddl_walk_keys(struct cddl_walk *walk, const struct cddl_meeting *meeting)
{
    const struct cddl_form *left = meeting->left, *right = meeting->right;

    if (left->pairs == CDDL_NO_PAIRS || right->pairs == CDDL_NO_PAIRS)
        return;
    if (left->pairs == CDDL_PAIRS_MAP && right->pairs == CDDL_PAIRS_MAP)
        meet_maps(walk, meeting);
    else if (left->pairs == CDDL_PAIRS_MAP || right->pairs == CDDL_PAIRS_MAP)
        meet_map(walk, meeting, left->pairs == CDDL_PAIRS_MAP);
    else
        meet_by_name(walk, meeting);
}

const char *cddl_walk_path(struct cddl_pool *pool, const struct cddl_meeting *meeting)
{
    const char *path;

    if (meeting->outer == NULL)
        return "";
    path = cddl_walk_path(pool, meeting->outer);
    if (meeting->name != NULL)
        return cddl_pool_print(pool, "%s%s%s", path, *path == '\0' ? "" : ".", meeting->name);
    if (meeting->index == CDDL_EACH)
        return cddl_pool_print(pool, "%s[*]", path);
    return cddl_pool_print(pool, "%s[%u]", path, meeting->index);
}
