/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the service's own that a worker looks at: see valve_server_watch().
 */
#ifndef VALVE_SERVER_WATCH_H
#define VALVE_SERVER_WATCH_H

struct valve_worker;
struct valve_watched;

/* Watches no more. The worker's thread runs no longer, and its loop is still there. */
void valve_watched_free(struct valve_worker *worker);

#endif
