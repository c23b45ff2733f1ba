/* SPDX-License-Identifier: MIT */
/*
 * The options of the fault proxy, read and printed.
 */
#include <config.h>

#include "tests/faults/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define MILLISECOND 1000000
#define SPAN        ((uint64_t)64 * 1024)

static const char usage[] =
    "usage: fault_proxy [OPTION...] LISTEN TARGET\n"
    "\n"
    "Passes connections from LISTEN on to TARGET (unix:/path, 127.0.0.1:port), badly.\n"
    "\n"
    "  --seed=N              everything drawn follows from it (1)\n"
    "  --split=N             at most N bytes at once\n"
    "  --split-random=N      1 to N bytes at once\n"
    "  --delay=MS            each piece is held back so long\n"
    "  --delay-random=MS     each piece is held back up to so long\n"
    "  --rate=N              at most N bytes a second, each way\n"
    "  --reset-at=WAY:N      reset when N bytes went that WAY (up: from the client, or down)\n"
    "  --half-close-at=WAY:N end of input after N bytes; later ones are thrown away\n"
    "  --flip-at=WAY:N       change a bit of byte N\n"
    "  --reset=P, --half-close=P, --flip=P\n"
    "                        so does a connection with probability P, either way,\n"
    "  --span=N              within its first N bytes (65536)\n";

static void refuse(const char *what, const char *value)
{
    fprintf(stderr, "fault_proxy: %s: %s\n\n%s", value, what, usage);
    exit(EX_USAGE);
}

static uint64_t read_number(const char *text)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-')
        refuse("not a number", text);
    return value;
}

static double read_probability(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
        refuse("not a probability", text);
    return value;
}

static void read_place(const char *text, uint64_t places[DIRECTIONS])
{
    if (strncmp(text, "up:", 3) == 0)
        places[UP] = read_number(text + 3);
    else if (strncmp(text, "down:", 5) == 0)
        places[DOWN] = read_number(text + 5);
    else
        refuse("not up:N or down:N", text);
}

static void read_address(const char *text, struct valve_address *ret_address)
{
    const char *problem;

    if (valve_address_parse(text, ret_address, &problem) < 0)
        refuse(problem, text);
}

enum {
    OPTION_AT = 256,                    /* + fault */
    OPTION_CHANCE = OPTION_AT + FAULTS, /* + fault */
};

static void read_option(int option, struct fault_settings *settings)
{
    if (option >= OPTION_CHANCE)
        settings->chance[option - OPTION_CHANCE] = read_probability(optarg);
    else if (option >= OPTION_AT)
        read_place(optarg, settings->at[option - OPTION_AT]);
    else if (option == 's')
        settings->seed = read_number(optarg);
    else if (option == 'n')
        settings->split = read_number(optarg);
    else if (option == 'N')
        settings->split_random = read_number(optarg);
    else if (option == 'd')
        settings->delay = read_number(optarg) * MILLISECOND;
    else if (option == 'D')
        settings->delay_random = read_number(optarg) * MILLISECOND;
    else if (option == 'r')
        settings->rate = read_number(optarg);
    else if (option == 'w')
        settings->span = read_number(optarg);
}

static const struct option long_options[] = {
    {"seed", required_argument, NULL, 's'},
    {"split", required_argument, NULL, 'n'},
    {"split-random", required_argument, NULL, 'N'},
    {"delay", required_argument, NULL, 'd'},
    {"delay-random", required_argument, NULL, 'D'},
    {"rate", required_argument, NULL, 'r'},
    {"span", required_argument, NULL, 'w'},
    {"reset-at", required_argument, NULL, OPTION_AT + FAULT_RESET},
    {"half-close-at", required_argument, NULL, OPTION_AT + FAULT_HALF_CLOSE},
    {"flip-at", required_argument, NULL, OPTION_AT + FAULT_FLIP},
    {"reset", required_argument, NULL, OPTION_CHANCE + FAULT_RESET},
    {"half-close", required_argument, NULL, OPTION_CHANCE + FAULT_HALF_CLOSE},
    {"flip", required_argument, NULL, OPTION_CHANCE + FAULT_FLIP},
    {"help", no_argument, NULL, 'h'},
    {0},
};

void fault_options_parse(int argc, char **argv, struct fault_options *ret_options)
{
    struct fault_settings *settings = &ret_options->settings;
    int option;

    *settings = (struct fault_settings){.seed = 1, .span = SPAN};
    for (int fault = 0; fault < FAULTS; fault++)
        settings->at[fault][UP] = settings->at[fault][DOWN] = NOWHERE;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }
        if (option == '?')
            exit(EX_USAGE);
        read_option(option, settings);
    }
    if (argc - optind != 2)
        refuse("two addresses are needed", argv[0]);
    if (settings->span == 0)
        refuse("no room for a fault", "--span=0");
    read_address(argv[optind], &ret_options->listen);
    read_address(argv[optind + 1], &ret_options->target);
}

static void print_places(const struct fault_settings *settings)
{
    static const char *const ways[DIRECTIONS] = {"up", "down"};

    for (int fault = 0; fault < FAULTS; fault++) {
        for (int way = 0; way < DIRECTIONS; way++)
            if (settings->at[fault][way] != NOWHERE)
                printf(" %s-at=%s:%" PRIu64, fault_names[fault], ways[way],
                       settings->at[fault][way]);
        printf(" %s=%g", fault_names[fault], settings->chance[fault]);
    }
}

void fault_options_print(const struct fault_options *options)
{
    const struct fault_settings *settings = &options->settings;

    printf("settings seed=%" PRIu64 " split=%" PRIu64 " split-random=%" PRIu64 " delay=%" PRIu64
           " delay-random=%" PRIu64 " rate=%" PRIu64 " span=%" PRIu64,
           settings->seed, settings->split, settings->split_random, settings->delay / MILLISECOND,
           settings->delay_random / MILLISECOND, settings->rate, settings->span);
    print_places(settings);
    printf(" target=%s\n", options->target.text);
}
