/* SPDX-License-Identifier: MIT */
/*
 * A walk through two schemas at once: forms that meet at the same place of a value, each two once,
 * the outer before the inner. That ends where types are recursive.
 */
#ifndef VALVE_CDDL_WALK_H
#define VALVE_CDDL_WALK_H

#include <limits.h>

#include "cddl/form.h"

#define CDDL_EACH UINT_MAX /* the index of what each element of a list is */

struct cddl_meeting {
    const struct cddl_form *left, *right;
    const struct cddl_meeting *outer; /* the one that led here; NULL: the whole value */
    const struct cddl_part *part;     /* of the outer form on the right */
    const char *name;                 /* of that part in paths, or NULL */
    unsigned index;                   /* of an element without a name */
    struct cddl_meeting *next;
};

struct cddl_walk {
    struct cddl_pool *pool;
    unsigned width; /* forms on the right */
    unsigned *seen; /* by both numbers: the walk in which they met last */
    unsigned count; /* of walks so far */
    struct cddl_meeting *first, **place;
};

/* Room for walks through these two, whichever is left and which right. */
void cddl_walk_init(struct cddl_walk *walk, struct cddl_pool *pool, const struct cddl_forms *one,
                    const struct cddl_forms *other);

/* Begins a new walk; `width` is the count of the schema on the right. */
void cddl_walk_begin(struct cddl_walk *walk, const struct cddl_form *left,
                     const struct cddl_form *right, unsigned width);

/* The next two, or NULL. */
const struct cddl_meeting *cddl_walk_next(struct cddl_walk *walk);

/*
 * Goes on to the elements, and to the pairs of maps, as far as what may be on the right has a
 * counterpart on the left.
 */
void cddl_walk_elements(struct cddl_walk *walk, const struct cddl_meeting *meeting);
void cddl_walk_keys(struct cddl_walk *walk, const struct cddl_meeting *meeting);

/* The path from the whole value: Let.body[2]; empty for the value itself. */
const char *cddl_walk_path(struct cddl_pool *pool, const struct cddl_meeting *meeting);

#endif
