/* SPDX-License-Identifier: MIT */
/*
 * What passes between valved and the service manager that started it: sd_notify(3), and sockets by
 * sd_listen_fds(3). Without libsystemd, or where no manager asked for it, all of it is nothing.
 */
#ifndef VALVED_NOTIFY_H
#define VALVED_NOTIFY_H

#include <stdint.h>

#include "daemon/config.h"

/* Whether anybody hears what is said. */
bool notify_is_wanted(void);

/* It serves; again after a reload. */
void notify_ready(void);

/* It is about to read its configuration again. */
void notify_reloading(void);

void notify_stopping(void);

/* What an administrator is to see of it, in one line. */
void notify_status(const char *text);

/* How often the manager has to hear that all is well, ns; 0: it does not ask. */
uint64_t notify_watchdog_interval(void);

/* All is well. */
void notify_alive(void);

/*
 * What else decides who can reach a listener, as the end of a message that names its address: under
 * a manager the unit does, if others than this machine could at all. "": nothing.
 */
const char *notify_reach(const struct valve_address *address);

/*
 * The sockets that the manager made for the listeners of a configuration, which is their names: as
 * many as there are listeners, 0 where it made none. Those for nobody are named in `lost`, one at a
 * time, and closed. The caller frees it; NULL: no memory.
 */
int *notify_sockets(const struct config *config, void (*lost)(void *context, const char *name),
                    void *context);

#endif
