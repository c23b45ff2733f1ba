/* SPDX-License-Identifier: MIT */
/*
 * Graphs: whether each index in a value names an element of its table.
 */
#ifndef VALVE_RPC_EDGES_H
#define VALVE_RPC_EDGES_H

#include "rpc/refusal.h"

/*
 * Goes over a sound value whose type has VALVE_TYPE_EDGES. False: an index names nothing; the
 * refusal, of this result, says which and where.
 */
bool valve_edges_check(const struct valve_type *type, const void *value, int result,
                       struct valve_refusal *refusal);

#endif
