/* SPDX-License-Identifier: MIT */
/*
 * News of the file system: what has happened to files and directories that are watched.
 *
 * News of a change is there before the call that made the change returns, so whoever takes it after
 * a question was asked knows of everything that happened before. Nothing is told of writes.
 */
#ifndef VALVED_CHANGES_H
#define VALVED_CHANGES_H

#include <stdbool.h>

struct changes;

/* What is told of what is watched. Numbers are those of changes_watch(). */
struct changes_listener {
    /*
     * It was moved, removed, or its permissions or its number of links were changed, or it is
     * watched no more: what is known of its names may be wrong.
     */
    void (*touched)(void *context, int number);
    /* In this directory that name came to be, or went. */
    void (*named)(void *context, int number, const char *name);
    /* Something happened that cannot be told: what is known of all names may be wrong. */
    void (*lost)(void *context);
};

/*
 * One for each thread that wants to know. -ENOSYS where there is no such news; -EMFILE and the
 * like.
 */
int changes_new(struct changes **ret_changes);
void changes_free(struct changes *changes);

/* Readable while there is news. */
int changes_descriptor(const struct changes *changes);

/*
 * Watches what is open here, by whatever name it was opened; once more, and it has the same number.
 * Never waits. -EACCES: it may not be read; -ENOSPC: too much is watched.
 */
int changes_watch(struct changes *changes, int descriptor, bool is_directory, int *ret_number);
void changes_unwatch(struct changes *changes, int number);

/*
 * Tells everything that has happened so far. The listener may watch and unwatch. False: it cannot
 * be found out any more, now or later. Of mounts it may tell as much as CHANGES_MOUNTS_KEPT late.
 */
#define CHANGES_MOUNTS_KEPT 100000000 /* ns */
bool changes_take(struct changes *changes, const struct changes_listener *listener, void *context);

#endif
