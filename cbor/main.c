/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor: bytes of a schema printed, brought into their deterministic form, and made up.
 */
#include <stdlib.h>
#include <sysexits.h>

#include "commands.h"
#include "schema.h"

const struct command commands[] = {
    {"print", "k", true, 16U << 20, print_run},
    {"convert", "k", true, 16U << 20, convert_run},
    {"generate", "ns", false, 1U << 10, generate_run},
    {"types", "", false, 0, types_run},
    {0},
};

static int run(const struct options *options, struct cddl_pool *pool, struct output *output)
{
    struct valve_tables tables;
    struct subject subject;

    if (schema_load(pool, options->schema, &tables) < 0)
        return EXIT_FAILURE;
    if (subject_find(&tables, options->type, &subject) < 0)
        return EX_USAGE;
    return options->command->run(options, &subject, output) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    struct cddl_pool pool = {0};
    struct output output = {0};
    int status = EXIT_SUCCESS;

    if (options_parse(argc, argv, &options) < 0)
        return EX_USAGE;
    output.hex = options.hex;
    if (options.command != NULL)
        status = run(&options, &pool, &output);
    if (output_close(&output) < 0)
        status = EXIT_FAILURE;
    cddl_pool_free(&pool);
    return status;
}
