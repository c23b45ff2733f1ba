/* SPDX-License-Identifier: MIT */
/*
 * The store: whatever a path tries, only regular files beneath the root are found. Every test that
 * depends on the resolution runs twice, by openat2 and by hand.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store.h"
#include "tests/tree.h"

#define WAYS  2      /* of resolution */
#define SWAPS 20000U /* of a directory, while paths lead through it */

static struct tree tree;
static unsigned descriptors_before;

static void set_up(void)
{
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

static struct store *plain_store(int way)
{
    return open_store(&(struct store_options){.by_hand = way});
}

static struct store *linking_store(int way)
{
    return open_store(&(struct store_options){.by_hand = way, .symlinks = true});
}

/* The error of looking a path up, which must be that of opening it as well. */
static int verdict(const struct store *store, const char *path)
{
    struct store_file file = STORE_FILE_CLOSED;
    struct store_info info;
    int r = store_stat(store, path, &info);

    ck_assert_ptr_null(store_path_problem(path, strlen(path)));
    ck_assert_int_eq(store_open(store, path, &file), r);
    store_close(&file);
    return r;
}

static void assert_content(const struct store *store, const char *path, const char *content)
{
    struct store_file file = STORE_FILE_CLOSED;
    uint8_t buffer[64];
    size_t size;

    ck_assert_msg(store_open(store, path, &file) == 0, "%s", path);
    ck_assert_uint_eq(file.info.size, strlen(content));
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), 0);
    ck_assert_uint_eq(size, strlen(content));
    ck_assert_mem_eq(buffer, content, size);
    store_close(&file);
}

/* It does not exist, whatever is asked; and it is still there afterwards. */
static void assert_not_served(const struct store *store, const char *path)
{
    struct store_info info;
    struct store_file file = STORE_FILE_CLOSED;
    int r = store_try_stat(store, path, &info);
    static char below_top[STORE_PATH_MAX + 8];

    ck_assert_msg(verdict(store, path) == -ENOENT, "%s is served", path);
    ck_assert(r == -ENOENT || r == -EAGAIN);
    r = store_try_open(store, path, &file);
    ck_assert(r == -ENOENT || r == -EAGAIN);
    ck_assert_int_eq(store_remove(store, path), -ENOENT);
    snprintf(below_top, sizeof below_top, "root/%s", path);
    ck_assert(tree_has(&tree, below_top));
}

/* ---- Paths as text ----------------------------------------------------------------- */

START_TEST(test_path_rules)
{
    static const struct {
        const char *path;
        size_t size;
        bool legal;
    } cases[] = {
        {"a", 1, true},        {"a/b", 3, true},      {".a", 2, true},    {"...", 3, true},
        {"a/..b/c.", 8, true}, {"\xff\xfe", 2, true}, {"a\nb", 3, true},  {" ", 1, true},
        {"", 0, false},        {"/", 1, false},       {"/a", 2, false},   {"a/", 2, false},
        {"a//b", 4, false},    {".", 1, false},       {"..", 2, false},   {"a/.", 3, false},
        {"./a", 3, false},     {"a/..", 4, false},    {"../a", 4, false}, {"a/../b", 6, false},
        {"a/./b", 5, false},   {"a\0b", 3, false},    {"\0", 1, false},   {"a\0", 2, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = store_path_problem(cases[i].path, cases[i].size);

        ck_assert_msg((problem == NULL) == cases[i].legal, "case %zu: %s", i,
                      problem ? problem : "no problem");
    }
}
END_TEST

START_TEST(test_path_lengths)
{
    static char path[4097];

    memset(path, 'n', sizeof path);
    ck_assert_ptr_null(store_path_problem(path, 255));
    ck_assert_ptr_nonnull(store_path_problem(path, 256));
    for (size_t i = 1; i < sizeof path; i += 2)
        path[i] = '/';
    ck_assert_ptr_null(store_path_problem(path, 4095));
    path[4095] = 'n';
    ck_assert_ptr_nonnull(store_path_problem(path, 4096));
    path[4] = path[5] = 'n';
    ck_assert_ptr_nonnull(store_path_problem(path, 4097));
}
END_TEST

/* ---- What is found ------------------------------------------------------------------- */

START_TEST(test_regular_files)
{
    struct store *store = plain_store(_i);
    struct store_info info;
    struct stat status;

    tree_directory(&tree, "root/dir");
    tree_directory(&tree, "root/dir/sub");
    tree_file(&tree, "root/plain", "hello");
    tree_file(&tree, "root/dir/sub/deep", "deeper");
    tree_file(&tree, "root/empty", "");
    assert_content(store, "plain", "hello");
    assert_content(store, "dir/sub/deep", "deeper");
    assert_content(store, "empty", "");
    ck_assert_int_eq(store_stat(store, "plain", &info), 0);
    ck_assert_int_eq(fstatat(tree.fd, "root/plain", &status, 0), 0);
    ck_assert_uint_eq(info.size, 5);
    ck_assert_int_eq(info.mtime,
                     (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec);
    ck_assert_int_eq(verdict(store, "missing"), -ENOENT);
    ck_assert_int_eq(verdict(store, "missing/plain"), -ENOENT);
    ck_assert_int_eq(verdict(store, "plain/below"), -ENOENT);
    store_free(store);
}
END_TEST

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", tree.top, path);
    ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    close(descriptor);
}

START_TEST(test_only_regular_files)
{
    struct store *store = plain_store(_i);

    tree_directory(&tree, "root/dir");
    ck_assert_int_eq(mkfifoat(tree.fd, "root/fifo", 0644), 0);
    make_socket("root/socket");
    assert_not_served(store, "dir");
    assert_not_served(store, "fifo");
    assert_not_served(store, "socket");
    if (mknodat(tree.fd, "root/device", S_IFCHR | 0666, 0x103) == 0) /* /dev/null */
        assert_not_served(store, "device");
    store_free(store);
}
END_TEST

static void make_links(void)
{
    char absolute[128];

    tree_directory(&tree, "root/dir");
    tree_file(&tree, "root/plain", "hello");
    tree_file(&tree, "root/dir/file", "in dir");
    tree_file(&tree, "outside/secret", "secret");
    tree_link(&tree, "root/inside", "dir/file");
    tree_link(&tree, "root/dir/up", "../plain");
    tree_link(&tree, "root/dir/dots", ".././dir/../dir//file");
    tree_link(&tree, "root/to_dir", "dir");
    tree_link(&tree, "root/to_outside", "../outside/secret");
    tree_link(&tree, "root/out_and_in", "../root/plain");
    tree_link(&tree, "root/dir/over", "../../outside/secret");
    tree_link(&tree, "root/outside_dir", "../outside");
    tree_link(&tree, "root/dangling", "nowhere");
    tree_link(&tree, "root/loop", "loop");
    tree_link(&tree, "root/magic", "/proc/self/root/etc/passwd");
    tree_link(&tree, "root/file_as_dir", "plain/");
    snprintf(absolute, sizeof absolute, "%s/plain", tree.root);
    tree_link(&tree, "root/absolute", absolute);
    tree_link(&tree, "root/absolute_in_root", "/plain");
    tree_link(&tree, "root/clamped", "../plain");
}

static const char *const unreachable[] = {
    "to_dir", "to_outside", "out_and_in", "dir/over",    "outside_dir",      "dangling",
    "loop",   "absolute",   "magic",      "file_as_dir", "absolute_in_root", "clamped",
};

START_TEST(test_links_not_followed)
{
    struct store *store = plain_store(_i);

    make_links();
    for (size_t i = 0; i < sizeof unreachable / sizeof *unreachable; i++)
        assert_not_served(store, unreachable[i]);
    assert_not_served(store, "inside");
    assert_not_served(store, "dir/up");
    assert_not_served(store, "to_dir/file");
    assert_not_served(store, "outside_dir/secret");
    assert_content(store, "dir/file", "in dir");
    store_free(store);
}
END_TEST

START_TEST(test_links_followed)
{
    struct store *store = linking_store(_i);

    make_links();
    for (size_t i = 0; i < sizeof unreachable / sizeof *unreachable; i++)
        assert_not_served(store, unreachable[i]);
    assert_not_served(store, "outside_dir/secret");
    assert_content(store, "inside", "in dir");
    assert_content(store, "dir/up", "hello");
    assert_content(store, "dir/dots", "in dir");
    assert_content(store, "to_dir/file", "in dir");
    assert_content(store, "to_dir/up", "hello");
    store_free(store);
}
END_TEST

START_TEST(test_chains_of_links)
{
    struct store *store = linking_store(_i);
    char name[32], target[16];

    tree_file(&tree, "root/0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "root/%d", i);
        snprintf(target, sizeof target, "%d", i - 1);
        tree_link(&tree, name, target);
    }
    assert_content(store, "40", "end");
    ck_assert_int_eq(verdict(store, "41"), -ENOENT);
    store_free(store);
}
END_TEST

START_TEST(test_odd_names)
{
    static const char *const odd[] = {"\xff\xfe", "new\nline", "\x1b[31m", "a b",
                                      "...",      "*",         "\xc3\xa4", "back\\slash"};
    struct store *store = plain_store(_i);
    char longest[6 + 255] = "root/", path[64];

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(path, sizeof path, "root/%s", odd[i]);
        tree_file(&tree, path, odd[i]);
        assert_content(store, odd[i], odd[i]);
    }
    memset(longest + 5, 'n', 255);
    tree_file(&tree, longest, "255");
    assert_content(store, longest + 5, "255");
    store_free(store);
}
END_TEST

/* Sixteen directories and a file, each named as long as it takes for a path of 4095 bytes. */
START_TEST(test_longest_path)
{
    struct store *store = plain_store(_i);
    int directory = openat(tree.fd, "root", O_PATH | O_CLOEXEC), file;
    static char path[4096];
    char name[256];

    path[0] = '\0';
    memset(name, 'd', 255);
    name[255] = '\0';
    for (int level = 0; level < 15; level++) {
        int inner;

        ck_assert_int_eq(mkdirat(directory, name, 0755), 0);
        inner = openat(directory, name, O_PATH | O_CLOEXEC);
        ck_assert_int_ge(inner, 0);
        close(directory);
        directory = inner;
        strcat(strcat(path, name), "/");
    }
    file = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, "deep", 4), 4);
    close(file);
    close(directory);
    strcat(path, name);
    ck_assert_uint_eq(strlen(path), STORE_PATH_MAX);
    assert_content(store, path, "deep");
    ck_assert_int_eq(store_remove(store, path), 0);
    ck_assert_int_eq(verdict(store, path), -ENOENT);
    store_free(store);
}
END_TEST

START_TEST(test_hidden_names)
{
    static const char *const patterns[] = {".*", "*.part", "private", NULL};
    struct store *store = open_store(
        &(struct store_options){.by_hand = _i, .hide = patterns, .symlinks = true});

    tree_directory(&tree, "root/.git");
    tree_directory(&tree, "root/private");
    tree_file(&tree, "root/.git/config", "");
    tree_file(&tree, "root/private/key", "");
    tree_file(&tree, "root/a.part", "");
    tree_file(&tree, "root/.b.part", "");
    tree_file(&tree, "root/a.party", "shown");
    tree_file(&tree, "root/privateer", "shown");
    assert_not_served(store, ".git");
    assert_not_served(store, ".git/config");
    assert_not_served(store, "private/key");
    assert_not_served(store, "a.part");
    assert_not_served(store, ".b.part");
    assert_content(store, "a.party", "shown");
    assert_content(store, "privateer", "shown");
    ck_assert(store_hides(store, ".x"));
    ck_assert(!store_hides(store, "x"));
    store_free(store);
}
END_TEST

/* ---- Removing ------------------------------------------------------------------------- */

START_TEST(test_remove)
{
    struct store *store = plain_store(_i);

    tree_directory(&tree, "root/dir");
    tree_file(&tree, "root/dir/file", "");
    tree_file(&tree, "root/dir/other", "");
    ck_assert_int_eq(store_remove(store, "dir/file"), 0);
    ck_assert(!tree_has(&tree, "root/dir/file"));
    ck_assert(tree_has(&tree, "root/dir/other"));
    ck_assert_int_eq(store_remove(store, "dir/file"), -ENOENT);
    ck_assert_int_eq(store_remove(store, "nodir/file"), -ENOENT);
    ck_assert_int_eq(store_remove(store, "dir/other/file"), -ENOENT);
    store_free(store);
}
END_TEST

START_TEST(test_remove_links)
{
    struct store *store = linking_store(_i);

    make_links();
    ck_assert_int_eq(store_remove(store, "inside"), 0);
    ck_assert(!tree_has(&tree, "root/inside"));
    ck_assert(tree_has(&tree, "root/dir/file"));
    ck_assert_int_eq(store_remove(store, "to_dir/file"), 0);
    ck_assert(!tree_has(&tree, "root/dir/file"));
    ck_assert_int_eq(store_remove(store, "to_outside"), -ENOENT);
    ck_assert_int_eq(store_remove(store, "outside_dir/secret"), -ENOENT);
    ck_assert(tree_has(&tree, "root/to_outside"));
    ck_assert(tree_has(&tree, "outside/secret"));
    store_free(store);
}
END_TEST

/* ---- Permissions and mounts, in a process of their own ---------------------------------- */

enum { CHILD_PASSED = 0, CHILD_CANNOT = 77 };

/* Runs a check in a child, which says by its exit status what failed. */
static void in_child(int (*check)(int way), int way)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(check(way));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_CANNOT)
        fprintf(stderr, "skipped: this needs privileges that the tests do not have here\n");
    else
        ck_assert_msg(WEXITSTATUS(status) == CHILD_PASSED, "check %d failed", WEXITSTATUS(status));
}

static int check_without_privileges(const struct store *store)
{
    struct store_file file = STORE_FILE_CLOSED;
    struct store_info info;

    if (store_stat(store, "unreadable", &info) != 0 || info.size != 6)
        return 1;
    if (store_open(store, "unreadable", &file) != -EACCES)
        return 2;
    if (store_try_open(store, "unreadable", &file) != -EAGAIN)
        return 3;
    if (store_stat(store, "closed/file", &info) != -EACCES)
        return 4;
    if (store_open(store, "closed/file", &file) != -EACCES)
        return 5;
    if (store_open(store, "closed", &file) != -ENOENT || store_remove(store, "closed") != -ENOENT)
        return 6;
    if (store_remove(store, "kept") != -EACCES)
        return 7;
    if (store_remove(store, "absent") != -ENOENT)
        return 8;
    return store_stat(store, "unlisted/file", &info) == 0 ? CHILD_PASSED : 9;
}

static int check_permissions(int way)
{
    struct store *store = plain_store(way); /* now: TOP may lie where nobody else may go */
    int failed;

    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        return CHILD_CANNOT;
    failed = check_without_privileges(store);
    store_free(store);
    return failed;
}

START_TEST(test_permissions)
{
    tree_directory(&tree, "root/closed");
    tree_directory(&tree, "root/unlisted");
    tree_file(&tree, "root/closed/file", "");
    tree_file(&tree, "root/unlisted/file", "");
    tree_file(&tree, "root/unreadable", "secret");
    tree_file(&tree, "root/kept", "");
    ck_assert_int_eq(fchmodat(tree.fd, "root/closed", 0600, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root/unlisted", 0711, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root/unreadable", 0, 0), 0);
    ck_assert_int_eq(fchmodat(tree.fd, "root", 0555, 0), 0);
    in_child(check_permissions, _i);
    ck_assert_int_eq(fchmodat(tree.fd, "root", 0755, 0), 0);
}
END_TEST

static int check_mounted(const struct store *all, const struct store *one)
{
    struct store_info info;

    if (store_stat(all, "mounted/file", &info) != 0)
        return 1;
    if (store_stat(one, "mounted/file", &info) != -ENOENT)
        return 2;
    if (store_remove(one, "mounted/file") != -ENOENT || !tree_has(&tree, "root/mounted/file"))
        return 3;
    if (store_stat(one, "bound", &info) != -ENOENT || store_remove(one, "bound") != -ENOENT)
        return 4;
    return store_stat(one, "plain", &info) == 0 ? CHILD_PASSED : 5;
}

static int check_mounts(int way)
{
    struct store *all, *one;
    char path[128];
    int failed;

    snprintf(path, sizeof path, "%s/mounted", tree.root);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("valve-test", path, "tmpfs", 0, NULL) < 0)
        return CHILD_CANNOT;
    /* Descriptors from before see the tree of before. */
    tree.fd = open(tree.top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    tree_file(&tree, "root/mounted/file", "");
    snprintf(path, sizeof path, "%s/bound", tree.root);
    if (mount("/proc/self/status", path, "none", MS_BIND, NULL) < 0)
        return CHILD_CANNOT;
    all = plain_store(way);
    one = open_store(&(struct store_options){.by_hand = way, .one_filesystem = true});
    failed = check_mounted(all, one);
    store_free(all);
    store_free(one);
    return failed;
}

START_TEST(test_one_filesystem)
{
    tree_directory(&tree, "root/mounted");
    tree_file(&tree, "root/plain", "");
    tree_file(&tree, "root/bound", "");
    in_child(check_mounts, _i);
}
END_TEST

/* ---- Races ---------------------------------------------------------------------------- */

struct swapper {
    atomic_bool done;
    int error;
};

/* Now a directory, now a link to the outside, at the same name; and a file likewise. */
static void *swap(void *argument)
{
    struct swapper *swapper = argument;

    for (unsigned i = 0; i < SWAPS && swapper->error == 0; i++)
        if (renameat2(tree.fd, "root/swapped", tree.fd, "root/other", RENAME_EXCHANGE) < 0 ||
            renameat2(tree.fd, "root/file", tree.fd, "root/link", RENAME_EXCHANGE) < 0)
            swapper->error = errno;
    atomic_store(&swapper->done, true);
    return NULL;
}

static void assert_inside(const struct store *store, const char *path, unsigned *found)
{
    struct store_file file = STORE_FILE_CLOSED;
    uint8_t buffer[16];
    size_t size;
    int r = store_open(store, path, &file);

    if (r == 0) {
        ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), 0);
        ck_assert_mem_eq(buffer, "inside", 6);
        (*found)++;
    } else {
        ck_assert_msg(r == -ENOENT || r == -EAGAIN, "%s: %s", path, strerror(-r));
    }
    store_close(&file);
    if (store_try_open(store, path, &file) == 0) {
        ck_assert_uint_eq(file.info.size, 6);
        store_close(&file);
    }
}

static void race(const struct store *store)
{
    struct swapper swapper = {0};
    struct store_info info;
    unsigned found = 0, removed = 0;
    pthread_t thread;

    tree_directory(&tree, "root/swapped");
    tree_directory(&tree, "root/swapped/d");
    tree_directory(&tree, "outside/d");
    tree_file(&tree, "root/swapped/d/x", "inside");
    tree_file(&tree, "outside/d/x", "from the outside");
    tree_file(&tree, "outside/d/only", "there");
    tree_link(&tree, "root/other", "../outside");
    tree_link(&tree, "root/through", "swapped/d/../d/x");
    tree_file(&tree, "root/file", "inside");
    tree_link(&tree, "root/link", "../outside/d/x");
    ck_assert_int_eq(pthread_create(&thread, NULL, swap, &swapper), 0);
    while (!atomic_load(&swapper.done)) {
        assert_inside(store, "swapped/d/x", &found);
        assert_inside(store, "other/d/x", &found);
        assert_inside(store, "through", &found);
        assert_inside(store, "file", &found);
        ck_assert_int_ne(store_stat(store, "swapped/d/only", &info), 0);
        removed += store_remove(store, "swapped/d/only") == 0;
    }
    pthread_join(thread, NULL);
    ck_assert_int_eq(swapper.error, 0);
    ck_assert_uint_eq(removed, 0);
    ck_assert(tree_has(&tree, "outside/d/only"));
    assert_inside(store, "swapped/d/x", &found);
    assert_inside(store, "other/d/x", &found);
    ck_assert_uint_gt(found, 0);
}

START_TEST(test_race)
{
    struct store *store = plain_store(_i);

    race(store);
    store_free(store);
}
END_TEST

START_TEST(test_race_with_links)
{
    struct store *store = linking_store(_i);

    race(store);
    store_free(store);
}
END_TEST

START_TEST(test_bad_roots)
{
    struct store *store = NULL;
    char path[128];

    tree_file(&tree, "root/file", "");
    snprintf(path, sizeof path, "%s/missing", tree.root);
    ck_assert_int_eq(store_new(&(struct store_options){.root = path}, &store), -ENOENT);
    snprintf(path, sizeof path, "%s/file", tree.root);
    ck_assert_int_eq(store_new(&(struct store_options){.root = path}, &store), -ENOTDIR);
    ck_assert_ptr_null(store);
    store_free(NULL);
}
END_TEST

static Suite *store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_path_rules);
    tcase_add_test(tcase, test_path_lengths);
    tcase_add_loop_test(tcase, test_regular_files, 0, WAYS);
    tcase_add_loop_test(tcase, test_only_regular_files, 0, WAYS);
    tcase_add_loop_test(tcase, test_links_not_followed, 0, WAYS);
    tcase_add_loop_test(tcase, test_links_followed, 0, WAYS);
    tcase_add_loop_test(tcase, test_chains_of_links, 0, WAYS);
    tcase_add_loop_test(tcase, test_odd_names, 0, WAYS);
    tcase_add_loop_test(tcase, test_longest_path, 0, WAYS);
    tcase_add_loop_test(tcase, test_hidden_names, 0, WAYS);
    tcase_add_loop_test(tcase, test_remove, 0, WAYS);
    tcase_add_loop_test(tcase, test_remove_links, 0, WAYS);
    tcase_add_loop_test(tcase, test_permissions, 0, WAYS);
    tcase_add_loop_test(tcase, test_one_filesystem, 0, WAYS);
    tcase_add_loop_test(tcase, test_race, 0, WAYS);
    tcase_add_loop_test(tcase, test_race_with_links, 0, WAYS);
    tcase_add_test(tcase, test_bad_roots);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(store_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
