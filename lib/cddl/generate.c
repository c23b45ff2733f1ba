/* SPDX-License-Identifier: MIT */
/*
 * Both files of generated C, for a schema that is sound.
 */
#include "cddl/compile.h"
#include "cddl/emit.h"

void cddl_generate(struct cddl_schema *schema, const char *source_name, const char *header_name,
                   struct cddl_output *ret_header, struct cddl_output *ret_tables)
{
    struct cddl_emit emit;

    cddl_emit_init(&emit, schema->source->pool, schema);
    cddl_emit_header(&emit, source_name);
    *ret_header = (struct cddl_output){emit.text, emit.size};
    cddl_emit_init(&emit, schema->source->pool, schema);
    cddl_emit_tables(&emit, source_name, header_name);
    *ret_tables = (struct cddl_output){emit.text, emit.size};
}
