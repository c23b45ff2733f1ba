/* SPDX-License-Identifier: MIT */
/*
 * Closed-loop clients of a file server, for tests/bench_disk: so many connections, on each of which
 * the next request follows the answer to the one before.
 *
 *     bench_disk_load hot KIND ADDRESS PATH CONNECTIONS SECONDS
 *     bench_disk_load cold KIND ADDRESS PATH CONNECTIONS
 *
 * KIND is exists, get, http-head or http-get. Hot clients all ask for PATH; besides them a probe
 * asks every 5 ms, and what it waits is counted from when it should have asked, so that a
 * server that stops is seen for as long as it stops. Printed are: requests, and nanoseconds of
 * percentiles 50, 99 and 99.9, of the longest, and of the longest of the probe. Cold clients ask
 * for PATH/0, PATH/1 and so on until they are killed.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/address.h"

#define NANOSECONDS     1000000000
#define PROBE_INTERVAL  5000000 /* ns */
#define CONTENT_SIZE    1024
#define CONNECTIONS_MAX 1024

static void fail(const char *what)
{
    fprintf(stderr, "bench_disk_load: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* ---- Latencies: a histogram of 32 steps for each power of two ---------------------------- */

#define STEPS 32

struct histogram {
    uint64_t counts[64 * STEPS], total, longest;
};

static void histogram_add(struct histogram *histogram, uint64_t value)
{
    unsigned power = value < STEPS ? 0 : 58 - (unsigned)__builtin_clzll(value);

    histogram->counts[power * STEPS + (value >> power)]++;
    histogram->total++;
    if (value > histogram->longest)
        histogram->longest = value;
}

/* The upper end of the step below which lie so many of a thousand. */
static uint64_t histogram_quantile(const struct histogram *histogram, unsigned of_1000)
{
    uint64_t left = (histogram->total * of_1000 + 999) / 1000;
    unsigned step = 0;

    for (; step < 64 * STEPS - 1 && histogram->counts[step] < left; step++)
        left -= histogram->counts[step];
    if (step < 2 * STEPS)
        return step;
    return (uint64_t)(step % STEPS + STEPS + 1) << (step / STEPS - 1);
}

/* ---- Requests ------------------------------------------------------------------------------ */

enum kind { EXISTS, GET, HTTP_HEAD, HTTP_GET, KINDS };

static const char *const kinds[KINDS] = {"exists", "get", "http-head", "http-get"};

static size_t write_request(enum kind kind, const char *path, char *data, size_t room)
{
    static const char *const methods[KINDS] = {"Exists", "Get", "HEAD", "GET"};
    const char *method = methods[kind];
    size_t size = strlen(path);

    if (kind == HTTP_HEAD || kind == HTTP_GET)
        return (size_t)snprintf(data, room, "%s /%s HTTP/1.1\r\nHost: valve\r\n\r\n", method, path);
    if (size > 23)
        fail("a path of at most 23 bytes");
    return (size_t)snprintf(data, room, "\x82\x01\xa1%c%s%c%s", 0x60 + (int)strlen(method), method,
                            0x60 + (int)size, path);
}

static const char *answer_begin(enum kind kind)
{
    static const char *const begins[KINDS] = {
        "\x82\x01\xa1\x66"
        "Exists\xf5",
        "\x82\x01\xa1\x67"
        "Content\x59\x04",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
    };

    return begins[kind];
}

/* The length of an answer of which `size` bytes are there; 0: not known yet. */
static size_t answer_size(enum kind kind, const char *data, size_t size)
{
    const char *end;

    if (kind == EXISTS)
        return strlen(answer_begin(kind));
    if (kind == GET)
        return strlen(answer_begin(kind)) + 1 + CONTENT_SIZE;
    end = memmem(data, size, "\r\n\r\n", 4);
    return end ? (size_t)(end - data) + 4 + (kind == HTTP_GET ? CONTENT_SIZE : 0) : 0;
}

/* ---- Clients --------------------------------------------------------------------------------- */

struct client {
    int peer;
    bool waits;
    uint64_t begin; /* when the request was, or should have been, made */
    size_t request_size, received;
    char request[256], answer[4096];
};

static struct client clients[CONNECTIONS_MAX];
static enum kind kind;
static int poller;

static void client_ask(struct client *client, uint64_t begin)
{
    client->begin = begin;
    client->received = 0;
    client->waits = true;
    if (send(client->peer, client->request, client->request_size, MSG_NOSIGNAL) !=
        (ssize_t)client->request_size)
        fail("the server takes no request");
}

/* Takes what has come. Returns whether the answer is whole. */
static bool client_receive(struct client *client)
{
    const char *begin = answer_begin(kind);
    ssize_t got = recv(client->peer, client->answer + client->received,
                       sizeof client->answer - client->received, 0);
    size_t size;

    if (got <= 0)
        fail("the server ended a connection");
    client->received += (size_t)got;
    size = answer_size(kind, client->answer, client->received);
    if (size == 0 || client->received < size)
        return false;
    if (client->received != size || memcmp(client->answer, begin, strlen(begin)) != 0)
        fail("not the answer that was expected");
    client->waits = false;
    return true;
}

static void client_open(struct client *client, const struct valve_address *address,
                        const char *path)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    client->request_size = write_request(kind, path, client->request, sizeof client->request);
    client->peer = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->peer < 0 || connect(client->peer, &address->socket.any, address->size) < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, client->peer, &event) < 0)
        fail(strerror(errno));
}

/* ---- Loops ------------------------------------------------------------------------------------- */

/* Sleeps until an answer has come, or it is time. */
static int wait_for_answers(struct epoll_event *events, int room, uint64_t until)
{
    uint64_t time = now();
    uint64_t left = until > time ? until - time : 0;
    struct timespec patience = {(time_t)(left / NANOSECONDS), (long)(left % NANOSECONDS)};

    return epoll_pwait2(poller, events, room, &patience, NULL);
}

static void run_cold(unsigned connections)
{
    struct epoll_event events[64];

    for (unsigned i = 0; i < connections; i++)
        client_ask(&clients[i], 0);
    for (;;) {
        int count = epoll_wait(poller, events, 64, -1);

        for (int i = 0; i < count; i++)
            if (client_receive(events[i].data.ptr))
                client_ask(events[i].data.ptr, 0);
    }
}

/* The client behind the last one is the probe. */
static void run_hot(unsigned connections, double seconds)
{
    static struct histogram answers, probes;
    struct client *probe = &clients[connections];
    uint64_t begin = now(), due = begin, end = begin + (uint64_t)(seconds * NANOSECONDS);
    struct epoll_event events[64];
    uint64_t answered;

    for (unsigned i = 0; i < connections; i++)
        client_ask(&clients[i], begin);
    for (uint64_t time = begin; time < end; time = now()) {
        int count;

        if (!probe->waits && time >= due) {
            client_ask(probe, due);
            due += PROBE_INTERVAL;
        }
        count = wait_for_answers(events, 64, probe->waits || due > end ? end : due);
        time = now();
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;

            if (!client_receive(client))
                continue;
            histogram_add(client == probe ? &probes : &answers, time - client->begin);
            if (client != probe)
                client_ask(client, now());
        }
    }
    answered = answers.total;
    /* What was not answered has waited until now, at least. */
    for (unsigned i = 0; i <= connections; i++)
        if (clients[i].waits && clients[i].begin < end)
            histogram_add(i == connections ? &probes : &answers, end - clients[i].begin);
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", answered,
           histogram_quantile(&answers, 500), histogram_quantile(&answers, 990),
           histogram_quantile(&answers, 999), answers.longest, probes.longest);
}

int main(int argc, char **argv)
{
    bool cold = argc == 6 && strcmp(argv[1], "cold") == 0;
    struct valve_address address;
    unsigned connections;
    const char *problem;

    if (!cold && (argc != 7 || strcmp(argv[1], "hot") != 0))
        fail("usage: (hot|cold) KIND ADDRESS PATH CONNECTIONS [SECONDS]");
    while (kind < KINDS && strcmp(kinds[kind], argv[2]) != 0)
        kind++;
    connections = (unsigned)atoi(argv[5]);
    if (kind == KINDS || connections == 0 || connections >= CONNECTIONS_MAX)
        fail("no such kind, or not so many connections");
    if (valve_address_parse(argv[3], &address, &problem) < 0)
        fail(problem);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < connections + !cold; i++) {
        char path[256];

        snprintf(path, sizeof path, cold ? "%s/%u" : "%s", argv[4], i);
        client_open(&clients[i], &address, path);
    }
    if (cold)
        run_cold(connections);
    run_hot(connections, atof(argv[6]));
    return EXIT_SUCCESS;
}
