/* SPDX-License-Identifier: MIT */
/*
 * The compiler as a whole: from the text of a schema to the text of two C files.
 */
#ifndef VALVE_CDDL_COMPILE_H
#define VALVE_CDDL_COMPILE_H

#include "cddl/schema.h"

/* A piece of generated C; belongs to the pool. */
struct cddl_output {
    const char *text;
    size_t size;
};

/*
 * Reads and checks a schema. `name` is what the service must be called, or NULL. Returns false when
 * problems were noted in the source.
 */
bool cddl_compile(struct cddl_source *source, const char *name, struct cddl_schema *ret_schema);

/* Writes SERVICE.h and SERVICE.c of a schema that was compiled without problems. */
void cddl_generate(struct cddl_schema *schema, const char *source_name, const char *header_name,
                   struct cddl_output *ret_header, struct cddl_output *ret_tables);

#endif
