/* SPDX-License-Identifier: MIT */
/*
 * Where fetched files go: stdout, one file, the current directory, or their paths below a
 * directory.
 *
 * Neither a server nor a list of names can make anything be written elsewhere: names are checked,
 * and below the directory no symbolic link is followed.
 */
#ifndef VALVECTL_PLACE_H
#define VALVECTL_PLACE_H

#include "message.h"
#include "options.h"
#include "save.h"

enum place_kind {
    PLACE_CURRENT,   /* no -o: the last component of the name, in the current directory */
    PLACE_STDOUT,    /* -o - */
    PLACE_FILE,      /* -o FILE */
    PLACE_DIRECTORY, /* -o DIR: a directory, or a path that ends in a slash; with --files-from also
                        one that does not exist */
};

struct place {
    enum place_kind kind;
    const char *output; /* what -o said */
    bool sync;
    int root;   /* the directory; -1: none is needed */
    int parent; /* DIRECTORY: below root, for the names that begin as parent_name does */
    char *parent_name;
    size_t parent_size;
    int unsynced; /* root or parent, where a name is not yet known to be on disk; else -1 */
};

/* What kind of place the options name. */
enum place_kind place_kind(const struct options *options);

/* 0 or a negative errno. place_close() accepts what could not be opened. */
int place_open(struct place *place, const struct options *options);

/*
 * Begins to save the file of this name; `leaf` must live as long as `saving` does. -EXDEV: the name
 * would lead out of the directory. Not for PLACE_STDOUT.
 */
int place_begin(struct place *place, const char *name, size_t size, struct saving *saving,
                char leaf[256]);

/* Completes it. 0 or a negative errno. */
int place_commit(struct place *place, struct saving *saving);

/* Syncs the directory used last. 0 or a negative errno. */
int place_close(struct place *place);

/* The local path of this name, for messages. */
const char *place_describe(const struct place *place, const char *name, size_t size,
                           char text[SHOWN_ROOM]);

#endif
