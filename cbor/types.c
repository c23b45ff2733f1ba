/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor types: what -t may name, a line for each.
 */
#include <stdio.h>

#include "commands.h"

static void list_parts(const struct valve_tables_method *method)
{
    printf("%s\n", method->name);
    if (method->request != NULL)
        printf("%s.request\n", method->name);
    if (method->item != NULL)
        printf("%s.item\n", method->name);
}

int types_run(const struct options *options, const struct subject *subject, struct output *output)
{
    const struct valve_tables *tables = subject->tables;

    (void)options;
    for (const struct cddl_rule *rule = tables->schema->rules; rule != NULL; rule = rule->next)
        if (valve_tables_find_rule(tables, rule->name) != NULL)
            printf("%s\n", rule->name);
    for (unsigned i = 0; i < tables->method_count; i++)
        list_parts(&tables->methods[i]);
    puts("request\nto-server\nto-client");
    return output_flush(output);
}
