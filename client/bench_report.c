/* SPDX-License-Identifier: MIT */
/*
 * What `bench` has measured, for people and for programs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "clock.h"
#include "units.h"

/* The percentiles that are reported. */
static const struct {
    double percent;
    const char *words, *key;
} percentiles[] = {
    {50, "50 %", "p50"}, {90, "90 %", "p90"}, {99, "99 %", "p99"}, {99.9, "99.9 %", "p999"}};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static double a_second(const struct load_result *result, uint64_t number)
{
    return result->duration == 0 ? 0
                                 : (double)number * (double)NANOSECONDS / (double)result->duration;
}

static double seconds(double nanoseconds)
{
    return nanoseconds / (double)NANOSECONDS;
}

/* ---- For people ------------------------------------------------------------------------------ */

static void print_head(const struct bench_report *report, struct output *output)
{
    const struct options *options = report->options;
    char pace[64] = "one for each answer";

    if (options->load.rate > 0)
        snprintf(pace, sizeof pace, "%" PRIu64 " a second", options->load.rate);
    output_line(output, "%s: %s, %zu name%s", options->address,
                options->mix == NULL ? "get" : options->mix, report->names,
                report->names == 1 ? "" : "s");
    output_line(output,
                "%" PRIu32 " connection%s, up to %" PRIu32 " request%s in flight on each, %s",
                options->load.connections, options->load.connections == 1 ? "" : "s",
                options->load.depth, options->load.depth == 1 ? "" : "s", pace);
}

static void print_errors(const struct bench_report *report, struct output *output)
{
    const struct load_result *result = report->result;

    output_line(output, "errors       %" PRIu64, load_errors(result));
    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        if (result->errors[i] > 0)
            output_line(output, "  %-18s %" PRIu64, load_error_name(report->protocol, i),
                        result->errors[i]);
    if (result->lost > 0)
        output_line(output, "  %-18s %" PRIu64, "unanswered", result->lost);
}

static void print_latency(const struct load_result *result, struct output *output)
{
    const struct histogram *latency = &result->latency;
    char heads[160], values[160], text[UNITS_ROOM];
    size_t used = 0;

    time_as_text(seconds((double)latency->least), text);
    snprintf(heads, sizeof heads, "%10s%10s", "min", "mean");
    used = (size_t)snprintf(values, sizeof values, "%10s", text);
    time_as_text(seconds(histogram_mean(latency)), text);
    used += (size_t)snprintf(values + used, sizeof values - used, "%10s", text);
    for (size_t i = 0; i < PERCENTILES; i++) {
        time_as_text(seconds((double)histogram_percentile(latency, percentiles[i].percent)), text);
        snprintf(heads + used, sizeof heads - used, "%10s", percentiles[i].words);
        used += (size_t)snprintf(values + used, sizeof values - used, "%10s", text);
    }
    time_as_text(seconds((double)latency->most), text);
    snprintf(heads + used, sizeof heads - used, "%10s", "max");
    snprintf(values + used, sizeof values - used, "%10s", text);
    output_line(output, "latency   %s", heads);
    output_line(output, "          %s", values);
}

void bench_print_text(const struct bench_report *report, struct output *output)
{
    const struct load_result *result = report->result;
    char bytes[UNITS_ROOM], rate[UNITS_ROOM];

    bytes_as_text((double)result->bytes, bytes);
    bytes_as_text(a_second(result, result->bytes), rate);
    print_head(report, output);
    output_line(output, "answers      %" PRIu64 " in %.2f s, %.1f/s", result->answers,
                seconds((double)result->duration), a_second(result, result->answers));
    output_line(output, "received     %s, %s/s", bytes, rate);
    print_errors(report, output);
    if (report->options->load.rate > 0)
        output_line(output, "backlog      %" PRIu64 " due and not begun, at most %" PRIu64,
                    result->backlog, result->backlog_most);
    print_latency(result, output);
}

/* ---- For programs ---------------------------------------------------------------------------- */

static void print_error_counts(const struct bench_report *report, struct output *output)
{
    const struct load_result *result = report->result;
    const char *comma = "";

    output_format(output, "\"errors\":%" PRIu64 ",\"errors_by_code\":{", load_errors(result));
    for (unsigned i = 0; i < LOAD_ERRORS; i++) {
        if (result->errors[i] == 0)
            continue;
        output_format(output, "%s\"%s\":%" PRIu64, comma, load_error_name(report->protocol, i),
                      result->errors[i]);
        comma = ",";
    }
    if (result->lost > 0)
        output_format(output, "%s\"unanswered\":%" PRIu64, comma, result->lost);
    output_text(output, "}");
}

static double microseconds(double nanoseconds)
{
    return nanoseconds / 1000;
}

static void print_latencies(const struct histogram *latency, struct output *output)
{
    output_format(output, "\"latency_us\":{\"min\":%.3f,\"mean\":%.3f",
                  microseconds((double)latency->least), microseconds(histogram_mean(latency)));
    for (size_t i = 0; i < PERCENTILES; i++)
        output_format(output, ",\"%s\":%.3f", percentiles[i].key,
                      microseconds((double)histogram_percentile(latency, percentiles[i].percent)));
    output_format(output, ",\"max\":%.3f}", microseconds((double)latency->most));
}

void bench_print_json(const struct bench_report *report, struct output *output)
{
    const struct options *options = report->options;
    const struct load_result *result = report->result;

    output_text(output, "{\"address\":");
    output_json_string(output, options->address, strlen(options->address));
    output_format(
        output,
        ",\"names\":%zu,\"connections\":%" PRIu32 ",\"depth\":%" PRIu32 ",\"rate\":%" PRIu64,
        report->names, options->load.connections, options->load.depth, options->load.rate);
    output_format(output,
                  ",\"seconds\":%.6f,\"answers\":%" PRIu64 ",\"answers_per_second\":%.1f"
                  ",\"bytes\":%" PRIu64 ",\"bytes_per_second\":%.0f,",
                  seconds((double)result->duration), result->answers,
                  a_second(result, result->answers), result->bytes,
                  a_second(result, result->bytes));
    print_error_counts(report, output);
    output_format(
        output, ",\"in_flight\":%" PRIu64 ",\"backlog\":%" PRIu64 ",\"backlog_most\":%" PRIu64 ",",
        result->unanswered - result->backlog, result->backlog, result->backlog_most);
    print_latencies(&result->latency, output);
    output_text(output, "}\n");
}
