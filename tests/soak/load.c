/* SPDX-License-Identifier: MIT */
/*
 * The load of a soak, and its judge: changes the files of a served directory, asks for them over
 * connections that fail, and holds each answer against what it may have been.
 *
 * Now and then it ends all connections, says `resting` and waits for a line. When the time is up and
 * they have ended, it says `settled` and waits for a line: the server has ended by then, and what is
 * left on disk is compared, too. Then come the counts.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "tests/soak/load.h"

#define SECOND ((uint64_t)1000000000)

struct load load = {
    .seed = 1,
    .seconds = 10 * SECOND,
    .grace = 20 * SECOND,
    .rest = UINT64_MAX,
    .rate = 1000,
    .changes = 200,
    .files = 4000,
    .connections = 32,
};

uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

_Noreturn void give_up(const char *what)
{
    fprintf(stderr, "soak_load: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- Options --------------------------------------------------------------------------------- */

static const char usage[] =
    "usage: soak_load --root=DIR --spare=DIR [OPTION...]\n"
    "\n"
    "  --root=DIR        what the server serves; empty at the start\n"
    "  --spare=DIR       on the same file system, where files are written\n"
    "  --faithful=ADDRESS, --faulty=ADDRESS\n"
    "                    where to connect to; whether what is sent always arrives\n"
    "  --seed=N          contents follow from it, and what is drawn (1)\n"
    "  --seconds=N       how long (10)\n"
    "  --rate=N          requests a second (1000)\n"
    "  --changes=N       changes of files a second (200)\n"
    "  --files=N         names (4000)\n"
    "  --connections=N   at the same time (32; at most 256)\n"
    "  --grace=N         seconds after which a lost Del has happened or never will (20)\n"
    "  --rest=N          seconds after which all connections end, until a line of input comes (never)\n"
    "  --evidence=FILE   where a failure is written to\n";

static _Noreturn void refuse(const char *problem, const char *value)
{
    fprintf(stderr, "soak_load: %s: %s\n\n%s", value, problem, usage);
    exit(EX_USAGE);
}

static uint64_t read_number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || *text == '-' || value < least || value > most)
        refuse("not a number that is possible here", text);
    return value;
}

static void add_target(const char *text, bool faithful)
{
    struct target *target = &load.targets[load.target_count];
    const char *problem;

    if (load.target_count == MOST_ADDRESSES)
        refuse("too many addresses", text);
    if (valve_address_parse(text, &target->address, &problem) < 0)
        refuse(problem, text);
    target->faithful = faithful;
    load.target_count++;
}

static const struct option options[] = {
    {"root", required_argument, NULL, 'r'},     {"spare", required_argument, NULL, 'p'},
    {"faithful", required_argument, NULL, 'F'}, {"faulty", required_argument, NULL, 'f'},
    {"seed", required_argument, NULL, 's'},     {"seconds", required_argument, NULL, 't'},
    {"rate", required_argument, NULL, 'R'},     {"changes", required_argument, NULL, 'c'},
    {"files", required_argument, NULL, 'n'},    {"connections", required_argument, NULL, 'C'},
    {"grace", required_argument, NULL, 'g'},    {"rest", required_argument, NULL, 'i'},
    {"evidence", required_argument, NULL, 'e'}, {0},
};

static void read_option(int option)
{
    switch (option) {
    case 'r':
        load.root = optarg;
        break;
    case 'p':
        load.spare = optarg;
        break;
    case 'F':
    case 'f':
        add_target(optarg, option == 'F');
        break;
    case 's':
        load.seed = read_number(optarg, 0, UINT64_MAX);
        break;
    case 't':
        load.seconds = read_number(optarg, 1, 1000000) * SECOND;
        break;
    case 'R':
        load.rate = (double)read_number(optarg, 1, 1000000);
        break;
    case 'c':
        load.changes = (double)read_number(optarg, 0, 1000000);
        break;
    case 'n':
        load.files = (uint32_t)read_number(optarg, 100, 1000000);
        break;
    case 'C':
        load.connections = (unsigned)read_number(optarg, 1, 256);
        break;
    case 'g':
        load.grace = read_number(optarg, 1, 1000000) * SECOND;
        break;
    case 'i':
        load.rest = read_number(optarg, 1, 1000000) * SECOND;
        break;
    case 'e':
        load.evidence = optarg;
        break;
    default:
        refuse("no such option", "");
    }
}

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        read_option(option);
    if (optind < argc || !load.root || !load.spare || load.target_count == 0)
        refuse("two directories and an address are needed", argv[0]);
}

/* ---- The run --------------------------------------------------------------------------------- */

static int open_directory(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor < 0)
        give_up(path);
    return descriptor;
}

static void begin(void)
{
    load.random = random_stream(load.seed, 0);
    load.oracle = oracle_new(load.files);
    load.root_directory = open_directory(load.root);
    load.spare_directory = open_directory(load.spare);
    files_init(load.seed, load.files);
    changes_begin();
    printf("begun\n");
    fflush(stdout);
}

/* What is due of so many a second; what could not be done in time is not made up for. */
static double add_due(double due, double rate, uint64_t passed)
{
    const double most = rate / 4 + 1;

    due += rate * (double)passed / (double)SECOND;
    return due < most ? due : most;
}

/* Whoever reads what is printed lets it go on, by a line. */
static void wait_for_line(const char *said)
{
    int c;

    puts(said);
    fflush(stdout);
    while ((c = getchar()) != '\n')
        if (c == EOF)
            give_up("nobody says that it shall go on");
}

static void run_until(uint64_t end)
{
    uint64_t last = now_ns(), looked = last;
    double requests = 0, changes = 0;

    while (last < end) {
        const uint64_t now = now_ns();

        requests = add_due(requests, load.rate, now - last);
        changes = add_due(changes, load.changes, now - last);
        last = now;
        for (; changes >= 1; changes--)
            change_something();
        requests -= talk((unsigned)requests);
        if (now > looked + SECOND) {
            looked = now;
            resolve_lost();
        }
    }
}

/* With times of rest, in which the server has no client. */
static void run(void)
{
    for (uint64_t left = load.seconds; left > 0;) {
        const uint64_t part = left < load.rest ? left : load.rest;

        talk_begin();
        run_until(now_ns() + part);
        talk_end();
        left -= part;
        if (left > 0)
            wait_for_line("resting");
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    begin();
    run();
    wait_for_line("settled"); /* the server may be stopped now, and is when the line comes */
    compare_all();
    print_counts();
    oracle_free(load.oracle);
    return EXIT_SUCCESS;
}
