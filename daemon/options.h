/* SPDX-License-Identifier: MIT */
/*
 * The command line of valved.
 */
#ifndef VALVED_OPTIONS_H
#define VALVED_OPTIONS_H

#include "daemon/access_check.h"
#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of valved besides 0, as in <sysexits.h>; anything else that fails is 1. */
enum { VALVED_EXIT_USAGE = 64, VALVED_EXIT_CONFIG = 78 };

/* Texts belong to argv. */
struct options {
    const char *config_path; /* -c; NULL: the default file, or none if there are listeners here */
    const char *root;        /* --root; NULL: not given */
    const char *user;        /* --user; NULL: not given */
    unsigned allow;          /* --allow, of enum config_operation; 0: not given */
    bool check_config;       /* -t: load, report, and stop */
    bool dump_config;        /* --dump-config: print the configuration, and stop */
    struct access_question access; /* --check-access: answer it, and stop; peer NULL: not asked */

    struct valve_address *listeners; /* --listen, in order */
    size_t listener_count;
};

/*
 * Reads the command line. 0: *ret_options is set, and the caller's to options_fini(). -ECANCELED:
 * there is nothing more to do than to exit with *ret_exit_status; what the user asked for (-h, -V)
 * has been printed to stdout, or what is wrong with the usage to stderr. -ENOMEM. *ret_options is
 * untouched unless 0 is returned. Uses getopt's global state: main thread only.
 */
int options_parse(int argc, char **argv, struct options *ret_options, int *ret_exit_status);

/* Frees what the options own; accepts options of zeroes. */
void options_fini(struct options *options);

#endif
