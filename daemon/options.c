/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line of valved.
 */
#include <config.h>

#include "daemon/config_internal.h"
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    OPTION_ROOT = 256,
    OPTION_USER,
    OPTION_LISTEN,
    OPTION_ALLOW,
    OPTION_DUMP_CONFIG,
    OPTION_CHECK_ACCESS
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"user", required_argument, NULL, OPTION_USER},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"allow", required_argument, NULL, OPTION_ALLOW},
    {"check-config", no_argument, NULL, 't'},
    {"dump-config", no_argument, NULL, OPTION_DUMP_CONFIG},
    {"check-access", required_argument, NULL, OPTION_CHECK_ACCESS},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_usage(void)
{
    fputs("Usage: valved [-c FILE] [--root DIR] [--user NAME] [--listen ADDRESS]... [--allow OPS]\n"
          "              [-t | --check-config] [--dump-config] [-V] [-h]\n"
          "              [--check-access PEER CALL PATH]\n"
          "Serve the files of a directory to programs.\n"
          "\n"
          "  -c, --config FILE   read FILE instead of " VALVED_CONFIG_FILE "\n"
          "  --root DIR          serve DIR\n"
          "  --user NAME         become NAME; root has to be named to stay\n"
          "  --listen ADDRESS    listen here, not where the file says: unix:/path,\n"
          "                      127.0.0.1:8258 or [::1]:8258; then no file is read without -c\n"
          "  --allow OPS         what peers of --listen may do: list, size, get, exists, del,\n"
          "                      one word, separated by blanks or commas\n"
          "  -t, --check-config  report all that is wrong with the configuration, and stop\n"
          "  --dump-config       print the configuration in effect, and stop\n"
          "  --check-access PEER CALL PATH\n"
          "                      tell whether PEER, such as user:NAME or address:192.0.2.7, may\n"
          "                      list, size, get, exists or del PATH, and by which rule\n"
          "  -V, --version       print the version\n"
          "  -h, --help          print this\n"
          "\n"
          "Exit status: 0 stopped as asked, 64 wrong usage, 78 wrong configuration, 1 other.\n"
          "See valved(8) and valve.ini(5).\n",
          stdout);
}

static int refuse_usage(int *ret_exit_status)
{
    fputs("Try 'valved -h' for help.\n", stderr);
    *ret_exit_status = VALVED_EXIT_USAGE;
    return -ECANCELED;
}

static int add_listener(struct options *options, const char *text, int *ret_exit_status)
{
    struct valve_address address;
    struct valve_address *list;
    const char *why;

    if (valve_address_parse(text, &address, &why) < 0) {
        fprintf(stderr, "valved: --listen: '%s': %s\n", text, why);
        return refuse_usage(ret_exit_status);
    }
    list = reallocarray(options->listeners, options->listener_count + 1, sizeof *list);
    if (list == NULL)
        return -ENOMEM;
    list[options->listener_count++] = address;
    options->listeners = list;
    return 0;
}

static int set_allow(struct options *options, const char *text, int *ret_exit_status)
{
    struct config_problem problem;

    if (config_parse_operations(text, &options->allow, &problem) < 0) {
        fprintf(stderr, "valved: --allow: %s\n", problem.text);
        return refuse_usage(ret_exit_status);
    }
    return 0;
}

/* An empty argument is a variable that a script forgot to set. */
static int set_text(const char **text, const char *option, const char *what, int *ret_exit_status)
{
    if (optarg[0] == '\0') {
        fprintf(stderr, "valved: %s: the %s is missing\n", option, what);
        return refuse_usage(ret_exit_status);
    }
    *text = optarg;
    return 0;
}

static int take_option(struct options *options, int option, int *ret_exit_status)
{
    *ret_exit_status = 0;
    switch (option) {
    case 'c':
        return set_text(&options->config_path, "-c", "path", ret_exit_status);
    case OPTION_ROOT:
        return set_text(&options->root, "--root", "path", ret_exit_status);
    case OPTION_USER:
        return set_text(&options->user, "--user", "name", ret_exit_status);
    case OPTION_LISTEN:
        return add_listener(options, optarg, ret_exit_status);
    case OPTION_ALLOW:
        return set_allow(options, optarg, ret_exit_status);
    case 't':
        options->check_config = true;
        return 0;
    case OPTION_DUMP_CONFIG:
        options->dump_config = true;
        return 0;
    case OPTION_CHECK_ACCESS:
        options->access.peer = optarg;
        return 0;
    case 'V':
        puts("valved " PACKAGE_VERSION);
        return -ECANCELED;
    case 'h':
        print_usage();
        return -ECANCELED;
    default:
        return refuse_usage(ret_exit_status);
    }
}

/* What follows the options: the rest of --check-access. */
static int take_arguments(struct options *options, int argc, char **argv, int *ret_exit_status)
{
    if (options->access.peer != NULL) {
        if (argc - optind != 2) {
            fputs("valved: --check-access takes PEER CALL PATH, behind all other options\n",
                  stderr);
            return refuse_usage(ret_exit_status);
        }
        options->access.call = argv[optind];
        options->access.path = argv[optind + 1];
        return 0;
    }
    if (optind < argc) {
        fprintf(stderr, "valved: '%s': only options are expected\n", argv[optind]);
        return refuse_usage(ret_exit_status);
    }
    return 0;
}

/* What is wrong with the options together. */
static int check_options(const struct options *options, int *ret_exit_status)
{
    if (options->allow != 0 && options->listener_count == 0) {
        fputs("valved: --allow: is about the listeners of --listen, and there is none\n", stderr);
        return refuse_usage(ret_exit_status);
    }
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, int *ret_exit_status)
{
    struct options options = {0};
    int option;
    int r = 0;

    optind = 0; /* glibc: begin anew, with the order of arguments kept as POSIX has it */
    while (r == 0 && (option = getopt_long(argc, argv, "+c:tVh", long_options, NULL)) >= 0)
        r = take_option(&options, option, ret_exit_status);
    if (r == 0)
        r = take_arguments(&options, argc, argv, ret_exit_status);
    if (r == 0)
        r = check_options(&options, ret_exit_status);
    if (r < 0) {
        options_fini(&options);
        return r;
    }
    *ret_options = options;
    return 0;
}

void options_fini(struct options *options)
{
    free(options->listeners);
    *options = (struct options){0};
}
