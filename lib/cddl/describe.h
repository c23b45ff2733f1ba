/* SPDX-License-Identifier: MIT */
/*
 * Forms in words, as they stand in messages about changes.
 */
#ifndef VALVE_CDDL_DESCRIBE_H
#define VALVE_CDDL_DESCRIBE_H

#include "cddl/form.h"

/* "text of 1 to 16 bytes or nil". Belongs to the pool, as the others do. */
const char *cddl_describe(struct cddl_pool *pool, const struct cddl_form *form);

/* "-5 to 10": the integers that a form has, which are some. */
const char *cddl_describe_integers(struct cddl_pool *pool, const struct cddl_form *form);

/* "16 bytes", "1 to 16 bytes", "1 byte or more". */
const char *cddl_describe_length(struct cddl_pool *pool, const struct cddl_range *length);

#endif
