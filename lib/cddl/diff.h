/* SPDX-License-Identifier: MIT */
/*
 * What changed from one version of a schema to the next, and whom it breaks.
 */
#ifndef VALVE_CDDL_DIFF_H
#define VALVE_CDDL_DIFF_H

#include "cddl/walk.h"

#define CDDL_OTHERS 4 /* messages that are named as having a change, too */

struct cddl_change {
    const struct cddl_source *source; /* where it is seen: the new schema, or the old one */
    struct cddl_span span;
    const char *message;     /* Eval request */
    const char *path;        /* Let.body */
    const char *what;        /* the key "a" is new */
    const char *old_clients; /* why old clients break with a new server, or NULL */
    const char *new_clients; /* why new clients break with an old server, or NULL */
    const char *others;      /* the first of the other messages that have it, or NULL */
    unsigned other_count;    /* of all of them */
    struct cddl_change *next;
};

/* What came out when two forms met. */
struct cddl_judgement {
    bool made;
    struct cddl_change *first;
    unsigned count;
};

/* Who receives the values that changed. */
enum cddl_receiver {
    CDDL_SERVER, /* requests */
    CDDL_CLIENT, /* items and replies */
};

struct cddl_diff {
    struct cddl_pool *pool;
    struct cddl_forms old_forms, new_forms;
    struct cddl_walk walk;                    /* through a message */
    struct cddl_walk depth;                   /* for a refusal somewhere inside */
    struct cddl_judgement *judgements[2];     /* by receiver, then by the numbers of both forms */
    struct cddl_index *indices, **last_index; /* that met */
    unsigned *new_tables, *old_tables;        /* by the number of an old table, of a new one */
    struct cddl_change *changes, **place;
    unsigned count;
    bool breaks_old_clients, breaks_new_clients;
    const char *old_name, *new_name; /* of the service */
    struct cddl_span name_span;      /* in the new schema */
    const char *digest;              /* of the new schema */
};

/* Compares two sound schemas. All that is found belongs to the pool. */
void cddl_compare(struct cddl_pool *pool, const struct cddl_schema *old,
                  const struct cddl_schema *new, struct cddl_diff *ret_diff);

/* Writes a paragraph for each change, and a last line that sums up. */
void cddl_diff_print(const struct cddl_diff *diff, FILE *stream);

/* ---- The parts of a comparison ---- */

/* What the changes of one message have in common. */
struct cddl_context {
    struct cddl_diff *diff;
    enum cddl_receiver receiver;
    const char *message;   /* Eval request */
    struct cddl_span span; /* in the new schema, for what has no place of its own */
};

/* What the new version, as the receiver, refuses of the old one's values; and the reverse. */
struct cddl_reasons {
    const char *new_refuses, *old_refuses; /* words that lack the subject, or NULL */
};

/* Notes a change at a place of the message ("": the whole), seen in one of the schemas. */
void cddl_note(const struct cddl_context *context, const char *path, const struct cddl_forms *forms,
               struct cddl_span span, struct cddl_reasons reasons, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Notes that another message has the change, too. */
void cddl_note_other(struct cddl_diff *diff, struct cddl_change *change, const char *message);

/* Notes all that changed in the values of a message. */
void cddl_compare_values(const struct cddl_context *context, const struct cddl_form *old,
                         const struct cddl_form *new);

/* Keeps in mind which tables meet, and which indices do. */
void cddl_compare_tables(const struct cddl_context *context, const struct cddl_meeting *meeting,
                         struct cddl_span span);

/* Notes the indices that count in tables which are not counterparts, once all messages were seen */
void cddl_compare_indices(struct cddl_diff *diff);

#endif
