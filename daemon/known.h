/* SPDX-License-Identifier: MIT */
/*
 * The names of a cache: found by path, by what is watched, and as the tree that they are.
 */
#ifndef VALVED_KNOWN_H
#define VALVED_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "valve.h"

enum known_kind {
    KNOWN_DIRECTORY, /* on the way to others: it is known as long as they are */
    KNOWN_FILE,
    KNOWN_ABSENT, /* there is nothing */
};

struct known {
    struct known *next_of_path, *next_of_watch; /* of the same list of a table */
    struct known *parent, *children;            /* of directories: one of those in it */
    struct known *previous, *next;              /* others of the parent, in a ring */
    struct known *older, *newer;                /* in the queue it stands in: see cache.c */
    struct known_queue *queue;
    uint64_t hash;    /* of the path */
    uint64_t learned; /* how often all news had been taken when it was proven */
    uint64_t size;    /* of the file when it was read last */
    struct valve_residency residency;
    int descriptor;     /* of the file, or -1 */
    int watch;          /* number of its watch, or -1 */
    unsigned held;      /* by so many who send from it */
    bool is_out;        /* of the table: it ends when nobody holds it any more */
    uint8_t kind;       /* enum known_kind */
    uint8_t uses;       /* since it was judged last, up to a few */
    bool keeps_absence; /* of a directory: what is not there comes to be by its own name */
    uint16_t path_size;
    char path[]; /* terminated; "" is the root */
};

/* First in, first out. */
struct known_queue {
    struct known *oldest, *newest;
    size_t count;
};

/* All of them. Lists by path and by watch, as many as there may be names. */
struct known_table {
    struct known **by_path, **by_watch;
    size_t mask;
    size_t count; /* directories included */
    uint64_t seed;
};

/* Room for about so many. 0, -ENOMEM or -EIO: then, too, fini frees what there is. */
int known_table_init(struct known_table *table, size_t most);
void known_table_fini(struct known_table *table); /* of one that is empty */

/* Differs from process to process, so that nobody can choose names that fall into one list. */
uint64_t known_hash(const struct known_table *table, const char *path, size_t size);

/* NULL: there is none. */
struct known *known_find(const struct known_table *table, const char *path, size_t size,
                         uint64_t hash);
struct known *known_find_watched(const struct known_table *table, int watch);

/* A new one in the table, in a directory that is there (NULL for the root). NULL: no memory. */
struct known *known_add(struct known_table *table, struct known *parent, enum known_kind kind,
                        const char *path, size_t size);

/* Says what watches it. */
void known_set_watch(struct known_table *table, struct known *known, int watch);

/* Takes it out; it has no children and stands in no queue, and is the caller's to free(). */
void known_take_out(struct known_table *table, struct known *known);

void known_queue_append(struct known_queue *queue, struct known *known);
void known_queue_leave(struct known *known);

#endif
