/* SPDX-License-Identifier: MIT */
/*
 * The server as its parts see it.
 */
#ifndef VALVE_SERVER_SERVER_H
#define VALVE_SERVER_SERVER_H

#include <event2/event.h>
#include <stdatomic.h>

#include "rpc/scanner.h"
#include "server/acceptor.h"
#include "server/hooks.h"
#include "server/later.h"
#include "server/log_queue.h"
#include "server/mailbox.h"
#include "server/metrics.h"
#include "server/pool.h"
#include "server/table.h"
#include "server/watchdog.h"
#include "server/worker.h"
#include "valve.h"

/* A stop goes through these in order. */
enum valve_stage {
    VALVE_STAGE_RUNNING,
    VALVE_STAGE_DRAINING, /* nothing is accepted or read; what was read is answered */
    VALVE_STAGE_STOPPED,
};

struct valve_server {
    struct valve_server_options options; /* constant once it runs, as are the next five */
    const struct valve_service *service;
    struct valve_limits scan_limits;
    unsigned levels; /* of arrays and maps in what is sent */
    struct valve_table table;
    uint64_t max_connections;

    struct valve_worker *workers;
    unsigned worker_count;
    struct valve_pool *pool;
    struct valve_log_queue *log_queue; /* where the log is the library's own; or NULL */
    struct valve_promises promises;    /* any thread's, behind their lock */

    struct event_base *base; /* from here on the main thread's */
    struct event *mail, *drain_alarm, *signals[2];
    struct valve_mailbox mailbox;
    struct valve_acceptor acceptor;
    struct valve_metrics metrics;
    struct valve_watchdog watchdog;
    struct valve_hooks hooks;
    struct valve_message stop;
    atomic_flag stop_posted, stop_again;
    _Atomic enum valve_stage stage; /* the main thread writes it */
    unsigned workers_ended;
    bool cut; /* connections were cut before they were answered */
};

/* The descriptor of a worker's connection: the index of its slot. */
static inline int valve_connection_descriptor(const struct valve_worker *worker,
                                              const struct valve_connection *connection)
{
    return valve_table_descriptor(&worker->server->table, connection);
}

/* Hands a formatted message to the server's log. Any thread. */
void valve_server_log(const struct valve_server *server, enum valve_priority priority,
                      const char *format, ...) VALVE_PRINTF(3, 4);

#endif
