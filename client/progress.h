/* SPDX-License-Identifier: MIT */
/*
 * The line on a terminal that shows how far a transfer has come.
 */
#ifndef VALVECTL_PROGRESS_H
#define VALVECTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One transfer. Nothing is shown before it has taken a second, or when stderr is no terminal. */
struct progress {
    const char *name;
    size_t name_size;
    uint64_t total, done; /* bytes */
    uint64_t begun;       /* ns */
    uint64_t shown;       /* when it was drawn last */
    bool enabled, visible;
};

/* The name must outlive the transfer. */
void progress_begin(struct progress *progress, const char *name, size_t size, uint64_t total);
void progress_advance(struct progress *progress, size_t bytes);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
