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
    unsigned old_table, new_table;
    struct cddl_index *next;
};

static void pair_up(unsigned *counterpart, unsigned table)
{
    *counterpart = *counterpart == 0 || *counterpart == table ? table : SEVERAL;
}

static void keep_index(const struct cddl_context *context, const struct cddl_meeting *meeting,
                       struct cddl_span span)
{
    struct cddl_diff *diff = context->diff;
    struct cddl_index *index = cddl_pool_alloc(diff->pool, 1, sizeof(*index));

    *index = (struct cddl_index){
        .context = *context,
        .path = cddl_walk_path(diff->pool, meeting),
        .span = span,
        .old_table = meeting->left->table.form->table_number,
        .new_table = meeting->right->table.form->table_number,
    };
    *diff->last_index = index;
    diff->last_index = &index->next;
}

void cddl_compare_tables(const struct cddl_context *context, const struct cddl_meeting *meeting,
                         struct cddl_span span)
{
    const struct cddl_form *old = meeting->left, *new = meeting->right;
    struct cddl_diff *diff = context->diff;

    if (old->table_number > 0 && new->table_number > 0) {
        pair_up(&diff->new_tables[old->table_number], new->table_number);
        pair_up(&diff->old_tables[new->table_number], old->table_number);
    }
    if (old->table.form != NULL && new->table.form != NULL)
        keep_index(context, meeting, span);
}

static bool are_counterparts(const struct cddl_diff *diff, unsigned old, unsigned new)
{
    return diff->new_tables[old] == new && diff->old_tables[new] == old;
}

void cddl_compare_indices(struct cddl_diff *diff)
{
    static const struct cddl_reasons reasons = {"counts in another table",
                                                "counts in another table"};

    for (const struct cddl_index *index = diff->indices; index != NULL; index = index->next)
        if (!are_counterparts(diff, index->old_table, index->new_table))
            cddl_note(&index->context, index->path, &diff->new_forms, index->span, reasons,
                      "the index counts in another table now");
}
