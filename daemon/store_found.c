/* SPDX-License-Identifier: MIT */
/*
 * What the cache asks of the store: what a name leads to, without opening it, and whether that may
 * be kept.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/store_internal.h"

#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

bool store_may_be_kept(const struct store *store)
{
    return store->can_try && store->descriptors >= 0;
}

int store_try_find(const struct store *store, const char *path, struct store_found *ret_found)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    struct stat status;
    int r;

    if (store_hides_path(store, path))
        return -ENOENT;
    r = store_resolve(store, path, O_PATH, STORE_RESOLVE_TRY | STORE_RESOLVE_PLAIN, &descriptor);
    if (r < 0)
        return r == -ENOENT ? r : -EAGAIN;
    if (fstat(descriptor, &status) < 0)
        return -EAGAIN;
    ret_found->kind = store_kind_of(status.st_mode);
    ret_found->identity = (struct store_identity){status.st_dev, status.st_ino};
    ret_found->descriptor = steal_descriptor(&descriptor);
    return 0;
}

void store_found_close(struct store_found *found)
{
    cleanup_descriptor(&found->descriptor);
}

int store_try_stat_open(int descriptor, struct store_info *ret_info)
{
    struct stat status;

    if (fstat(descriptor, &status) < 0)
        return -EAGAIN;
    *ret_info = store_info_of(&status);
    return 0;
}

int store_try_open_again(const struct store *store, int descriptor, struct store_file *ret_file)
{
    cleanup(cleanup_descriptor) int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);

    if (copy < 0 || store_try_stat_open(copy, &ret_file->info) < 0)
        return -EAGAIN;
    ret_file->storage = store->storage;
    ret_file->descriptor = steal_descriptor(&copy);
    return 0;
}

int store_try_open_found(const struct store *store, const struct store_found *found,
                         struct store_file *ret_file)
{
    cleanup(cleanup_descriptor) int descriptor = -1;

    if (store_reopen(store, found->descriptor, STORE_READ_FLAGS, &descriptor) < 0 ||
        store_try_stat_open(descriptor, &ret_file->info) < 0)
        return -EAGAIN;
    ret_file->storage = store->storage;
    ret_file->descriptor = steal_descriptor(&descriptor);
    return 0;
}

/* What cannot be asked folds nothing. XFS, which may do it as a whole, tells in another way. */
enum store_keeping store_keeping_in(const struct store *store, const struct store_found *found)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    int flags = 0;

    if (store->file_system == XFS_SUPER_MAGIC)
        return STORE_KEEP_FILES;
    if (store_reopen(store, found->descriptor, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC,
                     &descriptor) < 0)
        return STORE_KEEP_FILES;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) < 0)
        return STORE_KEEP_ALL;
    if (flags & FS_ENCRYPT_FL)
        return STORE_KEEP_NOTHING;
    return flags & FS_CASEFOLD_FL ? STORE_KEEP_FILES : STORE_KEEP_ALL;
}
