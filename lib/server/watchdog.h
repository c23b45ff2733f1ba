/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: finds workers that do not come to the end of a turn, and says so.
 *
 * A worker that waits for events is no such: it has nothing to do. One that is in a turn for long
 * runs a handler that blocks its thread, or has no CPU; its connections all wait. The watchdog
 * reports, once for each stall, and again when it is over. It lives on the main thread; its counts
 * may be read on any.
 */
#ifndef VALVE_SERVER_WATCHDOG_H
#define VALVE_SERVER_WATCHDOG_H

#include <stdatomic.h>
#include <stdint.h>

struct event;
struct valve_server;

struct valve_watch {
    _Atomic uint64_t stalled_since; /* ns: when the turn began that does not end; 0: none */
    _Atomic uint64_t stalls;        /* there have been so many */
};

struct valve_watchdog {
    struct valve_server *server;
    struct valve_watch *watches; /* one for each worker */
    struct event *look;          /* NULL: it does not run */
};

/* Watches the workers of a server for turns that take its stall_timeout. 0 or -ENOMEM. */
int valve_watchdog_start(struct valve_watchdog *watchdog, struct valve_server *server);

/* Looks no more; the counts stay until fini. Both accept what was never started. */
void valve_watchdog_stop(struct valve_watchdog *watchdog);
void valve_watchdog_fini(struct valve_watchdog *watchdog);

#endif
