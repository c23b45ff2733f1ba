/* SPDX-License-Identifier: MIT */
/*
 * The configuration, read again while valved serves: all of it or nothing.
 */
#ifndef VALVED_RELOAD_H
#define VALVED_RELOAD_H

#include "daemon/access.h"
#include "daemon/access_log.h"
#include "daemon/audit.h"
#include "daemon/config.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/options.h"

/* What a configuration is put into force by. */
struct reload {
    const struct options *options;
    struct config *config; /* in force */
    struct listeners *listeners;
    struct access *access;
    struct access_log *access_log; /* or NULL */
    struct audit *audit;           /* or NULL */
    struct log *log;
};

/*
 * Loads the configuration anew. If anything is wrong with it, that is logged and all stays as it
 * is. Else its listeners, access rules and how it logs are in force from now on, and what takes a
 * restart is logged. Main thread; may wait for the file system. Whether it was put into force.
 */
bool reload_configuration(struct reload *reload);

#endif
