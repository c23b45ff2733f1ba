/* SPDX-License-Identifier: MIT */
/*
 * The log: to stderr a line for each message, or to the journal its fields.
 */
#ifndef VALVED_LOG_H
#define VALVED_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/rate.h"
#include "daemon/record.h"
#include "server/log_queue.h"
#include "valve.h"

/* Constant after log_start(), but for what is atomic, so that any thread may write. */
struct log {
    _Atomic unsigned level;        /* the least urgent that is written: enum valve_priority */
    _Atomic unsigned format;       /* enum config_log_format */
    _Atomic unsigned rate;         /* messages a second of each priority; 0: any number */
    bool journal;                  /* stderr goes to the journal */
    bool takes_fields;             /* which is there to be handed fields */
    struct valve_log_queue *queue; /* NULL: lines are written by whoever has them */
    struct rate rates[VALVE_LOG_DEBUG + 1];
    _Atomic uint64_t held; /* messages, by the rate */
};

/* Until a configuration is loaded it writes what is INFO or worse, at any rate. Never waits. */
void log_init(struct log *log);

/* Has it be as the configuration says. The main thread, while others write. */
void log_configure(struct log *log, const struct config *config);

/*
 * From now on nobody waits who logs: a thread writes the lines, and what finds no room while stderr
 * takes none is lost and counted. 0 or -errno.
 */
int log_start(struct log *log);

/* Ends that, having written what there is if it does not take long. Other threads log no more. */
void log_stop(struct log *log);

/*
 * Writes a message of one line: control characters in it are escaped, and what does not fit into a
 * line of some 1,000 bytes is cut. Those that come too fast are held back, and it is said how many.
 * Any thread. Waits if stderr does, but not after log_start().
 */
void log_print(struct log *log, enum valve_priority priority, const char *format, ...)
    VALVE_PRINTF(3, 4);

/* The same as a callback; `context` is a struct log. */
void log_message(void *context, enum valve_priority priority, const char *message);

/* Writes a record, whatever the level and the rate are. */
#define LOG_LINE_MAX ((size_t)2560)
void log_record(struct log *log, const struct record *record);

/* The form of lines for where the log goes, and for files beside it. Any thread. */
enum record_form log_form(const struct log *log);
enum record_form log_file_form(const struct log *log);

/*
 * Writes one line of log_form() to where the log goes, past the queue: waits `patience` ms for a
 * stderr that takes nothing (-1: as long as it takes). 0 or -errno; how much of it was written is
 * told in any case. Any thread.
 */
int log_write(const char *line, size_t size, int patience, size_t *ret_written);

/* How many lines could not be written since log_start(); how many were held back. Any thread. */
uint64_t log_lost(const struct log *log);
uint64_t log_held(const struct log *log);

#endif
