/* SPDX-License-Identifier: MIT */
/*
 * The tables of a schema, made in memory at run time: equal to those that valve-cddl would write
 * into SERVICE.c, for programs that meet their schema only when they run.
 */
#ifndef VALVE_TABLES_TABLES_H
#define VALVE_TABLES_TABLES_H

#include <stdbool.h>

#include "cddl/schema.h"
#include "valve.h"

/* What is known of a method. */
struct valve_tables_method {
    const char *name;                 /* its variant, as it travels */
    const struct valve_type *request; /* the payload; NULL: the method is only its name */
    const struct valve_type *item;    /* of the stream before the reply, or NULL */
    const struct valve_type *reply;   /* a sum */
    bool one_way;                     /* no reply but a refusal */
};

/* Belongs to the schema's pool. */
struct valve_tables {
    const struct cddl_schema *schema;
    struct valve_type *types;         /* the schema's, in the order of their numbers */
    const struct valve_type *request; /* the sum of the methods */
    struct valve_tables_method *methods;
    unsigned method_count;
};

/* Makes the tables of a schema that was compiled without problems. */
void valve_tables_build(const struct cddl_schema *schema, struct valve_tables *ret_tables);

/*
 * What a rule of the schema defines, or NULL: there is no such rule, it is no type of its own
 * (methods, numbers, variants that stand in the sums of others only), or its values cannot stand
 * alone (indices whose table is around them).
 */
const struct valve_type *valve_tables_find_rule(const struct valve_tables *tables,
                                                const char *name);

/* The method of this name, or NULL. */
const struct valve_tables_method *valve_tables_find_method(const struct valve_tables *tables,
                                                           const char *name, size_t size);

#endif
