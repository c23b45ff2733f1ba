/* SPDX-License-Identifier: MIT */
/*
 * Files that valve-cddl writes.
 */
#include "cddl/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cddl/source.h"

static void complain(const char *what)
{
    fprintf(stderr, "valve-cddl: %s: %s\n", what, strerror(errno));
}

/* A file that stands beside its place until it is whole. */
struct draft {
    const char *path;
    char *temporary;
};

static int write_draft(struct cddl_pool *pool, struct draft *draft,
                       const struct cddl_output *output)
{
    char *temporary = cddl_pool_print(pool, "%s.XXXXXX", draft->path);
    int descriptor = mkstemp(temporary);
    mode_t mask = umask(0);
    FILE *stream;
    bool whole;

    umask(mask);
    if (descriptor < 0) {
        complain(draft->path);
        return -1;
    }
    draft->temporary = temporary;
    stream = fdopen(descriptor, "w");
    if (stream == NULL) {
        complain(temporary);
        close(descriptor);
        return -1;
    }
    whole = fwrite(output->text, 1, output->size, stream) == output->size;
    whole = fchmod(descriptor, 0666 & ~mask) == 0 && whole;
    if (fclose(stream) != 0 || !whole) {
        complain(temporary);
        return -1;
    }
    return 0;
}

static int publish_draft(struct draft *draft)
{
    if (rename(draft->temporary, draft->path) != 0) {
        complain(draft->path);
        return -1;
    }
    draft->temporary = NULL;
    return 0;
}

static void discard_draft(struct draft *draft)
{
    if (draft->temporary != NULL)
        unlink(draft->temporary);
}

int cddl_write_files(struct cddl_pool *pool, const char *directory, const char *name,
                     const struct cddl_output *header, const struct cddl_output *tables)
{
    struct draft first = {cddl_pool_print(pool, "%s/%s.h", directory, name), NULL};
    struct draft second = {cddl_pool_print(pool, "%s/%s.c", directory, name), NULL};
    int result = -1;

    if (write_draft(pool, &first, header) == 0 && write_draft(pool, &second, tables) == 0 &&
        publish_draft(&first) == 0 && publish_draft(&second) == 0)
        result = 0;
    discard_draft(&first);
    discard_draft(&second);
    return result;
}
