/* SPDX-License-Identifier: MIT */
/*
 * The caches of all workers, and what ties them to the server: its loop, which tells of changes,
 * and its I/O pool, which closes what was removed.
 */
#include <config.h>

#include "daemon/caches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service_jobs.h"

/* With fewer names it is not worth the watching. */
#define NAMES_LEAST 8

struct place {
    struct valve_server *server; /* NULL: it has gone, and files are closed here */
    unsigned worker;
    struct cache *cache; /* or NULL */
};

struct caches {
    unsigned count;
    struct place places[];
};

/* Without memory the file is left to the caller, who closes it. */
static void close_elsewhere(void *context, struct store_file *file)
{
    const struct place *place = context;
    struct valve_job *job = place->server ? jobs_new_close(file) : NULL;

    if (job)
        valve_server_discard(place->server, place->worker, job);
}

/* ---- Making and freeing --------------------------------------------------------------------- */

static int furnish(struct place *place, const struct store *store, size_t most)
{
    const struct cache_options options = {
        .store = store, .most = most, .close_elsewhere = close_elsewhere, .context = place};
    int r = cache_new(&options, &place->cache);

    if (r == 0)
        r = valve_server_watch(place->server, place->worker, cache_descriptor(place->cache),
                               cache_take_changes, place->cache);
    if (r < 0) {
        cache_free(place->cache);
        place->cache = NULL;
    }
    return r;
}

static void log_want(struct log *log, unsigned worker, int error)
{
    if (error == -EOPNOTSUPP && worker == 0)
        log_print(log, VALVE_LOG_NOTICE,
                  "open files are not kept: the storage of the root does not tell of its changes");
    else if (error < 0 && error != -EOPNOTSUPP)
        log_print(log, VALVE_LOG_WARNING,
                  "worker %u keeps no files open: no news of changes is to be had "
                  "(fs.inotify.max_user_instances): %s",
                  worker, strerror(-error));
}

int caches_new(struct valve_server *server, const struct store *store, struct log *log, size_t most,
               struct caches **ret_caches)
{
    struct valve_server_facts facts;
    struct caches *caches;

    valve_server_get_facts(server, &facts);
    caches = calloc(1, sizeof *caches + facts.workers * sizeof *caches->places);
    if (!caches)
        return -ENOMEM;
    caches->count = facts.workers;
    most /= facts.workers;
    for (unsigned i = 0; i < caches->count; i++) {
        caches->places[i].server = server;
        caches->places[i].worker = i;
        if (most >= NAMES_LEAST)
            log_want(log, i, furnish(&caches->places[i], store, most));
    }
    *ret_caches = caches;
    return 0;
}

void caches_free(struct caches *caches)
{
    if (!caches)
        return;
    for (unsigned i = 0; i < caches->count; i++) {
        caches->places[i].server = NULL;
        cache_free(caches->places[i].cache);
    }
    free(caches);
}

struct cache *caches_of(const struct caches *caches, unsigned worker)
{
    return caches ? caches->places[worker].cache : NULL;
}

void caches_get_figures(const struct caches *caches, struct cache_figures *ret_figures)
{
    *ret_figures = (struct cache_figures){0};
    for (unsigned i = 0; caches && i < caches->count; i++) {
        struct cache_figures figures = {0};

        if (caches->places[i].cache)
            cache_get_figures(caches->places[i].cache, &figures);
        ret_figures->hits += figures.hits;
        ret_figures->misses += figures.misses;
        ret_figures->names += figures.names;
        ret_figures->forgotten += figures.forgotten;
        ret_figures->lost += figures.lost;
    }
}
