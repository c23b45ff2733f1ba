/* SPDX-License-Identifier: MIT */
/*
 * Timeouts of connections: a queue for each kind of patience, in the order in which it runs out.
 *
 * All members of a queue wait equally long, so the queue is sorted by itself: to set, move or take
 * away a timeout costs the same however many connections there are. Every open connection is in
 * one queue, which makes the queues the list of a worker's connections, too.
 */
#ifndef VALVE_SERVER_TIMEOUTS_H
#define VALVE_SERVER_TIMEOUTS_H

#include <stdbool.h>
#include <stdint.h>

struct valve_connection;
struct valve_worker;

enum valve_timeout {
    VALVE_TIMEOUT_NONE,      /* busy on the server's account: nobody is hurried */
    VALVE_TIMEOUT_IDLE,      /* nothing in flight */
    VALVE_TIMEOUT_REQUEST,   /* a request has begun to arrive */
    VALVE_TIMEOUT_SEND,      /* output waits for the client */
    VALVE_TIMEOUT_FIBER,     /* a request waits for a fiber, and none is in flight */
    VALVE_TIMEOUT_HANDSHAKE, /* of TLS: looked at now and then */
    VALVE_TIMEOUT_DOOR,      /* waits until that may begin */
    VALVE_TIMEOUT_LINGER,    /* our side is shut down */
    VALVE_TIMEOUTS,
};

struct valve_timeouts {
    struct {
        int32_t first, last; /* descriptors; -1: empty */
        uint32_t patience;   /* ms; 0: endless */
    } queues[VALVE_TIMEOUTS];
};

struct valve_server_options;
void valve_timeouts_init(struct valve_timeouts *timeouts,
                         const struct valve_server_options *options);

/*
 * Puts a connection into a queue, out of the one it is in; what is measured began at `since` ms,
 * within a queue never earlier than was said before. It may be taken for later, if many others have
 * joined the queue since: who may not be late asks valve_timeouts_is_over() as well.
 */
void valve_timeouts_set(struct valve_worker *worker, struct valve_connection *connection,
                        enum valve_timeout timeout, uint32_t since);

/* Whether what began then has lasted so long. */
bool valve_timeouts_is_over(const struct valve_worker *worker, enum valve_timeout timeout,
                            uint32_t since);

/* Takes it out of all queues, before it is closed. */
void valve_timeouts_remove(struct valve_worker *worker, struct valve_connection *connection);

/* The one that is in a queue for longest; NULL: none. */
struct valve_connection *valve_timeouts_first(const struct valve_worker *worker,
                                              enum valve_timeout timeout);

/* Calls valve_connection_overdue() for each whose time has run out. */
void valve_timeouts_expire(struct valve_worker *worker);

/* When the next one runs out, in ns of the clock; VALVE_NEVER: none. */
uint64_t valve_timeouts_next(const struct valve_worker *worker);

#endif
