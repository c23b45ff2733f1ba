/* SPDX-License-Identifier: MIT */
/*
 * get: contents, written where -o says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "commands.h"
#include "message.h"
#include "place.h"
#include "progress.h"

#define BUFFER_SIZE ((size_t)256 * 1024)

struct fetch {
    struct place place;
    uint8_t *buffer;
};

/* ---- The command line ------------------------------------------------------------------------ */

static const char *last_component(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash == NULL ? name : slash + 1;
}

static int compare(const void *left, const void *right)
{
    const char *const *first = left, *const *second = right;

    return strcmp(last_component(*first), last_component(*second));
}

/* Two files must not become one without anybody noticing. */
static int check_distinct(const struct options *options)
{
    char shown[SHOWN_ROOM];
    char **sorted;
    int r = 0;

    if (options->name_count < 2)
        return 0;
    sorted = malloc(options->name_count * sizeof *sorted);
    if (sorted == NULL)
        return usage_error("no memory to compare so many names");
    memcpy(sorted, options->names, options->name_count * sizeof *sorted);
    qsort(sorted, options->name_count, sizeof *sorted, compare);
    for (size_t i = 1; r == 0 && i < options->name_count; i++) {
        const char *last = last_component(sorted[i]);

        if (compare(&sorted[i - 1], &sorted[i]) == 0 && strcmp(sorted[i - 1], sorted[i]) != 0)
            r = usage_error("two of the files would both become %s: say -o DIR",
                            show_name(last, strlen(last), shown));
    }
    free(sorted);
    return r;
}

int get_check(const struct options *options)
{
    bool many = options->name_count > 1 || options->files_from != NULL;

    switch (place_kind(options)) {
    case PLACE_STDOUT:
        if (options->json)
            return usage_error("--json and the files cannot both go to stdout");
        return 0;
    case PLACE_FILE:
        return many ? usage_error("two files cannot become one: -o needs a directory") : 0;
    case PLACE_CURRENT:
        if (options->files_from != NULL)
            return usage_error("with --files-from, say where to: -o DIR or -o -");
        return check_distinct(options);
    case PLACE_DIRECTORY:
        break;
    }
    return 0;
}

/* ---- One file -------------------------------------------------------------------------------- */

static const char *local_words(int error)
{
    switch (error) {
    case -EXDEV:
        return "not written, the name leads out of the directory";
    case -ELOOP:
    case -ENOTDIR:
        return "a part of the path is no directory (symbolic links are not followed)";
    default:
        return strerrordesc_np(-error);
    }
}

static void fail_here(const struct place *place, struct batch_item *item, int error)
{
    char path[SHOWN_ROOM];

    batch_item_fail(item, STATUS_LOCAL, "%.400s: %s",
                    place_describe(place, item->name, item->size, path), local_words(error));
}

static bool has_failed(const struct batch_item *item)
{
    return item->failure != STATUS_DONE;
}

/*
 * Passes the content on to stdout or into the file. After a local failure the rest is received all
 * the same, for the sake of the answers behind it. 0, or what ends the run.
 */
static int copy(struct session *session, struct fetch *fetch, struct batch_item *item,
                struct saving *saving, struct progress *progress)
{
    ssize_t size;

    while ((size = valve_client_read_bytes(session->client, fetch->buffer, BUFFER_SIZE,
                                           session_deadline(session))) > 0) {
        progress_advance(progress, (size_t)size);
        if (fetch->place.kind == PLACE_STDOUT) {
            output_bytes(&session->output, fetch->buffer, (size_t)size);
            if (session->output.error < 0)
                return session->output.error;
        } else if (!has_failed(item)) {
            int r = save_write(saving, fetch->buffer, (size_t)size);

            if (r < 0)
                fail_here(&fetch->place, item, r);
        }
    }
    return (int)size;
}

static int receive_content(struct session *session, struct fetch *fetch, struct batch_item *item)
{
    struct saving saving = {.file = -1};
    struct progress progress;
    char leaf[256];
    int r = 0;

    if (fetch->place.kind != PLACE_STDOUT) {
        r = place_begin(&fetch->place, item->name, item->size, &saving, leaf);
        if (r < 0)
            fail_here(&fetch->place, item, r);
    }
    progress_begin(&progress, item->name, item->size, item->value);
    if (fetch->place.kind == PLACE_STDOUT && session->output.terminal)
        progress.enabled = false;
    r = copy(session, fetch, item, &saving, &progress);
    progress_end(&progress);
    if (r < 0 || has_failed(item) || fetch->place.kind == PLACE_STDOUT) {
        save_discard(&saving);
        return r;
    }
    r = place_commit(&fetch->place, &saving);
    if (r < 0)
        fail_here(&fetch->place, item, r);
    return 0;
}

/* ---- Many files ------------------------------------------------------------------------------ */

static int start(struct valve_client *client, const struct files_path *path,
                 struct batch_item *item)
{
    return files_get_start(client, path, NULL, &item->pending.get);
}

static int receive(struct session *session, struct batch_item *item, void *context)
{
    struct files_get_result result = files_get_receive(session->client, &item->pending.get,
                                                       &session->arena, session_deadline(session));

    switch (result.outcome) {
    case FILES_GET_GOT_CONTENT:
        item->value = result.content_size;
        return receive_content(session, context, item);
    case FILES_GET_GOT_ERROR:
        batch_item_answered(item, result.error);
        return 0;
    case FILES_GET_FAILED:
        break;
    }
    return result.failed;
}

static void report(struct session *session, const struct batch_item *item)
{
    if (!session->options->json)
        return;
    output_text(&session->output, "{");
    output_json_path(&session->output, item->name, item->size);
    output_format(&session->output, ",\"size\":%" PRIu64 "}\n", item->value);
}

static void complain_of_place(struct session *session, const struct fetch *fetch, int error)
{
    char path[SHOWN_ROOM];
    const char *output = fetch->place.output == NULL ? "." : fetch->place.output;

    complain("%s: %s", show_name(output, strlen(output), path), strerrordesc_np(-error));
    tally_end(&session->tally, STATUS_LOCAL);
}

void get_run(struct session *session)
{
    struct fetch fetch;
    int r = place_open(&fetch.place, session->options);
    /* Contents on stdout come in the order of the names, so they are asked for one by one. */
    struct batch_calls calls = {start, receive, report,
                                fetch.place.kind == PLACE_STDOUT ? 1 : BATCH_WINDOW, &fetch};

    fetch.buffer = malloc(BUFFER_SIZE);
    if (r == 0 && fetch.buffer == NULL)
        r = -ENOMEM;
    if (r == 0)
        batch_run(session, &calls);
    free(fetch.buffer);
    if (r < 0)
        complain_of_place(session, &fetch, r);
    r = place_close(&fetch.place);
    if (r < 0)
        complain_of_place(session, &fetch, r);
}
