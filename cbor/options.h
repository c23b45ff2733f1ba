/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor's command line.
 */
#ifndef VALVE_CBOR_OPTIONS_H
#define VALVE_CBOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "valve.h"

struct command; /* one subcommand: see commands.h */

struct options {
    const struct command *command; /* NULL: only help or version was asked for */
    const char *schema;            /* the file */
    const char *file;              /* of bytes; NULL: stdin */
    const char *type;              /* -t, or NULL: the request */
    bool hex;                      /* -x */
    bool keep_going;               /* -k */
    uint64_t count;                /* -n */
    uint64_t seed;                 /* -s; else a random one */
    struct valve_limits limits;    /* --max-size, --max-depth */
};

/*
 * Reads the command line. Returns 0, or -EINVAL after saying what is wrong with it. Help and
 * version are printed here, when they are asked for.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

/* Heap bytes that one item may take in memory, for the values it holds. */
size_t options_memory(const struct options *options);

/* Says what is wrong with the command line. Returns -EINVAL. */
int usage_error(const char *format, ...) VALVE_PRINTF(1, 2);

#endif
