/* SPDX-License-Identifier: MIT */
/*
 * Files that valve-cddl reads and writes. What goes wrong is said on stderr.
 */
#ifndef VALVE_CDDL_FILES_H
#define VALVE_CDDL_FILES_H

#include "cddl/compile.h"

/* Reads a schema, or one byte more than a schema may have. 0 or -1. */
int cddl_read_file(struct cddl_pool *pool, const char *path, const char **ret_text,
                   size_t *ret_size);

/* Writes NAME.h and NAME.c whole, or leaves what was there. 0 or -1. */
int cddl_write_files(struct cddl_pool *pool, const char *directory, const char *name,
                     const struct cddl_output *header, const struct cddl_output *tables);

#endif
