/* SPDX-License-Identifier: MIT */
/*
 * What libevent has to say.
 *
 * It has one callback for the whole process, and prints to stderr without it. The callback is the
 * program's, not a library's: valved calls this, libvalve does not.
 */
#ifndef VALVE_SERVER_EVENT_LOG_H
#define VALVE_SERVER_EVENT_LOG_H

#include "valve.h"

/*
 * From now on `log` gets its warnings and what it says for information, as a server's log is given
 * messages: on any thread, and of several in ten seconds the first. Before there is a server. What
 * it ends the process for still goes to stderr, at once: no thread of a log would come to write it.
 */
void valve_event_log(void (*log)(void *context, enum valve_priority priority, const char *message),
                     void *context);

#endif
