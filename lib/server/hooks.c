/* SPDX-License-Identifier: MIT */
/*
 * Hooks: an event of libevent's each.
 */
#include "server/hooks.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000

struct valve_hook {
    struct valve_hook *next;
    struct event *event;
    void (*run)(void *context);
    void *context;
};

static void on_event(evutil_socket_t number, short what, void *argument)
{
    const struct valve_hook *hook = argument;

    (void)number;
    (void)what;
    hook->run(hook->context);
}

static int add(struct valve_hooks *hooks, struct event_base *base, int number, short events,
               const struct timeval *interval, const struct valve_hook *wanted)
{
    struct valve_hook *hook = malloc(sizeof *hook);

    if (hook == NULL)
        return -ENOMEM;
    *hook = *wanted;
    hook->event = event_new(base, number, events | EV_PERSIST, on_event, hook);
    hook->next = hooks->first;
    hooks->first = hook;
    return hook->event == NULL || event_add(hook->event, interval) < 0 ? -ENOMEM : 0;
}

int valve_hooks_add_signal(struct valve_hooks *hooks, struct event_base *base, int number,
                           void (*run)(void *context), void *context)
{
    return add(hooks, base, number, EV_SIGNAL, NULL,
               &(struct valve_hook){.run = run, .context = context});
}

int valve_hooks_add_timer(struct valve_hooks *hooks, struct event_base *base, uint64_t interval,
                          void (*run)(void *context), void *context)
{
    const struct timeval every = {
        .tv_sec = (time_t)(interval / NS_PER_S),
        .tv_usec = (suseconds_t)(interval % NS_PER_S / NS_PER_US),
    };

    return add(hooks, base, -1, 0, &every, &(struct valve_hook){.run = run, .context = context});
}

void valve_hooks_fini(struct valve_hooks *hooks)
{
    while (hooks->first != NULL) {
        struct valve_hook *hook = hooks->first;

        hooks->first = hook->next;
        if (hook->event != NULL)
            event_free(hook->event);
        free(hook);
    }
}
