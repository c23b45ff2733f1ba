/* SPDX-License-Identifier: MIT */
/*
 * Resolution of paths without openat2: for kernels before 5.6, and for Valgrind.
 *
 * It only ever goes down from the root, one component at a time, by names that are not followed,
 * and so cannot leave it whatever is renamed meanwhile. Links are read and spliced into the text
 * that is still to be walked; ".." in them goes down again from the root to what was walked before.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cleanup.h"
#include "daemon/store_internal.h"

#define LINKS_MAX 40 /* as in the kernel */

struct steps {
    const struct store *store;
    bool follow;   /* links */
    int directory; /* what `done` names */
    unsigned links;
    const char *next;              /* in `left`: where it goes on */
    char done[STORE_PATH_MAX + 1]; /* walked so far: directories, no links, no dots */
    char left[STORE_PATH_MAX + 1];
    char target[STORE_PATH_MAX + 1]; /* of a link */
};

static void steps_free(struct steps **steps)
{
    if (!*steps)
        return;
    cleanup_descriptor(&(*steps)->directory);
    free(*steps);
}

static int open_root(const struct store *store)
{
    int descriptor = store_openat(store->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return descriptor < 0 ? -errno : descriptor;
}

static int steps_new(const struct store *store, const char *path, unsigned how,
                     struct steps **ret_steps)
{
    struct steps *steps = malloc(sizeof *steps);
    int directory = open_root(store);

    if (!steps || directory < 0) {
        cleanup_descriptor(&directory);
        free(steps);
        return steps ? directory : -ENOMEM;
    }
    steps->store = store;
    steps->follow = store->symlinks && !(how & STORE_RESOLVE_PLAIN);
    steps->directory = directory;
    steps->links = 0;
    steps->done[0] = '\0';
    snprintf(steps->left, sizeof steps->left, "%s", path);
    steps->next = steps->left;
    *ret_steps = steps;
    return 0;
}

/* The next component into `name`: 1, 0 when none is left, or -ENAMETOOLONG. */
static int steps_take(struct steps *steps, char name[NAME_MAX + 1])
{
    const char *component = steps->next + strspn(steps->next, "/");
    size_t size = strcspn(component, "/");

    if (size > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, component, size);
    name[size] = '\0';
    steps->next = component + size;
    return size > 0;
}

/* Puts the text of a link before what is left. */
static int steps_follow(struct steps *steps, int link)
{
    size_t rest = strlen(steps->next);
    ssize_t size;

    if (!steps->follow || ++steps->links > LINKS_MAX)
        return -ELOOP;
    size = readlinkat(link, "", steps->target, sizeof steps->target);
    if (size < 0)
        return -errno;
    if (size == 0)
        return -ENOENT;
    if (steps->target[0] == '/')
        return -EXDEV;
    if ((size_t)size + rest > STORE_PATH_MAX)
        return -ENAMETOOLONG;
    memmove(steps->left + size, steps->next, rest + 1);
    memcpy(steps->left, steps->target, (size_t)size);
    steps->next = steps->left;
    return 0;
}

/* Goes into a directory. Takes the descriptor when it returns 0. */
static int steps_enter(struct steps *steps, const char *name, const struct statx *status,
                       int descriptor)
{
    size_t used = strlen(steps->done), room = sizeof steps->done - used;

    if (!S_ISDIR(status->stx_mode))
        return -ENOTDIR;
    if (strlen(name) + (used > 0) >= room)
        return -ENAMETOOLONG;
    snprintf(steps->done + used, room, "%s%s", used > 0 ? "/" : "", name);
    cleanup_descriptor(&steps->directory);
    steps->directory = descriptor;
    return 0;
}

/* Opens again what `done` names. Where that fails, somebody has renamed something: -EAGAIN. */
static int steps_redo(struct steps *steps)
{
    cleanup(cleanup_descriptor) int directory = open_root(steps->store);
    char name[NAME_MAX + 1];

    if (directory < 0)
        return directory;
    for (const char *next = steps->done; *next;) {
        size_t size = strcspn(next, "/");
        int inner;

        memcpy(name, next, size);
        name[size] = '\0';
        inner = store_openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0)
            return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? -EAGAIN : -errno;
        cleanup_descriptor(&directory);
        directory = inner;
        next += size + (next[size] == '/');
    }
    cleanup_descriptor(&steps->directory);
    steps->directory = steal_descriptor(&directory);
    return 0;
}

static int steps_up(struct steps *steps)
{
    char *slash = strrchr(steps->done, '/');

    if (steps->done[0] == '\0')
        return -EXDEV;
    if (slash)
        *slash = '\0';
    else
        steps->done[0] = '\0';
    return steps_redo(steps);
}

/* Looks at what a name is now, without following it. */
static int steps_look(const struct steps *steps, int descriptor, struct statx *ret_status)
{
    int r = store_statx(descriptor, "", AT_EMPTY_PATH, ret_status);

    if (r < 0)
        return r;
    return store_is_foreign(steps->store, ret_status) ? -EXDEV : 0;
}

/* Opens the last component as was asked. */
static int steps_finish(const struct steps *steps, const char *name, int flags, int *ret_descriptor)
{
    cleanup(cleanup_descriptor) int descriptor = store_openat(steps->directory, name,
                                                              flags | O_NOFOLLOW | O_CLOEXEC);
    struct statx status;
    int r;

    if (descriptor < 0)
        return errno == ELOOP ? -EAGAIN : -errno; /* it was no link a moment ago */
    r = steps_look(steps, descriptor, &status);
    if (r < 0)
        return r;
    if (S_ISLNK(status.stx_mode))
        return -EAGAIN;
    *ret_descriptor = steal_descriptor(&descriptor);
    return 0;
}

/* Takes one component that is no dots: 1 if it was the last, and *ret_descriptor is set. */
static int steps_descend(struct steps *steps, const char *name, int flags, int *ret_descriptor)
{
    cleanup(cleanup_descriptor) int descriptor = store_openat(steps->directory, name,
                                                              O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct statx status;
    int r;

    if (descriptor < 0)
        return -errno;
    r = steps_look(steps, descriptor, &status);
    if (r < 0)
        return r;
    if (S_ISLNK(status.stx_mode))
        return steps_follow(steps, descriptor);
    if (*steps->next == '\0') {
        r = steps_finish(steps, name, flags, ret_descriptor);
        return r < 0 ? r : 1;
    }
    r = steps_enter(steps, name, &status, descriptor);
    if (r == 0)
        descriptor = -1;
    return r;
}

int store_resolve_by_hand(const struct store *store, const char *path, int flags, unsigned how,
                          int *ret_descriptor)
{
    cleanup(steps_free) struct steps *steps = NULL;
    char name[NAME_MAX + 1];
    int r = steps_new(store, path, how, &steps);

    while (r == 0) {
        r = steps_take(steps, name);
        if (r < 0)
            return r;
        if (r == 0)
            return steps_finish(steps, ".", flags, ret_descriptor);
        if (strcmp(name, ".") == 0)
            r = 0;
        else if (strcmp(name, "..") == 0)
            r = steps_up(steps);
        else
            r = steps_descend(steps, name, flags, ret_descriptor);
    }
    return r < 0 ? r : 0;
}
