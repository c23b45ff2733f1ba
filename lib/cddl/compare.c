/* SPDX-License-Identifier: MIT */
/*
 * The order of forms, by what they say themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "cddl/form.h"

static int order_of(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int compare_ranges(const struct cddl_range *left, const struct cddl_range *right)
{
    int order = order_of(left->present, right->present);

    if (order == 0)
        order = order_of(left->low, right->low);
    return order != 0 ? order : order_of(left->high, right->high);
}

static int compare_scalars(const struct cddl_form *left, const struct cddl_form *right)
{
    const struct cddl_range *ranges[][2] = {
        {&left->natural, &right->natural},
        {&left->negative, &right->negative},
        {&left->text, &right->text},
        {&left->bytes, &right->bytes},
    };
    int order = order_of(left->anything, right->anything);

    if (order == 0)
        order = order_of(left->nil, right->nil);
    if (order == 0)
        order = order_of(left->boolean, right->boolean);
    if (order == 0)
        order = order_of(left->floating, right->floating);
    for (size_t i = 0; order == 0 && i < sizeof(ranges) / sizeof(ranges[0]); i++)
        order = compare_ranges(ranges[i][0], ranges[i][1]);
    return order;
}

static int compare_parts(const struct cddl_parts *left, const struct cddl_parts *right)
{
    int order = order_of(left->count, right->count);

    for (unsigned i = 0; order == 0 && i < left->count; i++) {
        order = strcmp(left->list[i].name, right->list[i].name);
        if (order == 0)
            order = order_of(left->list[i].optional, right->list[i].optional);
    }
    return order;
}

enum cddl_pairs cddl_effective_pairs(const struct cddl_form *form)
{
    bool alone = form->keys.count == 1 && !form->keys.list[0].optional && !form->open;

    return form->pairs == CDDL_PAIRS_STRUCT && alone ? CDDL_PAIRS_VARIANT : form->pairs;
}

enum cddl_pairs cddl_common_pairs(const struct cddl_form *left, const struct cddl_form *right)
{
    enum cddl_pairs pairs = cddl_effective_pairs(left);

    if (left->pairs == right->pairs)
        return left->pairs == CDDL_PAIRS_MAP ? CDDL_NO_PAIRS : left->pairs;
    return pairs == cddl_effective_pairs(right) ? pairs : CDDL_NO_PAIRS;
}

/* All but names, and what stands in maps. */
static int compare_outlines(const struct cddl_form *left, const struct cddl_form *right)
{
    int order = compare_scalars(left, right);

    if (order == 0)
        order = order_of(left->table.form != NULL, right->table.form != NULL);
    if (order == 0)
        order = order_of(left->array, right->array);
    return order != 0 ? order : order_of(left->elements.count, right->elements.count);
}

bool cddl_is_sum(const struct cddl_form *form)
{
    return form->units.count > 0 || cddl_effective_pairs(form) == CDDL_PAIRS_VARIANT;
}

/* Sums may have variants of both sorts, or of one. */
static bool same_pairs(const struct cddl_form *left, const struct cddl_form *right)
{
    if (left->pairs == CDDL_PAIRS_MAP && right->pairs == CDDL_PAIRS_MAP)
        return compare_ranges(&left->keys.list[0].form->text, &right->keys.list[0].form->text) == 0;
    if (left->pairs == right->pairs || cddl_common_pairs(left, right) != CDDL_NO_PAIRS)
        return true;
    return cddl_is_sum(left) && cddl_is_sum(right) &&
           (left->pairs == CDDL_NO_PAIRS || right->pairs == CDDL_NO_PAIRS);
}

bool cddl_same_kind(const struct cddl_form *left, const struct cddl_form *right)
{
    if (compare_outlines(left, right) != 0 || !same_pairs(left, right))
        return false;
    return (left->units.count > 0) == (right->units.count > 0) ||
           (cddl_is_sum(left) && cddl_is_sum(right));
}

int cddl_compare_forms(const struct cddl_form *left, const struct cddl_form *right)
{
    int order = compare_outlines(left, right);

    if (order == 0)
        order = order_of(left->table_number, right->table_number);
    if (order == 0)
        order = compare_parts(&left->units, &right->units);
    if (order == 0)
        order = order_of(cddl_effective_pairs(left), cddl_effective_pairs(right));
    if (order == 0)
        order = order_of(left->open, right->open);
    return order != 0 ? order : compare_parts(&left->keys, &right->keys);
}

static int by_part_name(const void *name, const void *part)
{
    const struct cddl_part *other = part;

    return strcmp(name, other->name);
}

const struct cddl_part *cddl_find_part(const struct cddl_parts *parts, const char *name)
{
    if (parts->count == 0)
        return NULL;
    return bsearch(name, parts->list, parts->count, sizeof(*parts->list), by_part_name);
}
