/* SPDX-License-Identifier: MIT */
/*
 * A part of the tree: what is at some paths, or under them.
 */
#ifndef VALVED_SCOPE_H
#define VALVED_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroes: nothing is in it. */
struct scope {
    const char **paths; /* of whole components; none is in another. "": all there is */
    size_t count;
};

/* Adds what is at this path, which must outlive the scope, and under it. 0 or -ENOMEM. */
int scope_add(struct scope *scope, const char *path);

void scope_fini(struct scope *scope);

/* Whether a path is in it. */
bool scope_holds(const struct scope *scope, const char *path);

/* Whether all there is is in it. */
bool scope_is_whole(const struct scope *scope);

#endif
