/* SPDX-License-Identifier: MIT */
/*
 * What libevent has to say, as messages of the program's log.
 */
#include "server/event_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>

#include "fiber/clock.h"

#define MESSAGE_MAX 512
#define QUIET_NS    10000000000 /* it warns of each event that cannot be added */

static struct {
    void (*log)(void *context, enum valve_priority priority, const char *message);
    void *context;
    _Atomic uint64_t quiet_until;
} receiver;

static enum valve_priority priority_of(int severity)
{
    switch (severity) {
    case EVENT_LOG_WARN:
        return VALVE_LOG_WARNING;
    case EVENT_LOG_MSG:
        return VALVE_LOG_INFO;
    default:
        return VALVE_LOG_DEBUG;
    }
}

/* Of threads that come at the same time one is let through. */
static bool is_too_soon(void)
{
    uint64_t until = atomic_load(&receiver.quiet_until), now = valve_clock_now();

    return now < until ||
           !atomic_compare_exchange_strong(&receiver.quiet_until, &until, now + QUIET_NS);
}

/* Between a call that failed and whoever asks why. */
static void on_message(int severity, const char *message)
{
    char text[MESSAGE_MAX];
    int error = errno;

    if (severity == EVENT_LOG_ERR) {
        fprintf(stderr, "libevent: %s\n", message);
    } else if (!is_too_soon()) {
        snprintf(text, sizeof text, "libevent: %s", message);
        receiver.log(receiver.context, priority_of(severity), text);
    }
    errno = error;
}

void valve_event_log(void (*log)(void *context, enum valve_priority priority, const char *message),
                     void *context)
{
    receiver.log = log;
    receiver.context = context;
    event_set_log_callback(on_message);
}
