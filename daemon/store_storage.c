/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a file system, by its kind: the policy of what may be tried without waiting.
 */
#include <config.h>

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/store_internal.h"

struct kind {
    long magic;
    enum store_storage storage;
    bool keeps_offsets; /* of a directory's entries, when it is opened anew */
};

/*
 * The others are remote until proven local. To some a cached name is no truth (NFS, Ceph, SMB, 9p).
 * FUSE leaves the walk along names to the kernel, but the open, a stat and a close ask its process.
 */
static const struct kind kinds[] = {
    {EXT4_SUPER_MAGIC, STORE_LOCAL, true},  {XFS_SUPER_MAGIC, STORE_LOCAL, true},
    {BTRFS_SUPER_MAGIC, STORE_LOCAL, true}, {F2FS_SUPER_MAGIC, STORE_LOCAL, true},
    {NFS_SUPER_MAGIC, STORE_REMOTE, true},  {TMPFS_MAGIC, STORE_MEMORY, true},
    {RAMFS_MAGIC, STORE_MEMORY, false},
};

static const struct kind *kind_of(int descriptor)
{
    static const struct kind unknown = {0, STORE_REMOTE, false};
    struct statfs status;

    if (TEMP_FAILURE_RETRY(fstatfs(descriptor, &status)) < 0)
        return &unknown;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((long)status.f_type == kinds[i].magic)
            return &kinds[i];
    return &unknown;
}

enum store_storage store_storage_of(int descriptor)
{
    return kind_of(descriptor)->storage;
}

/* Before Linux 6.6 a tmpfs counted the entries that there are, as ramfs does. */
static bool is_older_than_6_6(void)
{
    struct utsname system;
    unsigned version = 0, patch = 0;

    return uname(&system) < 0 || sscanf(system.release, "%u.%u", &version, &patch) != 2 ||
           version < 6 || (version == 6 && patch < 6);
}

bool store_storage_keeps_offsets(int descriptor)
{
    const struct kind *kind = kind_of(descriptor);

    return kind->keeps_offsets && (kind->magic != TMPFS_MAGIC || !is_older_than_6_6());
}

/* Of what is on the root's own device it has been asked once. */
bool store_keeps_offsets(const struct store *store, int descriptor,
                         const struct store_identity *identity)
{
    return store_is_on_device_of_root(store, identity->device)
               ? store->keeps_offsets
               : store_storage_keeps_offsets(descriptor);
}
