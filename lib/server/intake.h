/* SPDX-License-Identifier: MIT */
/*
 * The intake of a connection: what is read from its socket, and which requests are started.
 */
#ifndef VALVE_SERVER_INTAKE_H
#define VALVE_SERVER_INTAKE_H

#include "server/connection.h"

struct valve_attendance;

/* Whether another byte is wanted: not behind a request that cannot be started yet. */
bool valve_intake_is_wanted(const struct valve_connection *connection);

/* Reads what the socket has, once: into its waiting input, else into the worker's region. */
void valve_intake_read(struct valve_worker *worker, struct valve_attendance *attendance);

/* Starts the requests that were read, as far as the limits allow. */
void valve_intake_process(struct valve_worker *worker, const struct valve_attendance *attendance);

/* Whether its own calls and output leave room for another request. */
bool valve_intake_within_limits(const struct valve_worker *worker,
                                const struct valve_connection *connection);

/* The same, and there is a fiber for it. */
bool valve_intake_may_start(const struct valve_worker *worker,
                            const struct valve_connection *connection);

/* Whether what waits at the front, a whole item, is a cancel: that needs none of all this. */
bool valve_intake_is_cancel_first(const struct valve_connection *connection);

/* No fiber came free in time: the request at the front is answered `busy`. */
void valve_intake_refuse_first(struct valve_worker *worker, struct valve_connection *connection);

#endif
