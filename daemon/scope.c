/* SPDX-License-Identifier: MIT */
/*
 * Parts of the tree.
 */
#include <config.h>

#include "daemon/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether `path` is `prefix`, or under it: whole components, so that "ab" is not under "a". */
static bool is_under(const char *path, const char *prefix)
{
    size_t size = strlen(prefix);

    return size == 0 ||
           (strncmp(path, prefix, size) == 0 && (path[size] == '\0' || path[size] == '/'));
}

bool scope_holds(const struct scope *scope, const char *path)
{
    for (size_t i = 0; i < scope->count; i++)
        if (is_under(path, scope->paths[i]))
            return true;
    return false;
}

bool scope_is_whole(const struct scope *scope)
{
    return scope->count == 1 && scope->paths[0][0] == '\0';
}

int scope_add(struct scope *scope, const char *path)
{
    const char **paths;
    size_t kept = 0;

    if (scope_holds(scope, path))
        return 0;
    paths = reallocarray(scope->paths, scope->count + 1, sizeof *paths);
    if (!paths)
        return -ENOMEM;
    scope->paths = paths;
    for (size_t i = 0; i < scope->count; i++)
        if (!is_under(paths[i], path))
            paths[kept++] = paths[i];
    paths[kept++] = path;
    scope->count = kept;
    return 0;
}

void scope_fini(struct scope *scope)
{
    free(scope->paths);
    *scope = (struct scope){0};
}
