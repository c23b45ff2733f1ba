/* SPDX-License-Identifier: MIT */
/*
 * size, exists and del: one small question for each name.
 */
#include <inttypes.h>

#include "batch.h"
#include "commands.h"

static void begin_json(struct session *session, const struct batch_item *item)
{
    output_text(&session->output, "{");
    output_json_path(&session->output, item->name, item->size);
}

/* VALUE, a tab, NAME: the value first, because a name may contain tabs. */
static void print_value(struct session *session, const struct batch_item *item, const char *value)
{
    output_format(&session->output, "%s\t", value);
    output_name(&session->output, item->name, item->size);
    output_end(&session->output);
}

/* ---- size ------------------------------------------------------------------------------------ */

static int size_start(struct valve_client *client, const struct files_path *path,
                      struct batch_item *item)
{
    return files_size_start(client, path, NULL, &item->pending.size);
}

static int size_receive(struct session *session, struct batch_item *item, void *context)
{
    struct files_size_result result = files_size_receive(
        session->client, &item->pending.size, &session->arena, session_deadline(session));

    (void)context;
    switch (result.outcome) {
    case FILES_SIZE_GOT_SIZE:
        item->value = result.size;
        return 0;
    case FILES_SIZE_GOT_ERROR:
        batch_item_answered(item, result.error);
        return 0;
    case FILES_SIZE_FAILED:
        break;
    }
    return result.failed;
}

static void size_report(struct session *session, const struct batch_item *item)
{
    char value[32];

    if (session->options->json) {
        begin_json(session, item);
        output_format(&session->output, ",\"size\":%" PRIu64 "}\n", item->value);
    } else {
        snprintf(value, sizeof value, "%" PRIu64, item->value);
        print_value(session, item, value);
    }
}

void size_run(struct session *session)
{
    batch_run(session,
              &(struct batch_calls){size_start, size_receive, size_report, BATCH_WINDOW, NULL});
}

/* ---- exists ---------------------------------------------------------------------------------- */

static int exists_start(struct valve_client *client, const struct files_path *path,
                        struct batch_item *item)
{
    return files_exists_start(client, path, NULL, &item->pending.exists);
}

static int exists_receive(struct session *session, struct batch_item *item, void *context)
{
    struct files_exists_result result = files_exists_receive(
        session->client, &item->pending.exists, &session->arena, session_deadline(session));

    (void)context;
    switch (result.outcome) {
    case FILES_EXISTS_GOT_EXISTS:
        item->value = result.exists;
        return 0;
    case FILES_EXISTS_GOT_ERROR:
        batch_item_answered(item, result.error);
        return 0;
    case FILES_EXISTS_FAILED:
        break;
    }
    return result.failed;
}

static void exists_report(struct session *session, const struct batch_item *item)
{
    bool exists = item->value != 0;

    if (!exists)
        tally_item(&session->tally, STATUS_SOME);
    if (session->options->quiet)
        return;
    if (session->options->json) {
        begin_json(session, item);
        output_format(&session->output, ",\"exists\":%s}\n", exists ? "true" : "false");
    } else {
        print_value(session, item, exists ? "yes" : "no");
    }
}

void exists_run(struct session *session)
{
    batch_run(session, &(struct batch_calls){exists_start, exists_receive, exists_report,
                                             BATCH_WINDOW, NULL});
}

/* ---- del ------------------------------------------------------------------------------------- */

static int del_start(struct valve_client *client, const struct files_path *path,
                     struct batch_item *item)
{
    return files_del_start(client, path, NULL, &item->pending.del);
}

static int del_receive(struct session *session, struct batch_item *item, void *context)
{
    struct files_del_result result = files_del_receive(session->client, &item->pending.del,
                                                       &session->arena, session_deadline(session));

    (void)context;
    switch (result.outcome) {
    case FILES_DEL_GOT_OK:
        return 0;
    case FILES_DEL_GOT_ERROR:
        batch_item_answered(item, result.error);
        return 0;
    case FILES_DEL_FAILED:
        break;
    }
    return result.failed;
}

static void del_report(struct session *session, const struct batch_item *item)
{
    if (!session->options->json)
        return;
    begin_json(session, item);
    output_text(&session->output, ",\"deleted\":true}\n");
}

void del_run(struct session *session)
{
    batch_run(session,
              &(struct batch_calls){del_start, del_receive, del_report, BATCH_WINDOW, NULL});
}
