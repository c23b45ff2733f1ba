/* SPDX-License-Identifier: MIT */
/*
 * The log: a line on stderr for each message, with a priority where the journal reads it.
 */
#ifndef VALVED_LOG_H
#define VALVED_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "valve.h"

/* Constant after log_init(), so that any thread may write by it. */
struct log {
    enum valve_priority level; /* the least urgent that is written */
    bool journal;              /* stderr goes to the journal: <N> in place of time and level */
};

/* Until a configuration is loaded, `level` is VALVE_LOG_INFO by custom. Never waits. */
void log_init(struct log *log, enum valve_priority level);

/*
 * Writes a message of one line by one write(2): control characters in it are escaped, and what
 * does not fit into a line of some 1,000 bytes is cut. Any thread. Waits if stderr does.
 */
void log_print(const struct log *log, enum valve_priority priority, const char *format, ...)
    VALVE_PRINTF(3, 4);

/* The same as a callback; `context` is a struct log. */
void log_message(void *context, enum valve_priority priority, const char *message);

/* How many lines could not be written, or not whole. Any thread. */
uint64_t log_lost(void);

#endif
