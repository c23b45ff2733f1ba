/* SPDX-License-Identifier: MIT */
/*
 * Any text into the schema compiler: it says what is wrong, or writes C, a digest, and tables by
 * which a value is made up, encoded and read again.
 */
#include <errno.h>
#include <string.h>

#include "cddl/canon.h"
#include "cddl/compile.h"
#include "fuzz.h"
#include "rpc/generate.h"
#include "tables/tables.h"

#define MAX_DEPTH 40

static void check_output(const struct cddl_output *output)
{
    DEMAND(output->size > 0 && output->text[output->size - 1] == '\n');
    DEMAND(memchr(output->text, '\0', output->size) == NULL);
}

static void generate_code(struct cddl_schema *schema)
{
    const char *digest = cddl_digest(schema);
    struct cddl_output header, code;

    cddl_generate(schema, "t.cddl", "t.h", &header, &code);
    check_output(&header);
    check_output(&code);
    DEMAND(memmem(header.text, header.size, digest, strlen(digest)) != NULL);
}

/* ---- Values ---- */

/* Decodes what was encoded and encodes it again. */
static void check_encoding(const struct valve_type *type, struct valve_bytes first,
                           struct valve_arena *arena)
{
    static const struct valve_limits limits = {1 << 20, MAX_DEPTH};
    void *value = valve_arena_alloc(arena, type->size, type->alignment);
    struct valve_bytes second;
    struct valve_error error;
    size_t taken;
    int r;

    if (value == NULL)
        return;
    r = valve_value_decode(type, &limits, first.data, first.size, arena, value, &taken, &error);
    DEMAND(r == 0 || r == -ENOMEM);
    if (r < 0 || valve_value_encode(type, &limits, value, arena, &second, &error) < 0)
        return;
    DEMAND(taken == first.size);
    DEMAND(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
}

static void make_value(const struct valve_type *type, struct valve_arena *arena)
{
    static const struct valve_generate_limits room = {200, MAX_DEPTH - 10};
    static const struct valve_limits limits = {1 << 20, MAX_DEPTH};
    struct valve_random random = {type->least};
    void *value = valve_arena_alloc(arena, type->size, type->alignment);
    struct valve_bytes bytes;
    struct valve_error error;
    int r;

    if (value == NULL || valve_generate(type, &random, &room, arena, value) < 0)
        return;
    r = valve_value_encode(type, &limits, value, arena, &bytes, &error);
    DEMAND(r == 0 || r == -ENOMEM || r == -EMSGSIZE);
    if (r == 0)
        check_encoding(type, bytes, arena);
}

static void make_values(struct cddl_schema *schema)
{
    static struct valve_arena arena = {.limit = 1 << 20};
    struct valve_tables tables;

    valve_tables_build(schema, &tables);
    DEMAND(tables.method_count > 0);
    valve_arena_reset(&arena);
    make_value(tables.request, &arena);
    make_value(tables.methods[0].reply, &arena);
}

/* ---- The target ---- */

static void report(struct cddl_source *source)
{
    static FILE *nowhere;

    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    DEMAND(nowhere != NULL);
    DEMAND(source->problem_count > 0);
    cddl_source_report(source, nowhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cddl_pool pool;
    static struct cddl_source source;
    struct cddl_schema schema;

    cddl_source_init(&source, &pool, "t.cddl", (const char *)data, size);
    if (cddl_compile(&source, NULL, &schema)) {
        generate_code(&schema);
        make_values(&schema);
    } else if (size % 8 == 0) { /* a report costs more than all the rest */
        report(&source);
    }
    cddl_pool_reset(&pool);
    return 0;
}
