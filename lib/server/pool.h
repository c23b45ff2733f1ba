/* SPDX-License-Identifier: MIT */
/*
 * The I/O pool: threads that make the calls which may block, so that workers never do.
 */
#ifndef VALVE_SERVER_POOL_H
#define VALVE_SERVER_POOL_H

#include "valve.h"

struct valve_pool;

/* Starts the threads. Some of them, at least one, take nothing but metadata jobs. 0 or -errno. */
int valve_pool_new(unsigned threads, struct valve_pool **ret_pool);

/*
 * Ends the threads, once they have worked on what is queued, and frees the pool. A thread that the
 * kernel holds is waited for until `deadline`; then false is returned: the pool is still there, and
 * it and all that its jobs refer to must stay until another call returns true, or the process ends.
 */
bool valve_pool_free(struct valve_pool *pool, uint64_t deadline);

/*
 * Queues a job of this worker's; its `done` message comes to the worker's mailbox when it has
 * been worked on. The caller bounds how many it has out. Any thread; does not wait.
 */
void valve_pool_submit(struct valve_pool *pool, struct valve_worker *home, struct valve_job *job);

/* Nobody waits for it any more: if its work has not begun, it never will. Its home's thread. */
void valve_pool_abandon(struct valve_job *job);

/* Has a job released by the pool, where that may block. */
void valve_pool_release(struct valve_pool *pool, struct valve_job *job);

#endif
