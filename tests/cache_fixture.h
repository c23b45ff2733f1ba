/* SPDX-License-Identifier: MIT */
/*
 * What the suites share that test the cache: one of a tree of files, and what is done to them.
 */
#ifndef VALVE_CACHE_FIXTURE_H
#define VALVE_CACHE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/cache.h"
#include "tests/tree.h"

#define CACHE_MOST 64 /* names */

/* Of the test that runs. */
extern struct tree tree;
extern struct store *store;
extern struct cache *cache;
extern uint64_t cache_batch;      /* of find(), the last one */
extern unsigned closed_elsewhere; /* files */

/*
 * From now on what others mount is not seen here: each time all names would be forgotten. Needs
 * privileges, and does without.
 */
void hide_mounts(void);

/* Whether names may be kept here: not on every file system, nor under Valgrind without openat2. */
bool may_be_kept(void);

/* Before and after a test. */
void cache_set_up(void);
void cache_tear_down(void);

/* Closes and counts. */
void cache_close_elsewhere(void *context, struct store_file *file);

/* As cache_find(), in a batch of its own. */
int find(const char *path, struct cached *ret_cached);

/* Whether it is known, and nothing but that. */
int look(const char *path);

/* Asks as a request does: the store, where the cache does not know. */
void ask(const char *path);
void ask_until_known(const char *path);

/* It is known, and read from memory. */
void expect_content(const char *path, const char *content);

/* What the kernel watches for this cache. */
unsigned watches(void);

/* Absolute, of a name beneath the top of the tree; good until two calls later. */
const char *full(const char *path);

/* Changes, by such names. */
void move(const char *from, const char *to);
void exchange(const char *one, const char *other);
void take_away(const char *path);
void hard_link(const char *from, const char *to);
void change_mode(const char *path, mode_t mode);

#endif
