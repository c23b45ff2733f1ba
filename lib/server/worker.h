/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread, pinned to one CPU, that owns its connections and runs their requests.
 *
 * Everything in it is the thread's own, except the mailbox and the count of connections.
 */
#ifndef VALVE_SERVER_WORKER_H
#define VALVE_SERVER_WORKER_H

#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "fiber/fiber.h"
#include "fiber/lines.h"
#include "rpc/scanner.h"
#include "server/buffer.h"
#include "server/held.h"
#include "server/mailbox.h"
#include "server/pool.h"
#include "server/spares.h"
#include "server/table.h"
#include "server/timeouts.h"

/* Bytes that one connection may bring in at once, and that all of one batch may. */
#define VALVE_READ_MOST ((size_t)16 * 1024)
#define VALVE_REGION    ((size_t)512 * 1024)

/* Stacks that are never given back: the first request after a pause finds one. */
#define VALVE_WARM_STACKS 4

/* A connection to attend to, and what was just read from it into the region. */
struct valve_attendance {
    struct valve_connection *connection;
    uint8_t *data;
    size_t size;
};

/* A queue, in a ring. A connection stands in at most one, once: adding never fails. */
struct valve_attendance_list {
    struct valve_attendance *ring;
    size_t head, count;
    size_t room; /* a power of two, at least the worker's connections */
};

/* Connections that wait for a fiber, first come, first served; linked through their inputs. */
struct valve_waiting_list {
    struct valve_connection *first, *last;
    size_t count;
};

struct valve_worker {
    struct valve_server *server;
    unsigned index;
    unsigned cpu;
    bool pinned;
    bool started;
    pthread_t thread;
    sem_t ready; /* posted once the thread is, or has failed to be */
    int start_error;

    struct valve_mailbox mailbox;
    _Atomic unsigned connections; /* owned or on their way: added to by the acceptor */
    struct valve_message stop, cut, done;
    bool is_posted_cut; /* the main thread's: a message is posted once */

    struct event_base *base;
    struct event *mail, *alarm;
    uint64_t alarm_at;             /* ns: when the alarm is set to ring; VALVE_NEVER: not set */
    uint64_t now;                  /* ns, read once a turn */
    struct valve_watched *watched; /* what the service has it look at besides */

    struct valve_attendance_list attention; /* this turn */
    struct valve_attendance_list deferred;  /* a later one: sockets have their chance before */
    unsigned share;                         /* requests of one connection in this turn */
    struct valve_timeouts timeouts;
    uint8_t *region; /* input of one batch */
    size_t region_used;
    uint64_t batch;                /* its number, as valve_call_batch() tells it */
    struct valve_scanner *scanner; /* for items that come whole */

    unsigned handshakes; /* of TLS, that have begun and not ended */
    bool has_shaken;     /* in this turn, with one of them */

    struct valve_scheduler *scheduler;
    unsigned max_calls, calls;            /* fibers: most, and now */
    bool no_stack;                        /* the last fiber could not be started */
    struct valve_waiting_list waiting[2]; /* for a fiber: who holds some, and [1]: who holds none */
    struct valve_wait_queue next_turn;    /* fibers that let others go first */
    struct valve_wait_queue jobs_wanted[VALVE_JOB_KINDS]; /* fibers that wait to order one */
    unsigned jobs[VALVE_JOB_KINDS];                       /* ordered from the pool, of each kind */
    unsigned max_jobs;                                    /* most of a kind */
    struct valve_held held;

    struct valve_counters *counters; /* written here, read by anybody */
    uint64_t settled_at;             /* ns: when the last batch had been attended to */
    uint64_t measure_at;             /* ns: when stacks are measured; VALVE_NEVER: no need */

    struct valve_buffer_pool buffers;
    struct valve_buffer *record; /* of TLS, in which small replies come together; or NULL */
    struct valve_spares spare_outputs, spare_inputs;
    uint64_t trim_at; /* ns: when spares are looked at; VALVE_NEVER: there are none */
    bool is_trimming; /* some at a time, until none are due */

    uint64_t complained_at; /* ns: when a connection that could not be kept was logged last */
    bool stopping;          /* no new requests */
    bool is_cut;            /* and no time for those that are being answered */
} __attribute__((aligned(VALVE_LINE))); /* they stand side by side */

/* Prepares a worker; its thread does not run yet. 0 or -errno. */
int valve_worker_init(struct valve_worker *worker, struct valve_server *server, unsigned index);

/* Frees what init made; its thread has been joined, or was never started. */
void valve_worker_fini(struct valve_worker *worker);

/* Starts and ends its thread. end: connections that are left are cut; waits for the thread. */
int valve_worker_start(struct valve_worker *worker);
void valve_worker_end(struct valve_worker *worker);

/* The worker whose thread this is, or NULL. */
struct valve_worker *valve_worker_current(void);

/* Milliseconds of this turn's time, for what is kept in slots. Wraps: compare by difference. */
static inline uint32_t valve_worker_ms(const struct valve_worker *worker)
{
    return (uint32_t)(worker->now / 1000000);
}

/* Its lists of connections, and room in them for one connection more. 0 or -ENOMEM. */
int valve_worker_make_lists(struct valve_worker *worker);
void valve_worker_free_lists(struct valve_worker *worker);
int valve_worker_make_room(struct valve_worker *worker);

void valve_attendance_add(struct valve_attendance_list *list, struct valve_connection *connection);
struct valve_connection *valve_attendance_take(struct valve_attendance_list *list);

static inline struct valve_attendance *valve_attendance_at(struct valve_attendance_list *list,
                                                           size_t index)
{
    return &list->ring[(list->head + index) & (list->room - 1)];
}

/* Joins, or leaves, those that wait for a fiber. */
void valve_worker_wait_for_fiber(struct valve_worker *worker, struct valve_connection *connection);
void valve_worker_forget(struct valve_worker *worker, struct valve_connection *connection);

static inline bool valve_worker_has_waiting(const struct valve_worker *worker)
{
    return worker->waiting[false].first != NULL || worker->waiting[true].first != NULL;
}

/* Attends to a connection that waits for a fiber and may have one now; whether there was one. */
bool valve_worker_offer_fiber(struct valve_worker *worker);

/* Whether one that holds so many fibers (not none) may have one more. */
static inline bool valve_worker_may_share(const struct valve_worker *worker, unsigned held)
{
    unsigned left = worker->max_calls - worker->calls;

    return left > worker->max_calls / 8 && held <= left;
}

/* A fiber ended: its stack may start another. */
void valve_worker_fiber_freed(struct valve_worker *worker);

/* Suspends the running fiber until the next turn, so that the worker sees to its other sockets. */
int valve_worker_yield(struct valve_worker *worker);

/* One of its connections was closed, which had come by this listener. */
void valve_worker_closed(struct valve_worker *worker, unsigned listener);

#endif
