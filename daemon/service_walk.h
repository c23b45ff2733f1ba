/* SPDX-License-Identifier: MIT */
/*
 * The walk of one ListAll: several at once, each in jobs of the I/O pool, that share the tree.
 */
#ifndef VALVED_SERVICE_WALK_H
#define VALVED_SERVICE_WALK_H

#include "daemon/service.h"
#include "daemon/walk.h"

/* Most walks that share a tree, and with it most jobs of one ListAll at once. */
#define WALKERS_MAX 4

struct walker;

/* Lives on the stack of its call. A zeroed one has nothing. */
struct walkers {
    const struct service *service;
    struct valve_call *call;
    struct walker *all[WALKERS_MAX];    /* NULL where none was needed yet */
    struct valve_job *out[WALKERS_MAX]; /* those that the pool has; NULL where it has not */
    struct walker *current;             /* whose batch the caller has, or NULL */
    struct walk *failed;                /* whose walk could not go on, or NULL */
    unsigned allowed;                   /* directories that each may keep open */
};

/*
 * Readies them, for what is in the scope, or for all if that is NULL; takes descriptors of the
 * call's as far as there are some. 0 or -ENOMEM. Then, and if it fails, too, they are to be freed
 * by walkers_free().
 */
int walkers_init(struct walkers *walkers, const struct service *service, struct valve_call *call,
                 const struct scope *scope);

/*
 * Waits for the next batch of any of them: *ret_walk has it until the next call, NULL if all is
 * done. Want of a resource is waited out for the service's io_timeout. Errors as of
 * walk_next_batch(), of which walkers_where() tells the place, and as of valve_call_await().
 */
int walkers_next(struct walkers *walkers, struct walk **ret_walk);

/* What walkers_next() failed at: a path, "" for the root or for none in particular. */
const char *walkers_where(const struct walkers *walkers);

/* Gives up what is not done. What may block is left to the pool; does not wait. */
void walkers_free(struct walkers *walkers);

#endif
