/* SPDX-License-Identifier: MIT */
/*
 * From the file of a schema to its tables.
 */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "cddl/compile.h"
#include "message.h"

int schema_load(struct cddl_pool *pool, const char *path, struct valve_tables *ret_tables)
{
    struct cddl_source *source = cddl_pool_alloc(pool, 1, sizeof(*source));
    struct cddl_schema *schema = cddl_pool_alloc(pool, 1, sizeof(*schema));
    int r = cddl_source_read(source, pool, path);
    char shown[SHOWN_ROOM];

    if (r < 0) {
        complain("%s: %s", show_name(path, shown), strerror(-r));
        return -1;
    }
    if (!cddl_compile(source, NULL, schema)) {
        cddl_source_report(source, stderr);
        return -1;
    }
    valve_tables_build(schema, ret_tables);
    return 0;
}
