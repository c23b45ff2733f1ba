/* SPDX-License-Identifier: MIT */
/*
 * What names are known to lead to: files that are kept open, and names at which there is nothing.
 * Never a byte of a file, so what is read is what the file holds now, however it was written.
 *
 * A name is taken in when it is asked for the second time of late, so that whoever reads everything
 * once leaves no trace; how long it stays depends on how often it was found since (after S3-FIFO:
 * Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023). Whatever may have
 * changed the meaning of a name (of its own or of a directory before it) takes it out again.
 *
 * A name is proven, not believed. Each directory on its way and the file itself are watched first,
 * and looked at once more by name then: what happens later is told. Before a name that is known is
 * used all news is taken, once for each batch of requests, after they were read: so every change
 * whose call had returned before a request was sent is seen by that request.
 *
 * A cache belongs to one worker. Nothing here waits.
 */
#ifndef VALVED_CACHE_H
#define VALVED_CACHE_H

#include <stdint.h>

#include "daemon/store.h"

struct cache;

struct cache_options {
    const struct store *store;
    size_t most; /* names, each of them with at most one descriptor */
    /* Closes a file that was removed, somewhere else: that may take long. */
    void (*close_elsewhere)(void *context, struct store_file *file);
    void *context;
};

/*
 * -EOPNOTSUPP where the storage is none whose names may be kept; -EMFILE, -ENOMEM and the like
 * where there is no news of changes to be had: the server goes on without.
 */
int cache_new(const struct cache_options *options, struct cache **ret_cache);

/* NULL is accepted. */
void cache_free(struct cache *cache);

/* When this can be read, changes should be taken although nobody asks: files are kept open. */
int cache_descriptor(const struct cache *cache);
void cache_take_changes(void *cache);

/*
 * What a name was found to lead to. It may be kept over a wait, and knows when it is out of date.
 */
struct cached {
    struct cache *cache;
    struct known *known;
    uint64_t forgotten;
};

/*
 * Looks up a path as store_open() takes it, for a call of that batch: valve_call_batch(). The cache
 * may be NULL: nothing is known to it.
 *   0         it is a file
 *   -ENOENT   there is none
 *   -EAGAIN   not known: ask the store, and then cache_learn()
 */
int cache_find(struct cache *cache, uint64_t batch, const char *path, struct cached *ret_cached);

/* What is to be told of the file now. -EAGAIN: ask the store. */
int cached_stat(const struct cached *cached, struct store_info *ret_info);

/* Bytes that the content should fit into, unless it has grown since; 0: it is over `most`. */
size_t cached_room(const struct cached *cached, size_t most);

/*
 * Reads the whole file, as long as it is now. -EAGAIN: it is not in memory, or does not fit, or is
 * not what the name leads to any more: ask the store.
 */
int cached_read(const struct cached *cached, uint8_t *buffer, size_t capacity, size_t *ret_size);

/*
 * Opens the file once more, as store_try_open() would: the descriptor is the caller's, and stays
 * open whatever becomes of the name.
 */
int cached_open(const struct cached *cached, struct store_file *ret_file);

/*
 * Lends the descriptor of the file, and tells its length now, for a while in which the caller may
 * wait: it stays open until it is let go of, once, whatever becomes of the name. -EAGAIN as above.
 */
int cached_hold(const struct cached *cached, int *ret_descriptor, uint64_t *ret_size);
struct valve_residency *cached_residency(const struct cached *cached); /* while it is held */
void cached_let_go(const struct cached *cached);

/* Is told of a name that was not known, after the store was asked. */
void cache_learn(struct cache *cache, const char *path);

/* What it did and holds. Read by any thread. */
struct cache_figures {
    uint64_t hits, misses; /* names found, and not */
    uint64_t names;        /* known now */
    uint64_t forgotten;    /* because something changed */
    uint64_t lost;         /* how often all were */
};
void cache_get_figures(const struct cache *cache, struct cache_figures *ret_figures);

#endif
