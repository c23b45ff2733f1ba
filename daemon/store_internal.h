/* SPDX-License-Identifier: MIT */
/*
 * What the files of the store share: its fields, and the resolution of paths.
 */
#ifndef VALVED_STORE_INTERNAL_H
#define VALVED_STORE_INTERNAL_H

#include <sys/stat.h>

#include "daemon/store.h"

/* Constant once store_new() has returned, but for what `root` stands for and its identity. */
struct store {
    char *path;       /* of the root, absolute */
    int root;         /* O_PATH */
    long file_system; /* of the root: its kind */
    int descriptors;  /* /proc/self/fd, or -1 if there is none */
    bool symlinks;
    bool one_filesystem;
    bool by_hand;               /* there is no openat2 */
    bool can_try;               /* there is RESOLVE_CACHED, and storage of which it is of use */
    enum store_storage storage; /* the root's, and its mount's */
    bool keeps_offsets;         /* the same: of directories' entries */
    struct statx identity;      /* of the root: which mount, which device */
    char **hide;                /* ends with NULL */
};

/* How a path is resolved, besides what the configuration says. */
enum {
    STORE_RESOLVE_TRY = 1 << 0,   /* only from what is cached, on the root's own mount */
    STORE_RESOLVE_PLAIN = 1 << 1, /* no links, even where they are followed */
};

/* What stands behind a descriptor. May wait. */
enum store_storage store_storage_of(int descriptor);

/* As store_keeps_offsets(), of any directory. */
bool store_storage_keeps_offsets(int descriptor);

/* Whether a file with this device is on the file system of the root. */
bool store_is_on_device_of_root(const struct store *store, dev_t device);

/*
 * Opens what a path leads to beneath the root, with the flags of open(); "." is the root. Raw
 * errors of one attempt: -EAGAIN is a rename that raced, or with STORE_RESOLVE_TRY that the answer
 * is not at hand.
 */
int store_resolve(const struct store *store, const char *path, int flags, unsigned how,
                  int *ret_descriptor);

/* The same without openat2; never STORE_RESOLVE_TRY. */
int store_resolve_by_hand(const struct store *store, const char *path, int flags, unsigned how,
                          int *ret_descriptor);

/* O_NONBLOCK: not to wait for the holder of a lease on the file. */
#define STORE_READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/*
 * Opens, by way of /proc, what is open already: it is the very same, its name is not asked again.
 */
int store_reopen(const struct store *store, int descriptor, int flags, int *ret_descriptor);

/* What is told of a file; times in nanoseconds, as far as they reach. */
struct store_info store_info_of(const struct stat *status);
enum store_kind store_kind_of(mode_t mode);

/* openat(), once more when a signal comes in between: a descriptor, or -1 and errno. */
int store_openat(int directory, const char *name, int flags);

/* What store_look_at() and the resolution by hand ask of the kernel. */
int store_statx(int directory, const char *name, int flags, struct statx *ret_status);

/* Tells store_is_foreign() what the root is. Any thread. */
void store_set_identity(struct store *store, const struct statx *status);

/*
 * Opens the root again by its path, if it is dead and something of its kind is mounted there.
 * Returns whether it was renewed: what failed is then worth another try. May wait. Any thread.
 */
bool store_renew_root(const struct store *store);

/* Whether something lies in a file system that is not served. */
bool store_is_foreign(const struct store *store, const struct statx *status);

#endif
