/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the service's own that a worker looks at, in its loop beside its connections.
 */
#include "server/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "fiber/clock.h"
#include "server/pulse.h"
#include "server/server.h"
#include "server/worker.h"

struct valve_watched {
    struct valve_watched *next;
    struct valve_worker *worker;
    struct event *event;
    void (*ready)(void *context);
    void *context;
};

static void on_ready(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_watched *watch = argument;
    struct valve_worker *worker = watch->worker;

    (void)descriptor;
    (void)what;
    worker->now = valve_clock_now();
    valve_pulse_begin(worker);
    watch->ready(watch->context);
}

static void watch_free(struct valve_watched *watch)
{
    if (watch->event != NULL)
        event_free(watch->event);
    free(watch);
}

int valve_server_watch(struct valve_server *server, unsigned worker, int descriptor,
                       void (*ready)(void *context), void *context)
{
    struct valve_watched *watch = malloc(sizeof *watch);

    if (watch == NULL)
        return -ENOMEM;
    *watch = (struct valve_watched){
        .worker = &server->workers[worker], .ready = ready, .context = context};
    errno = ENOMEM; /* for refusals that are libevent's own */
    watch->event = event_new(watch->worker->base, descriptor, EV_READ | EV_PERSIST, on_ready,
                             watch);
    if (watch->event == NULL || event_add(watch->event, NULL) < 0) {
        int error = errno;

        watch_free(watch);
        return -error;
    }
    watch->next = watch->worker->watched;
    watch->worker->watched = watch;
    return 0;
}

void valve_watched_free(struct valve_worker *worker)
{
    while (worker->watched != NULL) {
        struct valve_watched *watch = worker->watched;

        worker->watched = watch->next;
        watch_free(watch);
    }
}
