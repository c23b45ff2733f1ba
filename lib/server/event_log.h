/* SPDX-License-Identifier: MIT */
/*
 * What libevent has to say.
 *
 * It has one callback for the whole process, and prints to stderr without it. That is the
 * program's, not a library's: a program on libvalve calls event_set_log_callback() itself, or this.
 */
#ifndef VALVE_SERVER_EVENT_LOG_H
#define VALVE_SERVER_EVENT_LOG_H

#include "valve.h"

/*
 * From now on `log` gets it, as a server's log is given messages: on any thread. Before there is a
 * server. libevent ends the process behind a VALVE_LOG_ERROR.
 */
void valve_event_log(void (*log)(void *context, enum valve_priority priority, const char *message),
                     void *context);

#endif
