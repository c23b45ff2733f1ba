/* SPDX-License-Identifier: MIT */
/*
 * A made directory for tests of the store: TOP/root, which is served, beside TOP/outside, which is
 * not. Everything here ends the test when it fails.
 */
#ifndef VALVE_TESTS_TREE_H
#define VALVE_TESTS_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree {
    char top[64];  /* path of the temporary directory */
    char root[80]; /* TOP/root */
    int fd;        /* of TOP */
};

/* Makes TOP, TOP/root and TOP/outside below $TMPDIR or /tmp. */
void tree_make(struct tree *tree);

/* Removes it with all that is in it, however deep, and closes it. */
void tree_remove(struct tree *tree);

/* Each makes something at a path below TOP. Parents must be there. */
void tree_directory(const struct tree *tree, const char *path);
void tree_file(const struct tree *tree, const char *path, const char *content);
void tree_filled(const struct tree *tree, const char *path, size_t size); /* with 'x' */
void tree_link(const struct tree *tree, const char *path, const char *target);

/* Whether there is anything at a path below TOP. */
bool tree_has(const struct tree *tree, const char *path);

/* How many descriptors this process has open. */
unsigned tree_descriptors(void);

#endif
