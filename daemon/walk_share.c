/* SPDX-License-Identifier: MIT */
/*
 * Sharing a walk: what one knows that it has still to do, another takes half of.
 */
#include <config.h>

#include <string.h>

#include "daemon/walk_internal.h"

/* Fewer bytes of entries than this are looked at sooner than given away. */
#define ENTRIES_SHARED 8192

/* Bytes of names that are given at once: workers copy them. */
#define NAMES_SHARED ((size_t)64 * 1024)

static const struct level *last_level(const struct walk *walk)
{
    return &walk->levels[walk->depth - 1];
}

/* Where the subdirectories of a level end in walk->names. */
static size_t names_end(const struct walk *walk, size_t level)
{
    return level + 1 < walk->depth ? walk->levels[level + 1].names : walk->names.used;
}

/* The level nearest to the root that has subdirectories still to be walked; `depth` if none has. */
static size_t level_with_names(const struct walk *walk)
{
    size_t level = 0;

    while (level < walk->depth && walk->levels[level].names == names_end(walk, level))
        level++;
    return level;
}

static bool has_other_work(const struct walk *walk, size_t level)
{
    return level + 1 < walk->depth || walk->next_entry < walk->entries_end ||
           !last_level(walk)->ended;
}

/*
 * Where, in a level's names, those begin that are to be given: half of them, the last ones, so that
 * little has to be moved, and no more than somebody is busy with for a while; or the only one. At
 * their end: none.
 */
static size_t names_to_give(const struct walk *walk, size_t level)
{
    const char *names = walk->names.data + walk->levels[level].names;
    size_t size = names_end(walk, level) - walk->levels[level].names;
    size_t start = size - (size / 2 < NAMES_SHARED ? size / 2 : NAMES_SHARED);

    while (start < size && names[start - 1] != '\0')
        start++;
    if (start == size) /* that was within the last */
        for (start--; start > 0 && names[start - 1] != '\0';)
            start--;
    return start > 0 || has_other_work(walk, level) ? start : size;
}

static bool has_entries_to_give(const struct walk *walk)
{
    return walk->entries_end - walk->next_entry >= ENTRIES_SHARED;
}

bool walk_can_share(const struct walk *walk)
{
    size_t level = level_with_names(walk);

    if (level == walk->depth)
        return has_entries_to_give(walk);
    return walk->levels[level].names + names_to_give(walk, level) < names_end(walk, level);
}

/* The taker opens each by its path: it never needs the directory that they are in. */
static bool give_names(struct walk *giver, struct walk *taker, size_t level)
{
    size_t start = giver->levels[level].names + names_to_give(giver, level);
    size_t size = names_end(giver, level) - start;
    struct names *names = &giver->names;

    if (size == 0 || walk_grow((void **)&taker->names.data, &taker->names.room, 0, size, 1) < 0 ||
        walk_begin(taker, &giver->levels[level], giver->path) < 0)
        return false;
    memcpy(taker->names.data, names->data + start, size);
    taker->names.used = size;
    memmove(names->data + start, names->data + start + size, names->used - start - size);
    names->used -= size;
    for (size_t i = level + 1; i < giver->depth; i++)
        giver->levels[i].names -= size;
    return true;
}

/* The taker opens the directory for itself, and looks whether it is the same. */
static bool give_entries(struct walk *giver, struct walk *taker)
{
    size_t half = giver->next_entry + (giver->entries_end - giver->next_entry) / 2;
    size_t start = giver->next_entry;

    if (!has_entries_to_give(giver) || walk_begin(taker, last_level(giver), giver->path) < 0)
        return false;
    while (start < half)
        start += ((const struct dirent64 *)(const void *)(giver->entries + start))->d_reclen;
    taker->next_entry = 0;
    taker->entries_end = giver->entries_end - start;
    memcpy(taker->entries, giver->entries + start, taker->entries_end);
    giver->entries_end = start;
    return true;
}

bool walk_share(struct walk *giver, struct walk *taker)
{
    size_t level = level_with_names(giver);

    return level < giver->depth ? give_names(giver, taker, level) : give_entries(giver, taker);
}
