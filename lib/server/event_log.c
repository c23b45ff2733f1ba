/* SPDX-License-Identifier: MIT */
/*
 * What libevent has to say, as messages of the program's log.
 */
#include "server/event_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

#define MESSAGE_MAX 512

static struct {
    void (*log)(void *context, enum valve_priority priority, const char *message);
    void *context;
} receiver;

static enum valve_priority priority_of(int severity)
{
    switch (severity) {
    case EVENT_LOG_ERR:
        return VALVE_LOG_ERROR;
    case EVENT_LOG_WARN:
        return VALVE_LOG_WARNING;
    case EVENT_LOG_MSG:
        return VALVE_LOG_INFO;
    default:
        return VALVE_LOG_DEBUG;
    }
}

/* Between a call that failed and whoever asks why. */
static void on_message(int severity, const char *message)
{
    char text[MESSAGE_MAX];
    int error = errno;

    snprintf(text, sizeof text, "libevent: %s", message);
    receiver.log(receiver.context, priority_of(severity), text);
    errno = error;
}

void valve_event_log(void (*log)(void *context, enum valve_priority priority, const char *message),
                     void *context)
{
    receiver.log = log;
    receiver.context = context;
    event_set_log_callback(on_message);
}
