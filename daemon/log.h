/* SPDX-License-Identifier: MIT */
/*
 * The log: a line on stderr for each message, with a priority where the journal reads it.
 */
#ifndef VALVED_LOG_H
#define VALVED_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/log_queue.h"
#include "valve.h"

/* Constant after log_init() and log_start(), but for the level, so that any thread may write. */
struct log {
    _Atomic unsigned level;        /* the least urgent that is written: enum valve_priority */
    bool journal;                  /* stderr goes to the journal: <N> in place of time and level */
    struct valve_log_queue *queue; /* NULL: lines are written by whoever has them */
};

/* Until a configuration is loaded, `level` is VALVE_LOG_INFO by custom. Never waits. */
void log_init(struct log *log, enum valve_priority level);

/* The main thread, while others write. */
void log_set_level(struct log *log, enum valve_priority level);

/*
 * From now on nobody waits who logs: a thread writes the lines, and what finds no room while stderr
 * takes none is lost and counted. 0 or -errno.
 */
int log_start(struct log *log);

/* Ends that, having written what there is if it does not take long. Other threads log no more. */
void log_stop(struct log *log);

/*
 * Writes a message of one line: control characters in it are escaped, and what does not fit into a
 * line of some 1,000 bytes is cut. Any thread. Waits if stderr does, but not after log_start().
 */
void log_print(const struct log *log, enum valve_priority priority, const char *format, ...)
    VALVE_PRINTF(3, 4);

/* The same as a callback; `context` is a struct log. */
void log_message(void *context, enum valve_priority priority, const char *message);

/*
 * What stands before a message, terminated: the priority where stderr is the journal's, and the line
 * is for stderr, or the time. Any thread.
 */
#define LOG_PREFIX_MAX 64
void log_prefix(const struct log *log, enum valve_priority priority, bool is_for_stderr,
                char prefix[LOG_PREFIX_MAX]);

/* How many lines could not be written since log_start(). Any thread. */
uint64_t log_lost(const struct log *log);

#endif
