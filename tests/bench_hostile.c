/* SPDX-License-Identifier: MIT */
/*
 * What a thousand clients that trickle, and a thousand that stopped reading, do to those that
 * behave: the latency of the latter, without and with the former, in turn; how long the server
 * bears with these; and its memory. valved has one worker on one CPU, all clients are on another. The
 * medians of several rounds are printed.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fiber/clock.h"
#include "tests/hostile_clients.h"

#define SECOND        UINT64_C(1000000000)
#define ROUNDS        3
#define OF_EACH_KIND  1000
#define WITHOUT       (4 * SECOND)
#define WITH          (14 * SECOND) /* so that all the bad ones are closed, and come again */
#define REQUEST_LIMIT 10            /* seconds */
#define SEND_LIMIT    8
#define HOT_SIZE      1024
#define LARGE_SIZE    ((off_t)64 * 1024 * 1024)
#define FILES         2000 /* that a list names */

static char directory[] = "/tmp/bench_hostile.XXXXXX";
static pid_t server;

static void fail(const char *what)
{
    fprintf(stderr, "bench_hostile: %s: %s\n", what, strerror(errno));
    if (server > 0)
        kill(server, SIGKILL);
    exit(EXIT_FAILURE);
}

static const char *in_directory(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* ---- The server ----------------------------------------------------------------------------------- */

static void make_file(const char *name, off_t size)
{
    int file = open(in_directory(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (file < 0 || ftruncate(file, size) < 0)
        fail(name);
    close(file);
}

static void make_directory(void)
{
    FILE *file;

    if (mkdtemp(directory) == NULL || mkdir(in_directory("root"), 0755) < 0)
        fail(directory);
    make_file("root/hot", HOT_SIZE);
    make_file("root/large", LARGE_SIZE);
    for (unsigned i = 0; i < FILES; i++) {
        char name[64];

        snprintf(name, sizeof name, "root/a file that a list names, number %u", i);
        make_file(name, 0);
    }
    file = fopen(in_directory("valve.ini"), "w");
    if (file == NULL)
        fail("valve.ini");
    fprintf(file,
            "[server]\nworkers = 1\n[files]\nroot = %s/root\n[log]\nlevel = warning\n"
            "[limits]\nrequest_timeout = %d\nsend_timeout = %d\n"
            "[listen local]\naddress = unix:%s/socket\n"
            "[listen tcp]\naddress = 127.0.0.1:%d\n",
            directory, REQUEST_LIMIT, SEND_LIMIT, directory, 20000 + (int)getpid() % 10000);
    fclose(file);
}

static void remove_directory(void)
{
    char command[sizeof directory + 16];

    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        fail("cannot clean up");
}

static void run_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* with one CPU only the figures are worse */
}

static void start_server(const char *program)
{
    char path[256], file[256];

    snprintf(path, sizeof path, "%.*s/../valved", (int)(strrchr(program, '/') - program), program);
    snprintf(file, sizeof file, "%s", in_directory("valve.ini"));
    server = fork();
    if (server == 0) {
        run_on(0);
        execl(path, path, "-c", file, geteuid() == 0 ? "--user" : NULL, "root", (char *)NULL);
        _exit(127);
    }
    run_on(1);
}

static void stop_server(void)
{
    int status;

    kill(server, SIGTERM);
    if (waitpid(server, &status, 0) != server || status != 0)
        fail("valved did not end well");
}

static size_t resident(void)
{
    unsigned long pages = 0;
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)server);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        fail("valved is gone");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- Clients that behave ------------------------------------------------------------------------- */

/* [1, {"Get": "hot"}] and the size of its answer. */
static const uint8_t request[] = {0x82, 0x01, 0xa1, 0x63, 'G', 'e', 't', 0x63, 'h', 'o', 't'};
#define REPLY_SIZE (3 + 8 + 3 + HOT_SIZE)

static int connect_to(const struct valve_address *address)
{
    for (unsigned i = 0; i < 1000; i++) {
        int peer = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (peer < 0)
            fail("socket");
        if (connect(peer, &address->socket.any, address->size) == 0)
            return peer;
        close(peer);
        usleep(10000); /* valved is starting */
    }
    fail("cannot connect");
    return -1;
}

static void ask(int peer)
{
    uint8_t bytes[REPLY_SIZE];
    ssize_t size;

    if (send(peer, request, sizeof request, MSG_NOSIGNAL) != sizeof request)
        fail("cannot ask");
    size = recv(peer, bytes, sizeof bytes, MSG_WAITALL);
    if (size != REPLY_SIZE)
        fail("no answer");
}

struct figures {
    uint64_t count, median, p99, p999, most; /* of requests, in ns */
    size_t resident;                         /* most that was seen */
};

static int by_size(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

    return a < b ? -1 : a > b;
}

/* One request after another, for so long; on one connection, so that none waits for another's. */
static struct figures measure(int peer, uint64_t duration)
{
    enum { MOST = 4000000 };
    static uint32_t latencies[MOST];
    const uint64_t end = valve_clock_now() + duration;
    struct figures figures = {0};
    uint64_t before;

    while ((before = valve_clock_now()) < end && figures.count < MOST) {
        ask(peer);
        latencies[figures.count] = (uint32_t)(valve_clock_now() - before);
        if (figures.count++ % 4096 == 0 && resident() > figures.resident)
            figures.resident = resident();
    }
    qsort(latencies, figures.count, sizeof latencies[0], by_size);
    figures.median = latencies[figures.count / 2];
    figures.p99 = latencies[figures.count * 99 / 100];
    figures.p999 = latencies[figures.count * 999 / 1000];
    figures.most = latencies[figures.count - 1];
    return figures;
}

/* ---- Rounds ---------------------------------------------------------------------------------------- */

static void print_figures(const char *what, const struct figures *figures)
{
    printf("%-8s %9llu %9.1f %9.1f %9.1f %9.1f %11zu\n", what, (unsigned long long)figures->count,
           (double)figures->median / 1000, (double)figures->p99 / 1000,
           (double)figures->p999 / 1000, (double)figures->most / 1000, figures->resident / 1024);
}

static void print_fates(const char *what, const struct hostile_fates *fates)
{
    printf("  %s: %u closed by the server, after %.2f to %.2f s\n", what, fates->count,
           (double)fates->shortest / SECOND, (double)fates->longest / SECOND);
}

static int by_number(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

static double median(uint64_t numbers[ROUNDS])
{
    qsort(numbers, ROUNDS, sizeof numbers[0], by_number);
    return (double)numbers[ROUNDS / 2];
}

static void find_addresses(struct valve_address addresses[2])
{
    char text[256];
    const char *problem;

    snprintf(text, sizeof text, "unix:%s/socket", directory);
    if (valve_address_parse(text, &addresses[0], &problem) < 0)
        fail(problem);
    snprintf(text, sizeof text, "127.0.0.1:%d", 20000 + (int)getpid() % 10000);
    if (valve_address_parse(text, &addresses[1], &problem) < 0)
        fail(problem);
}

int main(int count, char **arguments)
{
    struct valve_address addresses[2];
    uint64_t without[ROUNDS], with[ROUNDS];
    int peer;

    (void)count;
    make_directory();
    find_addresses(addresses);
    start_server(arguments[0]);
    peer = connect_to(&addresses[1]);
    measure(peer, SECOND);
    printf("%-8s %9s %9s %9s %9s %9s %11s\n", "bad ones", "requests", "p50 us", "p99", "p99.9",
           "most", "valved KiB");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct hostile_fates fates[HOSTILE_KINDS];
        struct hostile_clients *clients;
        struct figures figures = measure(peer, WITHOUT);

        print_figures("none", &figures);
        without[i] = figures.p99;
        clients = hostile_clients_start(addresses, 2, OF_EACH_KIND);
        figures = measure(peer, WITH);
        print_figures("2000", &figures);
        with[i] = figures.p99;
        hostile_clients_stop(clients, fates);
        print_fates("a byte a second", &fates[HOSTILE_TRICKLE]);
        print_fates("stopped reading", &fates[HOSTILE_STOPPED]);
    }
    printf("p99 with them: %.2f times that without, by the medians\n",
           median(with) / median(without));
    close(peer);
    stop_server();
    remove_directory();
    return EXIT_SUCCESS;
}
