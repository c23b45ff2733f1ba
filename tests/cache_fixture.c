/* SPDX-License-Identifier: MIT */
/*
 * What the suites share that test the cache.
 */
#include <config.h>

#include "tests/cache_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree tree;
struct store *store;
struct cache *cache;
uint64_t cache_batch;
unsigned closed_elsewhere;

static unsigned descriptors_before;

void cache_close_elsewhere(void *context, struct store_file *file)
{
    (void)context;
    closed_elsewhere++;
    store_close(file);
}

void cache_set_up(void)
{
    static const char *const hidden[] = {"*.part", NULL};
    const struct store_options options = {.root = tree.root, .hide = hidden};
    struct cache_options cache_options = {.most = CACHE_MOST,
                                          .close_elsewhere = cache_close_elsewhere};

    descriptors_before = tree_descriptors();
    closed_elsewhere = 0;
    tree_make(&tree);
    ck_assert_int_eq(store_new(&options, &store), 0);
    cache_options.store = store;
    ck_assert_int_eq(cache_new(&cache_options, &cache), 0);
}

void cache_tear_down(void)
{
    cache_free(cache);
    store_free(store);
    tree_remove(&tree);
    ck_assert_uint_eq(tree_descriptors(), descriptors_before);
}

/* ---- Asking, and changing ------------------------------------------------------------------- */

int find(const char *path, struct cached *ret_cached)
{
    return cache_find(cache, ++cache_batch, path, ret_cached);
}

int look(const char *path)
{
    struct cached cached;

    return find(path, &cached);
}

void ask(const char *path)
{
    struct store_info info;

    if (look(path) != -EAGAIN)
        return;
    (void)store_stat(store, path, &info);
    cache_learn(cache, path);
}

void ask_until_known(const char *path)
{
    ask(path);
    ask(path);
    ck_assert_msg(look(path) != -EAGAIN, "%s is not known", path);
}

const char *full(const char *path)
{
    static char names[2][128];
    static unsigned turn;
    char *name = names[turn++ % 2];

    snprintf(name, sizeof names[0], "%s/%s", tree.top, path);
    return name;
}

void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(full(from), full(to)), 0);
}

void exchange(const char *one, const char *other)
{
    ck_assert_int_eq(renameat2(AT_FDCWD, full(one), AT_FDCWD, full(other), RENAME_EXCHANGE), 0);
}

void take_away(const char *path)
{
    ck_assert_int_eq(remove(full(path)), 0);
}

void hard_link(const char *from, const char *to)
{
    ck_assert_int_eq(link(full(from), full(to)), 0);
}

void change_mode(const char *path, mode_t mode)
{
    ck_assert_int_eq(chmod(full(path), mode), 0);
}

void expect_content(const char *path, const char *content)
{
    struct cached cached;
    uint8_t buffer[256];
    size_t size = 0;

    ck_assert_int_eq(find(path, &cached), 0);
    ck_assert_int_eq(cached_read(&cached, buffer, sizeof buffer, &size), 0);
    ck_assert_uint_eq(size, strlen(content));
    ck_assert_mem_eq(buffer, content, size);
}

unsigned watches(void)
{
    char name[64], line[256];
    unsigned count = 0;
    FILE *file;

    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", cache_descriptor(cache));
    file = fopen(name, "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        count += strncmp(line, "inotify wd:", 11) == 0;
    fclose(file);
    return count;
}

void hide_mounts(void)
{
    if (unshare(CLONE_NEWNS) == 0)
        (void)mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
}

bool may_be_kept(void)
{
    const char *place = getenv("TMPDIR");
    const struct store_options options = {.root = place ? place : "/tmp"};
    bool may = store_new(&options, &store) == 0 && store_may_be_kept(store);

    store_free(store);
    return may;
}
