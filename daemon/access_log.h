/* SPDX-License-Identifier: MIT */
/*
 * The access log: a line for each request that was answered.
 *
 * Workers put the lines into a queue, whose thread writes them: who serves never waits for the
 * disk, and lines that it does not keep up with are lost, and counted. What must not be lost is the
 * audit's (daemon/audit.h).
 */
#ifndef VALVED_ACCESS_LOG_H
#define VALVED_ACCESS_LOG_H

#include <stdint.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "valve.h"

struct access_log;

/* *ret_access_log is NULL where the configuration wants none. 0 or -ENOMEM. */
int access_log_new(const struct config *config, struct log *log,
                   struct access_log **ret_access_log);

/*
 * Opens the file, which may wait: as the user that will open it again. NULL is accepted. 0 or
 * -errno, explained in *ret_error.
 */
int access_log_open(struct access_log *access_log, struct valve_error *ret_error);

/* Starts its thread, behind log_start(). NULL is accepted. 0 or -errno. */
int access_log_start(struct access_log *access_log);

/* Writes what there is, if that does not take long. No call is left. NULL is accepted. */
void access_log_free(struct access_log *access_log);

/* Goes on in the file that has the name now. NULL is accepted. 0 or -errno, logged. */
int access_log_reopen(struct access_log *access_log);

/* As valve_server_options has it; `context` is the access log. Worker; never waits. */
void access_log_ended(void *context, const struct valve_call *call,
                      const struct valve_ended *ended);

/* How many lines could not be written. Any thread. NULL is accepted. */
uint64_t access_log_lost(const struct access_log *access_log);

#endif
