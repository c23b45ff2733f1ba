/* SPDX-License-Identifier: MIT */
/*
 * The schema that the command line names.
 */
#ifndef VALVE_CBOR_SCHEMA_H
#define VALVE_CBOR_SCHEMA_H

#include "tables/tables.h"

/*
 * Reads and compiles a schema and makes its tables, which belong to the pool. -1 after saying what
 * is wrong with it.
 */
int schema_load(struct cddl_pool *pool, const char *path, struct valve_tables *ret_tables);

#endif
