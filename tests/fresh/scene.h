/* SPDX-License-Identifier: MIT */
/*
 * A scene: some files and directories, below the root and outside, that one writer changes and
 * nobody else. Each change is made on the disk and in the model.
 */
#ifndef VALVE_TESTS_FRESH_SCENE_H
#define VALVE_TESTS_FRESH_SCENE_H

#include "tests/fresh/disk.h"
#include "tests/fresh/model.h"
#include "tests/random.h"

enum action {
    NO_ACTION,
    /* Of bytes: enum way in this order. */
    PWRITE,
    STORE,
    STORE_AND_SYNC,
    AIO,
    DIRECT_AIO,
    URING,
    APPEND,
    TRUNCATE,
    /* Of names. */
    MAKE,
    MAKE_DIRECTORY,
    MAKE_FIFO,
    MAKE_LINK, /* symbolic, to what `to` says */
    MOVE,
    MOVE_BY_URING,
    EXCHANGE,
    REMOVE,
    REQUEST_DEL, /* by a request */
    LINK,
    LINK_NAMELESS, /* a file that had no name gets one */
    /* Of what is allowed, and of mounts. */
    FORBID,
    ALLOW,
    MOUNT,
    BIND, /* `from` over `to` */
    UNMOUNT,
};

/* Paths begin with in/, below the root, or with out/. */
struct step {
    enum action action;
    const char *from, *to;
    bool is_aside; /* nobody is asked before and after it */
};

struct scene {
    struct node *top;
    struct disk disk;
    struct random random;
    char inside[128], outside[128]; /* directories */
    char name[16];                  /* of the first, for the server */
    int held;                       /* the directory that was removed last, or -1 */
};

/*
 * Makes it on the disk, below TOP/root and TOP/outside. What fails on the disk ends the program.
 * Changes are made by scene_act(), but for REQUEST_DEL, of which it is only told.
 */
void scene_init(struct scene *scene, const char *top, unsigned number, uint64_t seed);
void scene_fini(struct scene *scene);
bool scene_can(const struct scene *scene, const struct step *step);
void scene_act(struct scene *scene, const struct step *step);

#endif
