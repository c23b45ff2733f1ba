/* SPDX-License-Identifier: MIT */
/*
 * The names that `bench` asks for.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "message.h"
#include "names.h"

static int cannot_add(struct session *session, int error, const char *name, size_t size)
{
    char shown[SHOWN_ROOM];

    complain("%s: %s", show_name(name, size, shown), strerrordesc_np(-error));
    tally_end(&session->tally, STATUS_LOCAL);
    return error;
}

static int add_given(struct session *session, struct load_valve *valve)
{
    struct names names;
    const char *name = "";
    size_t size = 0;
    int r = names_open(&names, session->options);

    while (r == 0 && (r = names_next(&names, true, &name, &size)) > 0)
        r = load_valve_add(valve, name, size);
    if (r < 0)
        cannot_add(session, r, name, size);
    names_close(&names);
    return r;
}

static int add_listed(struct session *session, struct load_valve *valve)
{
    struct files_file file;
    int r;

    while ((r = files_list_all_next(session->client, &session->arena, &file,
                                    session_deadline(session))) == 1) {
        const struct files_path *path = &file.path;
        const char *name = path->kind == FILES_PATH_TEXT ? path->text.data
                                                         : (const char *)path->bytes.data;
        size_t size = path->kind == FILES_PATH_TEXT ? path->text.size : path->bytes.size;

        r = load_valve_add(valve, name, size);
        valve_arena_reset(&session->arena);
        if (r < 0)
            return cannot_add(session, r, "", 0);
    }
    if (r < 0)
        session_fail(session, r);
    return r;
}

static int add_all(struct session *session, struct load_valve *valve)
{
    struct files_list_all_result result = files_list_all(session->client, NULL, &session->arena,
                                                         session_deadline(session));

    switch (result.outcome) {
    case FILES_LIST_ALL_GOT_LIST:
        return add_listed(session, valve);
    case FILES_LIST_ALL_GOT_ERROR:
        session_item_failed(session, NULL, 0, result.error, status_of_answer(result.error));
        return -EREMOTE;
    case FILES_LIST_ALL_FAILED:
        break;
    }
    session_fail(session, result.failed);
    return result.failed;
}

int bench_collect_names(struct session *session, struct load_valve *valve)
{
    const struct options *options = session->options;
    bool given = options->name_count > 0 || options->files_from != NULL;
    int r = given ? add_given(session, valve) : add_all(session, valve);

    if (r < 0)
        return r;
    if (valve->count > 0)
        return 0;
    complain(given ? "there is no name to ask for" : "the server has no file to ask for");
    tally_end(&session->tally, given ? STATUS_USAGE : STATUS_SOME);
    return -ENODATA;
}
