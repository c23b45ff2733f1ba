/* SPDX-License-Identifier: MIT */
/*
 * Many names over one connection, in order.
 */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "names.h"

#define PATH_MOST 4095 /* bytes of a name (valve-protocol(7)); more could exceed a whole request */

/* The window: a ring of items, of which `count` from `first` on are in use. */
struct batch {
    struct session *session;
    const struct batch_calls *calls;
    struct names names;
    bool names_ended;
    int start_error; /* why no more could be asked, although there were names; or 0 */
    struct batch_item *items;
    size_t first, count;
};

/* ---- Results --------------------------------------------------------------------------------- */

void batch_item_fail(struct batch_item *item, enum status why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(item->error, sizeof item->error, format, arguments);
    va_end(arguments);
    item->failure = why;
    item->done = true;
}

void batch_item_answered(struct batch_item *item, struct valve_text error)
{
    size_t size = error.size < sizeof item->error ? error.size : sizeof item->error - 1;

    memcpy(item->error, error.data, size);
    item->error[size] = '\0';
    item->failure = status_of_answer(error);
    item->done = true;
}

static void report(struct batch *batch, const struct batch_item *item)
{
    if (item->failure == STATUS_DONE)
        batch->calls->report(batch->session, item);
    else
        session_item_failed(batch->session, item->name, item->size, valve_text(item->error),
                            item->failure);
}

/* Reports what is known, in the order of the names, up to the first that is not. */
static void report_done(struct batch *batch)
{
    while (batch->count > 0 && batch->items[batch->first].done) {
        report(batch, &batch->items[batch->first]);
        batch->first = (batch->first + 1) % batch->calls->window;
        batch->count--;
    }
}

/* The run ended early: what has no answer has failed, and it is not known how far it came. */
static void report_unanswered(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct batch_item *item = &batch->items[(batch->first + i) % batch->calls->window];

        if (!item->done)
            batch_item_fail(item, STATUS_CONNECTION, "unanswered: the outcome is unknown");
    }
    report_done(batch);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static int keep_name(struct batch_item *item, const char *name, size_t size)
{
    if (size >= item->room) {
        char *copy = realloc(item->name, size + 1); /* never nothing, so never NULL */

        if (copy == NULL)
            return -ENOMEM;
        item->name = copy;
        item->room = size + 1;
    }
    memcpy(item->name, name, size);
    item->size = size;
    return 0;
}

/* Asks about one more name. 0, or a negative errno with which nothing was asked. */
static int start(struct batch *batch, const char *name, size_t size)
{
    size_t index = (batch->first + batch->count) % batch->calls->window;
    struct batch_item *item = &batch->items[index];
    struct files_path path;
    int r = keep_name(item, name, size);

    if (r < 0)
        return r;
    item->done = false;
    item->failure = STATUS_DONE;
    batch->count++;
    if (size > PATH_MOST) {
        batch_item_fail(item, STATUS_SOME, "bad-path: longer than %d bytes", PATH_MOST);
        return 0;
    }
    item->pending.any.context = item;
    path = names_path(item->name, item->size);
    r = batch->calls->start(batch->session->client, &path, item);
    if (r < 0)
        batch->count--;
    return r;
}

/*
 * Fills the window. Whatever keeps it from being filled ends the asking, not the receiving. Whoever
 * writes the names is waited for only when all that he has written was asked and answered.
 */
static void fill(struct batch *batch)
{
    while (!batch->names_ended && batch->count < batch->calls->window) {
        const char *name = NULL;
        size_t size = 0;
        int r = names_next(&batch->names, false, &name, &size);

        if (r == -EAGAIN && batch->count > 0)
            return;
        if (r == -EAGAIN) {
            (void)output_flush(&batch->session->output);
            r = names_next(&batch->names, true, &name, &size);
        }
        if (r < 0) {
            complain("%s: %s", batch->session->options->files_from, strerrordesc_np(-r));
            tally_end(&batch->session->tally, STATUS_LOCAL);
        } else if (r > 0) {
            batch->start_error = start(batch, name, size);
        }
        batch->names_ended = r <= 0 || batch->start_error < 0;
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Takes one answer. 0, or the error that broke the connection. */
static int take_answer(struct batch *batch)
{
    struct valve_pending *pending = NULL;
    struct batch_item *item;
    int r = session_next(batch->session, &pending);

    if (r < 0)
        return r;
    item = pending->context;
    r = batch->calls->receive(batch->session, item, batch->calls->context);
    valve_arena_reset(&batch->session->arena);
    if (r == 0)
        item->done = true;
    return r;
}

static void pump(struct batch *batch)
{
    struct session *session = batch->session;
    int r = 0;

    while (r == 0 && session->output.error == 0) {
        report_done(batch);
        fill(batch);
        if (batch->count == 0)
            break;
        if (!batch->items[batch->first].done) /* else it was refused here */
            r = take_answer(batch);
    }
    if (r == 0)
        r = batch->start_error;
    if (session->output.error == 0 && r < 0)
        session_fail(session, r);
    if (session->output.error == 0)
        report_unanswered(batch);
}

void batch_run(struct session *session, const struct batch_calls *calls)
{
    struct batch batch = {.session = session, .calls = calls};
    int r = names_open(&batch.names, session->options);

    batch.items = calloc(calls->window, sizeof *batch.items);
    if (r < 0)
        complain("%s: %s", session->options->files_from, strerrordesc_np(-r));
    else if (batch.items == NULL)
        complain("no memory");
    if (r < 0 || batch.items == NULL)
        tally_end(&session->tally, STATUS_LOCAL);
    else
        pump(&batch);
    for (size_t i = 0; batch.items != NULL && i < calls->window; i++)
        free(batch.items[i].name);
    free(batch.items);
    names_close(&batch.names);
}
