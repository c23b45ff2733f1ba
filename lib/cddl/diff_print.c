/* SPDX-License-Identifier: MIT */
/*
 * The report on two versions of a schema.
 */
#include <inttypes.h>
#include <string.h>

#include "cddl/diff.h"

static void print_verdict(const char *who, const char *why, FILE *stream)
{
    if (why == NULL)
        fprintf(stream, "    %s: works\n", who);
    else
        fprintf(stream, "    %s: breaks, because %s\n", who, why);
}

static void print_place(const struct cddl_source *source, struct cddl_span span, FILE *stream)
{
    fprintf(stream, "%s:%zu:%zu: ", source->name, cddl_source_line(source, span.offset),
            cddl_source_column(source, span.offset));
}

static void print_change(const struct cddl_change *change, FILE *stream)
{
    print_place(change->source, change->span, stream);
    fprintf(stream, "%s: ", change->message);
    if (*change->path != '\0')
        fprintf(stream, "%s: ", change->path);
    fprintf(stream, "%s\n", change->what);
    if (change->other_count > 0)
        fprintf(stream, "    also in %s", change->others);
    if (change->other_count > CDDL_OTHERS)
        fprintf(stream, " and %u more", change->other_count - CDDL_OTHERS);
    if (change->other_count > 0)
        fputs("\n", stream);
    print_verdict("old clients with a new server", change->old_clients, stream);
    print_verdict("new clients with an old server", change->new_clients, stream);
}

static void print_name(const struct cddl_diff *diff, FILE *stream)
{
    const struct cddl_source *source = diff->new_forms.source;

    if (strcmp(diff->old_name, diff->new_name) == 0)
        return;
    print_place(source, diff->name_span, stream);
    fprintf(stream,
            "the service %s is called %s now: that changes names in C, and nothing that travels\n",
            diff->old_name, diff->new_name);
}

static void print_sum(const struct cddl_diff *diff, FILE *stream)
{
    static const char *const verdicts[2][2] = {
        {"old clients work with a new server, and new clients with an old one",
         "old clients work with a new server, new clients need it"},
        {"old clients break with a new server, new clients work with an old one",
         "old clients break with a new server, and new clients with an old one"},
    };

    fprintf(stream, "%u change%s: %s\n", diff->count, diff->count == 1 ? "" : "s",
            verdicts[diff->breaks_old_clients][diff->breaks_new_clients]);
}

void cddl_diff_print(const struct cddl_diff *diff, FILE *stream)
{
    print_name(diff, stream);
    for (const struct cddl_change *change = diff->changes; change != NULL; change = change->next)
        print_change(change, stream);
    if (diff->count > 0)
        print_sum(diff, stream);
    else
        fprintf(stream,
                "no change: the same bytes are legal, and mean the same; both digests are %s\n",
                diff->digest);
}
