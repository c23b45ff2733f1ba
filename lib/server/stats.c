/* SPDX-License-Identifier: MIT */
/*
 * The figures of a server, told one by one: gathered from the counters of its workers, its
 * acceptor, its pool and its watchdog.
 */
#include <stdio.h>

#include "server/counters.h"
#include "server/pulse.h"
#include "server/server.h"

#define NS_PER_S 1e9

/* To whom it is told. */
struct report {
    struct valve_server *server;
    valve_take_sample take;
    void *context;
};

static void tell(const struct report *report, const struct valve_sample *sample)
{
    report->take(report->context, sample);
}

static void tell_one(const struct report *report, const struct valve_figure *figure, double value)
{
    tell(report, &(struct valve_sample){.figure = figure, .value = value});
}

static void tell_labelled(const struct report *report, const struct valve_figure *figure,
                          const char *label, const char *name, uint64_t value)
{
    tell(report, &(struct valve_sample){
                     .figure = figure, .labels = {{label, name}}, .value = (double)value});
}

/* ---- Times ---- */

/* Adds to a sum, which one thread writes. */
static void add_times(struct valve_times *sum, const struct valve_times *times)
{
    for (unsigned i = 0; i <= VALVE_TIME_BOUNDS; i++)
        valve_count(&sum->counts[i], valve_counted(&times->counts[i]));
    valve_count(&sum->sum, valve_counted(&times->sum));
}

/* With every bound, or only with powers of ten. */
static void tell_times(const struct report *report, const struct valve_figure *figure,
                       const struct valve_label *label, const struct valve_times *times,
                       bool coarsely)
{
    struct valve_bucket buckets[VALVE_TIME_BOUNDS];
    struct valve_sample sample = {.figure = figure,
                                  .labels = {*label},
                                  .value = (double)valve_counted(&times->sum) / NS_PER_S,
                                  .buckets = buckets};

    for (unsigned i = 0; i < VALVE_TIME_BOUNDS; i++) {
        uint64_t bound = valve_time_bounds[i];

        sample.count += valve_counted(&times->counts[i]);
        while (bound % 10 == 0)
            bound /= 10;
        if (!coarsely || bound == 1)
            buckets[sample.bucket_count++] = (struct valve_bucket){
                (double)valve_time_bounds[i] / NS_PER_S, sample.count};
    }
    sample.count += valve_counted(&times->counts[VALVE_TIME_BOUNDS]);
    tell(report, &sample);
}

/* ---- Requests ---- */

static const struct valve_figure requests = {
    "valve_requests_total", "Requests by method and outcome: ok, or the code of the error.",
    VALVE_COUNTER};
static const struct valve_figure request_times = {
    "valve_request_duration_seconds",
    "Time from the turn in which a request's handler began to the end of the one in which it ended.",
    VALVE_HISTOGRAM};

static void tell_outcomes(const struct report *report, unsigned method, const char *name)
{
    const struct valve_server *server = report->server;

    for (unsigned outcome = 0; outcome < VALVE_OUTCOMES; outcome++) {
        uint64_t count = 0;

        for (unsigned i = 0; i < server->worker_count; i++)
            count += valve_counted(&server->workers[i].counters->methods[method].outcomes[outcome]);
        tell(report, &(struct valve_sample){
                         .figure = &requests,
                         .labels = {{"method", name}, {"outcome", valve_outcome_name(outcome)}},
                         .value = (double)count});
    }
}

static void tell_requests(const struct report *report)
{
    const struct valve_server *server = report->server;
    const struct valve_type *methods = server->service->request;

    for (unsigned i = 0; i < methods->count; i++)
        tell_outcomes(report, i, methods->members[i].name);
    tell_outcomes(report, methods->count, "unknown");
    for (unsigned i = 0; i < methods->count; i++) {
        const struct valve_label label = {"method", methods->members[i].name};
        struct valve_times times = {0};

        for (unsigned j = 0; j < server->worker_count; j++)
            add_times(&times, &server->workers[j].counters->methods[i].times);
        tell_times(report, &request_times, &label, &times, false);
    }
}

/* ---- Figures that all workers have part in ---- */

#define TOTAL(member_, name_, help_)                                                               \
    {                                                                                              \
        {name_, help_, VALVE_COUNTER}, offsetof(struct valve_counters, member_)                    \
    }

static const struct {
    struct valve_figure figure;
    size_t offset;
} totals[] = {
    TOTAL(received, "valve_received_bytes_total", "Bytes received from clients."),
    TOTAL(sent, "valve_sent_bytes_total", "Bytes sent to clients."),
    TOTAL(broken, "valve_connections_broken_total",
          "Connections that ended with requests unanswered or answers unsent."),
    TOTAL(fibers_started, "valve_fibers_started_total", "Fibers started."),
};

static uint64_t sum_of(const struct valve_server *server, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        sum += valve_counted(
            (const valve_counter *)(const void *)((const char *)server->workers[i].counters +
                                                  offset));
    return sum;
}

static void tell_totals(const struct report *report)
{
    for (unsigned i = 0; i < sizeof totals / sizeof totals[0]; i++)
        tell_one(report, &totals[i].figure, (double)sum_of(report->server, totals[i].offset));
}

/* ---- Connections ---- */

static const struct valve_figure connections = {"valve_connections", "Connections that are open.",
                                                VALVE_GAUGE};
static const struct valve_figure connections_limit = {
    "valve_connections_limit", "Connections that may be open at once.", VALVE_GAUGE};
static const struct valve_figure accepted = {"valve_connections_accepted_total",
                                             "Connections accepted.", VALVE_COUNTER};
static const struct valve_figure refused = {"valve_connections_refused_total",
                                            "Connections closed at once, for want of a place.",
                                            VALVE_COUNTER};
static const struct valve_figure cuts = {"valve_connections_timed_out_total",
                                         "Connections that were ended by a timeout.",
                                         VALVE_COUNTER};
static const struct valve_figure handshakes = {
    "valve_tls_handshakes_total", "Handshakes of TLS, by how they ended.", VALVE_COUNTER};
static const struct valve_figure accepting = {
    "valve_accepting", "1 while new connections are accepted, 0 while they have to wait.",
    VALVE_GAUGE};
static const struct valve_figure pauses = {
    "valve_accept_pauses_total", "How often accepting was paused, by what there was too little of.",
    VALVE_COUNTER};
static const struct valve_figure accept_errors = {"valve_accept_errors_total",
                                                  "Errors of accept(2).", VALVE_COUNTER};

static void tell_open(const struct report *report, unsigned listener)
{
    const struct valve_server *server = report->server;
    const struct valve_listener *from = &server->acceptor.listeners[listener];
    uint64_t closed = sum_of(server, offsetof(struct valve_counters, closed) +
                                         listener * sizeof(valve_counter));
    uint64_t opened = valve_counted(&from->accepted); /* after `closed`: it is not less */

    tell_labelled(report, &connections, "listener", from->listening.address.text, opened - closed);
}

static void tell_listeners(const struct report *report)
{
    struct valve_acceptor *acceptor = &report->server->acceptor;

    pthread_mutex_lock(&acceptor->lock);
    for (unsigned i = 0; i < acceptor->count; i++)
        tell_open(report, i);
    tell_one(report, &connections_limit, (double)report->server->max_connections);
    for (unsigned i = 0; i < acceptor->count; i++)
        tell_labelled(report, &accepted, "listener", acceptor->listeners[i].listening.address.text,
                      valve_counted(&acceptor->listeners[i].accepted));
    for (unsigned i = 0; i < acceptor->count; i++)
        tell_labelled(report, &refused, "listener", acceptor->listeners[i].listening.address.text,
                      valve_counted(&acceptor->listeners[i].refused));
    pthread_mutex_unlock(&acceptor->lock);
}

static void tell_accepting(const struct report *report)
{
    static const char *const errors[VALVE_ACCEPT_ERRORS] = {"EMFILE", "ENFILE",       "ENOBUFS",
                                                            "ENOMEM", "ECONNABORTED", "other"};
    struct valve_acceptor *acceptor = &report->server->acceptor;

    tell_one(report, &accepting,
             !atomic_load(&acceptor->paused) && report->server->stage == VALVE_STAGE_RUNNING);
    tell_labelled(report, &pauses, "reason", "connections", valve_counted(&acceptor->pauses_full));
    tell_labelled(report, &pauses, "reason", "resources",
                  valve_counted(&acceptor->pauses_exhausted));
    for (unsigned i = 0; i < VALVE_ACCEPT_ERRORS; i++)
        tell_labelled(report, &accept_errors, "error", errors[i],
                      valve_counted(&acceptor->errors[i]));
}

static void tell_handshakes(const struct report *report)
{
    static const char *const names[VALVE_HANDSHAKE_OUTCOMES] = {"ok", "failed", "timeout"};

    for (unsigned i = 0; i < VALVE_HANDSHAKE_OUTCOMES; i++)
        tell_labelled(report, &handshakes, "outcome", names[i],
                      sum_of(report->server, offsetof(struct valve_counters, handshakes) +
                                                 i * sizeof(valve_counter)));
}

static void tell_cuts(const struct report *report)
{
    static const char *const names[VALVE_CUTS] = {"idle", "request", "send"};

    for (unsigned i = 0; i < VALVE_CUTS; i++)
        tell_labelled(report, &cuts, "timeout", names[i],
                      sum_of(report->server,
                             offsetof(struct valve_counters, cuts) + i * sizeof(valve_counter)));
}

/* ---- Faults ---- */

static const struct valve_figure faults = {
    "valve_faults_total", "Times that a resource could not be had, and the server went on.",
    VALVE_COUNTER};

static void tell_faults(const struct report *report)
{
    struct valve_server *server = report->server;
    size_t base = offsetof(struct valve_counters, faults);
    uint64_t memory = sum_of(server, base + VALVE_FAULT_MEMORY * sizeof(valve_counter)) +
                      sum_of(server, offsetof(struct valve_counters, buffers_failed));

    tell_labelled(report, &faults, "resource", "memory", memory);
    tell_labelled(report, &faults, "resource", "stack",
                  sum_of(server, base + VALVE_FAULT_STACK * sizeof(valve_counter)));
    tell_labelled(report, &faults, "resource", "descriptor",
                  valve_counted(&server->acceptor.errors[VALVE_ACCEPT_EMFILE]) +
                      valve_counted(&server->acceptor.errors[VALVE_ACCEPT_ENFILE]));
}

/* ---- Workers ---- */

static double turns_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->turns);
}

static double longest_of(const struct valve_worker *worker)
{
    return (double)valve_pulse_longest(worker->counters, valve_clock_now()) / NS_PER_S;
}

static double stalled_of(const struct valve_worker *worker)
{
    return valve_counted(&worker->server->watchdog.watches[worker->index].stalled_since) != 0;
}

static double stalls_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->server->watchdog.watches[worker->index].stalls);
}

static double fibers_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->fibers_live);
}

static double peak_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->fibers_peak);
}

static double cap_of(const struct valve_worker *worker)
{
    return worker->max_calls;
}

static double stacks_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->stacks_mapped);
}

static double stack_high_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->stack_high);
}

static double connections_of(const struct valve_worker *worker)
{
    return (double)atomic_load_explicit(&worker->connections, memory_order_relaxed);
}

static double waiting_of(const struct valve_worker *worker)
{
    return (double)valve_counted(&worker->counters->waiting);
}

static const struct {
    struct valve_figure figure;
    double (*value)(const struct valve_worker *worker);
} worker_figures[] = {
    {{"valve_worker_turns_total", "Turns of the event loop.", VALVE_COUNTER}, turns_of},
    {{"valve_worker_longest_turn_seconds",
      "The longest turn of the last half minute to minute: how late an event may have been seen.",
      VALVE_GAUGE},
     longest_of},
    {{"valve_worker_stalled", "1 while a turn takes longer than it ever should.", VALVE_GAUGE},
     stalled_of},
    {{"valve_worker_stalls_total", "Turns that took longer than they ever should.", VALVE_COUNTER},
     stalls_of},
    {{"valve_fibers", "Fibers, one for each request that is being answered.", VALVE_GAUGE},
     fibers_of},
    {{"valve_fibers_peak", "The most fibers there were at once.", VALVE_GAUGE}, peak_of},
    {{"valve_fibers_limit", "The most fibers there may be at once.", VALVE_GAUGE}, cap_of},
    {{"valve_fiber_stacks", "Stacks mapped, in use or kept.", VALVE_GAUGE}, stacks_of},
    {{"valve_fiber_stack_used_bytes", "The most that any fiber is known to have used of its stack.",
      VALVE_GAUGE},
     stack_high_of},
    {{"valve_worker_connections", "Open connections that are this worker's.", VALVE_GAUGE},
     connections_of},
    {{"valve_waiting_connections", "Connections with a request that waits for a fiber.",
      VALVE_GAUGE},
     waiting_of},
};
static const struct valve_figure stack_size = {"valve_fiber_stack_size_bytes",
                                               "What a fiber may use of its stack.", VALVE_GAUGE};
static const struct valve_figure turn_times = {"valve_worker_turn_duration_seconds",
                                               "How long turns of the event loop took.",
                                               VALVE_HISTOGRAM};

static void tell_workers(const struct report *report)
{
    const struct valve_server *server = report->server;
    char index[16];

    for (unsigned i = 0; i < sizeof worker_figures / sizeof worker_figures[0]; i++)
        for (unsigned j = 0; j < server->worker_count; j++) {
            snprintf(index, sizeof index, "%u", j);
            tell(report,
                 &(struct valve_sample){.figure = &worker_figures[i].figure,
                                        .labels = {{"worker", index}},
                                        .value = worker_figures[i].value(&server->workers[j])});
        }
    tell_one(report, &stack_size, (double)server->options.fiber_stack);
    for (unsigned i = 0; i < server->worker_count; i++) {
        snprintf(index, sizeof index, "%u", i);
        tell_times(report, &turn_times, &(struct valve_label){"worker", index},
                   &server->workers[i].counters->turn_times, true);
    }
}

/* ---- The pool ---- */

static const struct valve_figure pool_threads = {"valve_pool_threads", "Threads of the I/O pool.",
                                                 VALVE_GAUGE};
static const struct valve_figure pool_stuck = {
    "valve_pool_stuck_threads", "Threads at one job for longer than io_timeout.", VALVE_GAUGE};
static const struct valve_figure pool_queued = {"valve_pool_queued_jobs",
                                                "Jobs that wait for a thread.", VALVE_GAUGE};
static const struct valve_figure pool_running = {"valve_pool_running_jobs",
                                                 "Jobs that a thread is at.", VALVE_GAUGE};
static const struct valve_figure pool_done = {"valve_pool_jobs_total", "Jobs done.", VALVE_COUNTER};
static const struct valve_figure pool_skipped = {"valve_pool_jobs_skipped_total",
                                                 "Jobs not done: nobody waited for them any more.",
                                                 VALVE_COUNTER};
static const struct valve_figure pool_expired = {
    "valve_pool_jobs_expired_total", "Jobs not done: their time was over when their turn came.",
    VALVE_COUNTER};
static const struct valve_figure pool_waits = {
    "valve_pool_wait_seconds", "How long jobs waited for a thread.", VALVE_HISTOGRAM};
static const struct valve_figure pool_runs = {"valve_pool_run_seconds",
                                              "How long threads were at jobs.", VALVE_HISTOGRAM};

static const char *const kinds[] = {
    [VALVE_JOB_METADATA] = "metadata",
    [VALVE_JOB_DATA] = "data",
    [VALVE_JOB_BULK] = "bulk",
};

static void tell_kinds(const struct report *report, const struct valve_pool_stats *stats)
{
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_labelled(report, &pool_queued, "kind", kinds[i], stats->kinds[i].queued);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_labelled(report, &pool_running, "kind", kinds[i], stats->kinds[i].running);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_labelled(report, &pool_done, "kind", kinds[i], stats->kinds[i].done);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_labelled(report, &pool_skipped, "kind", kinds[i], stats->kinds[i].skipped);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_labelled(report, &pool_expired, "kind", kinds[i], stats->kinds[i].expired);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_times(report, &pool_waits, &(struct valve_label){"kind", kinds[i]},
                   &stats->kinds[i].waits, false);
    for (unsigned i = 0; i < VALVE_JOB_KINDS; i++)
        tell_times(report, &pool_runs, &(struct valve_label){"kind", kinds[i]},
                   &stats->kinds[i].runs, false);
}

static void tell_pool(const struct report *report)
{
    struct valve_server *server = report->server;
    struct valve_pool_stats stats;

    valve_pool_get_stats(server->pool, &stats);
    tell_one(report, &pool_threads, stats.threads);
    tell_one(report, &pool_stuck, stats.stuck);
    tell_kinds(report, &stats);
}

void valve_server_stats(struct valve_server *server, valve_take_sample take, void *context)
{
    const struct report report = {server, take, context};

    tell_requests(&report);
    tell_totals(&report);
    tell_listeners(&report);
    tell_cuts(&report);
    tell_handshakes(&report);
    tell_accepting(&report);
    tell_faults(&report);
    tell_workers(&report);
    tell_pool(&report);
}
