/* SPDX-License-Identifier: MIT */
/*
 * The figures of a server for Prometheus: an HTTP listener that answers GET and HEAD of /metrics.
 *
 * It runs on the main thread and may never hold that up: it has some scrapers at once and no more
 * (the oldest makes room), each for some seconds and no longer, and closes after one answer. It is
 * no web server, and not made of libevent's: that one can bound neither how many connections there
 * are nor how long one lasts.
 */
#ifndef VALVE_SERVER_METRICS_H
#define VALVE_SERVER_METRICS_H

#include <event2/event.h>
#include <event2/listener.h>

#include "server/listen.h"
#include "valve.h"

struct valve_scraper;

struct valve_metrics {
    struct valve_server *server;
    struct valve_metrics_options options;
    struct valve_listening listening;
    struct evconnlistener *event; /* NULL: not started */
    struct event *retry;          /* accepts again after an error */
    struct valve_scraper *scrapers;
    unsigned count;
};

void valve_metrics_init(struct valve_metrics *metrics, struct valve_server *server);

/* Binds. 0, -EBUSY (it has been done) or another -errno, explained in *ret_error. */
int valve_metrics_listen(struct valve_metrics *metrics, const struct valve_metrics_options *options,
                         struct valve_error *ret_error);

/* Where, or NULL. */
const char *valve_metrics_address(const struct valve_metrics *metrics);

/* Begins to answer, if it listens. 0 or -ENOMEM. */
int valve_metrics_start(struct valve_metrics *metrics);

/* Closes all that it has. */
void valve_metrics_fini(struct valve_metrics *metrics);

#endif
