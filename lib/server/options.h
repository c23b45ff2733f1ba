/* SPDX-License-Identifier: MIT */
/*
 * What a server may be told.
 */
#ifndef VALVE_SERVER_OPTIONS_H
#define VALVE_SERVER_OPTIONS_H

#include "valve.h"

/* Levels of arrays and maps that a fiber's stack has room for, whether decoded or encoded. */
unsigned valve_options_levels(const struct valve_server_options *options);

/* NULL, or which option is out of its range, in words. */
const char *valve_options_find_bad(const struct valve_server_options *options);

/* The log of a server that was not told of another: what is a WARNING or worse, to stderr. */
void valve_options_log_to_stderr(void *context, enum valve_priority priority, const char *message);

/* The same as a line of at most `room` bytes, whatever a client has put into it. Its length. */
size_t valve_options_log_line(enum valve_priority priority, const char *message, char *line,
                              size_t room);

#endif
