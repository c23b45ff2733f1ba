/* SPDX-License-Identifier: MIT */
/*
 * The names that a command is about: from the command line, or one by one from a file.
 */
#ifndef VALVECTL_NAMES_H
#define VALVECTL_NAMES_H

#include <stddef.h>
#include <stdio.h>

#include "files.h"
#include "options.h"

struct names {
    char **list; /* from the command line */
    size_t count, next;
    FILE *file; /* else from here */
    int delimiter;
    char *line;
    size_t room;
};

/* 0, or the negative errno of opening --files-from. */
int names_open(struct names *names, const struct options *options);
void names_close(struct names *names);

/* The next name, valid until the next call: 1; 0 at the end; a negative errno. */
int names_next(struct names *names, const char **ret_name, size_t *ret_size);

/* A name as it travels: text where it is valid UTF-8, else bytes. Points into the name. */
struct files_path names_path(const char *name, size_t size);

#endif
