/* SPDX-License-Identifier: MIT */
/*
 * The I/O pool: threads that make the calls which may block, so that workers never do.
 */
#ifndef VALVE_SERVER_POOL_H
#define VALVE_SERVER_POOL_H

#include "server/counters.h"
#include "valve.h"

struct valve_pool;

/* Kinds of jobs, and the jobs that all workers together may have out: of each kind, and in all. */
#define VALVE_JOB_KINDS        (VALVE_JOB_BULK + 1)
#define VALVE_POOL_JOBS_A_KIND 1024
#define VALVE_POOL_JOBS        (VALVE_POOL_JOBS_A_KIND * VALVE_JOB_KINDS)

/* What a pool has done, and does now. */
struct valve_pool_stats {
    unsigned threads;
    unsigned stuck; /* threads at work on a job past its deadline */
    struct valve_pool_kind_stats {
        unsigned queued, running; /* jobs; those that are only to be released count as well */
        uint64_t done, skipped;   /* skipped: nobody waited for it any more when its turn came */
        uint64_t expired;         /* its time was over by then */
        struct valve_times waits, runs;
    } kinds[VALVE_JOB_KINDS];
};

/*
 * Starts the threads. Some of them, at least one, take nothing but metadata jobs; besides them
 * there are half as many for bulk jobs alone. 0 or -errno.
 */
int valve_pool_new(unsigned threads, struct valve_pool **ret_pool);

/*
 * Ends the threads, once they have worked on what is queued, and frees the pool. A thread that the
 * kernel holds is waited for until `deadline`; then false is returned: the pool is still there, and
 * it and all that its jobs refer to must stay until another call returns true, or the process ends.
 */
bool valve_pool_free(struct valve_pool *pool, uint64_t deadline);

/*
 * Queues a job of this worker's; its `done` message comes to the worker's mailbox when it has
 * been worked on. Where no thread takes it before `deadline`, it comes back without: it has
 * expired. A deadline of 0: nobody wants it done. The caller bounds how many it has out. Any
 * thread; does not wait.
 */
void valve_pool_submit(struct valve_pool *pool, struct valve_worker *home, struct valve_job *job,
                       uint64_t deadline);

/* Whether a job that has come back was never begun. */
bool valve_pool_has_expired(const struct valve_job *job);

/*
 * Nobody waits for it any more: if its work has not begun, it never will, unless it is owed. Its
 * home's thread.
 */
void valve_pool_abandon(struct valve_job *job);

/* Has a job released by the pool, where that may block. */
void valve_pool_release(struct valve_pool *pool, struct valve_job *job);

/* Any thread; does not wait. */
void valve_pool_get_stats(struct valve_pool *pool, struct valve_pool_stats *ret_stats);

#endif
