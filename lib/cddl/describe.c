/* SPDX-License-Identifier: MIT */
/*
 * From forms to words.
 */
#include "cddl/describe.h"

#include <inttypes.h>
#include <string.h>

/* ---- Numbers ---- */

/* From the last to the first: negative numbers count away from 0. */
static const char *negatives(struct cddl_pool *pool, const struct cddl_range *range)
{
    if (range->low == range->high)
        return cddl_pool_print(pool, "-%" PRIu64, range->low + 1);
    return cddl_pool_print(pool, "-%" PRIu64 " to -%" PRIu64, range->high + 1, range->low + 1);
}

static const char *naturals(struct cddl_pool *pool, const struct cddl_range *range)
{
    if (range->low == range->high)
        return cddl_pool_print(pool, "%" PRIu64, range->low);
    return cddl_pool_print(pool, "%" PRIu64 " to %" PRIu64, range->low, range->high);
}

const char *cddl_describe_integers(struct cddl_pool *pool, const struct cddl_form *form)
{
    const struct cddl_range *natural = &form->natural, *negative = &form->negative;

    if (!negative->present)
        return naturals(pool, natural);
    if (!natural->present)
        return negatives(pool, negative);
    if (negative->low == 0 && natural->low == 0)
        return cddl_pool_print(pool, "-%" PRIu64 " to %" PRIu64, negative->high + 1, natural->high);
    return cddl_pool_print(pool, "%s or %s", negatives(pool, negative), naturals(pool, natural));
}

static const char *integer(struct cddl_pool *pool, const struct cddl_form *form)
{
    const struct cddl_range *natural = &form->natural, *negative = &form->negative;

    if (form->table.form != NULL)
        return cddl_pool_print(pool, "an index into %s", form->table.name);
    if (!negative->present && natural->low == 0 && natural->high == UINT64_MAX)
        return "an unsigned integer";
    if (negative->low == 0 && negative->high == INT64_MAX && natural->present &&
        natural->low == 0 && natural->high == INT64_MAX)
        return "an integer";
    return cddl_pool_print(pool, "an integer of %s", cddl_describe_integers(pool, form));
}

const char *cddl_describe_length(struct cddl_pool *pool, const struct cddl_range *length)
{
    bool plural = length->high != 1;

    if (length->high == UINT64_MAX)
        return cddl_pool_print(pool, "%" PRIu64 " byte%s or more", length->low,
                               length->low == 1 ? "" : "s");
    return cddl_pool_print(pool, "%s byte%s", naturals(pool, length), plural ? "s" : "");
}

static const char *string(struct cddl_pool *pool, const char *what, const struct cddl_range *length)
{
    if (length->low == 0 && length->high == UINT64_MAX)
        return what;
    return cddl_pool_print(pool, "%s of %s", what, cddl_describe_length(pool, length));
}

/* ---- What holds others ---- */

static const char *array(struct cddl_pool *pool, const struct cddl_form *form)
{
    if (form->array == CDDL_ARRAY_LIST)
        return form->table_number > 0 ? "a table" : "a list";
    return cddl_pool_print(pool, "an array of %u", form->elements.count);
}

static const char *map(struct cddl_pool *pool, const struct cddl_form *form)
{
    if (form->pairs == CDDL_PAIRS_STRUCT)
        return "a map of certain keys";
    return cddl_pool_print(pool, "a map from %s",
                           string(pool, "text", &form->keys.list[0].form->text));
}

static void add(struct cddl_pool *pool, const char **words, const char *more)
{
    *words = *words == NULL ? more : cddl_pool_print(pool, "%s or %s", *words, more);
}

const char *cddl_describe(struct cddl_pool *pool, const struct cddl_form *form)
{
    const char *words = NULL;

    if (form->anything)
        return "anything";
    if (form->boolean)
        add(pool, &words, "a boolean");
    if (form->natural.present || form->negative.present)
        add(pool, &words, integer(pool, form));
    if (form->floating)
        add(pool, &words, "a float");
    if (form->text.present)
        add(pool, &words, string(pool, "text", &form->text));
    if (form->bytes.present)
        add(pool, &words, string(pool, "bytes", &form->bytes));
    if (form->units.count > 0 || form->pairs == CDDL_PAIRS_VARIANT)
        add(pool, &words, "a variant");
    if (form->pairs == CDDL_PAIRS_STRUCT || form->pairs == CDDL_PAIRS_MAP)
        add(pool, &words, map(pool, form));
    if (form->array != CDDL_NO_ARRAY)
        add(pool, &words, array(pool, form));
    if (form->nil)
        add(pool, &words, "nil");
    return words;
}
