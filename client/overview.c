/* SPDX-License-Identifier: MIT */
/*
 * The page that `status` shows: a block for the whole, a table of methods, one of workers.
 */
#include "overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "units.h"

static void age_as_text(double seconds, char text[48])
{
    unsigned long minutes = seconds < 0 ? 0 : (unsigned long)(seconds / 60);

    if (minutes == 0)
        snprintf(text, 48, "%.0f s", seconds < 0 ? 0 : seconds); /* clocks may differ */
    else if (minutes < 60)
        snprintf(text, 48, "%lu min", minutes);
    else if (minutes < 48 * 60)
        snprintf(text, 48, "%lu h %lu min", minutes / 60, minutes % 60);
    else
        snprintf(text, 48, "%lu days", minutes / 60 / 24);
}

/* ", 12.5/s", or nothing where there is no time before. */
static void rate_as_text(const struct overview *overview, double more, char text[32])
{
    text[0] = '\0';
    if (overview->before.count > 0 && overview->seconds > 0)
        snprintf(text, 32, ", %.0f/s", more / overview->seconds);
}

#define SUM(overview, ...)    samples_sum(&(overview)->now, __VA_ARGS__, NULL)
#define BEFORE(overview, ...) samples_sum(&(overview)->before, __VA_ARGS__, NULL)

/* ---- The whole ------------------------------------------------------------------------------- */

static void print_head(const struct overview *overview, struct output *output)
{
    const struct samples *samples = &overview->now;
    const char *version = "";
    char age[48];

    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->list[i].name, "valve_build_info") == 0)
            version = sample_label(&samples->list[i], "version");
    age_as_text((double)time(NULL) - SUM(overview, "process_start_time_seconds"), age);
    output_line(output, "valved %s, metrics at %s, up %s", version, overview->address, age);
}

static void print_traffic(const struct overview *overview, struct output *output)
{
    double requests = SUM(overview, "valve_requests_total");
    double good = SUM(overview, "valve_requests_total", "outcome", "ok");
    double in = SUM(overview, "valve_received_bytes_total");
    double out = SUM(overview, "valve_sent_bytes_total");
    char rate[32], received[24], sent[24];

    rate_as_text(overview, requests - BEFORE(overview, "valve_requests_total"), rate);
    bytes_as_text(in, received);
    bytes_as_text(out, sent);
    output_line(output, "requests     %.0f%s, of them %.0f errors", requests, rate,
                requests - good);
    output_line(output, "bytes        %s received, %s sent", received, sent);
}

static void print_connections(const struct overview *overview, struct output *output)
{
    output_line(output, "connections  %.0f of %.0f%s; %.0f accepted, %.0f timed out, %.0f broken",
                SUM(overview, "valve_connections"), SUM(overview, "valve_connections_limit"),
                SUM(overview, "valve_accepting") > 0 ? "" : " (new ones have to wait)",
                SUM(overview, "valve_connections_accepted_total"),
                SUM(overview, "valve_connections_timed_out_total"),
                SUM(overview, "valve_connections_broken_total"));
}

static void print_resources(const struct overview *overview, struct output *output)
{
    char used[24], most[24], memory[24];

    bytes_as_text(samples_most(&overview->now, "valve_fiber_stack_used_bytes"), used);
    bytes_as_text(SUM(overview, "valve_fiber_stack_size_bytes"), most);
    bytes_as_text(SUM(overview, "process_resident_memory_bytes"), memory);
    output_line(output, "fibers       %.0f of %.0f, stacks used to %s of %s",
                SUM(overview, "valve_fibers"), SUM(overview, "valve_fibers_limit"), used, most);
    output_line(output,
                "I/O pool     %.0f threads, %.0f stuck; jobs: %.0f running, %.0f queued, %.0f done",
                SUM(overview, "valve_pool_threads"), SUM(overview, "valve_pool_stuck_threads"),
                SUM(overview, "valve_pool_running_jobs"), SUM(overview, "valve_pool_queued_jobs"),
                SUM(overview, "valve_pool_jobs_total"));
    output_line(output, "process      %s resident, %.0f of %.0f descriptors, %.2f s of CPU", memory,
                SUM(overview, "process_open_fds"), SUM(overview, "process_max_fds"),
                SUM(overview, "process_cpu_seconds_total"));
}

/* Nothing of it where none is kept. */
static void print_cache(const struct overview *overview, struct output *output)
{
    double hits = SUM(overview, "valve_cache_hits_total");
    double asked = hits + SUM(overview, "valve_cache_misses_total");

    if (asked > 0)
        output_line(output,
                    "cache        %.0f names, %.1f %% of lookups found there, %.0f forgotten",
                    SUM(overview, "valve_cache_names"), 100 * hits / asked,
                    SUM(overview, "valve_cache_forgotten_total"));
}

static void print_faults(const struct overview *overview, struct output *output)
{
    output_line(output,
                "faults       memory %.0f, stacks %.0f, descriptors %.0f, log lines lost %.0f",
                SUM(overview, "valve_faults_total", "resource", "memory"),
                SUM(overview, "valve_faults_total", "resource", "stack"),
                SUM(overview, "valve_faults_total", "resource", "descriptor"),
                SUM(overview, "valve_log_lines_lost_total"));
}

/* ---- Methods --------------------------------------------------------------------------------- */

#define BUCKETS "valve_request_duration_seconds_bucket"
#define COUNT   "valve_request_duration_seconds_count"

/* How many of a bucket came since `before`, where any did; else how many there are. */
static double recent(const struct overview *overview, const char *method, const char *bound)
{
    bool any = SUM(overview, COUNT, "method", method) > BEFORE(overview, COUNT, "method", method);

    return SUM(overview, BUCKETS, "method", method, "le", bound) -
           (any ? BEFORE(overview, BUCKETS, "method", method, "le", bound) : 0);
}

/* The bound that so many of a method's requests did not exceed: "<= 1 ms". */
static void quantile_as_text(const struct overview *overview, const char *method, double share,
                             char text[24])
{
    double all = recent(overview, method, "+Inf");

    snprintf(text, 24, "-");
    for (size_t i = 0; i < overview->now.count && all > 0; i++) {
        const struct sample *sample = &overview->now.list[i];
        const char *bound = sample_label(sample, "le");
        char time[24];

        if (strcmp(sample->name, BUCKETS) != 0 ||
            strcmp(sample_label(sample, "method"), method) != 0 ||
            recent(overview, method, bound) < share * all)
            continue;
        time_as_text(strtod(bound, NULL), time);
        snprintf(text, 24, "%s", strcmp(bound, "+Inf") == 0 ? "longer" : time);
        return;
    }
}

static void print_method(const struct overview *overview, struct output *output, const char *method)
{
    double requests = SUM(overview, "valve_requests_total", "method", method);
    double good = SUM(overview, "valve_requests_total", "method", method, "outcome", "ok");
    double count = SUM(overview, COUNT, "method", method);
    double sum = SUM(overview, "valve_request_duration_seconds_sum", "method", method);
    char rate[32], mean[24] = "-", half[24], most[24];

    rate_as_text(overview, requests - BEFORE(overview, "valve_requests_total", "method", method),
                 rate);
    if (count > 0)
        time_as_text(sum / count, mean);
    quantile_as_text(overview, method, 0.5, half);
    quantile_as_text(overview, method, 0.99, most);
    output_line(output, "%-16s %12.0f %10s %10.0f %10s %10s %10s", method, requests,
                rate[0] == '\0' ? "-" : rate + 2, requests - good, mean, half, most);
}

static void print_methods(const struct overview *overview, struct output *output)
{
    const struct samples *samples = &overview->now;

    output_line(output, "%-16s %12s %10s %10s %10s %10s %10s", "METHOD", "REQUESTS", "RATE",
                "ERRORS", "MEAN", "50% <=", "99% <=");
    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->list[i].name, "valve_requests_total") == 0 &&
            strcmp(sample_label(&samples->list[i], "outcome"), "ok") == 0)
            print_method(overview, output, sample_label(&samples->list[i], "method"));
}

/* ---- Workers --------------------------------------------------------------------------------- */

static void print_worker(const struct overview *overview, struct output *output, const char *worker)
{
    double turns = SUM(overview, "valve_worker_turns_total", "worker", worker);
    bool stalled = SUM(overview, "valve_worker_stalled", "worker", worker) > 0;
    char longest[24];

    time_as_text(SUM(overview, "valve_worker_longest_turn_seconds", "worker", worker), longest);
    output_line(output, "%-16s %12.0f %10s %10.0f %10.0f %10.0f %10.0f%s", worker, turns, longest,
                SUM(overview, "valve_fibers", "worker", worker),
                SUM(overview, "valve_fibers_peak", "worker", worker),
                SUM(overview, "valve_waiting_connections", "worker", worker),
                SUM(overview, "valve_worker_stalls_total", "worker", worker),
                stalled ? "  STALLED" : "");
}

static void print_workers(const struct overview *overview, struct output *output)
{
    const struct samples *samples = &overview->now;

    output_line(output, "%-16s %12s %10s %10s %10s %10s %10s", "WORKER", "TURNS", "LONGEST",
                "FIBERS", "PEAK", "WAITING", "STALLS");
    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->list[i].name, "valve_worker_turns_total") == 0)
            print_worker(overview, output, sample_label(&samples->list[i], "worker"));
}

void overview_print(const struct overview *overview, struct output *output)
{
    print_head(overview, output);
    output_line(output, "%s", "");
    print_traffic(overview, output);
    print_connections(overview, output);
    print_resources(overview, output);
    print_cache(overview, output);
    print_faults(overview, output);
    output_line(output, "%s", "");
    print_methods(overview, output);
    output_line(output, "%s", "");
    print_workers(overview, output);
}
