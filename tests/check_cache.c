/* SPDX-License-Identifier: MIT */
/*
 * The cache: what it takes in, what it gives, and what it lets go. See check_cache_changes.c, too.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cache_fixture.h"

/* ---- What is taken in ------------------------------------------------------------------------ */

START_TEST(test_taken_in_when_asked_again)
{
    tree_directory(&tree, "root/d");
    tree_file(&tree, "root/d/f", "content");
    ask("d/f");
    ck_assert_uint_eq(watches(), 0);
    ck_assert_int_eq(look("d/f"), -EAGAIN);
    cache_learn(cache, "d/f");
    ck_assert_uint_eq(watches(), 3); /* the root, d, and the file */
    expect_content("d/f", "content");
    ask_until_known("d/absent");
    ck_assert_int_eq(look("d/absent"), -ENOENT);
    ck_assert_int_eq(look("d"), -EAGAIN);
}
END_TEST

START_TEST(test_not_believed_before_news)
{
    struct cached cached;

    tree_file(&tree, "root/f", "1");
    tree_file(&tree, "root/g", "1");
    ask_until_known("g");
    cache_learn(cache, "f");
    ck_assert_int_eq(cache_find(cache, cache_batch, "g", &cached), 0);
    cache_learn(cache, "f");
    /* Nothing was asked of the kernel since it was watched. */
    ck_assert_int_eq(cache_find(cache, cache_batch, "f", &cached), -EAGAIN);
    ck_assert_int_eq(cache_find(cache, ++cache_batch, "f", &cached), 0);
}
END_TEST

START_TEST(test_never_taken_in)
{
    static const char *const never[] = {
        "directory", "fifo", "link", "dangling", "by_link/f", "missing/f", "f/f", "directory/g/h/i",
    };

    tree_directory(&tree, "root/directory");
    tree_file(&tree, "root/f", "1");
    ck_assert_int_eq(mkfifo(full("root/fifo"), 0600), 0);
    tree_link(&tree, "root/link", "f");
    tree_link(&tree, "root/dangling", "nothing");
    tree_link(&tree, "root/by_link", "directory");
    tree_file(&tree, "root/directory/f", "1");
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        for (unsigned j = 0; j < 4; j++)
            ask(never[i]);
        ck_assert_msg(look(never[i]) == -EAGAIN, "%s is known", never[i]);
        ck_assert_msg(watches() == 0, "%s is watched", never[i]);
    }
}
END_TEST

START_TEST(test_hidden_is_absent)
{
    tree_file(&tree, "root/f.part", "1");
    ask_until_known("f.part");
    ck_assert_int_eq(look("f.part"), -ENOENT);
}
END_TEST

START_TEST(test_deep)
{
    char path[128] = "root/d";

    for (unsigned i = 0; i < 40; i++) {
        tree_directory(&tree, path);
        strcat(path, "/d");
    }
    for (unsigned i = 0; i < 4; i++)
        ask(path + strlen("root/"));
    ck_assert_int_eq(look(path + strlen("root/")), -EAGAIN);
    ck_assert_uint_eq(watches(), 0);
}
END_TEST

/* ---- What is read ---------------------------------------------------------------------------- */

START_TEST(test_content_is_fresh)
{
    tree_file(&tree, "root/f", "first");
    ask_until_known("f");
    tree_file(&tree, "root/f", "second");
    expect_content("f", "second");
    tree_file(&tree, "root/f", "");
    expect_content("f", "");
}
END_TEST

START_TEST(test_lengths)
{
    static const size_t sizes[] = {0,    1,    63,    4095,  4096,  4097,
                                   8192, 8193, 65535, 65536, 65537, 12288};
    static uint8_t buffer[VALVE_REPLY_BUFFER];
    struct cached cached;
    struct store_info info;
    size_t size;

    tree_file(&tree, "root/f", "first");
    ask_until_known("f");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int r;

        tree_filled(&tree, "root/f", sizes[i]);
        ck_assert_int_eq(find("f", &cached), 0);
        ck_assert_int_eq(cached_stat(&cached, &info), 0);
        ck_assert_uint_eq(info.size, sizes[i]);
        /* The first time it may have grown out of its room; then that is known. */
        r = cached_read(&cached, buffer, cached_room(&cached, sizeof buffer), &size);
        if (r == -EAGAIN)
            r = cached_read(&cached, buffer, cached_room(&cached, sizeof buffer), &size);
        ck_assert_int_eq(r, sizes[i] <= sizeof buffer ? 0 : -EAGAIN);
        ck_assert(r < 0 || size == sizes[i]);
        ck_assert_uint_eq(cached_room(&cached, sizeof buffer) == 0, sizes[i] > sizeof buffer);
        if (cached_room(&cached, sizeof buffer) == 0) {
            tree_filled(&tree, "root/f", 1);
            ck_assert_int_eq(cached_read(&cached, buffer, sizeof buffer, &size), 0);
            ask("f");
        }
    }
}
END_TEST

/* Too large, it is opened; and then it is known when it is not so any more. */
START_TEST(test_small_again)
{
    struct store_file file;
    struct cached cached;

    tree_filled(&tree, "root/f", 1000);
    ask_until_known("f");
    ck_assert_int_eq(find("f", &cached), 0);
    ck_assert_uint_eq(cached_room(&cached, 999), 0);
    tree_filled(&tree, "root/f", 1);
    ck_assert_int_eq(cached_open(&cached, &file), 0);
    ck_assert_uint_eq(file.info.size, 1);
    store_close(&file);
    ck_assert_uint_ge(cached_room(&cached, 999), 1);
}
END_TEST

START_TEST(test_out_of_date_over_a_wait)
{
    struct cached cached;
    struct store_info info;
    uint8_t buffer[16];
    size_t size;

    tree_file(&tree, "root/f", "1");
    tree_file(&tree, "root/g", "1");
    ask_until_known("f");
    ck_assert_int_eq(find("f", &cached), 0);
    take_away("root/f");
    ck_assert_int_eq(look("f"), -EAGAIN);
    ck_assert_int_eq(cached_read(&cached, buffer, sizeof buffer, &size), -EAGAIN);
    ck_assert_int_eq(cached_stat(&cached, &info), -EAGAIN);
}
END_TEST

/* What is being sent stays open, and is closed once. */
START_TEST(test_held_while_it_is_forgotten)
{
    unsigned before = tree_descriptors();
    struct cached cached;
    uint64_t size;
    int descriptor;
    char byte;

    tree_file(&tree, "root/f", "1");
    ask_until_known("f");
    ck_assert_int_eq(find("f", &cached), 0);
    ck_assert_int_eq(cached_hold(&cached, &descriptor, &size), 0);
    ck_assert_int_eq(cached_hold(&cached, &descriptor, &size), 0);
    ck_assert_uint_eq(size, 1);
    take_away("root/f");
    ck_assert_int_eq(look("f"), -EAGAIN);
    ck_assert_int_eq(cached_hold(&cached, &descriptor, &size), -EAGAIN);
    cached_let_go(&cached);
    ck_assert_int_eq(pread(descriptor, &byte, 1, 0), 1);
    ck_assert_int_eq(byte, '1');
    cached_let_go(&cached);
    ck_assert_uint_eq(tree_descriptors(), before);
    ck_assert_uint_eq(closed_elsewhere, 1);
    ask_until_known("f");
    ck_assert_int_eq(look("f"), -ENOENT);
}
END_TEST

/* ---- What has to go -------------------------------------------------------------------------- */

START_TEST(test_all_is_given_back)
{
    tree_directory(&tree, "root/a");
    tree_directory(&tree, "root/a/b");
    tree_file(&tree, "root/a/b/f", "");
    hard_link("root/a/b/f", "outside/link");
    tree_file(&tree, "root/a/g", "");
    ask_until_known("a/b/f");
    ask_until_known("a/g");
    ck_assert_uint_eq(watches(), 5);
    move("root/a/b/f", "outside/f");
    ck_assert_int_eq(look("a/b/f"), -EAGAIN);
    ck_assert_uint_eq(watches(), 3);
    take_away("root/a/g");
    ck_assert_int_eq(look("a/g"), -EAGAIN);
    ck_assert_uint_eq(watches(), 0);
    ck_assert_uint_eq(closed_elsewhere, 1); /* what was moved has its name still */
}
END_TEST

START_TEST(test_removed_without_being_asked_for)
{
    unsigned before = tree_descriptors();

    tree_file(&tree, "root/f", "takes room on the disk");
    ask_until_known("f");
    take_away("root/f");
    cache_take_changes(cache);
    ck_assert_uint_eq(tree_descriptors(), before);
    ck_assert_uint_eq(closed_elsewhere, 1);
}
END_TEST

START_TEST(test_two_names_of_one_file)
{
    tree_file(&tree, "root/f", "both");
    hard_link("root/f", "root/g");
    ask_until_known("f");
    ask_until_known("g");
    ck_assert_uint_eq(watches(), 2);
    expect_content("f", "both");
    expect_content("g", "both");
    take_away("root/f");
    ck_assert_int_eq(look("g"), -EAGAIN);
    ask_until_known("g");
    expect_content("g", "both");
}
END_TEST

static const char *numbered(unsigned number)
{
    static char name[32];

    snprintf(name, sizeof name, "n%u", number);
    return name;
}

static void make_numbered(unsigned count)
{
    char path[64];

    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "root/%s", numbered(i));
        tree_file(&tree, path, "");
    }
}

START_TEST(test_bounds)
{
    struct cache_figures figures;
    unsigned before = tree_descriptors();

    make_numbered(3 * CACHE_MOST);
    for (unsigned i = 0; i < 3 * CACHE_MOST; i++) {
        ask(numbered(i));
        ask(numbered(i));
    }
    cache_get_figures(cache, &figures);
    ck_assert_uint_eq(figures.names, CACHE_MOST);
    ck_assert_uint_eq(tree_descriptors(), before + CACHE_MOST);
    ck_assert_uint_eq(watches(), CACHE_MOST + 1);
    ck_assert_uint_eq(closed_elsewhere, 0);
}
END_TEST

/* Whoever reads everything, once or twice, does not drive out what is asked for all the time. */
START_TEST(test_scan)
{
    enum { HOT = CACHE_MOST / 2, ALL = 40 * CACHE_MOST };

    make_numbered(ALL);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < HOT; i++)
            ask(numbered(i));
    for (unsigned i = HOT; i < ALL; i++) {
        ask(numbered(i));
        if (_i > 0)
            ask(numbered(i));
        if (i % 4 == 0)
            ask(numbered(i / 4 % HOT));
    }
    for (unsigned i = 0; i < HOT; i++)
        ck_assert_msg(look(numbered(i)) == 0, "%s was driven out", numbered(i));
}
END_TEST

START_TEST(test_too_much_news)
{
    struct cache_figures figures;
    char name[32];
    unsigned long most;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu", &most), 1);
    fclose(file);
    tree_file(&tree, "root/f", "1");
    ask_until_known("f");
    for (unsigned long i = 0; i < most / 2 + 1; i++) {
        snprintf(name, sizeof name, "root/new%lu", i);
        tree_file(&tree, name, "");
        take_away(name);
    }
    take_away("root/f");
    ck_assert_int_eq(look("f"), -EAGAIN);
    cache_get_figures(cache, &figures);
    ck_assert_uint_eq(figures.lost, 1);
    ck_assert_uint_eq(figures.names, 0);
    ck_assert_uint_eq(watches(), 0);
    tree_file(&tree, "root/f", "1");
    ask_until_known("f");
}
END_TEST

START_TEST(test_figures)
{
    struct cache_figures figures;

    tree_file(&tree, "root/f", "1");
    ask_until_known("f");
    take_away("root/f");
    ask("f");
    cache_get_figures(cache, &figures);
    ck_assert_uint_eq(figures.hits, 1);
    ck_assert_uint_eq(figures.misses, 3);
    ck_assert_uint_eq(figures.forgotten, 1);
    ck_assert_uint_eq(figures.names, 0);
}
END_TEST

/* ---- Where names may not be kept ------------------------------------------------------------- */

START_TEST(test_refused)
{
    const struct store_options options = {.root = tree.root, .by_hand = true};
    struct cache_options cache_options = {.most = CACHE_MOST,
                                          .close_elsewhere = cache_close_elsewhere};
    unsigned descriptors = tree_descriptors();
    struct store *by_hand;
    struct cache *none = NULL;

    tree_make(&tree);
    ck_assert_int_eq(store_new(&options, &by_hand), 0);
    cache_options.store = by_hand;
    ck_assert_int_eq(cache_new(&cache_options, &none), -EOPNOTSUPP);
    ck_assert_ptr_null(none);
    store_free(by_hand);
    tree_remove(&tree);
    ck_assert_uint_eq(tree_descriptors(), descriptors);
}
END_TEST

static TCase *cache_tests(void)
{
    TCase *tcase = tcase_create("cache");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, cache_set_up, cache_tear_down);
    tcase_add_test(tcase, test_taken_in_when_asked_again);
    tcase_add_test(tcase, test_not_believed_before_news);
    tcase_add_test(tcase, test_never_taken_in);
    tcase_add_test(tcase, test_hidden_is_absent);
    tcase_add_test(tcase, test_deep);
    tcase_add_test(tcase, test_content_is_fresh);
    tcase_add_test(tcase, test_lengths);
    tcase_add_test(tcase, test_small_again);
    tcase_add_test(tcase, test_out_of_date_over_a_wait);
    tcase_add_test(tcase, test_held_while_it_is_forgotten);
    tcase_add_test(tcase, test_all_is_given_back);
    tcase_add_test(tcase, test_removed_without_being_asked_for);
    tcase_add_test(tcase, test_two_names_of_one_file);
    tcase_add_test(tcase, test_bounds);
    tcase_add_loop_test(tcase, test_scan, 0, 2);
    tcase_add_test(tcase, test_too_much_news);
    tcase_add_test(tcase, test_figures);
    return tcase;
}

static Suite *cache_suite(void)
{
    Suite *suite = suite_create("cache");
    TCase *refused = tcase_create("refused");

    tcase_add_test(refused, test_refused);
    suite_add_tcase(suite, refused);
    if (may_be_kept())
        suite_add_tcase(suite, cache_tests());
    return suite;
}

int main(void)
{
    SRunner *runner;
    int failed;

    hide_mounts();
    runner = srunner_create(cache_suite());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}