/* SPDX-License-Identifier: MIT */
/*
 * Two versions of a schema, compared both ways: what breaks whom turns round, and there is a change
 * where, and only where, the digests differ.
 *
 * An input is a schema behind the edit that makes the newer version of it: four bytes that say
 * where, how much is taken out and how much is put in, and what is put in.
 */
#include <string.h>

#include "cddl/canon.h"
#include "cddl/compile.h"
#include "cddl/diff.h"
#include "fuzz.h"

#define EDIT 4

struct version {
    struct cddl_source source;
    struct cddl_schema schema;
};

static bool compile(struct cddl_pool *pool, struct version *version, const char *text, size_t size)
{
    cddl_source_init(&version->source, pool, "t.cddl", text, size);
    return cddl_compile(&version->source, NULL, &version->schema);
}

static void compare(struct cddl_pool *pool, const struct version *old, const struct version *new,
                    struct cddl_diff *ret_diff)
{
    static FILE *stream;

    if (stream == NULL)
        stream = fopen("/dev/null", "w");
    DEMAND(stream != NULL);
    cddl_compare(pool, &old->schema, &new->schema, ret_diff);
    cddl_diff_print(ret_diff, stream);
    DEMAND(ret_diff->count > 0 || !(ret_diff->breaks_old_clients || ret_diff->breaks_new_clients));
}

static void check(struct cddl_pool *pool, const struct version *old, const struct version *new)
{
    bool equal = strcmp(cddl_digest(&old->schema), cddl_digest(&new->schema)) == 0;
    struct cddl_diff forth, back, none;

    compare(pool, old, new, &forth);
    compare(pool, new, old, &back);
    compare(pool, new, new, &none);
    DEMAND(none.count == 0);
    DEMAND((forth.count == 0) == equal && (back.count == 0) == equal);
    DEMAND(forth.breaks_old_clients == back.breaks_new_clients);
    DEMAND(forth.breaks_new_clients == back.breaks_old_clients);
}

/* The newer version; it belongs to the pool. */
static char *edit(struct cddl_pool *pool, const uint8_t *data, size_t size, size_t *ret_size)
{
    size_t added = data[3], old_size = size - EDIT - added;
    size_t place = (size_t)(data[0] << 8 | data[1]) % (old_size + 1), removed = data[2];
    const char *old = (const char *)data + EDIT + added;
    char *new = cddl_pool_alloc(pool, size, 1);

    if (removed > old_size - place)
        removed = old_size - place;
    memcpy(new, old, place);
    memcpy(new + place, data + EDIT, added);
    memcpy(new + place + added, old + place + removed, old_size - place - removed);
    *ret_size = old_size - removed + added;
    return new;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct version old, new;
    static struct cddl_pool pool;
    size_t old_size, new_size;

    if (size < EDIT || size - EDIT < data[3])
        return -1;
    old_size = size - EDIT - data[3];
    if (compile(&pool, &old, (const char *)data + size - old_size, old_size)) {
        const char *text = edit(&pool, data, size, &new_size);

        if (compile(&pool, &new, text, new_size))
            check(&pool, &old, &new);
    }
    cddl_pool_reset(&pool);
    return 0;
}
