/* SPDX-License-Identifier: MIT */
/*
 * Comparing services: methods that come and go, and the messages of those that stay.
 */
#include "cddl/diff.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cddl_note(const struct cddl_context *context, const struct cddl_source *source,
               struct cddl_span span, struct cddl_reasons reasons, const char *format, ...)
{
    struct cddl_diff *diff = context->diff;
    struct cddl_change *change = cddl_pool_alloc(diff->pool, 1, sizeof(*change));
    va_list list;

    change->source = source;
    change->span = span;
    change->place = context->place;
    va_start(list, format);
    change->what = cddl_pool_print_list(diff->pool, format, list);
    va_end(list);
    if (context->receiver == CDDL_SERVER) {
        change->old_clients = reasons.new_refuses;
        change->new_clients = reasons.old_refuses;
    } else {
        change->old_clients = reasons.old_refuses;
        change->new_clients = reasons.new_refuses;
    }
    *diff->place = change;
    diff->place = &change->next;
    diff->count++;
}
