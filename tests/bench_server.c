/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in lib/server when its handler does nothing: one client keeps so many in
 * flight on one connection to a server with one worker. Time a request, and CPU of the worker's
 * thread and of the whole process, client included; the best of several rounds is printed.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fiber/annotate.h"
#include "files.h"
#include "net/address.h"

#define ROUNDS      5
#define REQUESTS    200000 /* in a round, with many in flight */
#define MOST_DEPTH  256
#define REPLY_SIZE  11 /* [1, {"Exists": true}] */
#define NANOSECONDS 1000000000

static const uint8_t one_request[] = {0x82, 0x01, 0xa1, 0x66, 'E',  'x',
                                      'i',  's',  't',  's',  0x61, 'a'};
static pthread_t worker_thread;
static clockid_t worker_clock;

static void fail(const char *what)
{
    fprintf(stderr, "bench_server: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- The server --------------------------------------------------------------------------------- */

static struct files_exists_answer exists(void *context, struct files_exists_reply reply,
                                         const struct files_path *path)
{
    (void)context;
    (void)path;
    return files_exists_reply_exists(reply, true);
}

/* The first request tells who serves. */
static struct files_size_answer size(void *context, struct files_size_reply reply,
                                     const struct files_path *path)
{
    (void)context;
    (void)path;
    worker_thread = pthread_self();
    pthread_getcpuclockid(worker_thread, &worker_clock);
    return files_size_reply_size(reply, 0);
}

static struct files_list_all_answer list_all(void *context, struct files_list_all_reply reply)
{
    (void)context;
    return files_list_all_reply_error(reply, valve_text("io: nothing is listed"));
}

static struct files_get_answer get(void *context, struct files_get_reply reply,
                                   const struct files_path *path)
{
    (void)context;
    (void)path;
    return files_get_reply_error(reply, valve_text("io: nothing is read"));
}

static struct files_del_answer del(void *context, struct files_del_reply reply,
                                   const struct files_path *path)
{
    (void)context;
    (void)path;
    return files_del_reply_ok(reply);
}

static struct valve_server *make_server(const struct valve_service *service)
{
    struct valve_listener_options listener = {.mode = 0600, .group = (gid_t)-1};
    struct valve_server_options options;
    struct valve_server *server;
    struct valve_error error;
    char address[64];

    snprintf(address, sizeof address, "unix:@valve-bench-server-%d", (int)getpid());
    listener.address = address;
    valve_server_options_default(&options);
    options.workers = 1;
    options.max_in_flight = MOST_DEPTH;
    if (valve_server_new(&options, service, &server, &error) < 0 ||
        valve_server_listen(server, &listener, &error) < 0 ||
        valve_server_start(server, &error) < 0)
        fail(error.text);
    return server;
}

static void *run_server(void *server)
{
    valve_server_run(server);
    return NULL;
}

/* ---- The client ---------------------------------------------------------------------------------- */

static int connect_to(const struct valve_server *server)
{
    struct valve_address address;
    const char *problem;
    int peer;

    if (valve_address_parse(valve_server_address(server, 0), &address, &problem) < 0)
        fail(problem);
    peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer < 0 || connect(peer, &address.socket.any, address.size) < 0)
        fail(strerror(errno));
    return peer;
}

static void receive(int peer, size_t wanted)
{
    static uint8_t replies[MOST_DEPTH * REPLY_SIZE];

    while (wanted > 0) {
        ssize_t r = recv(peer, replies, wanted < sizeof replies ? wanted : sizeof replies, 0);

        if (r <= 0)
            fail("the connection ended");
        wanted -= (size_t)r;
    }
}

static void send_all(int peer, const void *bytes, size_t wanted)
{
    if (send(peer, bytes, wanted, MSG_NOSIGNAL) != (ssize_t)wanted)
        fail("the connection takes no more");
}

static void meet_worker(int peer)
{
    static const uint8_t meet[] = {0x82, 0x01, 0xa1, 0x64, 'S', 'i', 'z', 'e', 0x61, 'a'};

    send_all(peer, meet, sizeof meet);
    receive(peer, sizeof meet - 1); /* [1, {"Size": 0}] */
}

/* ---- Measuring ----------------------------------------------------------------------------------- */

struct cost {
    double elapsed, worker, process; /* nanoseconds of a request */
};

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NANOSECONDS;
}

static double seconds_of_process(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000000;
}

static struct cost measure(int peer, unsigned depth)
{
    static uint8_t batch[MOST_DEPTH * sizeof one_request];
    const unsigned batches = (depth < 16 ? REQUESTS / 4 : REQUESTS) / depth;
    const double requests = (double)batches * depth;
    struct cost cost = {seconds(CLOCK_MONOTONIC), seconds(worker_clock), seconds_of_process()};

    for (unsigned i = 0; i < depth; i++)
        memcpy(batch + i * sizeof one_request, one_request, sizeof one_request);
    for (unsigned i = 0; i < batches; i++) {
        send_all(peer, batch, depth * sizeof one_request);
        receive(peer, (size_t)depth * REPLY_SIZE);
    }
    cost.elapsed = (seconds(CLOCK_MONOTONIC) - cost.elapsed) * NANOSECONDS / requests;
    cost.worker = (seconds(worker_clock) - cost.worker) * NANOSECONDS / requests;
    cost.process = (seconds_of_process() - cost.process) * NANOSECONDS / requests;
    return cost;
}

static struct cost best_of_rounds(int peer, unsigned depth)
{
    struct cost best = measure(peer, depth);

    for (unsigned i = 1; i < ROUNDS; i++) {
        struct cost next = measure(peer, depth);

        if (next.worker < best.worker)
            best = next;
    }
    return best;
}

static void warn_of_slow_builds(void)
{
#ifndef __OPTIMIZE__
    printf("WARNING: built without optimisation; the figures say nothing\n");
#endif
#ifdef VALVE_SANITIZED
    printf("WARNING: built with a sanitizer; the figures say nothing\n");
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    if (RUNNING_ON_VALGRIND)
        printf("WARNING: running under Valgrind; the figures say nothing\n");
#endif
}

int main(void)
{
    static const struct files_handlers handlers = FILES_HANDLERS(list_all, size, get, exists, del);
    static const unsigned depths[] = {1, 4, 16, 64, MOST_DEPTH};
    const struct valve_service service = files_service(&handlers, NULL);
    struct valve_server *server = make_server(&service);
    pthread_t runner;
    int peer;

    warn_of_slow_builds();
    if (pthread_create(&runner, NULL, run_server, server) != 0)
        fail("no thread for the server");
    peer = connect_to(server);
    meet_worker(peer);
    printf("%-10s %16s %22s %22s\n", "in flight", "ns a request", "CPU ns of the worker",
           "CPU ns of client, too");
    for (unsigned i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        struct cost cost = best_of_rounds(peer, depths[i]);

        printf("%-10u %16.0f %22.0f %22.0f\n", depths[i], cost.elapsed, cost.worker, cost.process);
    }
    close(peer);
    valve_server_stop(server);
    pthread_join(runner, NULL);
    valve_server_free(server);
    return EXIT_SUCCESS;
}
