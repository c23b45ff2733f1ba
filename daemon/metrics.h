/* SPDX-License-Identifier: MIT */
/*
 * What valved adds to the figures of its server: those of the process, of its log and its caches.
 */
#ifndef VALVED_METRICS_H
#define VALVED_METRICS_H

#include "daemon/access_log.h"
#include "daemon/audit.h"
#include "daemon/caches.h"
#include "daemon/log.h"
#include "valve.h"

/* What has figures of its own. */
struct metrics_sources {
    const struct log *log;
    const struct access_log *access_log; /* or NULL */
    const struct audit *audit;           /* or NULL */
    const struct caches *caches;         /* or NULL */
};

/* For valve_metrics_options.more; the context is the struct metrics_sources. Main thread. */
void metrics_add(void *context, valve_take_sample take, void *take_context);

/* Notes when the process was started, which is about now, and opens what tells of it. */
void metrics_init(void);

#endif
