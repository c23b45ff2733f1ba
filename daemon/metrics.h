/* SPDX-License-Identifier: MIT */
/*
 * What valved adds to the figures of its server: those of the process, and of its log.
 */
#ifndef VALVED_METRICS_H
#define VALVED_METRICS_H

#include "valve.h"

/* For valve_metrics_options.more; the context is the struct log. Main thread. */
void metrics_add(void *context, valve_take_sample take, void *take_context);

/* Notes when the process was started, which is about now. */
void metrics_init(void);

#endif
