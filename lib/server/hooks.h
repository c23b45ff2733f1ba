/* SPDX-License-Identifier: MIT */
/*
 * What a server's owner has done on the main thread while it runs.
 */
#ifndef VALVE_SERVER_HOOKS_H
#define VALVE_SERVER_HOOKS_H

#include <stdint.h>

struct event_base;
struct valve_hook;

/* All of a server, the latest first; NULL: none. */
struct valve_hooks {
    struct valve_hook *first;
};

/* Each calls `run` in the loop of `base`. 0 or -ENOMEM. */
int valve_hooks_add_signal(struct valve_hooks *hooks, struct event_base *base, int number,
                           void (*run)(void *context), void *context);
int valve_hooks_add_timer(struct valve_hooks *hooks, struct event_base *base, uint64_t interval,
                          void (*run)(void *context), void *context);

/* Takes them away. Before the base goes. */
void valve_hooks_fini(struct valve_hooks *hooks);

#endif
