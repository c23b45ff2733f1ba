/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of valve-cbor.
 */
#ifndef VALVE_CBOR_COMMANDS_H
#define VALVE_CBOR_COMMANDS_H

#include "options.h"
#include "output.h"
#include "subject.h"

struct command {
    const char *name;
    const char *takes; /* the letters of its options, besides those that all take */
    bool reads;        /* bytes, from a file or stdin */
    size_t max_size;   /* where the command line has none */
    /* 0, or -1 when something went wrong and was said. */
    int (*run)(const struct options *options, const struct subject *subject, struct output *output);
};

/* Ends with a command that has no name. */
extern const struct command commands[];

int convert_run(const struct options *options, const struct subject *subject,
                struct output *output);
int generate_run(const struct options *options, const struct subject *subject,
                 struct output *output);
int print_run(const struct options *options, const struct subject *subject, struct output *output);
int types_run(const struct options *options, const struct subject *subject, struct output *output);

#endif
