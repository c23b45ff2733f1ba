/* SPDX-License-Identifier: MIT */
/*
 * A worker's pulse: when its turns begin and end, and what its counters learn by that.
 */
#ifndef VALVE_SERVER_PULSE_H
#define VALVE_SERVER_PULSE_H

#include "server/worker.h"

/* For how long the longest turn is remembered, and at most twice as long. */
#define VALVE_LONGEST_KEPT (30 * UINT64_C(1000000000)) /* ns */

/* Something came: a turn begins, unless one has. worker->now is the time. */
void valve_pulse_begin(struct valve_worker *worker);

/* What was started in this turn and has ended is on its way. */
void valve_pulse_sent(struct valve_worker *worker);

/* The turn is over, and the worker is about to wait. */
void valve_pulse_end(struct valve_worker *worker);

/* When the worker should have a turn for its own sake, or VALVE_NEVER. */
uint64_t valve_pulse_next(const struct valve_worker *worker);

/* The longest turn of late: ns, the present one included. Any thread. */
uint64_t valve_pulse_longest(const struct valve_counters *counters, uint64_t now);

#endif
