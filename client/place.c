/* SPDX-License-Identifier: MIT */
/*
 * Finding, and making, the directory that a fetched file belongs in.
 */
#define _GNU_SOURCE
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAF_ROOM 256 /* NAME_MAX and the terminator */
#define OPEN_DIR  (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

enum place_kind place_kind(const struct options *options)
{
    const char *output = options->output;
    size_t size = output == NULL ? 0 : strlen(output);
    struct stat status;

    if (output == NULL)
        return PLACE_CURRENT;
    if (strcmp(output, "-") == 0)
        return PLACE_STDOUT;
    if (size > 0 && output[size - 1] == '/')
        return PLACE_DIRECTORY;
    if (stat(output, &status) == 0)
        return S_ISDIR(status.st_mode) ? PLACE_DIRECTORY : PLACE_FILE;
    /* What does not exist can still become either; a list of names does not go into one file. */
    return options->files_from != NULL ? PLACE_DIRECTORY : PLACE_FILE;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int open_directory(const char *path)
{
    int directory = open(path, OPEN_DIR);

    return directory < 0 ? -errno : directory;
}

/* Has the name of a directory that was made reach the disk. */
static int sync_name(int directory)
{
    int parent = openat(directory, "..", OPEN_DIR);
    int r = parent < 0 || fsync(parent) < 0 ? -errno : 0;

    if (parent >= 0)
        close(parent);
    return r;
}

static int open_or_make(const char *path, bool sync)
{
    bool is_new = mkdir(path, 0777) == 0;
    int directory, r = 0;

    if (!is_new && errno != EEXIST)
        return -errno;
    directory = open_directory(path);
    if (directory >= 0 && is_new && sync)
        r = sync_name(directory);
    if (r < 0)
        close(directory);
    return r < 0 ? r : directory;
}

/* The directory that a file is in, by its path. */
static int open_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent;
    int directory;

    if (slash == NULL)
        return open_directory(".");
    parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (parent == NULL)
        return -ENOMEM;
    directory = open_directory(parent);
    free(parent);
    return directory;
}

int place_open(struct place *place, const struct options *options)
{
    *place = (struct place){
        .kind = place_kind(options),
        .output = options->output,
        .sync = !options->no_sync,
        .root = -1,
        .parent = -1,
        .unsynced = -1,
    };
    switch (place->kind) {
    case PLACE_STDOUT:
        return 0;
    case PLACE_CURRENT:
        place->root = open_directory(".");
        break;
    case PLACE_FILE:
        place->root = open_parent(place->output);
        break;
    case PLACE_DIRECTORY:
        place->root = open_or_make(place->output, place->sync);
        break;
    }
    return place->root < 0 ? place->root : 0;
}

static int sync_directory(struct place *place)
{
    int r = 0;

    if (place->sync && place->unsynced >= 0 && fsync(place->unsynced) < 0)
        r = -errno;
    place->unsynced = -1;
    return r;
}

static int leave_parent(struct place *place)
{
    int r = sync_directory(place);

    if (place->parent >= 0)
        close(place->parent);
    place->parent = -1;
    free(place->parent_name);
    place->parent_name = NULL;
    place->parent_size = 0;
    return r;
}

int place_close(struct place *place)
{
    int r = leave_parent(place);

    if (place->root >= 0)
        close(place->root);
    place->root = -1;
    return r;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static bool is_component(const char *name, size_t size)
{
    if (size == 0 || size >= LEAF_ROOM || memchr(name, '\0', size) != NULL)
        return false;
    return !(size <= 2 && memcmp(name, "..", size) == 0);
}

/* The bytes of the name before its last slash, that included. */
static size_t directory_size(const char *name, size_t size)
{
    const char *slash = memrchr(name, '/', size);

    return slash == NULL ? 0 : (size_t)(slash - name) + 1;
}

/* Whether the name is made of components only, so that it cannot lead out of a directory. */
static bool is_confined(const char *name, size_t size)
{
    const char *slash;

    while ((slash = memchr(name, '/', size)) != NULL) {
        size_t length = (size_t)(slash - name);

        if (!is_component(name, length))
            return false;
        name += length + 1;
        size -= length + 1;
    }
    return is_component(name, size);
}

/* Opens one directory below another, which is made if need be. */
static int enter(const struct place *place, int directory, const char *component)
{
    int below = openat(directory, component, OPEN_DIR | O_NOFOLLOW);

    if (below >= 0)
        return below;
    if (errno != ENOENT)
        return -errno;
    if (mkdirat(directory, component, 0777) < 0 && errno != EEXIST)
        return -errno;
    if (place->sync && fsync(directory) < 0)
        return -errno;
    below = openat(directory, component, OPEN_DIR | O_NOFOLLOW);
    return below < 0 ? -errno : below;
}

/* Walks from the root along a confined path that ends in a slash. A descriptor or an error. */
static int walk(const struct place *place, const char *path, size_t size)
{
    int directory = place->root;

    while (size > 0) {
        size_t length = (size_t)((const char *)memchr(path, '/', size) - path);
        char component[LEAF_ROOM];
        int below;

        memcpy(component, path, length);
        component[length] = '\0';
        below = enter(place, directory, component);
        if (directory != place->root)
            close(directory);
        if (below < 0)
            return below;
        directory = below;
        path += length + 1;
        size -= length + 1;
    }
    return directory;
}

/*
 * The directory for a path that ends in a slash. The one found last is kept, because names come
 * sorted more often than not; it is synced once, when it is left.
 */
static int find_parent(struct place *place, const char *path, size_t size)
{
    int r, parent;

    if (size == 0)
        return place->root;
    if (place->parent >= 0 && place->parent_size == size &&
        memcmp(place->parent_name, path, size) == 0)
        return place->parent;
    r = leave_parent(place);
    if (r < 0)
        return r;
    parent = walk(place, path, size);
    if (parent < 0)
        return parent;
    place->parent_name = malloc(size);
    if (place->parent_name == NULL) {
        close(parent);
        return -ENOMEM;
    }
    memcpy(place->parent_name, path, size);
    place->parent_size = size;
    place->parent = parent;
    return parent;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static int begin_file(struct place *place, struct saving *saving)
{
    struct stat status;

    if (lstat(place->output, &status) < 0) {
        if (errno != ENOENT)
            return -errno; /* it may be a device, whose name no file must take */
    } else if (!S_ISREG(status.st_mode)) {
        return save_begin_in_place(saving, place->output);
    }
    return save_begin(saving, place->root, basename(place->output));
}

int place_begin(struct place *place, const char *name, size_t size, struct saving *saving,
                char leaf[LEAF_ROOM])
{
    size_t above = directory_size(name, size);
    int directory = place->root;

    if (place->kind == PLACE_FILE)
        return begin_file(place, saving);
    if (place->kind == PLACE_DIRECTORY) {
        if (!is_confined(name, size))
            return -EXDEV;
        directory = find_parent(place, name, above);
        if (directory < 0)
            return directory;
    }
    if (!is_component(name + above, size - above))
        return -EXDEV;
    memcpy(leaf, name + above, size - above);
    leaf[size - above] = '\0';
    return save_begin(saving, directory, leaf);
}

int place_commit(struct place *place, struct saving *saving)
{
    int r = 0, committed;

    if (!saving->in_place && place->unsynced != saving->directory) {
        r = sync_directory(place);
        place->unsynced = saving->directory;
    }
    committed = save_commit(saving, place->sync);
    return committed < 0 ? committed : r;
}

const char *place_describe(const struct place *place, const char *name, size_t size,
                           char text[SHOWN_ROOM])
{
    char joined[SHOWN_ROOM];
    size_t above = directory_size(name, size), length;

    switch (place->kind) {
    case PLACE_STDOUT:
        return "stdout";
    case PLACE_FILE:
        return show_name(place->output, strlen(place->output), text);
    case PLACE_CURRENT:
        return show_name(name + above, size - above, text);
    case PLACE_DIRECTORY:
        break;
    }
    length = strlen(place->output);
    snprintf(joined, sizeof joined, "%s%s%.*s", place->output,
             length > 0 && place->output[length - 1] == '/' ? "" : "/", (int)size, name);
    return show_name(joined, strlen(joined), text);
}
