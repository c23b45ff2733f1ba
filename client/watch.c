/* SPDX-License-Identifier: MIT */
/*
 * status: what the server does and has done, once, or again and again on a terminal.
 */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "live.h"
#include "message.h"
#include "overview.h"
#include "scrape.h"

#define SECOND 1e9
#define HOME   "\033[H"  /* the cursor goes to the top */
#define CLEAR  "\033[2J" /* all is erased */
#define REST   "\033[J"  /* what stands below is */

static int fetch(struct session *session, struct samples *ret_samples)
{
    const char *address = session->options->address;
    struct valve_error error = {""};
    char *text = NULL;
    int r = scrape(address, session_deadline(session), &text, &error);

    if (r == 0)
        r = samples_read(ret_samples, text);
    if (r == 0)
        return 0;
    complain(
        "no metrics from %s%s", error.text[0] == '\0' ? strerrordesc_np(-r) : error.text,
        r == -ENOENT || r == -ECONNREFUSED
            ? ": is their address set in [metrics] of valve.ini? Name it by -H, or VALVE_METRICS"
            : "");
    tally_end(&session->tally, status_of_failure(r, error.text));
    return r;
}

/* A sample a line. */
static void print_json(struct output *output, const struct samples *samples)
{
    for (size_t i = 0; i < samples->count; i++) {
        const struct sample *sample = &samples->list[i];

        output_text(output, "{\"name\":");
        output_json_string(output, sample->name, strlen(sample->name));
        output_text(output, ",\"labels\":{");
        for (size_t j = 0; j < sample->label_count; j++) {
            output_text(output, j > 0 ? "," : "");
            output_json_string(output, sample->labels[j].name, strlen(sample->labels[j].name));
            output_text(output, ":");
            output_json_string(output, sample->labels[j].value, strlen(sample->labels[j].value));
        }
        output_format(output, "},\"value\":%.15g}\n", sample->value);
    }
}

static void show_live(struct session *session, struct overview *overview)
{
    struct output *output = &session->output;
    uint64_t fetched = now();

    live_begin();
    output_text(output, CLEAR);
    do {
        uint64_t before = fetched;

        output_text(output, HOME);
        overview_print(overview, output);
        output_text(output, "\033[K\nq ends this" REST);
        (void)output_flush(output);
        if (!live_wait(session->options->interval))
            break;
        samples_fini(&overview->before);
        overview->before = overview->now;
        overview->now = (struct samples){0};
        if (fetch(session, &overview->now) < 0)
            break;
        fetched = now();
        overview->seconds = (double)(fetched - before) / SECOND;
    } while (session_goes_on(session));
    live_end();
    output_text(output, "\n");
}

void watch_run(struct session *session)
{
    struct overview overview = {.address = session->options->address};

    if (fetch(session, &overview.now) < 0)
        return;
    if (session->options->json)
        print_json(&session->output, &overview.now);
    else if (live_is_possible())
        show_live(session, &overview);
    else
        overview_print(&overview, &session->output);
    samples_fini(&overview.now);
    samples_fini(&overview.before);
}
