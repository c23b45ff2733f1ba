/* SPDX-License-Identifier: MIT */
/*
 * Tries to catch valved telling something stale, for tests/fresh.py:
 *
 *     fresh_load [OPTION...] ADDRESS TOP
 *
 * The server at ADDRESS serves TOP/root; TOP/outside is on the same file system. Some threads
 * change names and files and check what is answered; others ask all the time for the same names,
 * and for many more. Printed are wrong answers, and then lines of a name and numbers.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/fresh/writer.h"

#define WRITERS_MOST 16
#define LOADS_MOST   16
#define LOAD_DEPTH   16
#define SCAN_SIZE    512 /* bytes of each file */

static struct run the_run;
static struct writer writers[WRITERS_MOST + 1];

static struct {
    unsigned writers, loads, scanned;
    double seconds;
    bool has_mounts;
} options = {.writers = 4, .loads = 1, .scanned = 2000, .seconds = 60};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "fresh_load: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* ---- Those that only ask --------------------------------------------------------------------- */

struct load {
    pthread_t thread;
    struct connection connection;
    struct random random;
    uint64_t answers;
    struct answer answer;
};

static struct load loads[LOADS_MOST];

static void make_scanned(void)
{
    static const char content[SCAN_SIZE];
    char path[256];

    snprintf(path, sizeof path, "%s/root/scan", the_run.top);
    if (mkdir(path, 0755) < 0)
        fail(path, strerror(errno));
    for (unsigned i = 0; i < options.scanned; i++) {
        FILE *file;

        snprintf(path, sizeof path, "%s/root/scan/%u", the_run.top, i);
        file = fopen(path, "we");
        if (file == NULL || fwrite(content, sizeof content, 1, file) != 1 || fclose(file) != 0)
            fail(path, strerror(errno));
    }
}

/* Hot names of one writer's scene, or the next ones of a scan: which have one answer. */
static void ask_some(struct load *load, unsigned *scanned)
{
    static const enum method methods[] = {GET, SIZE, EXISTS};
    bool is_scan = options.scanned > 0 && random_chance(&load->random, 0.5);
    uint64_t scene = random_below(&load->random, options.writers * WRITER_SCENES);
    struct question questions[LOAD_DEPTH];
    char scene_name[16], names[LOAD_DEPTH][32];

    snprintf(scene_name, sizeof scene_name, "s%u", (unsigned)scene);
    for (unsigned i = 0; i < LOAD_DEPTH; i++) {
        questions[i].method = is_scan ? GET : methods[random_below(&load->random, 3)];
        questions[i].path = asked_paths[random_below(&load->random, ASKED)];
        if (!is_scan)
            continue;
        snprintf(names[i], sizeof names[i], "scan/%u", (*scanned)++ % options.scanned);
        questions[i].path = names[i];
    }
    ask(&load->connection, scene_name, questions, 0, LOAD_DEPTH);
    for (unsigned i = 0; i < LOAD_DEPTH; i++) {
        if (!take_answer(&load->connection, &load->answer)) {
            connection_close(&load->connection);
            connection_open(&load->connection, &the_run.address);
            return;
        }
        if (is_scan && (load->answer.kind != EVENT_CONTENT || load->answer.value != SCAN_SIZE))
            fail("a file that was scanned", "it has not its content");
        load->answers++;
    }
}

static void *load_run(void *argument)
{
    struct load *load = argument;
    unsigned scanned = 0;

    while (!atomic_load(&the_run.is_over))
        ask_some(load, &scanned);
    return NULL;
}

/* ---- All together ---------------------------------------------------------------------------- */

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    int r = pthread_create(thread, NULL, run, argument);

    if (r != 0)
        fail("no thread", strerror(r));
}

static void on_alarm(int number)
{
    (void)number;
    atomic_store(&the_run.is_over, true);
}

/* The time that is up, unless all is done before. */
static void end_in_time(void)
{
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval when = {.it_value.tv_sec = (time_t)options.seconds};

    when.it_value.tv_usec = (suseconds_t)((options.seconds - (double)when.it_value.tv_sec) * 1e6);
    if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &when, NULL) < 0)
        fail("no alarm", strerror(errno));
}

static void run_all(unsigned count)
{
    end_in_time();
    for (unsigned i = 0; i < options.loads; i++)
        start(&loads[i].thread, load_run, &loads[i]);
    for (unsigned i = 0; i < count; i++)
        start(&writers[i].thread, writer_run, &writers[i]);
    for (unsigned i = 0; i < count; i++)
        pthread_join(writers[i].thread, NULL);
    atomic_store(&the_run.is_over, true);
    for (unsigned i = 0; i < options.loads; i++)
        pthread_join(loads[i].thread, NULL);
}

static void report_kinds(const struct kind *kinds, unsigned first, unsigned end,
                         struct tally *total)
{
    for (unsigned i = 0; kinds[i].name != NULL; i++) {
        struct tally sum = {0};

        for (unsigned j = first; j < end; j++) {
            sum.changes += writers[j].tallies[i].changes;
            sum.checks += writers[j].tallies[i].checks;
            sum.wrong += writers[j].tallies[i].wrong;
        }
        printf("kind %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", sum.changes, sum.checks, sum.wrong,
               kinds[i].name);
        total->changes += sum.changes;
        total->checks += sum.checks;
        total->wrong += sum.wrong;
    }
}

static void report(unsigned count, double seconds)
{
    struct tally total = {0};
    uint64_t answers = 0;

    report_kinds(change_kinds, 0, options.writers, &total);
    if (options.has_mounts)
        report_kinds(mount_kinds, options.writers, count, &total);
    for (unsigned i = 0; i < options.loads; i++)
        answers += loads[i].answers;
    printf("changes %" PRIu64 "\nchecks %" PRIu64 "\nwrong %" PRIu64 "\nload %" PRIu64
           "\nseconds %.3f\n",
           total.changes, total.checks, total.wrong, answers, seconds);
    if (options.has_mounts)
        printf("mount-unseen %.3f\n", (double)writers[options.writers].old_for / 1e9);
}

/* ---- The command line ------------------------------------------------------------------------ */

static void take_option(int option)
{
    switch (option) {
    case 'c':
        atomic_store(&the_run.checks_left, strtoull(optarg, NULL, 10));
        break;
    case 's':
        options.seconds = strtod(optarg, NULL);
        break;
    case 'r':
        the_run.seed = strtoull(optarg, NULL, 10);
        break;
    case 'w':
        options.writers = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'l':
        options.loads = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'n':
        options.scanned = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'm':
        options.has_mounts = true;
        break;
    default:
        exit(EXIT_FAILURE);
    }
}

static void read_command_line(int argc, char **argv)
{
    static const struct option known[] = {
        {"checks", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},   {"writers", required_argument, NULL, 'w'},
        {"loads", required_argument, NULL, 'l'},  {"scanned", required_argument, NULL, 'n'},
        {"mounts", no_argument, NULL, 'm'},       {NULL, 0, NULL, 0},
    };
    const char *problem;
    int option;

    atomic_store(&the_run.checks_left, UINT64_MAX);
    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
        take_option(option);
    if (argc - optind != 2 || options.writers < 1 || options.writers > WRITERS_MOST ||
        options.loads > LOADS_MOST)
        fail("usage", "fresh_load [OPTION...] ADDRESS TOP");
    if (valve_address_parse(argv[optind], &the_run.address, &problem) < 0)
        fail(argv[optind], problem);
    the_run.top = argv[optind + 1];
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    unsigned count;
    double began;

    read_command_line(argc, argv);
    umask(022);
    make_scanned();
    count = options.writers + options.has_mounts;
    for (unsigned i = 0; i < count; i++)
        writer_init(&writers[i], &the_run, i < options.writers ? change_kinds : mount_kinds, i);
    for (unsigned i = 0; i < options.loads; i++) {
        connection_open(&loads[i].connection, &the_run.address);
        loads[i].random = random_stream(the_run.seed, 1000 + i);
    }
    began = now();
    run_all(count);
    report(count, now() - began);
    for (unsigned i = 0; i < count; i++)
        writer_fini(&writers[i]);
    for (unsigned i = 0; i < options.loads; i++)
        connection_close(&loads[i].connection);
    return EXIT_SUCCESS;
}
