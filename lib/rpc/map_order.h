/* SPDX-License-Identifier: MIT */
/*
 * The order in which the entries of a map are sent, whatever order they lie in: by key.
 */
#ifndef VALVE_RPC_MAP_ORDER_H
#define VALVE_RPC_MAP_ORDER_H

#include "rpc/map.h"
#include "rpc/value.h"

/* Whether the entries lie in that order already, each key once. */
bool valve_map_ascends(const struct valve_type *map, const void *value);

#define VALVE_FEW_ENTRIES 8 /* that are sorted without the heap, and on little stack */

/*
 * An iteration over entries that do not ascend: they are sorted by index. Where there is no memory
 * for that, the next one is sought each time.
 */
struct valve_map_order {
    const struct valve_type *entry;
    struct valve_list list;
    uint32_t *indices; /* sorted; NULL: no memory */
    size_t done;       /* entries that were given */
    size_t last;       /* the one that was given last */
    uint32_t few[VALVE_FEW_ENTRIES];
};

/* Points into itself, so it stays where it is until its end. */
void valve_map_order_begin(struct valve_map_order *order, const struct valve_type *map,
                           const void *value);
void valve_map_order_end(struct valve_map_order *order);

/* Whether a key comes twice: *ret_key is it. */
bool valve_map_order_repeats(const struct valve_map_order *order,
                             const struct valve_text **ret_key);

/* The entry whose turn it is. Asked as often as there are entries, of which no key repeats. */
const void *valve_map_order_next(struct valve_map_order *order);

#endif
