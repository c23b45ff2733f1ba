/* SPDX-License-Identifier: MIT */
/*
 * bench: how much the server answers, and how soon.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "live.h"
#include "message.h"

#define TICK             (NANOSECONDS / 10)
#define DEFAULT_DURATION (10 * NANOSECONDS)
#define DEFAULT_WARM_UP  NANOSECONDS
#define MOST_SHARE       1000000

#define HOME  "\033[H"  /* the cursor goes to the top */
#define CLEAR "\033[2J" /* all is erased */
#define REST  "\033[J"  /* what stands below is */

/* ---- The mix of calls ------------------------------------------------------------------------ */

static int find_method(const char *name, size_t size, enum files_method *ret_method)
{
    static const struct {
        const char *name;
        enum files_method method;
    } methods[] = {
        {"size", FILES_SIZE}, {"get", FILES_GET}, {"exists", FILES_EXISTS}, {"del", FILES_DEL}};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strlen(methods[i].name) == size && memcmp(methods[i].name, name, size) == 0) {
            *ret_method = methods[i].method;
            return 0;
        }
    }
    return -EINVAL;
}

/* One part of the mix, up to a comma or its end: a name, or a name=number. */
static int read_part(const char *part, size_t size, struct load_valve *valve)
{
    const char *equals = memchr(part, '=', size);
    size_t name_size = equals == NULL ? size : (size_t)(equals - part);
    enum files_method method = FILES_GET;
    unsigned long long share = 1;
    char *end = NULL;

    if (find_method(part, name_size, &method) < 0)
        return -EINVAL;
    if (equals != NULL) {
        if (equals[1] < '0' || equals[1] > '9')
            return -EINVAL;
        share = strtoull(equals + 1, &end, 10);
        if (end != part + size || share == 0 || share > MOST_SHARE || valve->shares[method] > 0)
            return -EINVAL;
    }
    load_valve_call(valve, method, (unsigned)share);
    return 0;
}

static int read_mix(const char *mix, struct load_valve *valve)
{
    for (const char *part = mix == NULL ? "get" : mix;; part++) {
        size_t size = strcspn(part, ",");

        if (read_part(part, size, valve) < 0)
            return usage_error("--mix takes calls such as get=90,exists=9,size=1 or del, not "
                               "\"%s\"",
                               mix);
        part += size;
        if (*part == '\0')
            return 0;
    }
}

int bench_check(const struct options *options)
{
    struct load_valve valve;

    load_valve_init(&valve);
    return read_mix(options->mix, &valve);
}

/* ---- The run --------------------------------------------------------------------------------- */

struct bench {
    struct session *session;
    struct bench_report report;
    bool live;
    uint64_t shown; /* when the page was renewed */
};

/* How long what was not said takes. */
static struct load_options complete(const struct options *options, bool once)
{
    struct load_options load = options->load;
    bool bounded = load.requests > 0 || once;

    if (load.duration == 0)
        load.duration = bounded ? UINT64_MAX : DEFAULT_DURATION;
    if (load.warm_up == UINT64_MAX)
        load.warm_up = bounded ? 0 : DEFAULT_WARM_UP;
    load.timeout = options->timeout;
    load.interval = TICK;
    return load;
}

static void show(struct bench *bench, const char *below)
{
    struct output *output = &bench->session->output;

    output_text(output, HOME);
    bench_print_text(&bench->report, output);
    output_text(output, below);
    (void)output_flush(output);
}

static bool goes_on(void *context, const struct load_result *so_far, bool measuring)
{
    struct bench *bench = context;
    uint64_t time = now();

    (void)so_far; /* the report has it */
    if (bench->live && time - bench->shown >= bench->session->options->interval) {
        bench->shown = time;
        show(bench,
             measuring ? "\033[K\nq ends this" REST : "\033[K\nwarming up; q ends this" REST);
    }
    return live_goes_on() && session_goes_on(bench->session);
}

/* What went wrong decides the exit status. */
static void tally(struct session *session, const struct bench_report *report)
{
    const struct load_result *result = report->result;

    if (result->failure < 0) {
        complain("%s: %s", session->options->address, result->problem.text);
        tally_end(&session->tally, status_of_failure(result->failure, result->problem.text));
    } else if (load_errors(result) > 0) {
        complain("%s: %" PRIu64 " of %" PRIu64 " answers are errors", session->options->address,
                 load_errors(result), result->answers);
    }
    for (unsigned i = 0; i < LOAD_ERRORS; i++) {
        char answer[64];

        if (result->errors[i] == 0)
            continue;
        snprintf(answer, sizeof answer, "%s:", load_error_name(report->protocol, i));
        tally_item(&session->tally,
                   i == LOAD_WRONG ? STATUS_PROTOCOL : status_of_answer(valve_text(answer)));
    }
}

static void print(struct bench *bench)
{
    struct output *output = &bench->session->output;

    if (bench->session->options->json)
        bench_print_json(&bench->report, output);
    else if (bench->live)
        show(bench, REST);
    else
        bench_print_text(&bench->report, output);
}

static void measure(struct session *session, struct load_valve *valve)
{
    static struct load_result result; /* large */
    struct load_options load = complete(session->options, valve->once);
    struct load_protocol protocol = load_valve_protocol(valve);
    struct valve_address address;
    struct bench bench = {
        .session = session,
        .report = {session->options, &protocol, &result, valve->count},
        .live = !session->options->json && live_is_possible(),
    };
    const char *problem = "";
    int r;

    load.tls = session->tls;
    load.tls_name = session->options->tls.name;
    load.goes_on = goes_on;
    load.context = &bench;
    (void)valve_address_parse(session->options->address, &address, &problem); /* it has been used */
    if (bench.live) {
        live_begin();
        output_text(&session->output, CLEAR);
    } else {
        live_catch_signals();
    }
    r = load_run(&address, &protocol, &load, &result);
    live_end();
    if (r < 0) {
        complain("cannot connect to %s", result.problem.text);
        tally_end(&session->tally, status_of_failure(r, result.problem.text));
        return;
    }
    print(&bench);
    tally(session, &bench.report);
}

void bench_run(struct session *session)
{
    struct load_valve valve;

    load_valve_init(&valve);
    (void)read_mix(session->options->mix, &valve); /* it was checked */
    if (bench_collect_names(session, &valve) == 0) {
        /* The connection that listed the files is not one of those that are measured. */
        valve_client_free(session->client);
        session->client = NULL;
        measure(session, &valve);
    }
    load_valve_fini(&valve);
}
