/* SPDX-License-Identifier: MIT */
/*
 * Paths as text: which are well-formed, and which the configuration hides.
 */
#include <config.h>

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include "daemon/store_internal.h"

static const char *component_problem(const char *component, size_t size)
{
    if (size == 0)
        return "an empty component";
    if (size == 1 && component[0] == '.')
        return "a component \".\"";
    if (size == 2 && component[0] == '.' && component[1] == '.')
        return "a component \"..\"";
    if (size > NAME_MAX)
        return "a component of more than 255 bytes";
    return NULL;
}

const char *store_path_problem(const void *data, size_t size)
{
    const char *component = data, *end = component + size;

    if (size == 0)
        return "an empty path";
    if (size > STORE_PATH_MAX)
        return "more than 4095 bytes";
    if (component[0] == '/')
        return "a leading slash";
    if (end[-1] == '/')
        return "a trailing slash";
    if (memchr(data, 0, size))
        return "a NUL byte";
    for (;;) {
        const char *slash = memchr(component, '/', (size_t)(end - component));
        const char *stop = slash ? slash : end;
        const char *problem = component_problem(component, (size_t)(stop - component));

        if (problem || !slash)
            return problem;
        component = slash + 1;
    }
}

bool store_hides(const struct store *store, const char *component)
{
    /* No FNM_PERIOD: "*.part" is meant to hide ".x.part" too. */
    for (char **pattern = store->hide; *pattern; pattern++)
        if (fnmatch(*pattern, component, 0) == 0)
            return true;
    return false;
}

bool store_hides_path(const struct store *store, const char *path)
{
    char component[NAME_MAX + 1];

    if (!*store->hide)
        return false;
    for (;;) {
        size_t size = strcspn(path, "/");

        memcpy(component, path, size);
        component[size] = '\0';
        if (store_hides(store, component))
            return true;
        if (path[size] == '\0')
            return false;
        path += size + 1;
    }
}
