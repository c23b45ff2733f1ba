/* SPDX-License-Identifier: MIT */
/*
 * The caches of all workers: made before these start, freed when they have ended.
 */
#ifndef VALVED_CACHES_H
#define VALVED_CACHES_H

#include "daemon/cache.h"
#include "daemon/log.h"

struct caches;

/*
 * One for each worker of a server that has not been started, which share out `most` names. Workers
 * for whom there is none, which is logged, go without. 0 or -ENOMEM.
 */
int caches_new(struct valve_server *server, const struct store *store, struct log *log, size_t most,
               struct caches **ret_caches);

/* After valve_server_free(). NULL is accepted. */
void caches_free(struct caches *caches);

/* That of a worker, or NULL. `caches` may be NULL. */
struct cache *caches_of(const struct caches *caches, unsigned worker);

/* The sum of what all of them did and hold. `caches` may be NULL. Any thread. */
void caches_get_figures(const struct caches *caches, struct cache_figures *ret_figures);

#endif
