/* SPDX-License-Identifier: MIT */
/*
 * Jobs that a handler has the I/O pool do, seen from its worker: ordered, waited for, given up.
 */
#include <errno.h>
#include <stddef.h>

#include "server/call.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/worker.h"

static struct valve_job *job_of(struct valve_message *message)
{
    return (struct valve_job *)((char *)message - offsetof(struct valve_job, done));
}

/* On the home worker: the job was worked on. */
static void job_done(struct valve_message *message)
{
    struct valve_job *job = job_of(message);
    struct valve_worker *worker = job->home;
    struct valve_fiber *waiter = job->waiter;

    worker->jobs[job->kind]--;
    valve_wait_queue_wake_one(&worker->jobs_wanted[job->kind]);
    if (waiter == NULL) {
        valve_held_give_back(&worker->held, job->held);
        if (worker->server->pool != NULL)
            valve_pool_release(worker->server->pool, job);
        else
            job->release(job); /* the server is being freed: nothing is left to be held up */
        return;
    }
    job->waiter = NULL;
    valve_fiber_wake(waiter);
}

/* Waits until this worker may have one job more out. */
static int wait_for_job(struct valve_worker *worker, enum valve_job_kind kind, uint64_t deadline)
{
    while (worker->jobs[kind] >= worker->max_jobs) {
        int r = valve_wait_queue_wait(&worker->jobs_wanted[kind], deadline);

        if (r == -ETIMEDOUT && valve_clock_now() < valve_fiber_deadline(valve_fiber_current()))
            return -EBUSY;
        if (r < 0)
            return r;
    }
    return 0;
}

static void submit(struct valve_worker *worker, struct valve_job *job, struct valve_fiber *waiter,
                   uint64_t deadline)
{
    job->done.deliver = job_done;
    job->waiter = waiter;
    worker->jobs[job->kind]++;
    valve_pool_submit(worker->server->pool, worker, job, deadline);
}

/* Orders a job, to be begun by then if at all. If this fails it is the pool's. */
static int order(struct valve_call *call, struct valve_job *job, uint64_t deadline,
                 uint64_t begin_by)
{
    struct valve_worker *worker = call->worker;
    int r = wait_for_job(worker, job->kind, deadline);

    if (r < 0) {
        valve_pool_release(worker->server->pool, job);
        return r;
    }
    submit(worker, job, call->fiber, begin_by);
    return 0;
}

void valve_call_abandon(struct valve_call *call, struct valve_job *job)
{
    if (job->waiter == NULL) { /* it has come back, and nobody has awaited it */
        valve_pool_release(call->worker->server->pool, job);
        return;
    }
    job->waiter = NULL;
    call->held -= job->held; /* the job's own until it has ended */
    valve_pool_abandon(job);
}

static int run(struct valve_call *call, struct valve_job *job)
{
    uint64_t deadline = valve_clock_now() + call->worker->server->options.io_timeout;
    uint64_t own_deadline = valve_fiber_deadline(call->fiber);
    int r = order(call, job, deadline, deadline < own_deadline ? deadline : own_deadline);

    if (r < 0)
        return r;
    while (r == 0 && job->waiter != NULL) /* once woken: by the job, unless it still names us */
        r = valve_fiber_wait(deadline);
    if (job->waiter != NULL) {
        valve_call_abandon(call, job);
        return r;
    }
    if (valve_pool_has_expired(job)) {
        valve_pool_release(call->worker->server->pool, job);
        return -ETIMEDOUT;
    }
    return 0;
}

int valve_call_run(struct valve_call *call, struct valve_job *job)
{
    int r;

    if (!job->is_owed || call->worker->is_cut)
        return run(call, job);
    valve_fiber_shield(call->fiber, true);
    r = run(call, job);
    valve_fiber_shield(call->fiber, false);
    return r;
}

/* ---- Several at once ---- */

int valve_call_order(struct valve_call *call, struct valve_job *job)
{
    uint64_t deadline = valve_clock_now() + call->worker->server->options.io_timeout;

    /* Its call may lose its own deadline before the job has begun: with its reply's first bytes. */
    return order(call, job, deadline, deadline);
}

/* One that is done: its index, or -1. *ret_deadline is when the first of the others is too late. */
static int find_done(struct valve_job *const *jobs, unsigned count, uint64_t *ret_deadline)
{
    uint64_t deadline = VALVE_NEVER;

    for (unsigned i = 0; i < count; i++) {
        if (jobs[i] == NULL)
            continue;
        if (jobs[i]->waiter == NULL)
            return (int)i;
        if (jobs[i]->deadline < deadline)
            deadline = jobs[i]->deadline;
    }
    *ret_deadline = deadline;
    return -1;
}

int valve_call_await(struct valve_call *call, struct valve_job *const *jobs, unsigned count,
                     unsigned *ret_index)
{
    uint64_t deadline = VALVE_NEVER;
    int done, r = 0;

    (void)call;
    while ((done = find_done(jobs, count, &deadline)) < 0) {
        if (r < 0)
            return r;
        r = valve_fiber_wait(deadline);
    }
    if (valve_pool_has_expired(jobs[done]))
        return -ETIMEDOUT;
    *ret_index = (unsigned)done;
    return 0;
}

/* As one that nobody ever wanted: it is counted, comes back, and is released. */
void valve_call_discard(struct valve_call *call, struct valve_job *job)
{
    call->held -= job->held;
    submit(call->worker, job, NULL, 0);
}

void valve_server_discard(struct valve_server *server, unsigned worker, struct valve_job *job)
{
    submit(&server->workers[worker], job, NULL, 0);
}
