/* SPDX-License-Identifier: MIT */
/*
 * News of the file system, and that the cache misses nothing of what happens to a name.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/changes.h"
#include "tests/cache_fixture.h"

/* ---- What is told ---------------------------------------------------------------------------- */

/* All that was told since it was looked at last, a word for each. */
static char told[256];

static void tell(const char *what, int number, const char *name)
{
    size_t size = strlen(told);

    snprintf(told + size, sizeof told - size, "%s %d %s;", what, number, name);
}

static void tell_touched(void *context, int number)
{
    (void)context;
    tell("touched", number, "");
}

static void tell_named(void *context, int number, const char *name)
{
    (void)context;
    tell("named", number, name);
}

static void tell_lost(void *context)
{
    (void)context;
    tell("lost", 0, "");
}

static void expect_told(struct changes *changes, const char *words)
{
    static const struct changes_listener teller = {tell_touched, tell_named, tell_lost};

    told[0] = '\0';
    ck_assert(changes_take(changes, &teller, NULL));
    ck_assert_str_eq(told, words);
}

static int watch(struct changes *changes, const char *path, bool is_directory)
{
    int number = -1, descriptor = open(full(path), O_PATH | O_CLOEXEC);

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(changes_watch(changes, descriptor, is_directory, &number), 0);
    close(descriptor);
    return number;
}

START_TEST(test_told)
{
    unsigned descriptors = tree_descriptors();
    struct changes *changes;
    int directory, file;

    tree_make(&tree);
    tree_directory(&tree, "root/d");
    tree_file(&tree, "root/d/f", "content");
    ck_assert_int_eq(changes_new(&changes), 0);
    directory = watch(changes, "root/d", true);
    file = watch(changes, "root/d/f", false);
    ck_assert_int_eq(directory, 1);
    ck_assert_int_eq(file, 2);
    ck_assert_int_eq(watch(changes, "root/d", true), directory);
    expect_told(changes, "");

    tree_file(&tree, "root/d/g", "new");
    expect_told(changes, "named 1 g;");
    tree_file(&tree, "root/d/g", "what is written is no news");
    expect_told(changes, "");
    move("root/d/g", "outside/g");
    expect_told(changes, "named 1 g;");
    change_mode("root/d", 0500);
    expect_told(changes, "touched 1 ;");
    hard_link("root/d/f", "outside/f");
    expect_told(changes, "touched 2 ;");
    move("root/d", "outside/d");
    expect_told(changes, "touched 1 ;");
    changes_unwatch(changes, directory);
    expect_told(changes, "touched 1 ;");
    change_mode("outside/d", 0700);
    expect_told(changes, "");
    take_away("outside/f");
    expect_told(changes, "touched 2 ;");
    take_away("outside/d/f");
    expect_told(changes, "touched 2 ;touched 2 ;touched 2 ;"); /* one name less; gone; ignored */

    changes_free(changes);
    tree_remove(&tree);
    ck_assert_uint_eq(tree_descriptors(), descriptors);
}
END_TEST

/* ---- What happens to files ------------------------------------------------------------------- */

static void file_removed(void)
{
    take_away("root/a/b/f");
}

static void file_moved(void)
{
    move("root/a/b/f", "root/a/b/h");
}

static void file_moved_out(void)
{
    move("root/a/b/f", "outside/f");
}

static void file_replaced(void)
{
    tree_file(&tree, "root/new", "new");
    move("root/new", "root/a/b/f");
}

static void file_exchanged(void)
{
    tree_file(&tree, "root/new", "new");
    exchange("root/new", "root/a/b/f");
}

static void file_made_anew(void)
{
    take_away("root/a/b/f");
    tree_file(&tree, "root/a/b/f", "new");
}

static void file_forbidden(void)
{
    change_mode("root/a/b/f", 0);
}

static void file_forbidden_by_other_name(void)
{
    change_mode("outside/link", 0);
}

static void file_linked(void)
{
    hard_link("root/a/b/f", "outside/another");
}

static void parent_moved(void)
{
    move("root/a/b", "root/a/c");
}

static void parent_moved_out(void)
{
    move("root/a/b", "outside/b");
}

static void parent_replaced(void)
{
    tree_directory(&tree, "root/new");
    tree_file(&tree, "root/new/f", "new");
    exchange("root/new", "root/a/b");
}

static void parent_forbidden(void)
{
    change_mode("root/a/b", 0);
}

static void grandparent_moved(void)
{
    move("root/a", "root/z");
}

static void grandparent_became_link(void)
{
    move("root/a", "root/z");
    tree_link(&tree, "root/a", "z");
}

static void grandparent_forbidden(void)
{
    change_mode("root/a", 0);
}

static void root_forbidden(void)
{
    change_mode("root", 0);
}

static const struct {
    const char *name;
    void (*make)(void);
} of_files[] = {
    {"removed", file_removed},
    {"moved", file_moved},
    {"moved out", file_moved_out},
    {"replaced", file_replaced},
    {"exchanged", file_exchanged},
    {"made anew", file_made_anew},
    {"forbidden", file_forbidden},
    {"forbidden by another name", file_forbidden_by_other_name},
    {"linked", file_linked},
    {"parent moved", parent_moved},
    {"parent moved out", parent_moved_out},
    {"parent replaced", parent_replaced},
    {"parent forbidden", parent_forbidden},
    {"grandparent moved", grandparent_moved},
    {"grandparent became a link", grandparent_became_link},
    {"grandparent forbidden", grandparent_forbidden},
    {"root forbidden", root_forbidden},
};

static void make_tree(void)
{
    tree_directory(&tree, "root/a");
    tree_directory(&tree, "root/a/b");
    tree_file(&tree, "root/a/b/f", "old");
    hard_link("root/a/b/f", "outside/link");
}

START_TEST(test_change_of_file)
{
    make_tree();
    ask_until_known("a/b/f");
    ask_until_known("a/b/absent");
    ck_assert_int_eq(look("a/b/f"), 0);
    of_files[_i].make();
    ck_assert_msg(look("a/b/f") == -EAGAIN, "%s: was not noticed", of_files[_i].name);
    change_mode("root", 0700);
}
END_TEST

/* The same while it is being taken in: after it was found, and before it is believed. */
START_TEST(test_change_before_it_is_believed)
{
    make_tree();
    ask("a/b/f");
    ask("a/b/f");
    of_files[_i].make();
    ck_assert_msg(look("a/b/f") == -EAGAIN, "%s: was not noticed", of_files[_i].name);
    change_mode("root", 0700);
}
END_TEST

/* ---- What happens where there was nothing ---------------------------------------------------- */

static void absent_made(void)
{
    tree_file(&tree, "root/a/b/f", "new");
}

static void absent_moved_in(void)
{
    tree_file(&tree, "outside/f", "new");
    move("outside/f", "root/a/b/f");
}

static void absent_linked(void)
{
    tree_file(&tree, "outside/f", "new");
    hard_link("outside/f", "root/a/b/f");
}

static void absent_parent_replaced(void)
{
    tree_directory(&tree, "root/new");
    tree_file(&tree, "root/new/f", "new");
    take_away("root/a/b");
    move("root/new", "root/a/b");
}

static void absent_parent_made_anew(void)
{
    int held = open(full("root/a/b"), O_PATH | O_CLOEXEC); /* somebody else's */

    ck_assert_int_ge(held, 0);
    take_away("root/a/b");
    tree_directory(&tree, "root/a/b");
    tree_file(&tree, "root/a/b/f", "new");
    close(held);
}

static void absent_grandparent_moved_over(void)
{
    tree_directory(&tree, "root/new");
    tree_directory(&tree, "root/new/b");
    tree_file(&tree, "root/new/b/f", "new");
    exchange("root/new", "root/a");
}

static void (*const of_absence[])(void) = {
    absent_made,
    absent_moved_in,
    absent_linked,
    absent_parent_replaced,
    absent_parent_made_anew,
    absent_grandparent_moved_over,
};

START_TEST(test_change_of_absence)
{
    tree_directory(&tree, "root/a");
    tree_directory(&tree, "root/a/b");
    ask_until_known("a/b/f");
    ck_assert_int_eq(look("a/b/f"), -ENOENT);
    of_absence[_i]();
    ck_assert_int_eq(look("a/b/f"), -EAGAIN);
}
END_TEST

static TCase *cache_tests(void)
{
    TCase *tcase = tcase_create("cache");
    int files = sizeof of_files / sizeof *of_files;

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, cache_set_up, cache_tear_down);
    tcase_add_loop_test(tcase, test_change_of_file, 0, files);
    tcase_add_loop_test(tcase, test_change_before_it_is_believed, 0, files);
    tcase_add_loop_test(tcase, test_change_of_absence, 0, sizeof of_absence / sizeof *of_absence);
    return tcase;
}

static Suite *cache_changes_suite(void)
{
    Suite *suite = suite_create("cache, changes");
    TCase *news = tcase_create("news");

    tcase_add_test(news, test_told);
    suite_add_tcase(suite, news);
    if (may_be_kept())
        suite_add_tcase(suite, cache_tests());
    return suite;
}

int main(void)
{
    SRunner *runner;
    int failed;

    hide_mounts();
    runner = srunner_create(cache_changes_suite());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
