/* SPDX-License-Identifier: MIT */
/*
 * Writing a file so that its name only ever stands for the whole of it: under no name, or a
 * temporary one, until it is complete and synced, then renamed.
 *
 * Nothing is left behind, neither after a failure nor after SIGINT, SIGTERM or SIGHUP. One file is
 * being saved at a time.
 */
#ifndef VALVECTL_SAVE_H
#define VALVECTL_SAVE_H

#include <stdbool.h>
#include <stddef.h>

struct saving {
    int directory;    /* the caller's */
    const char *leaf; /* the caller's */
    int file;
    bool in_place; /* no regular file: written as it is */
};

/* Makes those signals clean up before they end the process. Ignored ones stay ignored. */
void save_handle_signals(void);

/* Begins a file `leaf` (one component) in `directory`. 0 or a negative errno. */
int save_begin(struct saving *saving, int directory, const char *leaf);

/* Opens what exists and is no regular file (a device, a FIFO, a link) to be written as it is. */
int save_begin_in_place(struct saving *saving, const char *path);

/* 0 or a negative errno; then only save_discard() may follow. */
int save_write(struct saving *saving, const void *data, size_t size);

/* Gives the file its name. In any case it is finished with. 0 or a negative errno. */
int save_commit(struct saving *saving, bool sync);
void save_discard(struct saving *saving);

#endif
