/* SPDX-License-Identifier: MIT */
/*
 * What changed from one version of a schema to the next, and whom it breaks.
 */
#ifndef VALVE_CDDL_DIFF_H
#define VALVE_CDDL_DIFF_H

#include "cddl/walk.h"

/* Who receives the values that a change is about. */
enum cddl_receiver {
    CDDL_SERVER, /* requests */
    CDDL_CLIENT, /* replies, items */
};

struct cddl_change {
    const struct cddl_source *source; /* where it is seen: the new schema, or the old */
    struct cddl_span span;
    const char *place;       /* Eval request: Let.body */
    const char *what;        /* the key "a" is new */
    const char *old_clients; /* why old clients break with a new server, or NULL */
    const char *new_clients; /* why new clients break with an old server, or NULL */
    const char *others;      /* the other messages that have it, or NULL */
    unsigned other_count;
    struct cddl_change *next;
};

/* What was found out about two forms that met. */
struct cddl_judgement {
    bool made;
    struct cddl_change *first; /* NULL: no change */
    unsigned count;
};

struct cddl_diff {
    struct cddl_pool *pool;
    const struct cddl_schema *old, *new;
    struct cddl_forms old_forms, new_forms;
    struct cddl_walk walk;  /* of messages */
    struct cddl_walk depth; /* of what is refused somewhere inside */
    struct cddl_judgement *judgements[2]; /* by receiver and both numbers */
    struct cddl_change *changes, **place;
    unsigned count;
};

/* Compares two sound schemas. All that is found belongs to the pool. */
void cddl_compare(struct cddl_pool *pool, const struct cddl_schema *old,
                  const struct cddl_schema *new, struct cddl_diff *ret_diff);

/* Whether old clients break with a new server, and new clients with an old one. */
bool cddl_breaks_old_clients(const struct cddl_diff *diff);
bool cddl_breaks_new_clients(const struct cddl_diff *diff);

/* Writes a paragraph for each change, and a last line that sums up. */
void cddl_diff_print(const struct cddl_diff *diff, FILE *stream);

/* ---- The parts of a comparison ---- */

/* Where, whose and for whom: what the changes of one value have in common. */
struct cddl_context {
    struct cddl_diff *diff;
    enum cddl_receiver receiver;
    const char *place;
};

/* What the new version as the receiver refuses of the old, and the reverse; or NULL. */
struct cddl_reasons {
    const char *new_refuses, *old_refuses;
};

/* Notes a change that is seen in the new schema, or in the old one. */
void cddl_note(const struct cddl_context *context, const struct cddl_source *source,
               struct cddl_span span, struct cddl_reasons reasons, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Notes what changed in a message: a request, an item or a reply. */
void cddl_compare_message(const struct cddl_context *context, const struct cddl_form *old,
                          const struct cddl_form *new);

#endif
