/* SPDX-License-Identifier: MIT */
/*
 * valvectl's command line.
 */
#ifndef VALVECTL_OPTIONS_H
#define VALVECTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"
#include "valve.h"

struct command; /* one subcommand: see commands.h */

struct options {
    const struct command *command; /* NULL: only help or version was asked for */
    const char *address;
    struct {
        bool is_wanted;          /* the server is spoken with under TLS */
        const char *certificate; /* --cert, or NULL */
        const char *key;         /* --key, or NULL */
        const char *authorities; /* --ca; NULL: the system's */
        const char *name;        /* --server-name; NULL: the address */
    } tls;
    uint64_t timeout;         /* ns without progress after which the server is given up */
    bool json;                /* --json */
    bool nul;                 /* -0 */
    bool detailed;            /* -l */
    bool quiet;               /* -q */
    bool no_sync;             /* --no-sync */
    const char *output;       /* -o, or NULL */
    const char *files_from;   /* --files-from, or NULL */
    uint64_t count;           /* -c */
    uint64_t interval;        /* -i: ns */
    struct load_options load; /* bench's; 0 as duration, UINT64_MAX as warm-up: not given */
    const char *mix;          /* --mix, or NULL */
    char **names;
    size_t name_count;
};

/*
 * Reads the command line. Returns 0, or -EINVAL after saying what is wrong with it. Help and
 * version are printed here, when they are asked for.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

/* Says what is wrong with the command line. Returns -EINVAL. */
int usage_error(const char *format, ...) VALVE_PRINTF(1, 2);

#endif
