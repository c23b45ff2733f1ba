/* SPDX-License-Identifier: MIT */
/*
 * The canonical text of a schema: what it is on the wire, and nothing of how it is written.
 */
#ifndef VALVE_CDDL_CANON_H
#define VALVE_CDDL_CANON_H

#include "cddl/form.h"

/*
 * The text; it belongs to the pool. One line for each method, in the order of their names, then one
 * for each form, in the order in which the lines before mention it. Equal for two schemas if, and
 * only if, they take the same values for the same methods.
 */
const char *cddl_canonical_text(const struct cddl_schema *schema);

/* The SHA-256 of that text, in hexadecimal digits. */
const char *cddl_digest(const struct cddl_schema *schema);

#endif
