/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a timer that compares when the workers' turns began with the clock.
 */
#include "server/watchdog.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "server/counters.h"
#include "server/server.h"

#define NS_PER_US   1000
#define NS_PER_S    1000000000
#define RAREST_LOOK ((uint64_t)1 * NS_PER_S)
#define LOOKS       4 /* within the time after which a worker is reported */

static double seconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / NS_PER_S;
}

static void report_stall(const struct valve_server *server, unsigned index, uint64_t length)
{
    valve_server_log(server, VALVE_LOG_WARNING,
                     "worker %u is stalled: its turn has taken %.3f s, and its connections wait "
                     "(thread valve-w-%u)",
                     index, seconds(length), index);
}

static void report_recovery(const struct valve_server *server, unsigned index, uint64_t length)
{
    valve_server_log(server, VALVE_LOG_WARNING, "worker %u goes on, after %.3f s", index,
                     seconds(length));
}

static void look_at(struct valve_watchdog *watchdog, unsigned index)
{
    const struct valve_server *server = watchdog->server;
    struct valve_watch *watch = &watchdog->watches[index];
    uint64_t began = valve_counted(&server->workers[index].counters->turn_began);
    uint64_t stalled = valve_counted(&watch->stalled_since);
    uint64_t now = valve_clock_now(); /* after `began` was read: it is not earlier than that */

    if (stalled != 0 && stalled != began) {
        valve_count_is(&watch->stalled_since, 0);
        report_recovery(server, index, now - stalled);
        stalled = 0;
    }
    if (stalled == 0 && began != 0 && now - began >= server->options.stall_timeout) {
        valve_count_is(&watch->stalled_since, began);
        valve_count(&watch->stalls, 1);
        report_stall(server, index, now - began);
    }
}

static void on_look(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_watchdog *watchdog = argument;

    (void)descriptor;
    (void)what;
    for (unsigned i = 0; i < watchdog->server->worker_count; i++)
        look_at(watchdog, i);
}

int valve_watchdog_start(struct valve_watchdog *watchdog, struct valve_server *server)
{
    uint64_t interval = server->options.stall_timeout / LOOKS;
    struct timeval every;

    watchdog->server = server;
    watchdog->watches = calloc(server->worker_count, sizeof *watchdog->watches);
    if (watchdog->watches == NULL)
        return -ENOMEM;
    if (server->options.stall_timeout == 0)
        return 0;
    if (interval > RAREST_LOOK)
        interval = RAREST_LOOK;
    every.tv_sec = (time_t)(interval / NS_PER_S);
    every.tv_usec = (suseconds_t)(interval % NS_PER_S / NS_PER_US) + 1;
    watchdog->look = event_new(server->base, -1, EV_PERSIST, on_look, watchdog);
    if (watchdog->look == NULL || event_add(watchdog->look, &every) < 0)
        return -ENOMEM;
    return 0;
}

void valve_watchdog_stop(struct valve_watchdog *watchdog)
{
    if (watchdog->look != NULL)
        event_free(watchdog->look);
    watchdog->look = NULL;
}

void valve_watchdog_fini(struct valve_watchdog *watchdog)
{
    valve_watchdog_stop(watchdog);
    free(watchdog->watches);
    watchdog->watches = NULL;
}
