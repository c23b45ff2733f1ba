/* SPDX-License-Identifier: MIT */
/*
 * The walk: every file of a store, a bounded batch at a time, in memory that does not grow with
 * their number.
 *
 * It goes depth first. Directories on the way from the root stay open, but only the deepest few:
 * the others are closed, and opened again, found to be the same and read on from where it was, when
 * the walk comes back to them. A directory that is another by then is gone, with what it had left.
 *
 * Several walks may share the work: each goes its own way with its part, so that every directory is
 * read, and every entry looked at, by one of them.
 *
 * A walk belongs to whoever has it: a thread of the pool while a batch is gathered, the fiber that
 * ordered it in between. Never both.
 */
#ifndef VALVED_WALK_H
#define VALVED_WALK_H

#include "daemon/store.h"

/* Most directories that a walk keeps open. */
#define WALK_OPEN_MAX 32

struct scope;
struct walk;

/* A file that was found. */
struct walk_file {
    const char *path;
    size_t path_size; /* bytes */
    struct store_info info;
};

/*
 * Readies a walk over what is in a scope, or over all if that is NULL, of a store which must
 * outlive it. Opens nothing yet. NULL: no memory.
 */
struct walk *walk_new(const struct store *store, const struct scope *scope);

/*
 * Lets it keep at most so many directories open between batches; without, WALK_OPEN_MAX. None is
 * enough: then it opens the directory where it is once more for each batch.
 */
void walk_allow(struct walk *walk, unsigned directories);

/* Readies a walk that has ended already, until it is given something to do. NULL: no memory. */
struct walk *walk_new_idle(const struct store *store);

/* Ends it, wherever it is. NULL is accepted. May wait as little as closing a directory does. */
void walk_free(struct walk *walk);

/*
 * Gathers the next batch, which replaces the one before. May wait for the disk, but for no more
 * than a bounded number of entries.
 *   0        the batch is there; it can be empty, whether or not the walk has ended
 *   a shortage (store_is_shortage())   nothing is lost: the same call may be made again
 *   others   the walk cannot be complete; walk_where() says which directory or file it was
 * What vanishes on the way, and what may not be looked at, is left out.
 */
int walk_next_batch(struct walk *walk);

/*
 * Closes the directories that it has open, as it does with those far up: for a while in which
 * nothing is asked of it. What the batch holds stays.
 */
void walk_rest(struct walk *walk);

/* The next file of the batch; false when there is none. The path is valid until the next batch. */
bool walk_take(struct walk *walk, struct walk_file *ret_file);

/*
 * Gives another walk of the same store, which has ended, about half of what this one knows that it
 * has to do: subdirectories, those nearest to the root first, or entries of the directory where it
 * is. Both batches must have been taken. Returns whether it did: not if there is too little, or no
 * memory. Never waits.
 */
bool walk_share(struct walk *giver, struct walk *taker);

/* Whether there is enough to be shared. */
bool walk_can_share(const struct walk *walk);

/* Whether there is no batch after this one. */
bool walk_ended(const struct walk *walk);

/* What walk_next_batch() failed at: a path, "" for the root. Valid until the walk goes on. */
const char *walk_where(const struct walk *walk);

#endif
