/* SPDX-License-Identifier: MIT */
/*
 * The ways in which bytes come into a file.
 */
#ifndef VALVE_TESTS_FRESH_DISK_H
#define VALVE_TESTS_FRESH_DISK_H

#include <stdbool.h>
#include <stddef.h>

enum way {
    BY_PWRITE,
    BY_MAPPING,        /* stored through a shared mapping, and no more */
    BY_SYNCED_MAPPING, /* msync() too */
    BY_AIO,            /* as libaio does it */
    BY_DIRECT_AIO,     /* past the page cache, where that is possible */
    BY_URING,
    WAYS,
};

/* What a thread needs for it. */
struct disk {
    unsigned long aio; /* aio_context_t */
    int uring;         /* or -1: the kernel refuses */
    void *submissions, *entries, *completions;
    unsigned ring[8]; /* offsets in these, and their sizes: see disk.c */
};

void disk_init(struct disk *disk);
void disk_fini(struct disk *disk);

bool disk_can(const struct disk *disk, enum way way);

/* 0 or -errno; all of it is written when it returns. A mapping does not reach beyond the end. */
int disk_write(struct disk *disk, enum way way, const char *path, const void *bytes, size_t size,
               size_t offset);

/* By io_uring. 0 or -errno; -EINVAL: the kernel does not know how. */
int disk_rename(struct disk *disk, const char *from, const char *to);

#endif
