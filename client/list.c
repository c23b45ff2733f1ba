/* SPDX-License-Identifier: MIT */
/*
 * list: all files, printed as they arrive, so that memory does not grow with their number.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "commands.h"
#include "files.h"

#define SECOND INT64_C(1000000000)

struct bytes {
    const char *data;
    size_t size;
};

static struct bytes path_bytes(const struct files_path *path)
{
    if (path->kind == FILES_PATH_TEXT)
        return (struct bytes){path->text.data, path->text.size};
    return (struct bytes){(const char *)path->bytes.data, path->bytes.size};
}

/* Local time in ISO 8601, with its distance from UTC. */
static void format_time(int64_t nanoseconds, char text[40])
{
    time_t seconds = (time_t)(nanoseconds / SECOND - (nanoseconds % SECOND < 0));
    struct tm time;

    if (localtime_r(&seconds, &time) == NULL ||
        strftime(text, 40, "%Y-%m-%dT%H:%M:%S%z", &time) == 0)
        snprintf(text, 40, "@%" PRId64, nanoseconds / SECOND);
}

static void print_json(struct output *output, const struct files_file *file)
{
    struct bytes path = path_bytes(&file->path);

    output_text(output, "{");
    output_json_path(output, path.data, path.size);
    output_format(output, ",\"size\":%" PRIu64 ",\"mtime\":%" PRId64 "}\n", file->size,
                  file->mtime);
}

static void print_file(const struct options *options, struct output *output,
                       const struct files_file *file)
{
    struct bytes path = path_bytes(&file->path);
    char time[40];

    if (options->json) {
        print_json(output, file);
        return;
    }
    if (options->detailed) {
        format_time(file->mtime, time);
        output_format(output, "%12" PRIu64 "  %s  ", file->size, time);
    }
    output_name(output, path.data, path.size);
    output_end(output);
}

/* The next element: as valve_client_next_item(); what is known is shown before a wait. */
static int next_file(struct session *session, struct files_file *file)
{
    int r = files_list_all_next(session->client, &session->arena, file, 0);

    if (r != -ETIMEDOUT)
        return r;
    (void)output_flush(&session->output);
    return files_list_all_next(session->client, &session->arena, file, session_deadline(session));
}

static int print_all(struct session *session)
{
    struct files_file file;
    int r;

    while ((r = next_file(session, &file)) == 1) {
        print_file(session->options, &session->output, &file);
        valve_arena_reset(&session->arena);
        if (!session_goes_on(session))
            return 0;
    }
    return r;
}

static int receive(struct session *session, struct files_list_all_pending *pending)
{
    struct files_list_all_result result = files_list_all_receive(
        session->client, pending, &session->arena, session_deadline(session));

    switch (result.outcome) {
    case FILES_LIST_ALL_GOT_LIST:
        return print_all(session);
    case FILES_LIST_ALL_GOT_ERROR:
        session_item_failed(session, NULL, 0, result.error, status_of_answer(result.error));
        return 0;
    case FILES_LIST_ALL_FAILED:
        break;
    }
    return result.failed;
}

void list_run(struct session *session)
{
    struct files_list_all_pending pending;
    struct valve_pending *next = NULL;
    int r = files_list_all_start(session->client, NULL, &pending);

    if (r == 0)
        r = session_next(session, &next);
    if (r == 0)
        r = receive(session, &pending);
    if (r < 0)
        session_fail(session, r);
}
