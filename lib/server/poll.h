/* SPDX-License-Identifier: MIT */
/*
 * How the fibers of a worker wait for descriptors that are no connections of the server.
 */
#ifndef VALVE_SERVER_POLL_H
#define VALVE_SERVER_POLL_H

#include <stdint.h>

/* The poller of a worker's scheduler (see fiber.h); `context` is the worker. */
int valve_worker_poll(void *context, int descriptor, short events, uint64_t deadline);

#endif
