/* SPDX-License-Identifier: MIT */
/*
 * The cache: what is found in it, what is taken in, and what has to go.
 */
#include <config.h>

#include "daemon/cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/changes.h"
#include "daemon/cleanup.h"
#include "daemon/known.h"
#include "fiber/lines.h"

/* Uses that count: so often may a name be passed over before it has to go. */
#define USES_MOST 3

/* Of the names, one in so many is on probation. */
#define PROBATION_PART 8

/* Names asked for once are remembered for each that may be known; of so many the latest. */
#define ASKED_FACTOR   4
#define ASKED_TOGETHER 8

/*
 * Levels of directories on the way to a name, and names and directories for each name: each is a
 * watch.
 */
#define LEVELS_MOST    32
#define WATCHES_FACTOR 4

struct cache {
    const struct store *store;
    void (*close_elsewhere)(void *context, struct store_file *file);
    void *context;
    struct changes *changes;
    bool is_blind;  /* there is no news any more: nothing is believed */
    uint64_t batch; /* for which news was taken last */
    uint64_t taken; /* how often it was */

    struct known_table table;
    struct known_queue probation, proven;
    size_t most;        /* in both queues */
    uint64_t forgotten; /* names, so far: who remembers one and this number has it still */

    char path[STORE_PATH_MAX + 1]; /* one that is made up; stacks are small */

    uint32_t (*asked)[ASKED_TOGETHER]; /* parts of hashes of names that were asked for once */
    size_t asked_mask;

    _Atomic uint64_t hits, misses, names, outdated, lost;
};

/* Counted by one thread, read by others: no other writes what it adds to. */
static void count(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + number,
                          memory_order_relaxed);
}

/* ---- What has to go ------------------------------------------------------------------------- */

static void close_file(const struct cache *cache, int descriptor)
{
    struct store_file file = {.descriptor = descriptor, .storage = STORE_LOCAL};

    if (descriptor >= 0 && store_close_is_slow(&file))
        cache->close_elsewhere(cache->context, &file);
    store_close(&file);
}

/* Nobody needs to hear of it any more, unless others of its names are known. */
static void unwatch(struct cache *cache, int watch)
{
    if (!known_find_watched(&cache->table, watch))
        changes_unwatch(cache->changes, watch);
}

static void end_known(struct cache *cache, struct known *known)
{
    close_file(cache, known->descriptor);
    known_free(&cache->table, known);
}

/* Takes one out that has no children. */
static void remove_leaf(struct cache *cache, struct known *known)
{
    int watch = known->watch;

    if (known->queue) {
        known_queue_leave(known);
        count(&cache->names, (uint64_t)-1);
    }
    known_take_out(&cache->table, known);
    cache->forgotten++;
    if (watch >= 0)
        unwatch(cache, watch);
    if (known->held == 0)
        end_known(cache, known);
}

/* Directories that lead to nothing, from this one up. */
static void prune(struct cache *cache, struct known *directory)
{
    while (directory && !directory->children) {
        struct known *up = directory->parent;

        remove_leaf(cache, directory);
        directory = up;
    }
}

/* Takes a name out, with all beneath it, and the directories that led to nothing else. */
static void forget(struct cache *cache, struct known *known)
{
    struct known *way = known->parent, *leaf;

    do {
        leaf = known;
        while (leaf->children)
            leaf = leaf->children;
        remove_leaf(cache, leaf);
    } while (leaf != known);
    prune(cache, way);
}

static void forget_all(struct cache *cache)
{
    struct known *root = known_find(&cache->table, "", 0, known_hash(&cache->table, "", 0));

    if (root)
        forget(cache, root);
}

/* One name goes: of those on probation, if they are many, the oldest that was not found again. */
static void make_place(struct cache *cache)
{
    size_t few = cache->most / PROBATION_PART;

    for (;;) {
        bool on_probation = cache->probation.count > few || cache->proven.count == 0;
        struct known *known = on_probation ? cache->probation.oldest : cache->proven.oldest;

        if (known->uses == 0) {
            forget(cache, known);
            return;
        }
        known->uses = on_probation ? 0 : known->uses - 1;
        known_queue_leave(known);
        known_queue_append(&cache->proven, known);
    }
}

/* ---- What has changed ----------------------------------------------------------------------- */

static void on_touched(void *context, int number)
{
    struct cache *cache = context;
    struct known *known;

    while ((known = known_find_watched(&cache->table, number))) {
        count(&cache->outdated, 1);
        forget(cache, known);
    }
}

static void on_named(void *context, int number, const char *name)
{
    struct cache *cache = context;
    struct known *directory = known_find_watched(&cache->table, number), *known;
    char *path = cache->path;
    size_t size, name_size = strlen(name);

    if (!directory || directory->path_size + 1 + name_size > STORE_PATH_MAX)
        return;
    memcpy(path, known_path(directory), directory->path_size);
    size = directory->path_size;
    if (size > 0)
        path[size++] = '/';
    memcpy(path + size, name, name_size);
    size += name_size;
    known = known_find(&cache->table, path, size, known_hash(&cache->table, path, size));
    if (known) {
        count(&cache->outdated, 1);
        forget(cache, known);
    }
}

static void on_lost(void *context)
{
    struct cache *cache = context;

    count(&cache->lost, 1);
    forget_all(cache);
}

static const struct changes_listener listener = {
    .touched = on_touched, .named = on_named, .lost = on_lost};

void cache_take_changes(void *context)
{
    struct cache *cache = context;

    if (cache->is_blind)
        return;
    cache->is_blind = !changes_take(cache->changes, &listener, cache);
    cache->taken++;
    if (cache->is_blind)
        on_lost(cache);
}

/* ---- What is found -------------------------------------------------------------------------- */

static int miss(struct cache *cache)
{
    count(&cache->misses, 1);
    return -EAGAIN;
}

int cache_find(struct cache *cache, uint64_t batch, const char *path, struct cached *ret_cached)
{
    size_t size = strlen(path);
    struct known *known;
    uint64_t hash;

    if (!cache)
        return -EAGAIN;
    if (cache->table.count == 0)
        return miss(cache);
    hash = known_hash(&cache->table, path, size);
    known = known_find(&cache->table, path, size, hash);
    if (known && cache->batch != batch) {
        cache->batch = batch;
        cache_take_changes(cache);
        known = known_find(&cache->table, path, size, hash);
    }
    if (!known || known->kind == KNOWN_DIRECTORY || known->learned == cache->taken)
        return miss(cache);
    count(&cache->hits, 1);
    if (known->uses < USES_MOST)
        known->uses++;
    if (known->kind == KNOWN_ABSENT)
        return -ENOENT;
    *ret_cached = (struct cached){cache, known, cache->forgotten};
    return 0;
}

static bool is_current(const struct cached *cached)
{
    return cached->forgotten == cached->cache->forgotten;
}

int cached_stat(const struct cached *cached, struct store_info *ret_info)
{
    if (!is_current(cached))
        return -EAGAIN;
    return store_try_stat_open(cached->known->descriptor, ret_info);
}

size_t cached_room(const struct cached *cached, size_t most)
{
    uint64_t size = is_current(cached) ? cached->known->size : 0;

    if (size > most)
        return 0;
    size += size / 8 + 64; /* of one that is written at its end, too */
    return size < most ? (size_t)size : most;
}

int cached_open(const struct cached *cached, struct store_file *ret_file)
{
    int r = -EAGAIN;

    if (is_current(cached))
        r = store_try_open_again(cached->cache->store, cached->known->descriptor, ret_file);
    if (r == 0)
        cached->known->size = ret_file->info.size; /* which may have room now, or no more */
    return r;
}

int cached_read(const struct cached *cached, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    if (!is_current(cached))
        return -EAGAIN;
    return store_try_read_now(cached->cache->store, cached->known->descriptor, buffer, capacity,
                              &cached->known->size, ret_size);
}

int cached_hold(const struct cached *cached, int *ret_descriptor, uint64_t *ret_size)
{
    struct store_info info;

    if (cached_stat(cached, &info) < 0)
        return -EAGAIN;
    cached->known->size = info.size; /* which may have room now, or no more */
    cached->known->held++;
    *ret_descriptor = cached->known->descriptor;
    *ret_size = info.size;
    return 0;
}

struct valve_residency *cached_residency(const struct cached *cached)
{
    return &cached->known->residency;
}

void cached_let_go(const struct cached *cached)
{
    struct known *known = cached->known;

    if (--known->held == 0 && known->is_out)
        end_known(cached->cache, known);
}

/* ---- What is taken in ----------------------------------------------------------------------- */

/* Whether it was asked for before, of late: then it is not remembered any more. */
static bool is_asked_again(struct cache *cache, uint64_t hash)
{
    uint32_t *asked = cache->asked[hash & cache->asked_mask];
    uint32_t mark = (uint32_t)(hash >> 32) | 1;
    unsigned i = 0;

    while (i < ASKED_TOGETHER - 1 && asked[i] != mark)
        i++;
    if (asked[i] == mark) {
        asked[i] = 0;
        return true;
    }
    memmove(asked + 1, asked, i * sizeof *asked); /* the oldest goes */
    asked[0] = mark;
    return false;
}

/* Watches what was found, and then finds it once more: later changes are told. */
static bool prove(struct cache *cache, const char *path, const struct store_found *found,
                  int *ret_watch)
{
    cleanup(store_found_close) struct store_found again = STORE_FOUND_NOTHING;
    bool is_directory = found->kind == STORE_DIRECTORY;

    if (changes_watch(cache->changes, found->descriptor, is_directory, ret_watch) < 0)
        return false;
    if (store_try_find(cache->store, path, &again) == 0 &&
        store_is_same(&again.identity, &found->identity))
        return true;
    unwatch(cache, *ret_watch);
    return false;
}

/* The directory of this path: known, or taken in. NULL: it cannot be. */
static struct known *learn_directory(struct cache *cache, struct known *parent, const char *path)
{
    cleanup(store_found_close) struct store_found found = STORE_FOUND_NOTHING;
    size_t size = strlen(path);
    struct known *known = known_find(&cache->table, path, size,
                                     known_hash(&cache->table, path, size));
    enum store_keeping keeping;
    int watch;

    if (known)
        return known->kind == KNOWN_DIRECTORY ? known : NULL;
    if (store_try_find(cache->store, *path ? path : ".", &found) < 0 ||
        found.kind != STORE_DIRECTORY)
        return NULL;
    keeping = store_keeping_in(cache->store, &found);
    if (keeping == STORE_KEEP_NOTHING || !prove(cache, *path ? path : ".", &found, &watch))
        return NULL;
    /* By one name only: what is told of a name in it is told once. */
    if (known_find_watched(&cache->table, watch))
        return NULL;
    known = known_add(&cache->table, parent, KNOWN_DIRECTORY, path, size);
    if (known) {
        known_set_watch(&cache->table, known, watch);
        known->keeps_absence = keeping == STORE_KEEP_ALL;
    } else {
        unwatch(cache, watch);
    }
    return known;
}

/*
 * The directory that a path is in, and with it those on the way to it. *ret_last: the last of them.
 */
static bool learn_way(struct cache *cache, const char *path, struct known **ret_last)
{
    struct known *known = learn_directory(cache, NULL, "");
    char *way = cache->path;
    unsigned levels = 0;

    *ret_last = known;
    for (const char *slash = path; known && (slash = strchr(slash, '/')); slash++) {
        size_t size = (size_t)(slash - path);

        memcpy(way, path, size);
        way[size] = '\0';
        known = ++levels < LEVELS_MOST ? learn_directory(cache, known, way) : NULL;
        if (known)
            *ret_last = known;
    }
    return known != NULL;
}

static struct known *add_name(struct cache *cache, struct known *way, enum known_kind kind,
                              const char *path)
{
    struct known *known = known_add(&cache->table, way, kind, path, strlen(path));

    if (!known)
        return NULL;
    known->learned = cache->taken;
    known_queue_append(&cache->probation, known);
    count(&cache->names, 1);
    return known;
}

static void learn_absence(struct cache *cache, struct known *way, const char *path)
{
    if (way->keeps_absence)
        add_name(cache, way, KNOWN_ABSENT, path);
}

/* The order is what makes it true: watched, then found again, then opened. */
static void learn_file(struct cache *cache, struct known *way, const char *path,
                       const struct store_found *found)
{
    struct store_file file = STORE_FILE_CLOSED;
    struct known *known;
    int watch;

    if (!prove(cache, path, found, &watch))
        return;
    known = store_try_open_found(cache->store, found, &file) == 0
                ? add_name(cache, way, KNOWN_FILE, path)
                : NULL;
    if (known) {
        known->size = file.info.size;
        known->descriptor = file.descriptor;
        known_set_watch(&cache->table, known, watch);
        return;
    }
    store_close(&file);
    unwatch(cache, watch);
}

static void learn(struct cache *cache, const char *path)
{
    cleanup(store_found_close) struct store_found found = STORE_FOUND_NOTHING;
    struct known *way;

    if (learn_way(cache, path, &way)) {
        int r = store_try_find(cache->store, path, &found);

        if (r == -ENOENT)
            learn_absence(cache, way, path);
        else if (r == 0 && found.kind == STORE_REGULAR)
            learn_file(cache, way, path, &found);
    }
    prune(cache, way);
}

void cache_learn(struct cache *cache, const char *path)
{
    size_t size = strlen(path);
    uint64_t hash;

    if (!cache || cache->is_blind)
        return;
    hash = known_hash(&cache->table, path, size);
    if (known_find(&cache->table, path, size, hash) || !is_asked_again(cache, hash))
        return;
    while (cache->probation.count + cache->proven.count >= cache->most ||
           cache->table.count >= cache->most * WATCHES_FACTOR)
        make_place(cache);
    learn(cache, path);
}

/* ---- Making and freeing --------------------------------------------------------------------- */

static void cleanup_cache(struct cache **cache)
{
    cache_free(*cache);
}

int cache_new(const struct cache_options *options, struct cache **ret_cache)
{
    cleanup(cleanup_cache) struct cache *cache = NULL;
    size_t asked = 1;
    int r;

    if (!store_may_be_kept(options->store))
        return -EOPNOTSUPP;
    cache = valve_lines_new(sizeof *cache);
    if (!cache)
        return -ENOMEM;
    while (asked * ASKED_TOGETHER < options->most * ASKED_FACTOR)
        asked *= 2;
    cache->store = options->store;
    cache->most = options->most;
    cache->close_elsewhere = options->close_elsewhere;
    cache->context = options->context;
    cache->asked = calloc(asked, sizeof *cache->asked);
    cache->asked_mask = asked - 1;
    cache->taken = 1;
    r = cache->asked ? known_table_init(&cache->table, options->most,
                                        options->most * (WATCHES_FACTOR + 1) + LEVELS_MOST + 1)
                     : -ENOMEM;
    if (r == 0)
        r = changes_new(&cache->changes);
    if (r < 0)
        return r;
    *ret_cache = cache;
    cache = NULL;
    return 0;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    if (cache->changes)
        forget_all(cache);
    changes_free(cache->changes);
    known_table_fini(&cache->table);
    free(cache->asked);
    free(cache);
}

int cache_descriptor(const struct cache *cache)
{
    return changes_descriptor(cache->changes);
}

void cache_get_figures(const struct cache *cache, struct cache_figures *ret_figures)
{
    *ret_figures = (struct cache_figures){
        .hits = atomic_load_explicit(&cache->hits, memory_order_relaxed),
        .misses = atomic_load_explicit(&cache->misses, memory_order_relaxed),
        .names = atomic_load_explicit(&cache->names, memory_order_relaxed),
        .forgotten = atomic_load_explicit(&cache->outdated, memory_order_relaxed),
        .lost = atomic_load_explicit(&cache->lost, memory_order_relaxed),
    };
}
