/* SPDX-License-Identifier: MIT */
/*
 * Random items of any type.
 */
#ifndef VALVE_RPC_GENERATE_ANY_H
#define VALVE_RPC_GENERATE_ANY_H

#include "rpc/generate.h"

/* An item in deterministic form, of about `size` bytes and no more levels than `levels`. */
int valve_generate_any(struct valve_random *random, size_t size, unsigned levels,
                       struct valve_arena *arena, struct valve_any *ret_any);

/* Fills `size` bytes with characters of UTF-8 of all lengths. */
void valve_generate_text(struct valve_random *random, char *data, size_t size);

/* A number that may be anything, and often is one that is easily got wrong. */
uint64_t valve_generate_number(struct valve_random *random);
double valve_generate_float(struct valve_random *random);

#endif
