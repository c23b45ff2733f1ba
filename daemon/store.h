/* SPDX-License-Identifier: MIT */
/*
 * The store: the regular files beneath one directory, and nothing else.
 *
 * It owns the descriptor of the root, and everything that valved opens, looks up or removes goes
 * through it. What a path means is decided by one resolution that cannot leave the root; what is
 * found counts only if it is a regular file. Whatever else a name leads to (a directory, a device,
 * a link where links are not followed, something hidden, something outside) is -ENOENT: for the
 * service it does not exist.
 *
 * A path is a C string that store_path_problem() has passed. A store is constant once it is made:
 * any number of threads may use it at once. Only what its root stands for may change: when the file
 * system there is dead and another of its kind is mounted in its place, that is served. Functions
 * may wait for the disk, or for another machine, and belong on a thread of the I/O pool; those
 * named store_try_ never wait, and belong on a worker.
 */
#ifndef VALVED_STORE_H
#define VALVED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "valve.h"

#define STORE_PATH_MAX 4095 /* bytes of a path */

struct store;

struct store_options {
    const char *root; /* followed if it is a link: it is the administrator's word */
    const char *const
        *hide;           /* shell patterns, each matched against each component; NULL ends them */
    bool symlinks;       /* follow links that stay beneath the root */
    bool one_filesystem; /* what is mounted beneath the root does not exist */
    bool by_hand;        /* do without openat2 and /proc, for tests */
};

/* What is told of a file. */
struct store_info {
    uint64_t size; /* bytes */
    int64_t mtime; /* ns since 1970, clamped */
};

/* What calls to the file system that has a file may wait for. */
enum store_storage {
    STORE_REMOTE, /* another machine, or a process: each call may. Also what is not known */
    STORE_LOCAL,  /* a disk, unless what is asked for is cached */
    STORE_MEMORY, /* nothing */
};

/* A file open for reading; `descriptor` is -1 when it is not. */
struct store_file {
    int descriptor;
    enum store_storage storage;
    struct store_info info; /* when it was opened */
};
#define STORE_FILE_CLOSED ((struct store_file){.descriptor = -1})

/*
 * Opens the root and finds out what this kernel can do. The options may go afterwards. -ENOMEM, or
 * why the root cannot be opened. May wait. A store is of use in this process, not in its children.
 */
int store_new(const struct store_options *options, struct store **ret_store);

/* Frees it. Nothing may be using it any more. NULL is accepted. */
void store_free(struct store *store);

/* What is wrong with a path, in words that follow "bad-path: NAME: ", or NULL if nothing is. */
const char *store_path_problem(const void *data, size_t size);

/*
 * Looks up a file. A file that one may not read can be looked up all the same.
 *   -ENOENT         nothing of that name is served
 *   -EACCES         a directory on the way may not be searched
 *   -ENAMETOOLONG   the file system takes no such name
 *   -EAGAIN, -EMFILE, -ENFILE, -ENOMEM   not now: see store_is_shortage()
 *   others          the storage failed
 * Try: -EAGAIN where the answer is not at hand. store_stat() knows it then, and may know better.
 */
int store_stat(const struct store *store, const char *path, struct store_info *ret_info);
int store_try_stat(const struct store *store, const char *path, struct store_info *ret_info);

/* Opens a file for reading; errors likewise, and -EACCES also where it may not be read. */
int store_open(const struct store *store, const char *path, struct store_file *ret_file);
int store_try_open(const struct store *store, const char *path, struct store_file *ret_file);

/* Closes it, if it is open. The last close of a large file that was removed takes long. */
void store_close(struct store_file *file);

/*
 * Whether closing it may take long: it is of remote storage, which is told, or its name is gone,
 * and its blocks go with the descriptor. Never waits. A file that is not open is closed soon.
 */
bool store_close_is_slow(const struct store_file *file);

/*
 * Reads a whole file into `buffer` and sets *ret_size, if it has at most `capacity` bytes. The
 * content has the length that the file had when its first byte was read. A file that shrinks or
 * grows while it is read is read again, a few times; then one that grew is cut at its length, and
 * for one that shrank it is -EIO.
 *   -EFBIG   it is larger than `capacity` by now; file->info says how large
 *   -ESTALE  it is gone; its name may lead to another
 *   others   as of store_open()
 * Try: -EAGAIN where the content is not in memory, or has not the length in file->info.
 */
int store_read(struct store_file *file, uint8_t *buffer, size_t capacity, size_t *ret_size);
int store_try_read(const struct store_file *file, uint8_t *buffer, size_t capacity,
                   size_t *ret_size);

/*
 * The same of a file that has been open for a while, and has the length that it has now. *hint is
 * set to that wherever it was found out. -EAGAIN also where it is over `capacity`.
 */
int store_try_read_now(const struct store *store, int descriptor, uint8_t *buffer, size_t capacity,
                       uint64_t *hint, size_t *ret_size);

/* The same open file by another descriptor, with its info as it is now. -EAGAIN as below. */
int store_try_open_again(const struct store *store, int descriptor, struct store_file *ret_file);

/* What is told of a file that is open, as it is now. -EAGAIN: it cannot be had. Never waits. */
int store_try_stat_open(int descriptor, struct store_info *ret_info);

/*
 * Removes the name of a file: of a link, the link. It is gone when this returns 0. Errors as of
 * store_stat(), and -EACCES, -EPERM, -EROFS.
 */
int store_remove(const struct store *store, const char *path);

/* ---- For the walk --------------------------------------------------------------- */

/* Which directory it is, whatever its name. */
struct store_identity {
    dev_t device;
    ino_t inode;
};

/* What an entry of a directory is. */
enum store_kind {
    STORE_REGULAR,
    STORE_DIRECTORY,
    STORE_LINK,
    STORE_OTHER, /* nothing that is served, or another file system where that matters */
};

/*
 * Opens a directory for reading its entries: `path` without any link in it, "" for the root.
 * Hidden components are the caller's to avoid. Errors as of store_stat().
 */
int store_open_directory(const struct store *store, const char *path, int *ret_descriptor,
                         struct store_identity *ret_identity);

/* Looks at an entry of an open directory, not following it. The info is a regular file's. */
int store_look_at(const struct store *store, int directory, const char *name,
                  enum store_kind *ret_kind, struct store_info *ret_info);

/* The directory that is served: a descriptor of the store's own, for nothing but its place. */
int store_root(const struct store *store);

/* Whether it is on a file system that depends on others than the kernel, and may go and come. */
bool store_is_remote(const struct store *store);

/*
 * Whether the offset at which the entries of a directory go on keeps its meaning when the directory
 * is opened anew, whatever has come and gone in it. May wait.
 */
bool store_keeps_offsets(const struct store *store, int descriptor,
                         const struct store_identity *identity);

/* Whether links are followed. */
bool store_follows_links(const struct store *store);

/* Whether the configuration hides this component. */
bool store_hides(const struct store *store, const char *component);

/* Whether it hides any component of a path. */
bool store_hides_path(const struct store *store, const char *path);

/* ---- For the cache --------------------------------------------------------------- */

/* What a path leads to, and not open for reading. */
struct store_found {
    int descriptor; /* -1: nothing */
    enum store_kind kind;
    struct store_identity identity;
};
#define STORE_FOUND_NOTHING ((struct store_found){.descriptor = -1})

/* Whether storage and kernel tell enough of names for them to be kept. */
bool store_may_be_kept(const struct store *store);

/*
 * Finds what is at a path ("." is the root) without any link in it, on the root's own file system:
 * only from what is at hand. -ENOENT: there is nothing, or what is hidden. -EAGAIN: it is not so
 * simple.
 */
int store_try_find(const struct store *store, const char *path, struct store_found *ret_found);
void store_found_close(struct store_found *found);

static inline bool store_is_same(const struct store_identity *a, const struct store_identity *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* Opens for reading what was found, a regular file. -EAGAIN: it cannot be. */
int store_try_open_found(const struct store *store, const struct store_found *found,
                         struct store_file *ret_file);

/* What may be kept of the names in a directory that was found. */
enum store_keeping {
    STORE_KEEP_ALL,
    STORE_KEEP_FILES,   /* names that differ may be those of one file: that there is none may change
                           without a word of that name */
    STORE_KEEP_NOTHING, /* encrypted: as long as a file is open its key cannot be taken away */
};
enum store_keeping store_keeping_in(const struct store *store, const struct store_found *found);

/* ---- Errors --------------------------------------------------------------------- */

/*
 * An error of the storage as callers of the store see it: everything that means "not served" is
 * -ENOENT, and what would mean something of their own to them is -EIO.
 */
int store_verdict(int error);

/* Whether the error is want of a resource, which trying again a little later may cure. */
bool store_is_shortage(int error);

/* Whether it is the storage that failed: what an operator should hear of. */
bool store_is_failure(int error);

/* The code that an error has in replies: denied, not-found, ... */
const char *store_code(int error);

/*
 * Writes the text of an error reply, "code: name: words": the code of valve-protocol(7) for a
 * negative errno; the name escaped, left out if `size` is 0; `words`, or those for the error if
 * they are NULL. At most VALVE_ERROR_TEXT bytes, terminator included.
 */
void store_explain(int error, const void *name, size_t size, const char *words,
                   struct valve_error *ret_error);

#endif
