/* SPDX-License-Identifier: MIT */
/*
 * Walks that share a tree. While the caller takes the batch of one the others go on; before that
 * one goes on itself, those that have ended get part of what it has left.
 *
 * The pool has a walk for one batch, and works on none that was not ordered: while the caller waits
 * for its client, each stops at the end of its batch, and holds no directory.
 */
#include <config.h>

#include "daemon/service_walk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/service_jobs.h"

/* Directories that all of them keep open, if there are places for them. */
#define HELD 16

/* While it is out it is the pool's, with its walk. */
struct walker {
    struct valve_job job; /* first: the pool knows no more of it */
    struct walk *walk;
    bool rests; /* at the end of its batch it holds no directory */
    bool only_rests;
    int result;
};

static_assert(offsetof(struct walker, job) == 0, "a job is where its walker is");

static void walker_work(struct valve_job *job)
{
    struct walker *walker = (struct walker *)job;

    if (!walker->only_rests)
        walker->result = walk_next_batch(walker->walk);
    if (walker->rests || store_is_shortage(walker->result))
        walk_rest(walker->walk);
}

static void walker_release(struct valve_job *job)
{
    struct walker *walker = (struct walker *)job;

    walk_free(walker->walk);
    free(walker);
}

/* Takes over the walk, which may be NULL: no memory. */
static int walker_new(struct walk *walk, unsigned allowed, struct walker **ret_walker)
{
    struct walker *walker = walk ? calloc(1, sizeof *walker) : NULL;

    if (!walker) {
        walk_free(walk);
        return -ENOMEM;
    }
    walker->walk = walk;
    walk_allow(walker->walk, allowed);
    walker->job.work = walker_work;
    walker->job.release = walker_release;
    walker->job.kind = VALVE_JOB_BULK;
    walker->job.held = allowed;
    *ret_walker = walker;
    return 0;
}

int walkers_init(struct walkers *walkers, const struct service *service, struct valve_call *call,
                 const struct scope *scope)
{
    unsigned held = valve_call_try_hold_some(call, HELD);

    *walkers = (struct walkers){.service = service, .call = call, .allowed = held / WALKERS_MAX};
    /* What does not divide is the first one's. */
    return walker_new(walk_new(service->store, scope), held - walkers->allowed * (WALKERS_MAX - 1),
                      &walkers->all[0]);
}

const char *walkers_where(const struct walkers *walkers)
{
    return walkers->failed ? walk_where(walkers->failed) : "";
}

void walkers_free(struct walkers *walkers)
{
    for (unsigned i = 0; i < WALKERS_MAX; i++) {
        struct walker *walker = walkers->all[i];

        if (walkers->out[i])
            valve_call_abandon(walkers->call, walkers->out[i]);
        else if (walker && !walk_ended(walker->walk))
            valve_call_discard(walkers->call, &walker->job);
        else if (walker)
            walker_release(&walker->job);
    }
    *walkers = (struct walkers){0};
}

/* A walker that has nothing to do, in this place: there is one, or it is made. NULL: no. */
static struct walker *idle_walker(struct walkers *walkers, unsigned place)
{
    struct walker **walker = &walkers->all[place];

    if (walkers->out[place])
        return NULL;
    if (!*walker &&
        walker_new(walk_new_idle(walkers->service->store), walkers->allowed, walker) < 0)
        return NULL; /* the others do without */
    return walk_ended((*walker)->walk) ? *walker : NULL;
}

/* Lets those that have nothing to do help the one whose batch has been taken. */
static void share(struct walkers *walkers)
{
    struct walk *giver = walkers->current ? walkers->current->walk : NULL;

    walkers->current = NULL;
    for (unsigned i = 0; i < WALKERS_MAX && giver && walk_can_share(giver); i++) {
        struct walker *taker = idle_walker(walkers, i);

        if (taker)
            walk_share(giver, taker->walk);
    }
}

/* Orders a walker's job. */
static int order_walker(struct walkers *walkers, unsigned i)
{
    struct walker *walker = walkers->all[i];
    int r;

    walkers->all[i] = NULL; /* the pool's, if this fails */
    r = valve_call_order(walkers->call, &walker->job);
    if (r < 0)
        return r;
    walkers->all[i] = walker;
    walkers->out[i] = &walker->job;
    return 0;
}

/* Orders the next batch of each that has one. Returns how many are out, or an error. */
static int order(struct walkers *walkers)
{
    int out = 0;

    walkers->failed = NULL;
    for (unsigned i = 0; i < WALKERS_MAX; i++) {
        struct walker *walker = walkers->all[i];

        if (!walkers->out[i] && walker && !walk_ended(walker->walk)) {
            int r;

            walker->rests = valve_reply_waits_for_client(walkers->call);
            walker->only_rests = false;
            r = order_walker(walkers, i);
            if (r < 0)
                return r;
        }
        out += walkers->out[i] != NULL;
    }
    return out;
}

/*
 * Once the client is waited for, those whose batches were ordered before rest, too: while the batch
 * of another is sent, nobody would ask for theirs.
 */
static int let_rest(struct walkers *walkers)
{
    int r = 0;

    for (unsigned i = 0; i < WALKERS_MAX && r == 0; i++) {
        struct walker *walker = walkers->all[i];
        unsigned only;

        if (!walkers->out[i] || walker->rests || !valve_reply_waits_for_client(walkers->call))
            continue;
        r = valve_call_await(walkers->call, &walkers->out[i], 1, &only);
        if (r < 0)
            break;
        walkers->out[i] = NULL;
        walker->rests = walker->only_rests = true;
        r = order_walker(walkers, i);
    }
    return r;
}

/*
 * Waits for the batch of one of so many that are out. One for which something is short stands still
 * while others go on; when all do, that is the result.
 */
static int await_batch(struct walkers *walkers, int out)
{
    int r = 0;

    while (out-- > 0) {
        unsigned i;

        r = valve_call_await(walkers->call, walkers->out, WALKERS_MAX, &i);
        walkers->failed = NULL;
        if (r < 0)
            return r;
        walkers->out[i] = NULL;
        r = walkers->all[i]->result;
        if (r == 0)
            walkers->current = walkers->all[i];
        else
            walkers->failed = walkers->all[i]->walk;
        if (!store_is_shortage(r))
            break;
    }
    return r;
}

int walkers_next(struct walkers *walkers, struct walk **ret_walk)
{
    struct jobs_patience patience = jobs_patience(walkers->service);

    share(walkers);
    for (;;) {
        int out = order(walkers), r = out < 0 ? out : let_rest(walkers);

        if (r == 0 && out > 0)
            r = await_batch(walkers, out);
        if (!store_is_shortage(r) || jobs_patience_is_over(&patience)) {
            *ret_walk = r == 0 && walkers->current ? walkers->current->walk : NULL;
            return r;
        }
        r = jobs_pause(walkers->call, &patience);
        if (r < 0)
            return r;
    }
}
