/* SPDX-License-Identifier: MIT */
/*
 * The walk through the directories of a store.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/scope.h"
#include "daemon/walk_internal.h"

/* Entries looked at, directories opened and buffers read for one batch. */
#define BATCH_STEPS 1024

/* A found file as it stands in the batch; records are aligned. */
struct record {
    struct store_info info;
    size_t path_size;
    char path[]; /* terminated */
};

/* ---- Making and freeing ----------------------------------------------------------- */

/* Room for text that is to be remembered, and the text there. 0 or -ENOMEM. */
static int remember(struct walk *walk, const char *name)
{
    size_t size = strlen(name) + 1;
    int r = walk_grow((void **)&walk->names.data, &walk->names.room, walk->names.used, size, 1);

    if (r < 0)
        return r;
    memcpy(walk->names.data + walk->names.used, name, size);
    walk->names.used += size;
    return 0;
}

int walk_begin(struct walk *walk, const struct level *level, const char *path)
{
    int r = walk_grow((void **)&walk->levels, &walk->room, 0, 1, sizeof *level);

    if (r < 0)
        return r;
    walk->levels[0] = (struct level){
        .identity = level->identity,
        .descriptor = -1,
        .ended = true,
        .path_size = level->path_size,
    };
    walk->depth = walk->closed = 1;
    walk->path_size = level->path_size;
    memcpy(walk->path, path, level->path_size);
    walk->path[level->path_size] = '\0';
    return 0;
}

/* Begins at the paths of a scope, as if they had been found in the root. */
static int begin_in(struct walk *walk, const struct scope *scope)
{
    const struct level root = {.descriptor = -1};
    int r = walk_begin(walk, &root, "");

    for (size_t i = 0; r == 0 && i < scope->count; i++)
        if (!store_hides_path(walk->store, scope->paths[i]))
            r = remember(walk, scope->paths[i]);
    return r;
}

struct walk *walk_new_idle(const struct store *store)
{
    struct walk *walk = malloc(sizeof *walk);

    if (!walk)
        return NULL;
    memset(walk, 0, offsetof(struct walk, entries));
    walk->store = store;
    walk->allowed = WALK_OPEN_MAX;
    walk->started = true;
    return walk;
}

struct walk *walk_new(const struct store *store, const struct scope *scope)
{
    struct walk *walk = walk_new_idle(store);

    if (walk && scope && begin_in(walk, scope) < 0) {
        walk_free(walk);
        return NULL;
    }
    if (walk && !scope)
        walk->started = false;
    return walk;
}

void walk_allow(struct walk *walk, unsigned directories)
{
    walk->allowed = directories < WALK_OPEN_MAX ? directories : WALK_OPEN_MAX;
}

void walk_free(struct walk *walk)
{
    if (!walk)
        return;
    for (size_t i = 0; i < walk->depth; i++)
        cleanup_descriptor(&walk->levels[i].descriptor);
    free(walk->levels);
    free(walk->names.data);
    free(walk);
}

bool walk_ended(const struct walk *walk)
{
    return walk->started && walk->depth == 0;
}

const char *walk_where(const struct walk *walk)
{
    return walk->path;
}

static struct level *last_level(struct walk *walk)
{
    return &walk->levels[walk->depth - 1];
}

int walk_grow(void **data, size_t *room, size_t used, size_t more, size_t size)
{
    size_t wanted = *room ? *room : 64;
    void *bigger;

    while (wanted < used + more)
        wanted *= 2;
    if (wanted == *room)
        return 0;
    bigger = malloc(wanted * size);
    if (!bigger)
        return -ENOMEM;
    if (used > 0)
        memcpy(bigger, *data, used * size);
    free(*data);
    *data = bigger;
    *room = wanted;
    return 0;
}

/* ---- Paths ---------------------------------------------------------------------------- */

/* Appends a name to the path; false if that is longer than a path can be. */
static bool path_push(struct walk *walk, const char *name)
{
    size_t used = walk->path_size, size = strlen(name);

    if (used + (used > 0) + size > STORE_PATH_MAX)
        return false;
    if (used > 0)
        walk->path[used++] = '/';
    memcpy(walk->path + used, name, size + 1);
    walk->path_size = used + size;
    return true;
}

/* Back to the path of the last level. */
static void path_pop(struct walk *walk)
{
    walk->path_size = walk->depth > 0 ? last_level(walk)->path_size : 0;
    walk->path[walk->path_size] = '\0';
}

/* Whether the error means that there is nothing to list here, rather than that a list fails. */
static bool is_left_out(int error)
{
    return error == -ENOENT || error == -EACCES || error == -EPERM || error == -ENAMETOOLONG;
}

/* ---- Levels --------------------------------------------------------------------------- */

/* Closes the open level that is nearest to the root, to be read on later. */
static void close_shallowest(struct walk *walk)
{
    struct level *level = &walk->levels[walk->closed++];

    level->offset = lseek(level->descriptor, 0, SEEK_CUR);
    if (level->offset < 0)
        level->ended = true;
    close(level->descriptor);
    level->descriptor = -1;
}

void walk_rest(struct walk *walk)
{
    while (walk->closed < walk->depth)
        close_shallowest(walk);
}

/* Goes into the directory that walk->path names. */
static int enter(struct walk *walk)
{
    struct level level = {.descriptor = -1, .path_size = walk->path_size};
    int r = walk_grow((void **)&walk->levels, &walk->room, walk->depth, 1, sizeof level);

    if (r < 0)
        return r;
    while (walk->depth > walk->closed && walk->depth - walk->closed >= walk->allowed)
        close_shallowest(walk);
    r = store_open_directory(walk->store, walk->path, &level.descriptor, &level.identity);
    if (r < 0)
        return r;
    level.names = walk->names.used;
    level.is_read_whole = !store_keeps_offsets(walk->store, level.descriptor, &level.identity);
    walk->levels[walk->depth++] = level;
    return 0;
}

/* Leaves the last level for the one above. */
static void leave(struct walk *walk)
{
    cleanup_descriptor(&last_level(walk)->descriptor);
    walk->depth--;
    if (walk->closed > walk->depth)
        walk->closed = walk->depth;
    path_pop(walk);
}

/* Opens the last level again. If it is not there any more, nor is what it had left. */
static int reopen(struct walk *walk)
{
    struct level *level = last_level(walk);
    cleanup(cleanup_descriptor) int descriptor = -1;
    struct store_identity identity;
    int r = store_open_directory(walk->store, walk->path, &descriptor, &identity);

    if (r < 0 && !is_left_out(r))
        return r;
    if (r < 0 || identity.device != level->identity.device ||
        identity.inode != level->identity.inode ||
        lseek(descriptor, level->offset, SEEK_SET) != level->offset) {
        level->ended = true;
        walk->next_entry = walk->entries_end = 0;
        return 0;
    }
    level->descriptor = steal_descriptor(&descriptor);
    walk->closed = walk->depth - 1;
    return 0;
}

/* ---- Entries -------------------------------------------------------------------------- */

/* Whether an entry can be anything that is listed or gone into, by what it tells of itself. */
static bool is_wanted(const struct walk *walk, const struct dirent64 *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
           entry->d_type != DT_FIFO && entry->d_type != DT_SOCK && entry->d_type != DT_CHR &&
           entry->d_type != DT_BLK && !store_hides(walk->store, entry->d_name);
}

static int remember_entries(struct walk *walk, size_t size)
{
    int r = 0;

    for (size_t next = 0; next < size && r == 0;) {
        const struct dirent64 *entry = (const void *)(walk->entries + next);

        if (is_wanted(walk, entry))
            r = remember(walk, entry->d_name);
        next += entry->d_reclen;
    }
    return r;
}

/*
 * Where offsets only count the entries that there are, a directory that is closed and read on would
 * be read on elsewhere if one was removed meanwhile. All its names are remembered instead.
 */
static int read_whole(struct walk *walk)
{
    struct level *level = last_level(walk);
    ssize_t size;
    int r = lseek(level->descriptor, 0, SEEK_SET) < 0 ? -errno : 0;

    walk->names.used = level->names; /* this may be another try */
    while (r == 0 && (size = getdents64(level->descriptor, walk->entries, ENTRIES_SIZE)) != 0)
        r = size < 0 ? -errno : remember_entries(walk, (size_t)size);
    if (r < 0 && r != -ENOENT && r != -ESTALE)
        return store_verdict(r);
    level->ended = true;
    return 0;
}

static int read_entries(struct walk *walk)
{
    struct level *level = last_level(walk);
    ssize_t size;

    if (level->descriptor < 0)
        return reopen(walk);
    if (level->is_read_whole)
        return read_whole(walk);
    size = getdents64(level->descriptor, walk->entries, sizeof walk->entries);
    if (size < 0 && errno != ENOENT && errno != ESTALE)
        return store_verdict(-errno);
    level->ended = size <= 0;
    walk->next_entry = 0;
    walk->entries_end = size > 0 ? (size_t)size : 0;
    return 0;
}

static size_t record_size(size_t path_size)
{
    size_t size = offsetof(struct record, path) + path_size + 1;

    return (size + _Alignof(struct record) - 1) & ~(_Alignof(struct record) - 1);
}

/* Puts the file that walk->path names into the batch, which has room for any. */
static void add_record(struct walk *walk, const struct store_info *info)
{
    size_t path_size = walk->path_size;
    struct record *record = (struct record *)(void *)(walk->batch + walk->batch_end);

    record->info = *info;
    record->path_size = path_size;
    memcpy(record->path, walk->path, path_size + 1);
    walk->batch_end += record_size(path_size);
}

/* Lists what walk->path names, which is no directory, if it is a file. */
static int list_file(struct walk *walk)
{
    struct store_info info;
    int r = store_stat(walk->store, walk->path, &info);

    if (r == 0)
        add_record(walk, &info);
    return r;
}

/*
 * Goes into the subdirectory that was remembered last. It stays remembered if it cannot be now.
 * What a scope begins with can be a file, and so can what a directory that was read whole had.
 */
static int descend(struct walk *walk)
{
    size_t used = walk->names.used, start = used - 1;
    int r = -ENAMETOOLONG;

    while (start > 0 && walk->names.data[start - 1] != '\0')
        start--;
    walk->names.used = start;
    if (path_push(walk, walk->names.data + start)) {
        r = enter(walk);
        if (r == 0)
            return 0;
        if (r == -ENOENT)
            r = list_file(walk);
    }
    if (store_is_shortage(r))
        walk->names.used = used;
    if (r == 0 || is_left_out(r) || store_is_shortage(r))
        path_pop(walk); /* otherwise it is where the walk failed */
    return is_left_out(r) ? 0 : r;
}

/* Lists an entry whose path is walk->path, or remembers it, or neither. */
static int take_named_entry(struct walk *walk, const char *name)
{
    enum store_kind kind;
    struct store_info info;
    int r = store_look_at(walk->store, last_level(walk)->descriptor, name, &kind, &info);

    if (r < 0)
        return r;
    if (kind == STORE_DIRECTORY)
        return remember(walk, name);
    if (kind == STORE_LINK && store_follows_links(walk->store))
        return list_file(walk);
    if (kind == STORE_REGULAR)
        add_record(walk, &info);
    return 0;
}

static int take_entry(struct walk *walk, const struct dirent64 *entry)
{
    int r;

    if (!is_wanted(walk, entry))
        return 0;
    if (entry->d_type == DT_DIR)
        return remember(walk, entry->d_name);
    if (!path_push(walk, entry->d_name))
        return 0;
    r = take_named_entry(walk, entry->d_name);
    if (r == 0 || is_left_out(r) || store_is_shortage(r))
        path_pop(walk); /* otherwise it is where the walk failed */
    return is_left_out(r) ? 0 : r;
}

static int next_entry(struct walk *walk)
{
    const struct dirent64 *entry = (const void *)(walk->entries + walk->next_entry);
    int r = take_entry(walk, entry);

    if (r == 0)
        walk->next_entry += entry->d_reclen;
    return r;
}

/* ---- Batches -------------------------------------------------------------------------- */

/* The root itself must be readable: an empty list would not be true. */
static int start(struct walk *walk)
{
    int r = enter(walk);

    if (r == 0)
        walk->started = true;
    return r;
}

static int step(struct walk *walk)
{
    if (!walk->started)
        return start(walk);
    if (walk->next_entry < walk->entries_end)
        return last_level(walk)->descriptor < 0 ? reopen(walk) : next_entry(walk);
    if (walk->names.used > last_level(walk)->names)
        return descend(walk);
    if (!last_level(walk)->ended)
        return read_entries(walk);
    leave(walk);
    return 0;
}

static int gather(struct walk *walk)
{
    walk->next_record = walk->batch_end = 0;
    for (unsigned steps = 0; steps < BATCH_STEPS && !walk_ended(walk); steps++) {
        int r;

        if (sizeof walk->batch - walk->batch_end < record_size(STORE_PATH_MAX))
            return 0;
        r = step(walk);
        if (store_is_shortage(r) && walk->batch_end > 0)
            return 0; /* what there is can go out; the next batch meets the shortage again */
        if (r < 0)
            return r;
    }
    return 0;
}

int walk_next_batch(struct walk *walk)
{
    int r = gather(walk);

    if (walk->allowed == 0)
        walk_rest(walk);
    return r;
}

bool walk_take(struct walk *walk, struct walk_file *ret_file)
{
    const struct record *record;

    if (walk->next_record == walk->batch_end)
        return false;
    record = (const void *)(walk->batch + walk->next_record);
    walk->next_record += record_size(record->path_size);
    *ret_file = (struct walk_file){record->path, record->path_size, record->info};
    return true;
}
