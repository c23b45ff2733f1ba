/* SPDX-License-Identifier: MIT */
/*
 * What connections cost that do nothing: a valved of its own is given many that each made one
 * request; then its memory, whether all are still there after a while, how soon they are answered
 * beside fresh ones, and what is left of a great many that came and went.
 *
 *     bench_idle [SECONDS [CONNECTIONS [CYCLES]]]
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS     10
#define CONNECTIONS 18000
#define CYCLES      1000000
#define FRESH       25
#define PATIENCE_MS 30000 /* for what must happen soon */

/* [1, {"Exists": "a"}] and [1, {"Exists": true}] */
static const uint8_t request[] = "\x82\x01\xa1\x66"
                                 "Exists\x61"
                                 "a";
static const uint8_t reply[] = "\x82\x01\xa1\x66"
                               "Exists\xf5";

struct bench {
    char directory[64], file[96], root[96], served[112];
    struct sockaddr_un address;
    pid_t valved;
    unsigned seconds, connections, cycles;
    int *peers;
};

static struct bench bench;

static void clean_up(void)
{
    if (bench.valved > 0) {
        kill(bench.valved, SIGTERM);
        waitpid(bench.valved, NULL, 0);
    }
    unlink(bench.served);
    rmdir(bench.root);
    unlink(bench.file);
    rmdir(bench.directory);
}

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list arguments;

    fputs("bench_idle: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    clean_up();
    exit(EXIT_FAILURE);
}

/* ---- valved ------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fail("%s: %s", path, strerror(errno));
}

static void make_files(void)
{
    char text[512];

    strcpy(bench.directory, "/tmp/bench-idle-XXXXXX");
    if (mkdtemp(bench.directory) == NULL)
        fail("%s: %s", bench.directory, strerror(errno));
    snprintf(bench.file, sizeof bench.file, "%s/valve.ini", bench.directory);
    snprintf(bench.root, sizeof bench.root, "%s/root", bench.directory);
    snprintf(bench.served, sizeof bench.served, "%s/a", bench.root);
    bench.address.sun_family = AF_UNIX;
    snprintf(bench.address.sun_path, sizeof bench.address.sun_path, "%s/socket", bench.directory);
    snprintf(text, sizeof text,
             "[files]\nroot = %s\ncache = 16\n[limits]\nidle_timeout = 1h\n[log]\nlevel = warning\n"
             "[listen bench]\naddress = unix:%s\n",
             bench.root, bench.address.sun_path);
    write_file(bench.file, text);
    if (mkdir(bench.root, 0700) < 0)
        fail("%s: %s", bench.root, strerror(errno));
    write_file(bench.served, "a");
}

/* The valved of the build that this program is in. */
static void start_valved(const char *self)
{
    const char *slash = strrchr(self, '/');
    char program[512];

    if (slash == NULL)
        fail("call it by its path: valved is looked for beside its folder");
    snprintf(program, sizeof program, "%.*s/../valved", (int)(slash - self), self);
    bench.valved = fork();
    if (bench.valved < 0)
        fail("cannot fork: %s", strerror(errno));
    if (bench.valved == 0) {
        execl(program, program, "-c", bench.file, geteuid() == 0 ? "--user" : NULL, "root",
              (char *)NULL);
        perror(program);
        _exit(EXIT_FAILURE);
    }
}

/* A figure of /proc/PID/smaps_rollup, in bytes. */
static long memory(const char *name)
{
    char path[64], line[256];
    long value = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)bench.valved);
    file = fopen(path, "r");
    while (file != NULL && value < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = atol(line + strlen(name)) * 1024;
    if (file != NULL)
        fclose(file);
    if (value < 0)
        fail("%s has no %s", path, name);
    return value;
}

static unsigned descriptors(void)
{
    char path[64];
    unsigned count = 0;
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)bench.valved);
    directory = opendir(path);
    if (directory == NULL)
        fail("%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void expect_descriptors(unsigned wanted)
{
    for (int waited = 0; descriptors() != wanted; waited += 10) {
        if (waited > PATIENCE_MS)
            fail("valved has %u descriptors, not %u as at the start", descriptors(), wanted);
        poll(NULL, 0, 10);
    }
}

/* ---- Clients ------------------------------------------------------------------------------------ */

static int try_connect(void)
{
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (peer < 0)
        fail("no socket: %s", strerror(errno));
    if (connect(peer, (struct sockaddr *)&bench.address, sizeof bench.address) == 0)
        return peer;
    close(peer);
    return -1;
}

static int connect_now(void)
{
    int peer = try_connect();

    if (peer < 0)
        fail("cannot connect: %s", strerror(errno));
    return peer;
}

static void ask(int peer)
{
    uint8_t bytes[sizeof reply - 1];
    ssize_t sent = send(peer, request, sizeof request - 1, MSG_NOSIGNAL);

    if (sent != (ssize_t)sizeof request - 1)
        fail("a request was not taken: %s", strerror(errno));
    if (recv(peer, bytes, sizeof bytes, MSG_WAITALL) != (ssize_t)sizeof bytes ||
        memcmp(bytes, reply, sizeof bytes) != 0)
        fail("a request was not answered as it should be");
}

static void await_valved(void)
{
    unsigned with_one;
    int peer;

    for (int waited = 0; (peer = try_connect()) < 0; waited += 10) {
        if (waited > PATIENCE_MS || waitpid(bench.valved, NULL, WNOHANG) != 0)
            fail("valved does not serve");
        poll(NULL, 0, 10);
    }
    ask(peer);
    with_one = descriptors();
    close(peer);
    expect_descriptors(with_one - 1);
}

/* The connection neither ended nor said anything. */
static bool is_quiet(int peer)
{
    char byte;

    return recv(peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* ---- Measuring ---------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Microseconds until the answer. */
static double latency(int peer)
{
    double begin = now();

    ask(peer);
    return now() - begin;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_latencies(const char *of, double *latencies)
{
    size_t count = bench.connections;

    qsort(latencies, count, sizeof *latencies, compare);
    printf("%-28s p50 %.1f us, p99 %.1f us, longest %.1f us\n", of, latencies[count / 2],
           latencies[count * 99 / 100], latencies[count - 1]);
}

static void open_some(int peers[static FRESH])
{
    for (unsigned i = 0; i < FRESH; i++) {
        peers[i] = connect_now();
        ask(peers[i]);
    }
}

static void close_all(const int *peers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        close(peers[i]);
}

/* On each idle connection, and after each on one of those that were just made. */
static void measure_latencies(void)
{
    double *idle = malloc(2 * bench.connections * sizeof *idle);
    double *fresh = idle + bench.connections;
    int peers[FRESH];

    if (idle == NULL)
        fail("out of memory");
    open_some(peers);
    for (unsigned i = 0; i < bench.connections; i++) {
        idle[i] = latency(bench.peers[i]);
        fresh[i] = latency(peers[i % FRESH]);
    }
    print_latencies("answer to an idle one:", idle);
    print_latencies("answer to a fresh one:", fresh);
    close_all(peers, FRESH);
    free(idle);
}

static void print_growth(const char *name, long before)
{
    long growth = memory(name) - before;

    printf("%s of valved:%*s %ld KiB before, %ld KiB more with them: %.1f bytes each\n", name,
           (int)(17 - strlen(name)), "", before / 1024, growth / 1024,
           (double)growth / bench.connections);
}

/*
 * Every worker has served some, and keeps the file open: what that takes once is no matter of how
 * many there are.
 */
static void warm_up(void)
{
    unsigned with_them;
    int peers[FRESH];

    open_some(peers);
    with_them = descriptors();
    close_all(peers, FRESH);
    expect_descriptors(with_them - FRESH);
}

static void measure_idle(void)
{
    long rss = memory("Rss:"), pss = memory("Pss:");
    unsigned dropped = 0, before = descriptors();

    bench.peers = calloc(bench.connections, sizeof *bench.peers);
    if (bench.peers == NULL)
        fail("out of memory");
    for (unsigned i = 0; i < bench.connections; i++) {
        bench.peers[i] = connect_now();
        ask(bench.peers[i]);
    }
    printf("%u connections, one request each\n", bench.connections);
    print_growth("Rss:", rss);
    print_growth("Pss:", pss);
    poll(NULL, 0, (int)bench.seconds * 1000);
    for (unsigned i = 0; i < bench.connections; i++)
        dropped += !is_quiet(bench.peers[i]);
    printf("after %u s idle:%*s %u of them are gone\n", bench.seconds, 11, "", dropped);
    if (dropped > 0)
        fail("connections were dropped");
    print_growth("Rss:", rss);
    measure_latencies();
    print_growth("Rss:", rss);
    close_all(bench.peers, bench.connections);
    free(bench.peers);
    expect_descriptors(before);
}

static void measure_cycles(void)
{
    unsigned before = descriptors();
    long rss = memory("Rss:");
    double begin = now();

    for (unsigned i = 0; i < bench.cycles; i++) {
        int peer = connect_now();

        ask(peer);
        close(peer);
    }
    printf("%u times connect, request, close: %.1f us each\n", bench.cycles,
           (now() - begin) / bench.cycles);
    expect_descriptors(before);
    printf("descriptors of valved:       %u before, %u after\n", before, descriptors());
    printf("Rss of valved:               %ld KiB before, %ld KiB after\n", rss / 1024,
           memory("Rss:") / 1024);
}

static void warn_of_slow_builds(void)
{
#ifndef __OPTIMIZE__
    printf("WARNING: built without optimisation; the figures say nothing\n");
#endif
#ifdef VALVE_SANITIZED
    printf("WARNING: built with a sanitizer; the figures say nothing\n");
#endif
}

static unsigned number(int argc, char **argv, int index, unsigned otherwise)
{
    return argc > index ? (unsigned)strtoul(argv[index], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct rlimit limit;

    bench.seconds = number(argc, argv, 1, SECONDS);
    bench.connections = number(argc, argv, 2, CONNECTIONS);
    bench.cycles = number(argc, argv, 3, CYCLES);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    setvbuf(stdout, NULL, _IOLBF, 0);
    warn_of_slow_builds();
    make_files();
    start_valved(argv[0]);
    await_valved();
    warm_up();
    if (bench.connections > 0)
        measure_idle();
    measure_cycles();
    clean_up();
    return EXIT_SUCCESS;
}
