/* SPDX-License-Identifier: MIT */
/*
 * What valved gives up before it serves, as its configuration says.
 */
#ifndef VALVED_CONFINE_H
#define VALVED_CONFINE_H

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/store.h"

struct confinement {
    const struct config *config;
    const struct store *store;
    struct log *log;
    bool is_in_sandbox;
};

/* Whether it may be run by whoever has started it: root has to be named. If not, that is logged. */
bool confine_allows(const struct config *config, struct log *log);

/*
 * The process becomes the user that the configuration names. With all open that root alone can
 * open, and before any thread is started. False, and logged, where that fails.
 */
bool confine_become_user(const struct confinement *confinement);

/*
 * After that the main thread gives up what it does not need to look after its sockets and its
 * configuration. With all open that is opened once. False, and logged, where that fails and has to
 * succeed.
 */
bool confine_process(struct confinement *confinement);

/* What the calling thread starts from now on has the root only. After confine_process(). */
bool confine_thread(const struct confinement *confinement);

#endif
