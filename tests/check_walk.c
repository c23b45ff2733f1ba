/* SPDX-License-Identifier: MIT */
/*
 * The walk: what it lists is what nftw() finds, whatever the shape of the tree, with a bounded
 * number of descriptors and bounded memory, while others change it.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/scope.h"
#include "daemon/walk.h"
#include "tests/tree.h"

#define WAYS     2 /* of resolution: by openat2, by hand */
#define HELD_MAX 3 /* descriptors of the tree and the store, besides those of the walk */

static struct tree tree;
static unsigned descriptors_before;
static bool rests;               /* the walk, after each batch */
static unsigned helpers;         /* walks that share with it */
static const struct scope *part; /* of the tree that is listed; NULL: all */

static void set_up(void)
{
    rests = false;
    part = NULL;
    descriptors_before = tree_descriptors();
    tree_make(&tree);
}

static void tear_down(void)
{
    tree_remove(&tree);
    ck_assert_uint_eq(tree_descriptors(), descriptors_before);
}

static struct store *open_store(const struct store_options *options)
{
    struct store_options complete = *options;
    struct store *store;

    complete.root = tree.root;
    ck_assert_int_eq(store_new(&complete, &store), 0);
    return store;
}

/* ---- Lists of lines -------------------------------------------------------------------- */

/* Lines "path size mtime", in the end sorted. */
struct lines {
    char **items;
    size_t count, room;
};

static void lines_add(struct lines *lines, const char *path, uint64_t size, int64_t mtime)
{
    if (lines->count == lines->room) {
        lines->room = lines->room ? lines->room * 2 : 64;
        lines->items = realloc(lines->items, lines->room * sizeof *lines->items);
        ck_assert_ptr_nonnull(lines->items);
    }
    ck_assert_int_gt(asprintf(&lines->items[lines->count++], "%s %llu %lld", path,
                              (unsigned long long)size, (long long)mtime),
                     0);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void lines_sort(struct lines *lines)
{
    if (lines->count > 0)
        qsort(lines->items, lines->count, sizeof *lines->items, compare_lines);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

/* How many lines begin with this path. */
static unsigned lines_of(const struct lines *lines, const char *path)
{
    size_t size = strlen(path);
    unsigned count = 0;

    for (size_t i = 0; i < lines->count; i++)
        count += strncmp(lines->items[i], path, size) == 0 && lines->items[i][size] == ' ';
    return count;
}

static struct lines expected; /* nftw() has no other way to reach it */

static int expect_file(const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)position;
    if (type == FTW_F && S_ISREG(status->st_mode))
        lines_add(&expected, path + strlen(tree.root) + 1, (uint64_t)status->st_size,
                  (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec);
    return 0;
}

static void take_batch(struct walk *walk, struct lines *lines)
{
    struct walk_file file;

    while (walk_take(walk, &file)) {
        ck_assert_uint_eq(strlen(file.path), file.path_size);
        ck_assert_ptr_null(store_path_problem(file.path, file.path_size));
        lines_add(lines, file.path, file.info.size, file.info.mtime);
    }
}

static void finish_walk(struct walk *walk, struct lines *lines)
{
    while (!walk_ended(walk)) {
        ck_assert_int_eq(walk_next_batch(walk), 0);
        take_batch(walk, lines);
        ck_assert_uint_le(tree_descriptors(), descriptors_before + HELD_MAX + WALK_OPEN_MAX);
        if (rests) {
            walk_rest(walk);
            ck_assert_uint_le(tree_descriptors(), descriptors_before + HELD_MAX);
        }
    }
    lines_sort(lines);
}

#define HELPERS_MAX 3

/* As many walks as there are take turns; each gives part of what it has to those that have ended. */
static void finish_shared(struct walk *walks[HELPERS_MAX + 1], struct lines *lines)
{
    bool more = true;

    while (more) {
        more = false;
        for (unsigned i = 0; i <= helpers; i++) {
            if (walk_ended(walks[i]))
                continue;
            more = true;
            ck_assert_int_eq(walk_next_batch(walks[i]), 0);
            take_batch(walks[i], lines);
            if (rests)
                walk_rest(walks[i]);
            for (unsigned j = 0; j <= helpers; j++)
                if (walk_ended(walks[j]) && walk_can_share(walks[i]))
                    ck_assert_int_eq(walk_share(walks[i], walks[j]), !walk_ended(walks[j]));
        }
    }
    lines_sort(lines);
}

static void list(const struct store *store, struct lines *lines)
{
    struct walk *walks[HELPERS_MAX + 1];

    ck_assert_ptr_nonnull(walks[0] = walk_new(store, part));
    for (unsigned i = 1; i <= helpers; i++)
        ck_assert_ptr_nonnull(walks[i] = walk_new_idle(store));
    if (helpers > 0)
        finish_shared(walks, lines);
    else
        finish_walk(walks[0], lines);
    for (unsigned i = 0; i <= helpers; i++)
        walk_free(walks[i]);
}

static void assert_lists_all(const struct store_options *options, size_t at_least)
{
    struct store *store = open_store(options);
    struct lines found = {0};

    expected = (struct lines){0};
    ck_assert_int_eq(nftw(tree.root, expect_file, 16, FTW_PHYS), 0);
    lines_sort(&expected);
    list(store, &found);
    ck_assert_uint_ge(expected.count, at_least);
    ck_assert_uint_eq(found.count, expected.count);
    for (size_t i = 0; i < found.count; i++)
        ck_assert_str_eq(found.items[i], expected.items[i]);
    lines_free(&found);
    lines_free(&expected);
    store_free(store);
}

/* ---- Shapes of trees ------------------------------------------------------------------- */

START_TEST(test_empty)
{
    assert_lists_all(&(struct store_options){.by_hand = _i}, 0);
    tree_directory(&tree, "root/a");
    tree_directory(&tree, "root/a/b");
    tree_directory(&tree, "root/c");
    assert_lists_all(&(struct store_options){.by_hand = _i}, 0);
}
END_TEST

START_TEST(test_odd_entries)
{
    tree_directory(&tree, "root/\xff\xfe");
    tree_file(&tree, "root/\xff\xfe/\xc3\x28", "1");
    tree_file(&tree, "root/new\nline", "22");
    tree_file(&tree, "root/...", "333");
    tree_file(&tree, "root/ ", "");
    tree_file(&tree, "outside/secret", "");
    tree_link(&tree, "root/link", "...");
    tree_link(&tree, "root/link_out", "../outside/secret");
    tree_link(&tree, "root/link_dir", "../outside");
    ck_assert_int_eq(mkfifoat(tree.fd, "root/fifo", 0644), 0);
    assert_lists_all(&(struct store_options){.by_hand = _i}, 4);
}
END_TEST

/* So many names of 200 bytes need several reads of the directory; they are links to one file. */
static void make_wide(const char *directory, unsigned count)
{
    char first[1280] = "", path[1280], padding[190];

    memset(padding, 'w', sizeof padding - 1);
    padding[sizeof padding - 1] = '\0';
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s%u", directory, padding, i);
        if (i > 0) {
            ck_assert_int_eq(linkat(tree.fd, first, tree.fd, path, 0), 0);
            continue;
        }
        tree_file(&tree, path, "");
        strcpy(first, path);
    }
}

START_TEST(test_wide)
{
    char path[64];

    make_wide("root", 2000);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "root/directory%u", i);
        tree_directory(&tree, path);
        strcat(path, "/file");
        if (i % 3 == 0)
            tree_file(&tree, path, "x");
    }
    assert_lists_all(&(struct store_options){.by_hand = _i}, 2100);
}
END_TEST

/* Goes down so many levels, each with files of its own; those at the top fill several reads. */
static void make_deep(char path[1024], unsigned levels)
{
    strcpy(path, "root");
    for (unsigned level = 0; level < levels; level++) {
        size_t size = strlen(path);

        make_wide(path, level < 12 ? 300 : 2);
        snprintf(path + size, 1024 - size, "/z_empty");
        tree_directory(&tree, path);
        snprintf(path + size, 1024 - size, "/level%u", level);
        tree_directory(&tree, path);
    }
    strcat(path, "/bottom");
    tree_file(&tree, path, "bottom");
}

START_TEST(test_deep)
{
    char path[1024];

    make_deep(path, 90);
    assert_lists_all(&(struct store_options){.by_hand = _i}, 12 * 300 + 78 * 2 + 1);
}
END_TEST

START_TEST(test_resting)
{
    char path[1024];

    make_deep(path, 90);
    rests = true;
    assert_lists_all(&(struct store_options){.by_hand = _i}, 12 * 300 + 78 * 2 + 1);
}
END_TEST

/* Several walks that share a tree list it once between them. */
START_TEST(test_shared)
{
    char path[1024];

    helpers = 1 + (unsigned)_i % HELPERS_MAX;
    rests = _i >= HELPERS_MAX;
    make_deep(path, 30);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "root/directory%u", i);
        tree_directory(&tree, path);
        strcat(path, "/file");
        tree_file(&tree, path, "x");
    }
    assert_lists_all(&(struct store_options){0}, 3900);
}
END_TEST

/* Half of a directory's entries, or of its subdirectories, are given, and each is somebody's. */
START_TEST(test_what_is_shared)
{
    struct store *store = open_store(&(struct store_options){0});
    struct lines found[2] = {0};
    struct walk *giver, *taker;
    char path[64];

    for (unsigned i = 0; i < (_i ? 0 : 600); i++) {
        snprintf(path, sizeof path, "root/d%u", i);
        tree_directory(&tree, path);
        strcat(path, "/file");
        tree_file(&tree, path, "");
    }
    if (_i)
        make_wide("root", 800);
    ck_assert_ptr_nonnull(giver = walk_new(store, NULL));
    ck_assert_ptr_nonnull(taker = walk_new_idle(store));
    ck_assert(walk_ended(taker));
    ck_assert(!walk_can_share(giver)); /* it knows of nothing yet */
    ck_assert(!walk_share(giver, taker));
    while (!walk_can_share(giver)) {
        ck_assert(!walk_ended(giver));
        ck_assert_int_eq(walk_next_batch(giver), 0);
        take_batch(giver, &found[0]);
    }
    ck_assert(walk_share(giver, taker));
    ck_assert(!walk_ended(taker));
    finish_walk(taker, &found[1]);
    ck_assert_uint_ge(found[1].count, 10);
    finish_walk(giver, &found[0]);
    ck_assert_uint_eq(found[0].count + found[1].count, _i ? 800 : 600);
    for (size_t i = 0; i < found[1].count; i++) {
        ck_assert_ptr_null(bsearch(&found[1].items[i], found[0].items, found[0].count,
                                   sizeof *found[0].items, compare_lines));
    }
    lines_free(&found[0]);
    lines_free(&found[1]);
    walk_free(giver);
    walk_free(taker);
    store_free(store);
}
END_TEST

/* What was given is opened by its name: another directory in its place is another. */
START_TEST(test_shared_and_replaced)
{
    struct store *store = open_store(&(struct store_options){0});
    struct walk *giver, *taker;
    struct lines found = {0};

    tree_directory(&tree, "root/wide");
    make_wide("root/wide", 800);
    ck_assert_ptr_nonnull(giver = walk_new(store, NULL));
    ck_assert_ptr_nonnull(taker = walk_new_idle(store));
    while (!walk_can_share(giver)) {
        ck_assert_int_eq(walk_next_batch(giver), 0);
        take_batch(giver, &found);
    }
    ck_assert(walk_share(giver, taker));
    lines_free(&found);
    found = (struct lines){0};
    ck_assert_int_eq(renameat(tree.fd, "root/wide", tree.fd, "outside/wide"), 0);
    tree_directory(&tree, "root/wide");
    tree_file(&tree, "root/wide/fresh", "");
    finish_walk(taker, &found);
    ck_assert_uint_eq(found.count, 0);
    walk_free(giver);
    walk_free(taker);
    lines_free(&found);
    store_free(store);
}
END_TEST

/* What lies deeper than a path can say is left out, and does not stop the walk. */
START_TEST(test_deeper_than_paths)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i});
    int directory = openat(tree.fd, "root", O_PATH | O_CLOEXEC);
    struct lines found = {0};
    char name[256];

    memset(name, 'd', 255);
    name[255] = '\0';
    for (unsigned level = 0; level < 20; level++) {
        int file = openat(directory, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), inner;

        ck_assert_int_ge(file, 0);
        close(file);
        ck_assert_int_eq(mkdirat(directory, name, 0755), 0);
        inner = openat(directory, name, O_PATH | O_CLOEXEC);
        ck_assert_int_ge(inner, 0);
        close(directory);
        directory = inner;
    }
    close(directory);
    list(store, &found);
    ck_assert_uint_eq(found.count, 16); /* 15 * 256 + 4 bytes is the last that fits */
    lines_free(&found);
    store_free(store);
}
END_TEST

/* ---- Configuration, permissions, mounts -------------------------------------------------- */

START_TEST(test_links_listed)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i, .symlinks = true});
    struct lines found = {0};
    struct store_info info;
    char line[64];

    tree_directory(&tree, "root/dir");
    tree_file(&tree, "root/dir/file", "four");
    tree_file(&tree, "outside/secret", "secret");
    tree_link(&tree, "root/link", "dir/file");
    tree_link(&tree, "root/dir/up", "../dir/file");
    tree_link(&tree, "root/dangling", "nowhere");
    tree_link(&tree, "root/out", "../outside/secret");
    tree_link(&tree, "root/linked_dir", "dir");
    list(store, &found);
    ck_assert_uint_eq(found.count, 3);
    ck_assert_int_eq(store_stat(store, "dir/file", &info), 0);
    snprintf(line, sizeof line, "dir/up 4 %lld", (long long)info.mtime);
    ck_assert_str_eq(found.items[1], line);
    snprintf(line, sizeof line, "link 4 %lld", (long long)info.mtime);
    ck_assert_str_eq(found.items[2], line);
    lines_free(&found);
    store_free(store);
}
END_TEST

START_TEST(test_hidden)
{
    static const char *const patterns[] = {".*", "*.part", NULL};
    struct store *store = open_store(&(struct store_options){.by_hand = _i, .hide = patterns});
    struct lines found = {0};

    tree_directory(&tree, "root/.git");
    tree_directory(&tree, "root/shown");
    tree_file(&tree, "root/.git/config", "");
    tree_file(&tree, "root/shown/a.part", "");
    tree_file(&tree, "root/shown/a", "");
    list(store, &found);
    ck_assert_uint_eq(found.count, 1);
    ck_assert_uint_eq(lines_of(&found, "shown/a"), 1);
    lines_free(&found);
    store_free(store);
}
END_TEST

/* Each file once, although a directory is named with what is in it; alone, and shared. */
START_TEST(test_part_of_the_tree)
{
    static const char *const patterns[] = {".*", NULL};
    static const char *const paths[] = {"a", "a/b/c", "d/e", "d/file", ".h", "l", "none", "file/x"};
    struct store *store = open_store(&(struct store_options){.by_hand = _i / 2, .hide = patterns});
    struct lines found = {0};
    struct scope scope = {0};

    tree_directory(&tree, "root/a");
    tree_directory(&tree, "root/a/b");
    tree_directory(&tree, "root/a/b/c");
    tree_directory(&tree, "root/ab");
    tree_directory(&tree, "root/d");
    tree_directory(&tree, "root/d/e");
    tree_directory(&tree, "root/.h");
    tree_directory(&tree, "outside/dir");
    tree_link(&tree, "root/l", "../outside/dir");
    tree_file(&tree, "root/file", "");
    tree_file(&tree, "root/a/1", "");
    tree_file(&tree, "root/a/b/2", "");
    tree_file(&tree, "root/a/b/c/3", "");
    tree_file(&tree, "root/ab/no", "");
    tree_file(&tree, "root/d/no", "");
    tree_file(&tree, "root/d/file", "");
    tree_file(&tree, "root/d/e/4", "");
    tree_file(&tree, "root/.h/no", "");
    tree_file(&tree, "outside/dir/no", "");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_int_eq(scope_add(&scope, paths[i]), 0);
    part = &scope;
    helpers = _i % 2 ? HELPERS_MAX : 0;
    list(store, &found);
    helpers = 0;
    ck_assert_uint_eq(found.count, 5);
    ck_assert_uint_eq(lines_of(&found, "a/1"), 1);
    ck_assert_uint_eq(lines_of(&found, "a/b/2"), 1);
    ck_assert_uint_eq(lines_of(&found, "a/b/c/3"), 1);
    ck_assert_uint_eq(lines_of(&found, "d/e/4"), 1);
    ck_assert_uint_eq(lines_of(&found, "d/file"), 1);
    lines_free(&found);
    scope_fini(&scope);
    store_free(store);
}
END_TEST

/* What is above a part need not be readable: only to be searched. */
START_TEST(test_part_below_what_is_unreadable)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i});
    const char *path = "closed/open";
    struct scope scope = {&path, 1};
    struct lines found = {0};
    bool is_root = geteuid() == 0;

    tree_directory(&tree, "root/closed");
    tree_directory(&tree, "root/closed/open");
    tree_file(&tree, "root/closed/no", "");
    tree_file(&tree, "root/closed/open/yes", "");
    ck_assert_int_eq(fchmodat(tree.fd, "root", 0711, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root/closed", 0711, 0), 0);
    part = &scope;
    ck_assert(!is_root || seteuid(65534) == 0);
    list(store, &found);
    ck_assert(!is_root || seteuid(0) == 0);
    ck_assert_uint_eq(found.count, 1);
    ck_assert_uint_eq(lines_of(&found, "closed/open/yes"), 1);
    lines_free(&found);
    store_free(store);
}
END_TEST

enum { CHILD_CANNOT = 77, CHILD_DENIED = 78 };

/* How many files a walk finds that may fail for want of permission. */
static int count_files(const struct store *store)
{
    struct walk_file file;
    struct walk *walk = walk_new(store, NULL);
    int r = walk ? 0 : -ENOMEM, count = 0;

    while (r == 0 && !walk_ended(walk)) {
        r = walk_next_batch(walk);
        while (walk_take(walk, &file))
            count++;
    }
    walk_free(walk);
    return r == -EACCES ? CHILD_DENIED : count;
}

/* Calls one before the store is opened, the other before it is walked; each may be NULL. */
static int run_child(bool (*before_open)(void), bool (*before_walk)(void),
                     const struct store_options *options)
{
    struct store *store;
    int count;

    if (before_open && !before_open())
        return CHILD_CANNOT;
    store = open_store(options);
    count = before_walk && !before_walk() ? CHILD_CANNOT : count_files(store);
    store_free(store);
    return count;
}

/* Counts files in a child that sees more, or may do less. */
static void assert_child_counts(bool (*before_open)(void), bool (*before_walk)(void),
                                const struct store_options *options, int count)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(run_child(before_open, before_walk, options));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_CANNOT)
        fprintf(stderr, "skipped: this needs privileges that the tests do not have here\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), count);
}

static bool become_nobody(void)
{
    return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

START_TEST(test_permissions)
{
    struct store_options options = {.by_hand = _i};

    tree_directory(&tree, "root/unreadable");
    tree_directory(&tree, "root/unsearchable");
    tree_directory(&tree, "root/unsearchable/sub");
    tree_file(&tree, "root/unreadable/file", "");
    tree_file(&tree, "root/unsearchable/file", "");
    tree_file(&tree, "root/unsearchable/sub/file", "");
    tree_file(&tree, "root/private", "");
    tree_file(&tree, "root/public", "");
    ck_assert_int_eq(fchmodat(tree.fd, "root/unreadable", 0311, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root/unsearchable", 0644, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root/private", 0, 0), 0);
    assert_child_counts(NULL, become_nobody, &options, 2); /* private, public */
}
END_TEST

static bool mount_in_tree(void)
{
    char path[128];
    int file;

    snprintf(path, sizeof path, "%s/mounted", tree.root);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("valve-test", path, "tmpfs", 0, NULL) < 0)
        return false;
    strcat(path, "/file");
    file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return false;
    close(file);
    snprintf(path, sizeof path, "%s/bound", tree.root);
    return mount("/proc/self/status", path, "none", MS_BIND, NULL) == 0;
}

START_TEST(test_one_filesystem)
{
    struct store_options all = {.by_hand = _i};
    struct store_options one = {.by_hand = _i, .one_filesystem = true};

    tree_directory(&tree, "root/mounted");
    tree_file(&tree, "root/bound", "");
    tree_file(&tree, "root/file", "");
    assert_child_counts(mount_in_tree, NULL, &all, 3);
    assert_child_counts(mount_in_tree, NULL, &one, 1);
}
END_TEST

/* An empty list would not be true. */
START_TEST(test_unreadable_root)
{
    tree_file(&tree, "root/file", "");
    ck_assert_int_eq(fchmodat(tree.fd, "root", 0311, 0), 0);
    assert_child_counts(NULL, become_nobody, &(struct store_options){.by_hand = _i}, CHILD_DENIED);
    ck_assert_int_eq(fchmodat(tree.fd, "root", 0755, 0), 0);
}
END_TEST

/* ---- Changes meanwhile ------------------------------------------------------------------ */

/* Files that are there all the time are listed exactly once, whatever happens around them. */
static void assert_stable(const struct lines *found, unsigned count)
{
    char path[64];

    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "stable%u/file%u", i % 10, i);
        ck_assert_msg(lines_of(found, path) == 1, "%s: %u times", path, lines_of(found, path));
    }
}

static void make_stable(unsigned count)
{
    char path[64];

    for (unsigned i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "root/stable%u", i);
        tree_directory(&tree, path);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "root/stable%u/file%u", i % 10, i);
        tree_file(&tree, path, "");
    }
}

struct churn {
    atomic_bool stop;
    unsigned rounds;
};

static void *churn(void *argument)
{
    struct churn *self = argument;

    while (!atomic_load(&self->stop)) {
        char path[64];
        unsigned which = self->rounds++ % 100;

        snprintf(path, sizeof path, "root/stable%u/coming%u", which % 10, which);
        if (self->rounds / 100 % 2)
            unlinkat(tree.fd, path, 0);
        else
            mknodat(tree.fd, path, S_IFREG | 0644, 0); /* no descriptor: they are counted */
        mkdirat(tree.fd, "root/going", 0755);
        renameat(tree.fd, "root/going", tree.fd, "root/gone");
        unlinkat(tree.fd, "root/gone", AT_REMOVEDIR);
    }
    return NULL;
}

START_TEST(test_churn)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i % WAYS});
    struct churn churning = {0};
    pthread_t thread;

    helpers = _i >= WAYS ? HELPERS_MAX : 0;
    make_stable(300);
    ck_assert_int_eq(pthread_create(&thread, NULL, churn, &churning), 0);
    for (unsigned i = 0; i < 10; i++) {
        struct lines found = {0};

        list(store, &found);
        assert_stable(&found, 300);
        lines_free(&found);
    }
    atomic_store(&churning.stop, true);
    pthread_join(thread, NULL);
    store_free(store);
}
END_TEST

/* Directories one below the other, with a file at the bottom. */
static void make_chain(const char *top, unsigned levels)
{
    char path[512];

    snprintf(path, sizeof path, "%s", top);
    for (unsigned level = 0; level < levels; level++) {
        tree_directory(&tree, path);
        strcat(path, "/d");
    }
    tree_file(&tree, path, "bottom");
}

/* Walks until it is at the bottom of a chain, where the directories above have been closed. */
static void walk_to_a_bottom(struct walk *walk, struct lines *found)
{
    while (found->count == 0 || !strstr(found->items[found->count - 1], "/d/d/d ")) {
        ck_assert(!walk_ended(walk));
        ck_assert_int_eq(walk_next_batch(walk), 0);
        take_batch(walk, found);
    }
}

/* While the walk is far below, a directory near the root is moved away and replaced. */
START_TEST(test_renamed_above)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i % WAYS});
    struct lines found = {0};
    struct walk *walk;
    char path[64];

    make_stable(50);
    tree_directory(&tree, "root/above");
    make_wide("root/above", 300);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "root/above/chain%u", i);
        make_chain(path, WALK_OPEN_MAX + 2);
    }
    ck_assert_ptr_nonnull(walk = walk_new(store, NULL));
    walk_to_a_bottom(walk, &found);
    rests = _i >= WAYS;
    if (rests)
        walk_rest(walk);
    ck_assert_int_eq(renameat(tree.fd, "root/above", tree.fd, "outside/above"), 0);
    tree_directory(&tree, "root/above");
    for (unsigned i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "root/above/fresh%u", i);
        tree_file(&tree, path, "");
    }
    finish_walk(walk, &found);
    assert_stable(&found, 50);
    for (size_t i = 1; i < found.count; i++) {
        ck_assert_str_ne(found.items[i - 1], found.items[i]);
        ck_assert_ptr_null(strstr(found.items[i], "above/fresh"));
    }
    lines_free(&found);
    walk_free(walk);
    store_free(store);
}
END_TEST

START_TEST(test_given_up)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i});
    struct walk *walk;
    char path[1024];

    make_deep(path, 40);
    ck_assert_ptr_nonnull(walk = walk_new(store, NULL));
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(walk_next_batch(walk), 0);
    ck_assert(!walk_ended(walk));
    walk_free(walk);
    walk_free(NULL);
    ck_assert_uint_le(tree_descriptors(), descriptors_before + HELD_MAX);
    store_free(store);
}
END_TEST

/* ---- Bounds ------------------------------------------------------------------------------ */

START_TEST(test_memory)
{
    struct store *store = open_store(&(struct store_options){0});
    size_t before, most = 0, files = 0;
    struct walk_file file;
    struct walk *walk;

    make_wide("root", 5000);
    before = mallinfo2().uordblks;
    ck_assert_ptr_nonnull(walk = walk_new(store, NULL));
    while (!walk_ended(walk)) {
        size_t now;

        ck_assert_int_eq(walk_next_batch(walk), 0);
        while (walk_take(walk, &file))
            files++;
        now = mallinfo2().uordblks;
        most = now > most ? now : most;
    }
    ck_assert_uint_eq(files, 5000);
    ck_assert_uint_le(most, before + 128 * 1024);
    walk_free(walk);
    store_free(store);
}
END_TEST

/* Takes all descriptors that may still be opened but `spare` of them, by lowering the limit. */
static void leave_descriptors(rlim_t spare, struct rlimit *ret_before)
{
    int lowest = dup(tree.fd);
    struct rlimit limit;

    ck_assert_int_ge(lowest, 0);
    close(lowest);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, ret_before), 0);
    limit = *ret_before;
    limit.rlim_cur = (rlim_t)lowest + spare;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Without descriptors the walk stands still, and goes on when there are some. */
START_TEST(test_shortage)
{
    struct store *store = open_store(&(struct store_options){.by_hand = _i});
    struct lines found = {0};
    struct rlimit before;
    struct walk *walk;
    int r = 0;

    make_stable(100);
    ck_assert_ptr_nonnull(walk = walk_new(store, NULL));
    leave_descriptors(_i ? 3 : 1, &before); /* enough for the root, not for what is below */
    for (unsigned i = 0; r == 0 && i < 100; i++) {
        r = walk_next_batch(walk);
        take_batch(walk, &found);
    }
    ck_assert_int_eq(r, -EMFILE);
    ck_assert_int_eq(walk_next_batch(walk), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    finish_walk(walk, &found);
    ck_assert_uint_eq(found.count, 100);
    assert_stable(&found, 100);
    lines_free(&found);
    walk_free(walk);
    store_free(store);
}
END_TEST

static Suite *walk_suite(void)
{
    Suite *suite = suite_create("walk");
    TCase *tcase = tcase_create("walk");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_empty, 0, WAYS);
    tcase_add_loop_test(tcase, test_odd_entries, 0, WAYS);
    tcase_add_loop_test(tcase, test_wide, 0, WAYS);
    tcase_add_loop_test(tcase, test_deep, 0, WAYS);
    tcase_add_loop_test(tcase, test_resting, 0, WAYS);
    tcase_add_loop_test(tcase, test_shared, 0, 2 * HELPERS_MAX);
    tcase_add_loop_test(tcase, test_what_is_shared, 0, 2);
    tcase_add_test(tcase, test_shared_and_replaced);
    tcase_add_loop_test(tcase, test_deeper_than_paths, 0, WAYS);
    tcase_add_loop_test(tcase, test_links_listed, 0, WAYS);
    tcase_add_loop_test(tcase, test_hidden, 0, WAYS);
    tcase_add_loop_test(tcase, test_part_of_the_tree, 0, 2 * WAYS);
    tcase_add_loop_test(tcase, test_part_below_what_is_unreadable, 0, WAYS);
    tcase_add_loop_test(tcase, test_permissions, 0, WAYS);
    tcase_add_loop_test(tcase, test_one_filesystem, 0, WAYS);
    tcase_add_loop_test(tcase, test_unreadable_root, 0, WAYS);
    tcase_add_loop_test(tcase, test_churn, 0, 2 * WAYS);
    tcase_add_loop_test(tcase, test_renamed_above, 0, 2 * WAYS);
    tcase_add_loop_test(tcase, test_given_up, 0, WAYS);
    tcase_add_test(tcase, test_memory);
    tcase_add_loop_test(tcase, test_shortage, 0, WAYS);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(walk_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
