/* SPDX-License-Identifier: MIT */
/*
 * The files on disk: written, renamed into place, removed, looked at; and which may be asked for.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/soak/load.h"

#define HOT_FILES   32
#define OLD_ONES    24 /* versions that a file may still have had */
#define PIECE       ((size_t)65536)
#define NANOSECONDS 1000000000
#define MILLISECOND 1000000
#define LONGEST_WAY 300 /* ms that a directory is away */

/* What is known of a file beside its histories. */
struct usage {
    uint32_t dels;  /* in flight */
    bool lost;      /* a Del was lost: nothing is done with it until that is resolved */
    uint64_t since; /* ns; when it was */
};

static struct usage *usages;

/* The directory that was moved away; 0: none. */
static struct {
    uint32_t directory;
    uint64_t back; /* ns; when it is to be */
} away;

static bool is_away(uint32_t file)
{
    return away.directory != 0 && file / FILES_A_DIRECTORY == away.directory;
}

static char *name_of(uint32_t file)
{
    static char name[NAME_ROOM];

    files_name(file, name);
    return name;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_body(int descriptor, const struct body *body)
{
    static uint8_t bytes[PIECE];

    for (uint64_t offset = 0; offset < body->size;) {
        size_t size = body->size - offset < PIECE ? (size_t)(body->size - offset) : PIECE;

        body_fill(body, offset, bytes, size);
        if (write(descriptor, bytes, size) != (ssize_t)size)
            give_up("a file could not be written");
        offset += size;
    }
}

static void write_file(uint32_t file)
{
    const struct body body = files_body(file, oracle_newest(load.oracle, file) + 1);
    const struct timespec time = {body.mtime / NANOSECONDS, body.mtime % NANOSECONDS};
    int descriptor = openat(load.spare_directory, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                            0644);

    if (descriptor < 0)
        give_up("a file could not be made");
    write_body(descriptor, &body);
    futimens(descriptor, (const struct timespec[]){time, time});
    close(descriptor);
    if (renameat(load.spare_directory, "new", load.root_directory, name_of(file)) < 0)
        give_up("a file could not be renamed");
    remember(file, "written, version", oracle_written(load.oracle, file));
}

static void remove_file(uint32_t file)
{
    const bool existed = unlinkat(load.root_directory, name_of(file), 0) == 0;

    if (!existed && errno != ENOENT)
        give_up("a file could not be removed");
    remember(file, "unlinked here, existed", existed);
    if (!oracle_unlinked(load.oracle, file, existed))
        wrong_tree(file, existed ? "it was there, though that cannot be"
                                 : "it was gone, though that cannot be");
}

/* The next read of it has to wait for the disk. What is not yet written stays in memory. */
static void evict_file(uint32_t file)
{
    int descriptor = openat(load.root_directory, name_of(file), O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return;
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    close(descriptor);
}

static void make_directories(uint32_t file)
{
    char *name = name_of(file);

    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(load.root_directory, name, 0755) < 0 && errno != EEXIST)
            give_up("a directory could not be made");
        *slash = '/';
    }
}

static void make_unserved(void)
{
    int descriptor = openat(load.root_directory, ".hidden", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (descriptor < 0 || close(descriptor) < 0 ||
        linkat(load.root_directory, ".hidden", load.root_directory, "dir-1/.hidden", 0) < 0 ||
        mkfifoat(load.root_directory, "fifo", 0644) < 0 ||
        symlinkat(".hidden", load.root_directory, "link") < 0)
        give_up("a file that is not served could not be made");
}

void changes_begin(void)
{
    usages = calloc(load.files, sizeof *usages);
    if (!usages)
        give_up("no memory");
    for (uint32_t file = 0; file < load.files; file++) {
        make_directories(file);
        if (!random_chance(&load.random, 0.1))
            write_file(file);
    }
    make_unserved();
}

/* ---- Moving directories ---------------------------------------------------------------------- */

static bool is_clear(uint32_t file)
{
    return !usages[file].lost && !oracle_is_unclear(load.oracle, file);
}

/* The end of a directory's files. */
static uint32_t end_of(uint32_t directory)
{
    uint32_t end = (directory + 1) * FILES_A_DIRECTORY;

    return end < load.files ? end : load.files;
}

static void move_away(void)
{
    const uint32_t directory = (uint32_t)random_below(&load.random, files_directories());
    char name[NAME_ROOM];

    if (directory == 0 || !files_is_leaf(directory))
        return;
    for (uint32_t file = directory * FILES_A_DIRECTORY; file < end_of(directory); file++)
        if (!is_clear(file))
            return;
    files_directory_name(directory, name);
    if (renameat(load.root_directory, name, load.spare_directory, "away") < 0)
        give_up("a directory could not be moved away");
    away.directory = directory;
    away.back = now_ns() + random_below(&load.random, LONGEST_WAY) * MILLISECOND;
    for (uint32_t file = directory * FILES_A_DIRECTORY; file < end_of(directory); file++) {
        oracle_moved_away(load.oracle, file);
        remember(file, "moved away with directory", directory);
    }
    COUNT("directories-moved");
}

static void move_back(void)
{
    const uint32_t directory = away.directory;
    char name[NAME_ROOM];

    files_directory_name(directory, name);
    if (renameat(load.spare_directory, "away", load.root_directory, name) < 0)
        give_up("a directory could not be moved back");
    away.directory = 0;
    for (uint32_t file = directory * FILES_A_DIRECTORY; file < end_of(directory); file++) {
        oracle_moved_back(load.oracle, file);
        remember(file, "moved back with directory", directory);
    }
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* A quarter of all that is done is done to a few, and those change over time. */
static uint32_t draw_file(void)
{
    if (random_chance(&load.random, 0.001))
        load.hot = random_below(&load.random, load.files);
    if (random_chance(&load.random, 0.25))
        return (uint32_t)((load.hot + random_below(&load.random, HOT_FILES)) % load.files);
    return (uint32_t)random_below(&load.random, load.files);
}

uint32_t pick_file(bool del)
{
    for (int i = 0; i < 8; i++) {
        uint32_t file = draw_file();

        if (!usages[file].lost && (!del || (usages[file].dels < MOST_DELS && is_clear(file))))
            return file;
    }
    return NO_FILE;
}

/* Writing what is missing keeps up with the Dels. */
void change_something(void)
{
    const bool wants_absent = random_chance(&load.random, 0.5);
    uint32_t file = pick_file(true);

    if (away.directory != 0 && away.back < now_ns())
        move_back();
    else if (away.directory == 0 && random_chance(&load.random, 0.01))
        move_away();

    for (int i = 0;
         i < 8 && wants_absent && file != NO_FILE && !oracle_may_be(load.oracle, file, false); i++)
        file = pick_file(true);
    if (file == NO_FILE || is_away(file))
        return;
    if (random_chance(&load.random, 0.1))
        evict_file(file);
    else if (!wants_absent && random_chance(&load.random, 0.3))
        remove_file(file);
    else
        write_file(file);
}

/* ---- Dels ------------------------------------------------------------------------------------ */

void del_sent(uint32_t file)
{
    usages[file].dels++;
}

void del_answered(uint32_t file)
{
    usages[file].dels--;
}

void del_lost(uint32_t file)
{
    usages[file].dels--;
    usages[file].lost = true;
    usages[file].since = now_ns();
    COUNT("dels-lost");
}

uint32_t version_on_disk(uint32_t file)
{
    uint32_t newest = oracle_newest(load.oracle, file);
    struct stat status;

    if (fstatat(load.root_directory, name_of(file), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return ABSENT;
    for (uint32_t version = newest; version > 0 && version + OLD_ONES > newest; version--) {
        struct body body = files_body(file, version);

        if (body.size == (uint64_t)status.st_size &&
            body.mtime == status.st_mtim.tv_sec * NANOSECONDS + status.st_mtim.tv_nsec)
            return version;
    }
    return UINT32_MAX;
}

static bool is_version(uint32_t version, const void *found)
{
    return version == *(const uint32_t *)found;
}

static void settle(uint32_t file)
{
    const uint32_t found = version_on_disk(file);

    remember(file, "looked at, found version", found);
    if (!oracle_settled(load.oracle, file, is_version, &found))
        wrong_tree(file, "what is on disk cannot be there");
}

void resolve_lost(void)
{
    for (uint32_t file = 0; file < load.files; file++) {
        struct usage *usage = &usages[file];

        if (!usage->lost || usage->dels > 0 || is_away(file) ||
            usage->since + load.grace > now_ns())
            continue;
        settle(file);
        usage->lost = false;
        COUNT("dels-resolved");
    }
}

void compare_all(void)
{
    if (away.directory != 0)
        move_back();
    for (uint32_t file = 0; file < load.files; file++) {
        settle(file);
        if (usages[file].lost)
            COUNT("dels-resolved");
        COUNT("files-compared");
    }
}
