/* SPDX-License-Identifier: MIT */
/*
 * Files that valve-cddl writes. What goes wrong is said on stderr.
 */
#ifndef VALVE_CDDL_FILES_H
#define VALVE_CDDL_FILES_H

#include "cddl/compile.h"

/* Writes NAME.h and NAME.c whole, or leaves what was there. 0 or -1. */
int cddl_write_files(struct cddl_pool *pool, const char *directory, const char *name,
                     const struct cddl_output *header, const struct cddl_output *tables);

#endif
