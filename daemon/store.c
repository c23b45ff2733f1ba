/* SPDX-License-Identifier: MIT */
/*
 * The store: looking up, opening and removing files beneath its root.
 */
#include <config.h>

#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/store_internal.h"

/* Tries in a row against renames that race; between rounds of them the service pauses. */
#define RACES_MAX 64

/* ---- Making and freeing ----------------------------------------------------------- */

/* Finds out what the kernel can do. A sandbox that does not know openat2 may forbid it: EPERM. */
static int probe_kernel(struct store *store)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    int r = store_statx(store->root, "", AT_EMPTY_PATH, &store->identity);
    struct statfs system;

    if (r == 0 && TEMP_FAILURE_RETRY(fstatfs(store->root, &system)) == 0)
        store->file_system = (long)system.f_type;
    store->storage = store_storage_of(store->root);
    store->keeps_offsets = store_storage_keeps_offsets(store->root);
    if (r < 0 || store->by_hand)
        return r;
    r = store_resolve(store, ".", O_PATH, 0, &descriptor);
    if (r == -ENOSYS || r == -EPERM) {
        store->by_hand = true;
        return 0;
    }
    if (r < 0)
        return r;
    cleanup_descriptor(&descriptor);
    descriptor = -1;
    store->can_try = store->storage != STORE_REMOTE &&
                     store_resolve(store, ".", O_PATH, STORE_RESOLVE_TRY, &descriptor) == 0;
    return 0;
}

static int copy_patterns(const char *const *patterns, char ***ret_copy)
{
    size_t count = 0;
    char **copy;

    while (patterns && patterns[count])
        count++;
    copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(patterns[i]);
        if (!copy[i]) {
            while (i > 0)
                free(copy[--i]);
            free(copy);
            return -ENOMEM;
        }
    }
    if (!copy)
        return -ENOMEM;
    *ret_copy = copy;
    return 0;
}

static void cleanup_store(struct store **store)
{
    store_free(*store);
}

int store_new(const struct store_options *options, struct store **ret_store)
{
    cleanup(cleanup_store) struct store *store = calloc(1, sizeof *store);
    int r;

    if (!store)
        return -ENOMEM;
    store->symlinks = options->symlinks;
    store->one_filesystem = options->one_filesystem;
    store->by_hand = options->by_hand;
    store->descriptors = -1;
    store->path = realpath(options->root, NULL);
    store->root = store_openat(AT_FDCWD, options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store->root < 0 || !store->path)
        return -errno;
    if (!store->by_hand)
        store->descriptors = store_openat(AT_FDCWD, "/proc/self/fd",
                                          O_PATH | O_DIRECTORY | O_CLOEXEC);
    r = copy_patterns(options->hide, &store->hide);
    if (r == 0)
        r = probe_kernel(store);
    if (r < 0)
        return r;
    *ret_store = store;
    store = NULL;
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    cleanup_descriptor(&store->root);
    cleanup_descriptor(&store->descriptors);
    for (char **pattern = store->hide; pattern && *pattern; pattern++)
        free(*pattern);
    free(store->hide);
    free(store->path);
    free(store);
}

int store_root(const struct store *store)
{
    return store->root;
}

bool store_is_remote(const struct store *store)
{
    return store->storage == STORE_REMOTE;
}

bool store_follows_links(const struct store *store)
{
    return store->symlinks;
}

/* ---- Looking up --------------------------------------------------------------------- */

/* Opens what a path leads to, if it is a regular file. Raw errors. */
static int open_regular(const struct store *store, const char *path, int flags, unsigned how,
                        int *ret_descriptor, struct stat *ret_status)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    int r = store_resolve(store, path, flags, how, &descriptor);

    if (r < 0)
        return r;
    if (fstat(descriptor, ret_status) < 0)
        return -errno;
    if (!S_ISREG(ret_status->st_mode))
        return -ENOENT;
    *ret_descriptor = steal_descriptor(&descriptor);
    return 0;
}

/*
 * Looks a file up, and opens it if it is to be read. What is no regular file is not opened, for
 * that could have effects: the name is looked up first. If another file takes its place meanwhile,
 * that one is opened.
 */
static int lookup_once(const struct store *store, const char *path, bool readable, unsigned how,
                       struct store_file *ret_file)
{
    cleanup(cleanup_descriptor) int found = -1, opened = -1;
    int *descriptor = readable ? &opened : &found;
    struct stat status;
    int r = open_regular(store, path, O_PATH, how, &found, &status);

    if (r == 0 && readable)
        r = open_regular(store, path, STORE_READ_FLAGS, how, &opened, &status);
    if (r < 0)
        return r;
    ret_file->info = store_info_of(&status);
    /* What was tried is on the root's own mount. */
    ret_file->storage = how & STORE_RESOLVE_TRY ? store->storage : store_storage_of(*descriptor);
    ret_file->descriptor = steal_descriptor(descriptor);
    return 0;
}

/* What has been tried in vain. */
struct retries {
    unsigned races, stale, roots;
};

static bool worth_another_try(const struct store *store, struct retries *retries, int error)
{
    return (error == -EAGAIN && ++retries->races < RACES_MAX) ||
           (error == -ESTALE && ++retries->stale < 2) ||
           ((error == -ESTALE || store_is_failure(error)) && ++retries->roots < 2 &&
            store_renew_root(store));
}

/* Raw errors, but for what is hidden. */
static int lookup(const struct store *store, const char *path, bool readable,
                  struct store_file *ret_file)
{
    struct retries retries = {0};
    int r;

    if (store_hides_path(store, path))
        return -ENOENT;
    do
        r = lookup_once(store, path, readable, 0, ret_file);
    while (worth_another_try(store, &retries, r));
    return r;
}

/* Passes on what is certain; the rest is for the pool to find out. */
static int try_lookup(const struct store *store, const char *path, bool readable,
                      struct store_file *ret_file)
{
    int r;

    if (store_hides_path(store, path))
        return -ENOENT;
    if (!store->can_try)
        return -EAGAIN;
    r = lookup_once(store, path, readable, STORE_RESOLVE_TRY, ret_file);
    if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
        return -ENOENT;
    return r < 0 ? -EAGAIN : 0;
}

int store_stat(const struct store *store, const char *path, struct store_info *ret_info)
{
    struct store_file file = STORE_FILE_CLOSED;
    int r = lookup(store, path, false, &file);

    if (r < 0)
        return store_verdict(r);
    *ret_info = file.info;
    store_close(&file);
    return 0;
}

int store_try_stat(const struct store *store, const char *path, struct store_info *ret_info)
{
    struct store_file file = STORE_FILE_CLOSED;
    int r = try_lookup(store, path, false, &file);

    if (r < 0)
        return r;
    *ret_info = file.info;
    store_close(&file);
    return 0;
}

int store_open(const struct store *store, const char *path, struct store_file *ret_file)
{
    return store_verdict(lookup(store, path, true, ret_file));
}

int store_try_open(const struct store *store, const char *path, struct store_file *ret_file)
{
    return try_lookup(store, path, true, ret_file);
}

/* ---- Removing ----------------------------------------------------------------------- */

/* Whether what stands at a name in this directory may be removed: 0, or why not. */
static int check_removable(const struct store *store, int directory, const char *name,
                           const char *path)
{
    struct store_info info;
    enum store_kind kind;
    int r = store_look_at(store, directory, name, &kind, &info);

    if (r < 0)
        return r;
    if (kind == STORE_LINK && store->symlinks)
        return store_stat(store, path, &info);
    return kind == STORE_REGULAR ? 0 : -ENOENT;
}

static int remove_once(const struct store *store, const char *path, const char *parent,
                       const char *name)
{
    cleanup(cleanup_descriptor) int directory = -1;
    int r = store_resolve(store, parent, O_PATH | O_DIRECTORY, 0, &directory);

    if (r < 0)
        return r;
    r = check_removable(store, directory, name, path);
    if (r < 0)
        return r;
    return unlinkat(directory, name, 0) < 0 ? -errno : 0;
}

int store_remove(const struct store *store, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup(cleanup_memory) char *parent = slash ? strndup(path, (size_t)(slash - path))
                                                 : strdup(".");
    struct retries retries = {0};
    int r;

    if (!parent)
        return -ENOMEM;
    if (store_hides_path(store, path))
        return -ENOENT;
    do
        r = remove_once(store, path, parent, slash ? slash + 1 : path);
    while (worth_another_try(store, &retries, r));
    return store_verdict(r);
}

/* ---- For the walk ------------------------------------------------------------------- */

static int open_directory_once(const struct store *store, const char *path, int *ret_descriptor,
                               struct store_identity *ret_identity)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    struct stat status;
    int r = store_resolve(store, path, O_RDONLY | O_DIRECTORY, STORE_RESOLVE_PLAIN, &descriptor);

    if (r < 0)
        return r;
    if (fstat(descriptor, &status) < 0)
        return -errno;
    *ret_identity = (struct store_identity){status.st_dev, status.st_ino};
    *ret_descriptor = steal_descriptor(&descriptor);
    return 0;
}

int store_open_directory(const struct store *store, const char *path, int *ret_descriptor,
                         struct store_identity *ret_identity)
{
    struct retries retries = {0};
    int r;

    do
        r = open_directory_once(store, *path ? path : ".", ret_descriptor, ret_identity);
    while (worth_another_try(store, &retries, r));
    return store_verdict(r);
}

/* Whether an entry is where nothing is served: only statx() knows mounts. 0, 1 or -errno. */
static int is_foreign_entry(const struct store *store, int directory, const char *name)
{
    struct statx status;
    int r = store_statx(directory, name, AT_SYMLINK_NOFOLLOW, &status);

    return r < 0 ? r : store_is_foreign(store, &status);
}

int store_look_at(const struct store *store, int directory, const char *name,
                  enum store_kind *ret_kind, struct store_info *ret_info)
{
    struct stat status; /* a twentieth cheaper than statx(), of which walks consist */
    int r = store->one_filesystem ? is_foreign_entry(store, directory, name) : 0;

    if (r < 0)
        return store_verdict(r);
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return store_verdict(-errno);
    *ret_kind = r ? STORE_OTHER : store_kind_of(status.st_mode);
    *ret_info = store_info_of(&status);
    return 0;
}
