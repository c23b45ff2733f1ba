/* SPDX-License-Identifier: MIT */
/*
 * Writing C: text is made from templates that look like what they make.
 */
#ifndef VALVE_CDDL_EMIT_H
#define VALVE_CDDL_EMIT_H

#include "cddl/schema.h"

/*
 * What is being written. In a template $x stands for values['x']; the letters mean
 *   $p $P  prefix of all names: files, FILES      $s  name of the service as it travels
 *   $m $M  a method's names: files_size, FILES_SIZE
 *   $w $f  its word in names, its field in structs
 *   $t     name of a type: files_path             $T  its capitals
 *   $a $A  word of an arm or member, in capitals  $F  its field
 *   $V     type of a value as a parameter: `const struct files_path *` or `uint64_t `
 *   $v     a type as it is
 * and $1 $2 $3 whatever the place says. Lines that grow too long are broken behind commas.
 */
struct cddl_emit {
    struct cddl_pool *pool;
    const struct cddl_schema *schema;
    const char *values[128];
    char *text;
    size_t size, capacity;
    size_t line; /* where the last line begins */
};

void cddl_emit_init(struct cddl_emit *emit, struct cddl_pool *pool,
                    const struct cddl_schema *schema);
void cddl_emit(struct cddl_emit *emit, const char *template);

/* A comment of one paragraph, broken into lines. */
void cddl_emit_comment(struct cddl_emit *emit, const char *indent, const char *text);

/* Sets $m $M $w $f, $a $A $F. */
void cddl_emit_set_method(struct cddl_emit *emit, const struct cddl_method *method);
void cddl_emit_set_member(struct cddl_emit *emit, const struct cddl_member *member);

/* How a type is written: uint64_t, struct files_path; and as a parameter. */
const char *cddl_c_type(struct cddl_emit *emit, const struct cddl_type *type);
const char *cddl_c_parameter(struct cddl_emit *emit, const struct cddl_type *type);

/* ---- The parts of SERVICE.h, and SERVICE.c ---- */

/* `source_name` is the schema's file. */
void cddl_emit_header(struct cddl_emit *emit, const char *source_name);
void cddl_emit_tables(struct cddl_emit *emit, const char *source_name, const char *header_name);

void cddl_emit_types(struct cddl_emit *emit);
void cddl_emit_replies(struct cddl_emit *emit);
void cddl_emit_server(struct cddl_emit *emit);
void cddl_emit_client(struct cddl_emit *emit);

#endif
