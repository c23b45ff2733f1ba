/* SPDX-License-Identifier: MIT */
/*
 * From the file of a schema to its tables.
 */
#include "schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cddl/compile.h"
#include "message.h"

/* At most one byte more than a schema may have, so that the compiler sees that it is too long. */
static int read_file(struct cddl_pool *pool, const char *path, char **ret_text, size_t *ret_size)
{
    FILE *stream = fopen(path, "re");
    char shown[SHOWN_ROOM], *text;
    size_t size;
    bool failed;

    if (stream == NULL) {
        complain("%s: %s", show_name(path, shown), strerror(errno));
        return -1;
    }
    text = cddl_pool_alloc(pool, CDDL_MAX_SOURCE + 1, 1);
    size = fread(text, 1, CDDL_MAX_SOURCE + 1, stream);
    failed = ferror(stream) != 0;
    if (failed)
        complain("%s: %s", show_name(path, shown), strerror(errno));
    fclose(stream);
    *ret_text = text;
    *ret_size = size;
    return failed ? -1 : 0;
}

int schema_load(struct cddl_pool *pool, const char *path, struct valve_tables *ret_tables)
{
    struct cddl_source *source = cddl_pool_alloc(pool, 1, sizeof(*source));
    struct cddl_schema *schema = cddl_pool_alloc(pool, 1, sizeof(*schema));
    char *text;
    size_t size;

    if (read_file(pool, path, &text, &size) < 0)
        return -1;
    cddl_source_init(source, pool, path, text, size);
    if (!cddl_compile(source, NULL, schema)) {
        cddl_source_report(source, stderr);
        return -1;
    }
    valve_tables_build(schema, ret_tables);
    return 0;
}
