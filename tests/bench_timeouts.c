/* SPDX-License-Identifier: MIT */
/*
 * What the timeouts of connections cost, however many there are: a request that comes and is
 * answered (out of the idle queue and in again), one byte, and a look at what has run out. Beside
 * it the same with a timer of libevent for each connection.
 */
#include <config.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/server.h"
#include "server/worker.h"

#define MILLISECOND UINT64_C(1000000)
#define STEPS       2000000

static struct valve_server server;
static struct valve_worker worker;

static void fail(const char *what)
{
    fprintf(stderr, "bench_timeouts: %s\n", what);
    exit(EXIT_FAILURE);
}

/* Each step is of another connection, in no order; the clock goes on. */
static struct valve_connection *next_connection(unsigned count)
{
    worker.now += MILLISECOND / 100;
    return &server.table.slots[(unsigned)random() % count];
}

static void set(struct valve_connection *connection, enum valve_timeout timeout)
{
    valve_timeouts_set(&worker, connection, timeout, valve_worker_ms(&worker));
}

static void make_connections(unsigned count)
{
    struct valve_server_options options;

    valve_server_options_default(&options);
    options.idle_timeout = 576 * 3600 * 1000 * MILLISECOND; /* so that none runs out here */
    server.table.slots = aligned_alloc(64, count * sizeof *server.table.slots);
    if (server.table.slots == NULL)
        fail("no memory");
    server.table.length = count;
    worker.server = &server;
    worker.now = valve_clock_now();
    valve_timeouts_init(&worker.timeouts, &options);
    for (unsigned i = 0; i < count; i++) {
        server.table.slots[i] = (struct valve_connection){.due_previous = -1, .due_next = -1};
        set(&server.table.slots[i], VALVE_TIMEOUT_IDLE);
    }
}

static double since(uint64_t begin)
{
    return (double)(valve_clock_now() - begin) / STEPS;
}

static double request_and_answer(unsigned count)
{
    const uint64_t begin = valve_clock_now();

    for (unsigned i = 0; i < STEPS; i++) {
        struct valve_connection *connection = next_connection(count);

        set(connection, VALVE_TIMEOUT_NONE);
        set(connection, VALVE_TIMEOUT_IDLE);
    }
    return since(begin);
}

static double renew(unsigned count)
{
    const uint64_t begin = valve_clock_now();

    for (unsigned i = 0; i < STEPS; i++)
        set(next_connection(count), VALVE_TIMEOUT_IDLE);
    return since(begin);
}

static double look(void)
{
    const uint64_t begin = valve_clock_now();
    uint64_t earliest = VALVE_NEVER;

    for (unsigned i = 0; i < STEPS; i++) {
        valve_timeouts_expire(&worker);
        if (valve_timeouts_next(&worker) < earliest)
            earliest = valve_timeouts_next(&worker);
    }
    if (earliest == VALVE_NEVER)
        fail("no timeout is set");
    return since(begin) / 2;
}

static void on_timer(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    (void)argument;
}

/* As renew(), with timers that are set anew. */
static double renew_timers(unsigned count)
{
    struct event_base *base = event_base_new();
    struct event *timers = calloc(count, sizeof *timers);
    struct timeval idle = {.tv_sec = 300};
    uint64_t begin;
    double each;

    if (base == NULL || timers == NULL)
        fail("no memory");
    for (unsigned i = 0; i < count; i++) {
        evtimer_assign(&timers[i], base, on_timer, NULL);
        evtimer_add(&timers[i], &idle);
    }
    begin = valve_clock_now();
    for (unsigned i = 0; i < STEPS; i++)
        evtimer_add(&timers[(unsigned)random() % count], &idle);
    each = since(begin);
    for (unsigned i = 0; i < count; i++)
        evtimer_del(&timers[i]);
    free(timers);
    event_base_free(base);
    return each;
}

int main(void)
{
    static const unsigned counts[] = {1000, 10000, 100000, 1000000};

    printf("%-12s %20s %14s %14s %18s\n", "connections", "request and answer", "one renewed",
           "a look", "libevent's renewed");
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        make_connections(counts[i]);
        printf("%-12u %17.1f ns", counts[i], request_and_answer(counts[i]));
        printf(" %11.1f ns", renew(counts[i]));
        printf(" %11.1f ns", look());
        printf(" %15.1f ns\n", renew_timers(counts[i]));
        free(server.table.slots);
    }
    return EXIT_SUCCESS;
}
