/* SPDX-License-Identifier: MIT */
/*
 * The connection table: an array as long as the descriptor limit, where the slot is the descriptor.
 *
 * It is reserved in one mapping, without commitment: a slot costs memory once it was used.
 */
#ifndef VALVE_SERVER_TABLE_H
#define VALVE_SERVER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "server/connection.h"

struct valve_table {
    struct valve_connection *slots;
    uint32_t length;
};

/*
 * Raises the soft descriptor limit of this process to its hard limit, no further than `most`, and
 * maps a table of that length. Where so long a table cannot be mapped the limit is lowered, by
 * halves, to what can; *ret_lowered says that it was. 0 or -errno. Process-wide.
 */
int valve_table_init(struct valve_table *table, uint64_t most, bool *ret_lowered);
void valve_table_fini(struct valve_table *table);

static inline struct valve_connection *valve_table_slot(const struct valve_table *table,
                                                        int descriptor)
{
    return &table->slots[descriptor];
}

/* The descriptor of a slot. */
static inline int valve_table_descriptor(const struct valve_table *table,
                                         const struct valve_connection *connection)
{
    return (int)(connection - table->slots);
}

#endif
