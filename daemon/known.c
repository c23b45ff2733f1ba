/* SPDX-License-Identifier: MIT */
/*
 * The names of a cache, in chained hash tables and in the tree of their directories.
 */
#include <config.h>

#include "daemon/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int known_table_init(struct known_table *table, size_t most)
{
    size_t lists = 16;

    while (lists < most)
        lists *= 2;
    *table = (struct known_table){
        .by_path = calloc(lists, sizeof *table->by_path),
        .by_watch = calloc(lists, sizeof *table->by_watch),
        .mask = lists - 1,
    };
    if (!table->by_path || !table->by_watch)
        return -ENOMEM;
    return getrandom(&table->seed, sizeof table->seed, 0) == sizeof table->seed ? 0 : -EIO;
}

void known_table_fini(struct known_table *table)
{
    free(table->by_path);
    free(table->by_watch);
}

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
                     memcmp(known->path, path, size) != 0))
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
    struct known *known = calloc(1, sizeof *known + size + 1);

    if (!known)
        return NULL;
    known->kind = (uint8_t)kind;
    known->descriptor = known->watch = -1;
    known->path_size = (uint16_t)size;
    memcpy(known->path, path, size);
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
