/* SPDX-License-Identifier: MIT */
/*
 * The root that died and came back: its file system was unmounted by force, or its server ended.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/store_internal.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

/* Whether nobody answers for it any more. A disk that fails does: this is asked of its cache. */
static bool is_dead(int root)
{
    struct statx status;
    int r = store_statx(root, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, &status);

    return r == -ENOTCONN || r == -ECONNABORTED || r == -ENODEV || r == -ESTALE || r == -ESHUTDOWN;
}

/*
 * Whether this is what the root was. The directory that shows where a file system is not mounted is
 * not: it would be served as if everything had been removed.
 */
static bool replaces_root(const struct store *store, int candidate, struct statx *ret_status)
{
    struct statfs system;

    return TEMP_FAILURE_RETRY(fstatfs(candidate, &system)) == 0 &&
           (long)system.f_type == store->file_system &&
           store_statx(candidate, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, ret_status) == 0 &&
           (ret_status->stx_attributes & STATX_ATTR_MOUNT_ROOT) ==
               (store->identity.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool store_renew_root(const struct store *store)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    struct statx status;

    if (!is_dead(store->root))
        return false;
    descriptor = store_openat(AT_FDCWD, store->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || !replaces_root(store, descriptor, &status))
        return false;
    /* Whoever resolves a path meanwhile has the one or the other: the number stays. */
    if (dup3(descriptor, store->root, O_CLOEXEC) < 0)
        return false;
    store_set_identity((struct store *)store, &status); /* the one thing in it that changes */
    return true;
}
