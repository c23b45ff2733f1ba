/* SPDX-License-Identifier: MIT */
/*
 * The names of a cache: found by path, by what is watched, and as the tree that they are.
 */
#ifndef VALVED_KNOWN_H
#define VALVED_KNOWN_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "valve.h"

enum known_kind {
    KNOWN_DIRECTORY, /* on the way to others: it is known as long as they are */
    KNOWN_FILE,
    KNOWN_ABSENT, /* there is nothing */
};

/* Longest path, with its terminator, that stands in the name itself. */
#define KNOWN_PATH_SHORT 56

/*
 * Three cache lines: what only changes need, what each look needs, with the beginning of the path,
 * and the rest of that with what is needed besides.
 */
struct known {
    struct known *parent, *children; /* of directories: one of those in it */
    struct known *previous, *next;   /* others of the parent, in a ring */
    struct known *older, *newer;     /* in the queue it stands in: see cache.c */
    struct known_queue *queue;
    int watch;     /* number of its watch, or -1 */
    unsigned held; /* by so many who send from it */

    struct known *next_of_path; /* of the same list of a table; of one that is spare, the next */
    uint64_t hash;              /* of the path */
    uint64_t learned;           /* how often all news had been taken when it was proven */
    uint64_t size;              /* of the file when it was read last */
    int descriptor;             /* of the file, or -1 */
    uint16_t path_size;
    uint8_t kind; /* enum known_kind */
    uint8_t uses; /* since it was judged last, up to a few */
    union {
        char in_place[KNOWN_PATH_SHORT]; /* terminated; "" is the root */
        char *elsewhere;                 /* of one that is longer: its own */
    } path;

    bool is_out;        /* of the table: it ends when nobody holds it any more */
    bool keeps_absence; /* of a directory: what is not there comes to be by its own name */
    struct known *next_of_watch;
    struct valve_residency residency;
};

static_assert(sizeof(struct known) == 192, "a name is three cache lines");

static inline const char *known_path(const struct known *known)
{
    return known->path_size < KNOWN_PATH_SHORT ? known->path.in_place : known->path.elsewhere;
}

/* First in, first out. */
struct known_queue {
    struct known *oldest, *newest;
    size_t count;
};

/*
 * All of them. Lists by path and by watch, as many as there may be names. They come and go, so they
 * have memory of their own, side by side, which goes back when none is left.
 */
struct known_table {
    struct known **by_path, **by_watch;
    size_t mask;
    size_t count; /* directories included */
    uint64_t seed;
    struct known *places;    /* room for all there can be */
    size_t room, used, live; /* of those: in all, that were ever taken, that are now */
    size_t taken;            /* since pages went back last */
    struct known *spare;     /* taken and given back */
};

/*
 * Lists for about `most`, places for `room`, of which those that are taken out but held have one,
 * too. 0, -ENOMEM or -EIO: then, too, fini frees what there is.
 */
int known_table_init(struct known_table *table, size_t most, size_t room);
void known_table_fini(struct known_table *table); /* of one that is empty */

/* Differs from process to process, so that nobody can choose names that fall into one list. */
uint64_t known_hash(const struct known_table *table, const char *path, size_t size);

/* NULL: there is none. */
struct known *known_find(const struct known_table *table, const char *path, size_t size,
                         uint64_t hash);
struct known *known_find_watched(const struct known_table *table, int watch);

/* A new one in the table, in a directory that is there (NULL for the root). NULL: no room. */
struct known *known_add(struct known_table *table, struct known *parent, enum known_kind kind,
                        const char *path, size_t size);

/* Says what watches it. */
void known_set_watch(struct known_table *table, struct known *known, int watch);

/* Takes it out; it has no children and stands in no queue, and is the caller's to free. */
void known_take_out(struct known_table *table, struct known *known);
void known_free(struct known_table *table, struct known *known);

void known_queue_append(struct known_queue *queue, struct known *known);
void known_queue_leave(struct known *known);

#endif
