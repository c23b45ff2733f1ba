/* SPDX-License-Identifier: MIT */
/*
 * ping: how soon the server answers the smallest of questions.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "message.h"

#define MILLISECOND UINT64_C(1000000)

/* A name that nobody has; whether it exists is beside the point. */
#define NOBODY "valvectl.ping.no-such-file"

struct times {
    uint64_t answers, least, most, sum; /* nanoseconds */
};

static void note(struct times *times, uint64_t time)
{
    if (times->answers == 0 || time < times->least)
        times->least = time;
    if (time > times->most)
        times->most = time;
    times->sum += time;
    times->answers++;
}

static double milliseconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / (double)MILLISECOND;
}

/*
 * One question. 0 when it was answered, be it with an error; then that is said and counted, unless
 * it is that this client may not ask it: that the server is there is all there is to know.
 */
static int ask(struct session *session, uint64_t *ret_time)
{
    struct files_path path = {.kind = FILES_PATH_TEXT, .text = valve_text(NOBODY)};
    uint64_t begun = now();
    struct files_exists_result result = files_exists(session->client, &path, NULL, &session->arena,
                                                     session_deadline(session));

    switch (result.outcome) {
    case FILES_EXISTS_FAILED:
        session_fail(session, result.failed);
        return result.failed;
    case FILES_EXISTS_GOT_ERROR:
        if (status_of_answer(result.error) != STATUS_DENIED)
            session_item_failed(session, NULL, 0, result.error, status_of_answer(result.error));
        break;
    case FILES_EXISTS_GOT_EXISTS:
        break;
    }
    *ret_time = now() - begun;
    valve_arena_reset(&session->arena);
    return 0;
}

static void wait_interval(const struct options *options)
{
    uint64_t end = now() + options->interval;

    for (uint64_t time = now(); time < end; time = now()) {
        uint64_t left = (end - time) / MILLISECOND + 1;

        (void)poll(NULL, 0, left < 60000 ? (int)left : 60000);
    }
}

static void print_summary(struct session *session, uint64_t asked, const struct times *times)
{
    output_format(&session->output, "%" PRIu64 " asked, %" PRIu64 " answered", asked,
                  times->answers);
    if (times->answers > 0)
        output_format(&session->output, ", min/avg/max = %.3f/%.3f/%.3f ms",
                      milliseconds(times->least), milliseconds(times->sum / times->answers),
                      milliseconds(times->most));
    output_text(&session->output, "\n");
}

void ping_run(struct session *session)
{
    const struct options *options = session->options;
    struct times times = {0};
    uint64_t asked = 0;

    while (asked < options->count && session_goes_on(session)) {
        uint64_t time = 0;

        if (asked > 0)
            wait_interval(options);
        asked++;
        if (ask(session, &time) < 0)
            break;
        note(&times, time);
        output_format(&session->output, "answer from %s: seq=%" PRIu64 " time=%.3f ms\n",
                      options->address, asked, milliseconds(time));
        (void)output_flush(&session->output);
    }
    if (options->count > 1)
        print_summary(session, asked, &times);
}
