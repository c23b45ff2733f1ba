/* SPDX-License-Identifier: MIT */
/*
 * The steps of the compiler in their order; each needs what the steps before it left sound.
 */
#include "cddl/compile.h"

bool cddl_compile(struct cddl_source *source, const char *name, struct cddl_schema *ret_schema)
{
    struct cddl_syntax syntax;

    if (source->size > CDDL_MAX_SOURCE) {
        cddl_problem(source, (struct cddl_span){0, 0}, "a schema has at most %d bytes",
                     CDDL_MAX_SOURCE);
        return false;
    }
    cddl_parse(source, &syntax);
    cddl_check_names(&syntax);
    cddl_resolve(&syntax, name, ret_schema);
    cddl_check_types(ret_schema);
    if (cddl_source_sound(source))
        cddl_check_graphs(ret_schema);
    if (cddl_source_sound(source))
        cddl_check_c_names(ret_schema);
    if (cddl_source_sound(source))
        cddl_lay_out(ret_schema);
    return cddl_source_sound(source);
}
