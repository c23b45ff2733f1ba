/* SPDX-License-Identifier: MIT */
/*
 * The names of a cache, in chained hash tables and in the tree of their directories.
 */
#include <config.h>

#include "daemon/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define REST_WORTH 256 /* names that were taken in since pages went back last */
#define PATH_STEP  256 /* of few sizes: the heap's caches keep some blocks of each */

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Memory of its own, of zeroes, which is there page by page as it is written. NULL: none. */
static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}

static size_t size_of_lists(const struct known_table *table)
{
    return (table->mask + 1) * sizeof *table->by_path;
}

int known_table_init(struct known_table *table, size_t most, size_t room)
{
    size_t lists = 16;

    while (lists < most)
        lists *= 2;
    *table = (struct known_table){.mask = lists - 1, .room = room};
    table->by_path = map(size_of_lists(table));
    table->by_watch = map(size_of_lists(table));
    table->places = map(room * sizeof *table->places);
    if (!table->by_path || !table->by_watch || !table->places)
        return -ENOMEM;
    return getrandom(&table->seed, sizeof table->seed, 0) == sizeof table->seed ? 0 : -EIO;
}

void known_table_fini(struct known_table *table)
{
    unmap(table->by_path, size_of_lists(table));
    unmap(table->by_watch, size_of_lists(table));
    unmap(table->places, table->room * sizeof *table->places);
}

/* When all are gone the pages go back: those of the lists, too, which are all empty. */
static void rest(struct known_table *table)
{
    madvise(table->by_path, size_of_lists(table), MADV_DONTNEED);
    madvise(table->by_watch, size_of_lists(table), MADV_DONTNEED);
    madvise(table->places, table->used * sizeof *table->places, MADV_DONTNEED);
    table->spare = NULL;
    table->used = table->taken = 0;
}

/* ---- Places ----------------------------------------------------------------------------- */

static struct known *take_place(struct known_table *table)
{
    struct known *known = table->spare;

    if (known)
        table->spare = known->next_of_path;
    else if (table->used < table->room)
        known = &table->places[table->used++];
    if (!known)
        return NULL;
    table->live++;
    table->taken++;
    *known = (struct known){.descriptor = -1, .watch = -1};
    return known;
}

void known_free(struct known_table *table, struct known *known)
{
    if (known->path_size >= KNOWN_PATH_SHORT)
        free(known->path.elsewhere);
    known->next_of_path = table->spare;
    table->spare = known;
    if (--table->live == 0 && table->taken >= REST_WORTH)
        rest(table);
}

static bool set_path(struct known *known, const char *path, size_t size)
{
    char *copy = known->path.in_place;

    if (size >= KNOWN_PATH_SHORT)
        copy = known->path.elsewhere = malloc(size / PATH_STEP * PATH_STEP + PATH_STEP);
    if (!copy)
        return false;
    memcpy(copy, path, size);
    copy[size] = '\0';
    known->path_size = (uint16_t)size;
    return true;
}

/* ---- The table -------------------------------------------------------------------------- */

uint64_t known_hash(const struct known_table *table, const char *path, size_t size)
{
    return XXH3_64bits_withSeed(path, size, table->seed);
}

static struct known **list_of_path(const struct known_table *table, uint64_t hash)
{
    return &table->by_path[hash & table->mask];
}

/* The kernel counts them up. */
static struct known **list_of_watch(const struct known_table *table, int watch)
{
    return &table->by_watch[(size_t)watch & table->mask];
}

struct known *known_find(const struct known_table *table, const char *path, size_t size,
                         uint64_t hash)
{
    struct known *known = *list_of_path(table, hash);

    while (known && (known->hash != hash || known->path_size != size ||
                     memcmp(known_path(known), path, size) != 0))
        known = known->next_of_path;
    return known;
}

struct known *known_find_watched(const struct known_table *table, int watch)
{
    struct known *known = *list_of_watch(table, watch);

    while (known && known->watch != watch)
        known = known->next_of_watch;
    return known;
}

static void join_parent(struct known *known, struct known *parent)
{
    known->parent = parent;
    known->previous = known->next = known;
    if (!parent)
        return;
    if (parent->children) {
        known->next = parent->children;
        known->previous = known->next->previous;
        known->previous->next = known->next->previous = known;
    }
    parent->children = known;
}

static void leave_parent(struct known *known)
{
    known->previous->next = known->next;
    known->next->previous = known->previous;
    if (known->parent && known->parent->children == known)
        known->parent->children = known->next == known ? NULL : known->next;
}

struct known *known_add(struct known_table *table, struct known *parent, enum known_kind kind,
                        const char *path, size_t size)
{
    struct known *known = take_place(table);

    if (!known)
        return NULL;
    if (!set_path(known, path, size)) {
        known_free(table, known);
        return NULL;
    }
    known->kind = (uint8_t)kind;
    known->hash = known_hash(table, path, size);
    known->next_of_path = *list_of_path(table, known->hash);
    *list_of_path(table, known->hash) = known;
    join_parent(known, parent);
    table->count++;
    return known;
}

void known_set_watch(struct known_table *table, struct known *known, int watch)
{
    struct known **list = list_of_watch(table, watch);

    known->watch = watch;
    known->next_of_watch = *list;
    *list = known;
}

void known_take_out(struct known_table *table, struct known *known)
{
    struct known **link = list_of_path(table, known->hash);

    while (*link != known)
        link = &(*link)->next_of_path;
    *link = known->next_of_path;
    if (known->watch >= 0) {
        link = list_of_watch(table, known->watch);
        while (*link != known)
            link = &(*link)->next_of_watch;
        *link = known->next_of_watch;
    }
    leave_parent(known);
    table->count--;
    known->is_out = true;
}

void known_queue_append(struct known_queue *queue, struct known *known)
{
    known->queue = queue;
    known->newer = NULL;
    known->older = queue->newest;
    *(queue->newest ? &queue->newest->newer : &queue->oldest) = known;
    queue->newest = known;
    queue->count++;
}

void known_queue_leave(struct known *known)
{
    struct known_queue *queue = known->queue;

    *(known->older ? &known->older->newer : &queue->oldest) = known->newer;
    *(known->newer ? &known->newer->older : &queue->newest) = known->older;
    known->queue = NULL;
    queue->count--;
}
