/* SPDX-License-Identifier: MIT */
/*
 * Any text into the schema compiler: it says what is wrong, or writes C, tables and a digest.
 */
#include <string.h>

#include "cddl/canon.h"
#include "cddl/compile.h"
#include "fuzz.h"
#include "tables/tables.h"

/* Where reports go that only have to be made. */
static FILE *nowhere(void)
{
    static FILE *stream;

    if (stream == NULL)
        stream = fopen("/dev/null", "w");
    DEMAND(stream != NULL);
    return stream;
}

static void check_output(const struct cddl_output *output)
{
    DEMAND(output->size > 0 && output->text[output->size - 1] == '\n');
    DEMAND(memchr(output->text, '\0', output->size) == NULL);
}

/* What is said of a schema, it must be possible to say of it again. */
static void generate(struct cddl_schema *schema)
{
    struct cddl_output header, code;
    struct valve_tables tables;
    char *digest = strdup(cddl_digest(schema));

    DEMAND(digest != NULL);
    cddl_generate(schema, "t.cddl", "t.h", &header, &code);
    check_output(&header);
    check_output(&code);
    DEMAND(memmem(header.text, header.size, digest, strlen(digest)) != NULL);
    valve_tables_build(schema, &tables);
    DEMAND(tables.method_count > 0);
    free(digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cddl_pool pool;
    static struct cddl_source source;
    struct cddl_schema schema;

    cddl_source_init(&source, &pool, "t.cddl", (const char *)data, size);
    if (cddl_compile(&source, NULL, &schema))
        generate(&schema);
    else
        DEMAND(source.problem_count > 0);
    if (size % 8 == 0) /* a report costs more than all the rest */
        cddl_source_report(&source, nowhere());
    cddl_pool_reset(&pool);
    return 0;
}
