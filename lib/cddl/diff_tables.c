/* SPDX-License-Identifier: MIT */
/*
 * Comparing graphs: an index means the same if its table stands where its table stood. Tables are
 * counterparts if they meet each other, and no others.
 */
#include "cddl/diff.h"

#include <limits.h>

#define SEVERAL UINT_MAX /* counterparts: none is the right one */

/* Two indices that met. */
struct cddl_index {
    struct cddl_context context;
    const char *path;
    struct cddl_span span;
    const struct cddl_form *old_table, *new_table;
    struct cddl_index *next;
};

static unsigned *tables_of(struct cddl_diff *diff, unsigned **place, const struct cddl_forms *forms)
{
    if (*place == NULL)
        *place = cddl_pool_alloc(diff->pool, forms->count + 1, sizeof(**place));
    return *place;
}

static void pair_up(unsigned *counterpart, unsigned table)
{
    *counterpart = *counterpart == 0 || *counterpart == table ? table : SEVERAL;
}

void cddl_compare_tables(const struct cddl_context *context, const char *path,
                         struct cddl_span span, const struct cddl_form *old,
                         const struct cddl_form *new)
{
    struct cddl_diff *diff = context->diff;
    struct cddl_index *index;

    if (old->table_number > 0 && new->table_number > 0) {
        pair_up(&tables_of(diff, &diff->new_tables, &diff->old_forms)[old->table_number],
                new->table_number);
        pair_up(&tables_of(diff, &diff->old_tables, &diff->new_forms)[new->table_number],
                old->table_number);
    }
    if (old->table.form == NULL || new->table.form == NULL)
        return;
    index = cddl_pool_alloc(diff->pool, 1, sizeof(*index));
    *index = (struct cddl_index){
        .context = *context,
        .path = path,
        .span = span,
        .old_table = old->table.form,
        .new_table = new->table.form,
    };
    *diff->last_index = index;
    diff->last_index = &index->next;
}

static bool are_counterparts(const struct cddl_diff *diff, const struct cddl_index *index)
{
    unsigned old = index->old_table->table_number, new = index->new_table->table_number;

    return diff->new_tables != NULL && diff->new_tables[old] == new && diff->old_tables[new] == old;
}

void cddl_compare_indices(struct cddl_diff *diff)
{
    static const struct cddl_reasons reasons = {"counts in another table",
                                                "counts in another table"};

    for (const struct cddl_index *index = diff->indices; index != NULL; index = index->next)
        if (!are_counterparts(diff, index))
            cddl_note(&index->context, index->path, &diff->new_forms, index->span, reasons,
                      "the index counts in another table now");
}
