/* SPDX-License-Identifier: MIT */
/*
 * The names that a command is about: from the command line, or one by one from a file.
 */
#ifndef VALVECTL_NAMES_H
#define VALVECTL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "files.h"
#include "options.h"

struct names {
    char **list; /* from the command line */
    size_t count, next;
    int file; /* else from here; -1: none */
    int delimiter;
    char *data; /* what was read of it, from `start` to `end` */
    size_t start, end, room;
    size_t searched; /* of that, in vain */
    bool has_ended;
};

/* 0, or the negative errno of opening --files-from. */
int names_open(struct names *names, const struct options *options);
void names_close(struct names *names);

/*
 * The next name, valid until the next call: 1; 0 at the end; a negative errno; -EAGAIN: there is none
 * yet, if it shall not wait for whoever writes them.
 */
int names_next(struct names *names, bool waits, const char **ret_name, size_t *ret_size);

/* A name as it travels: text where it is valid UTF-8, else bytes. Points into the name. */
struct files_path names_path(const char *name, size_t size);

#endif
