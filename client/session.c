/* SPDX-License-Identifier: MIT */
/*
 * The frame around each subcommand: connection, waiting, failures, the end.
 */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <string.h>

#include "commands.h"
#include "message.h"

#define ARENA_LIMIT ((size_t)64 * 1024 * 1024) /* a message is at most 16 MiB before decoding */

uint64_t session_deadline(const struct session *session)
{
    return now() + session->options->timeout;
}

/* What TLS needs of files. 0, or it was said what is wrong. */
static int read_tls(struct session *session)
{
    const struct options *options = session->options;
    const struct valve_tls_options files = {.certificate = options->tls.certificate,
                                            .key = options->tls.key,
                                            .authorities = options->tls.authorities};
    struct valve_error error;
    int r = options->tls.is_wanted ? valve_tls_new_client(&files, &session->tls, &error) : 0;

    if (r < 0) {
        complain("%s", error.text);
        tally_end(&session->tally, STATUS_LOCAL);
    }
    return r;
}

int session_open(struct session *session, const struct options *options)
{
    struct valve_error error = {{0}};
    int r;

    *session = (struct session){.options = options};
    output_init(&session->output, options->nul ? '\0' : '\n');
    valve_arena_init(&session->arena, NULL, 0, ARENA_LIMIT);
    if (options->command->of_metrics)
        return 0;
    r = read_tls(session);
    if (r < 0)
        return r;
    r = valve_client_connect_tls(options->address, session->tls, options->tls.name,
                                 session_deadline(session), &session->client, &error);
    if (r < 0) {
        complain("cannot connect to %s", error.text);
        /* Who could not show who he is, or would not have it, has not been spoken with. */
        tally_end(&session->tally,
                  r == -EPROTO ? STATUS_CONNECTION : status_of_failure(r, error.text));
    }
    return r;
}

static void note_output(struct session *session)
{
    if (session->output.error == 0 || session->tally.ended == STATUS_LOCAL)
        return;
    complain("writing to stdout: %s", strerrordesc_np(-session->output.error));
    tally_end(&session->tally, STATUS_LOCAL);
}

enum status session_close(struct session *session)
{
    valve_client_free(session->client);
    valve_tls_free(session->tls);
    valve_arena_fini(&session->arena);
    (void)output_close(&session->output);
    note_output(session);
    return tally_status(&session->tally);
}

bool session_goes_on(struct session *session)
{
    note_output(session);
    return session->tally.ended == STATUS_DONE;
}

int session_next(struct session *session, struct valve_pending **ret_pending)
{
    int r = valve_client_next(session->client, 0, ret_pending);

    if (r != -ETIMEDOUT)
        return r;
    (void)output_flush(&session->output);
    return valve_client_next(session->client, session_deadline(session), ret_pending);
}

void session_fail(struct session *session, int error)
{
    const char *problem = valve_client_problem(session->client);

    complain("%s: %s", session->options->address, problem);
    tally_end(&session->tally, status_of_failure(error, problem));
}

/* ---- Items that failed ----------------------------------------------------------------------- */

/* "code: words", taken apart. */
struct failure {
    struct valve_text code, words;
};

static void skip(struct valve_text *text, size_t size)
{
    text->data += size;
    text->size -= size;
}

/* Messages about a file begin with its name, and so do ours: once is enough. */
static void skip_name(struct valve_text *words, const char *shown)
{
    size_t size = strlen(shown);

    if (size > 0 && words->size > size + 2 && memcmp(words->data, shown, size) == 0 &&
        memcmp(words->data + size, ": ", 2) == 0)
        skip(words, size + 2);
}

static struct failure take_apart(struct valve_text error, enum status why, const char *shown)
{
    struct failure failure = {.code = valve_text("local"), .words = error};
    const char *colon = memchr(error.data, ':', error.size);

    if (why != STATUS_LOCAL) {
        failure.code.data = error.data;
        failure.code.size = colon == NULL ? 0 : (size_t)(colon - error.data);
        skip(&failure.words, colon == NULL ? 0 : failure.code.size + 1);
    }
    while (failure.words.size > 0 && *failure.words.data == ' ')
        skip(&failure.words, 1);
    skip_name(&failure.words, shown);
    return failure;
}

static void print_json_failure(struct output *output, const char *name, size_t size,
                               const struct failure *failure)
{
    output_text(output, "{");
    if (name != NULL) {
        output_json_path(output, name, size);
        output_text(output, ",");
    }
    output_text(output, "\"error\":{\"code\":");
    output_json_string(output, failure->code.data, failure->code.size);
    output_text(output, ",\"message\":");
    output_json_string(output, failure->words.data, failure->words.size);
    output_text(output, "}}\n");
}

void session_item_failed(struct session *session, const char *name, size_t size,
                         struct valve_text error, enum status why)
{
    char shown[SHOWN_ROOM] = "", code[SHOWN_ROOM], words[SHOWN_ROOM];
    struct failure failure;

    tally_item(&session->tally, why);
    if (name != NULL)
        show_name(name, size, shown);
    failure = take_apart(error, why, shown);
    if (session->options->json)
        print_json_failure(&session->output, name, size, &failure);
    else if (why == STATUS_LOCAL || failure.code.size == 0)
        complain("%s: %s", name == NULL ? session->options->address : shown,
                 show_words(failure.words, words));
    else
        complain("%s: %s: %s", name == NULL ? session->options->address : shown,
                 show_words(failure.code, code), show_words(failure.words, words));
}
