/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a file system, by its kind: the policy of what may be tried without waiting.
 */
#include <config.h>

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/store_internal.h"

struct kind {
    long magic;
    enum store_storage storage;
};

/*
 * The others are remote until proven local. To some a cached name is no truth (NFS, Ceph, SMB, 9p).
 * FUSE leaves the walk along names to the kernel, but the open, a stat and a close ask its process.
 */
static const struct kind kinds[] = {
    {EXT4_SUPER_MAGIC, STORE_LOCAL},  {XFS_SUPER_MAGIC, STORE_LOCAL},
    {BTRFS_SUPER_MAGIC, STORE_LOCAL}, {F2FS_SUPER_MAGIC, STORE_LOCAL},
    {TMPFS_MAGIC, STORE_MEMORY},      {RAMFS_MAGIC, STORE_MEMORY},
};

enum store_storage store_storage_of(int descriptor)
{
    struct statfs status;

    if (TEMP_FAILURE_RETRY(fstatfs(descriptor, &status)) < 0)
        return STORE_REMOTE;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((long)status.f_type == kinds[i].magic)
            return kinds[i].storage;
    return STORE_REMOTE;
}
