/* SPDX-License-Identifier: MIT */
/*
 * What the files of the walk share: its fields.
 */
#ifndef VALVED_WALK_INTERNAL_H
#define VALVED_WALK_INTERNAL_H

#include <dirent.h>

#include "daemon/walk.h"

#define ENTRIES_SIZE ((size_t)32 * 1024) /* of getdents64 */
#define BATCH_SIZE   ((size_t)32 * 1024)

/* A directory between the root and where the walk is. */
struct level {
    struct store_identity identity;
    int descriptor;     /* -1: closed */
    bool ended;         /* there are no more entries to read, or it is gone */
    bool is_read_whole; /* at once, since it cannot be closed and read on */
    off_t offset;       /* where its entries go on, when it is closed */
    size_t path_size;   /* bytes of walk->path that name it */
    size_t names;       /* offset in walk->names of its subdirectories still to be walked */
};

/* Text that grows and shrinks at its end. */
struct names {
    char *data;
    size_t used, room;
};

struct walk {
    const struct store *store;

    struct level *levels; /* the root first; the last is the one being read */
    size_t depth, room;
    size_t closed;                 /* so many levels from the root on are closed */
    unsigned allowed;              /* levels that may stay open between batches */
    char path[STORE_PATH_MAX + 1]; /* of the last level; "" for the root */
    size_t path_size;              /* bytes */
    bool started;

    /*
     * The subdirectories found in the entries that were read last, each terminated, of all levels:
     * those of the last level are at the end. A level has at most one buffer's worth of them, or,
     * where it is read whole, all its entries.
     */
    struct names names;

    size_t next_entry, entries_end; /* offsets in `entries`, which are the last level's */
    size_t next_record, batch_end;  /* offsets in `batch` */
    _Alignas(struct dirent64) char entries[ENTRIES_SIZE];
    _Alignas(max_align_t) char batch[BATCH_SIZE];
};

/*
 * Has a walk that has ended begin at a level, whose path is the beginning of `path`, where it is to
 * read nothing. 0 or -ENOMEM.
 */
int walk_begin(struct walk *walk, const struct level *level, const char *path);

/*
 * Makes room for `more` elements after `used`; doubles, so that growing costs little. It is no
 * realloc(), which leaves a rest of any size behind where it can: the heap's cache of each thread
 * of the pool would keep some of each size, and with them the pages that these are in. 0 or
 * -ENOMEM.
 */
int walk_grow(void **data, size_t *room, size_t used, size_t more, size_t size);

#endif
