/* SPDX-License-Identifier: MIT */
/*
 * Gives back what a worker keeps warm and has not needed for a while.
 */
#ifndef VALVE_SERVER_TRIM_H
#define VALVE_SERVER_TRIM_H

#include "server/worker.h"

#define VALVE_TRIM_EVERY (10 * UINT64_C(1000000000)) /* ns */

/*
 * At the end of a turn: looks whether it is time, and does a bounded part of it. Whether it did:
 * the turn took longer then.
 */
bool valve_trim_turn(struct valve_worker *worker);

/* When the worker should have a turn for the sake of this, or VALVE_NEVER. */
uint64_t valve_trim_next(const struct valve_worker *worker);

#endif
