/* SPDX-License-Identifier: MIT */
/*
 * Resolution of paths beneath the root: by openat2, which cannot leave it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/store_internal.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static uint64_t resolve_rules(const struct store *store, unsigned how)
{
    uint64_t rules = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;

    if (!store->symlinks || (how & STORE_RESOLVE_PLAIN))
        rules |= RESOLVE_NO_SYMLINKS;
    if (store->one_filesystem)
        rules |= RESOLVE_NO_XDEV;
    /* Cached names of another mount prove nothing: opening there may still ask another machine. */
    if (how & STORE_RESOLVE_TRY)
        rules |= RESOLVE_NO_XDEV;
    /* What is only in memory is all at hand, although not all of it is cached. */
    if ((how & STORE_RESOLVE_TRY) && store->storage != STORE_MEMORY)
        rules |= RESOLVE_CACHED;
    return rules;
}

int store_resolve(const struct store *store, const char *path, int flags, unsigned how,
                  int *ret_descriptor)
{
    struct open_how request = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = resolve_rules(store, how),
    };
    /*
     * A mount anywhere on the machine at the same moment makes cached names look as if they were
     * not: a second look costs a microsecond, a thread of the pool fifty.
     */
    unsigned again = how & STORE_RESOLVE_TRY ? 1 : 0;
    long descriptor;

    if (store->by_hand)
        return store_resolve_by_hand(store, path, flags, how, ret_descriptor);
    do
        descriptor = syscall(SYS_openat2, store->root, path, &request, sizeof request);
    while (descriptor < 0 && (errno == EINTR || (errno == EAGAIN && again-- > 0)));
    if (descriptor < 0)
        return -errno;
    *ret_descriptor = (int)descriptor;
    return 0;
}

int store_openat(int directory, const char *name, int flags)
{
    int descriptor;

    do
        descriptor = openat(directory, name, flags);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

int store_reopen(const struct store *store, int descriptor, int flags, int *ret_descriptor)
{
    char name[16];
    int opened;

    snprintf(name, sizeof name, "%d", descriptor);
    opened = store_openat(store->descriptors, name, flags);
    if (opened < 0)
        return -errno;
    *ret_descriptor = opened;
    return 0;
}

int store_statx(int directory, const char *name, int flags, struct statx *ret_status)
{
    unsigned mask = STATX_TYPE | STATX_SIZE | STATX_MTIME;

#ifdef STATX_MNT_ID
    mask |= STATX_MNT_ID;
#endif
    return statx(directory, name, flags | AT_NO_AUTOMOUNT, mask, ret_status) < 0 ? -errno : 0;
}

void store_set_identity(struct store *store, const struct statx *status)
{
    struct statx *identity = &store->identity;

#ifdef STATX_MNT_ID
    __atomic_store_n(&identity->stx_mnt_id, status->stx_mnt_id, __ATOMIC_RELAXED);
#endif
    __atomic_store_n(&identity->stx_dev_major, status->stx_dev_major, __ATOMIC_RELAXED);
    __atomic_store_n(&identity->stx_dev_minor, status->stx_dev_minor, __ATOMIC_RELAXED);
}

bool store_is_on_device_of_root(const struct store *store, dev_t device)
{
    const struct statx *root = &store->identity;

    return device == makedev(__atomic_load_n(&root->stx_dev_major, __ATOMIC_RELAXED),
                             __atomic_load_n(&root->stx_dev_minor, __ATOMIC_RELAXED));
}

bool store_is_foreign(const struct store *store, const struct statx *status)
{
    if (!store->one_filesystem)
        return false;
#ifdef STATX_MNT_ID
    /* As RESOLVE_NO_XDEV judges: a mount, even of the same file system, is foreign. */
    if (status->stx_mask & store->identity.stx_mask & STATX_MNT_ID)
        return status->stx_mnt_id != __atomic_load_n(&store->identity.stx_mnt_id, __ATOMIC_RELAXED);
#endif
    return !store_is_on_device_of_root(store,
                                       makedev(status->stx_dev_major, status->stx_dev_minor));
}
