/* SPDX-License-Identifier: MIT */
/*
 * The store: what is answered at once, small files read whole while they change, and the words for
 * errors.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/store.h"
#include "rpc/utf8.h"
#include "tests/tree.h"

#define WAYS 2 /* of resolution: by openat2, by hand */

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

static struct store *plain_store(int way)
{
    struct store_options options = {.root = tree.root, .by_hand = way};
    struct store *store;

    ck_assert_int_eq(store_new(&options, &store), 0);
    return store;
}

/* ---- At once -------------------------------------------------------------------------- */

/* Whether hot files must be answered at once here: what nobody can do under Valgrind. */
static bool can_be_hot(void)
{
    struct statfs status;

    ck_assert_int_eq(statfs(tree.root, &status), 0);
    return ((long)status.f_type == EXT4_SUPER_MAGIC || (long)status.f_type == TMPFS_MAGIC) &&
           !(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) < 0 && errno == ENOSYS);
}

START_TEST(test_hot_answers)
{
    struct store *store = plain_store(0), *by_hand = plain_store(1);
    struct store_file file = STORE_FILE_CLOSED;
    struct store_info info = {0};

    tree_file(&tree, "root/hot", "12345");
    ck_assert_int_eq(store_stat(store, "hot", &info), 0);
    if (can_be_hot()) {
        info.size = 0;
        ck_assert_int_eq(store_try_stat(store, "hot", &info), 0);
        ck_assert_uint_eq(info.size, 5);
        ck_assert_int_eq(store_try_open(store, "hot", &file), 0);
        ck_assert_uint_eq(file.info.size, 5);
        store_close(&file);
    }
    ck_assert_int_eq(store_try_stat(by_hand, "hot", &info), -EAGAIN);
    ck_assert_int_eq(store_try_open(by_hand, "hot", &file), -EAGAIN);
    store_free(store);
    store_free(by_hand);
}
END_TEST

START_TEST(test_try_read)
{
    struct store *store = plain_store(0);
    struct store_file file;
    uint8_t buffer[16];
    size_t size = 0;
    int r;

    tree_file(&tree, "root/file", "12345");
    ck_assert_int_eq(store_open(store, "file", &file), 0);
    r = store_try_read(&file, buffer, 6, &size);
    ck_assert(r == -EAGAIN || (r == 0 && size == 5 && memcmp(buffer, "12345", 5) == 0));
    tree_file(&tree, "root/file", "123456789");
    ck_assert_int_eq(store_try_read(&file, buffer, 6, &size), -EAGAIN);
    tree_file(&tree, "root/file", "123");
    ck_assert_int_eq(store_try_read(&file, buffer, 6, &size), -EAGAIN);
    store_close(&file);
    store_free(store);
}
END_TEST

/* ---- Reading -------------------------------------------------------------------------- */

START_TEST(test_read_capacity)
{
    static uint8_t buffer[VALVE_REPLY_BUFFER];
    struct store *store = plain_store(0);
    struct store_file file;
    size_t size = 0;

    tree_filled(&tree, "root/fits", sizeof buffer);
    tree_filled(&tree, "root/more", sizeof buffer + 1);
    ck_assert_int_eq(store_open(store, "fits", &file), 0);
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), 0);
    ck_assert_uint_eq(size, sizeof buffer);
    tree_filled(&tree, "root/fits", sizeof buffer + 2);
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), -EFBIG);
    ck_assert_uint_eq(file.info.size, sizeof buffer + 2);
    store_close(&file);
    ck_assert_int_eq(store_open(store, "more", &file), 0);
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), -EFBIG);
    store_close(&file);
    store_free(store);
}
END_TEST

START_TEST(test_removed_while_open)
{
    struct store *store = plain_store(_i);
    struct store_file file;
    uint8_t buffer[16];
    size_t size;

    tree_file(&tree, "root/file", "still");
    ck_assert_int_eq(store_open(store, "file", &file), 0);
    ck_assert(!store_close_is_slow(&file));
    ck_assert_int_eq(store_remove(store, "file"), 0);
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), 0);
    ck_assert_uint_eq(size, 5);
    ck_assert(store_close_is_slow(&file));
    store_close(&file);
    store_free(store);
}
END_TEST

/* Files of sysfs have less than their length says, however often they are read; procfs, more. */
START_TEST(test_read_wrong_lengths)
{
    struct store_options sysfs = {.root = "/sys/devices/system/cpu", .by_hand = _i};
    struct store_options procfs = {.root = "/proc/self", .by_hand = _i};
    static uint8_t buffer[8192];
    struct store_info info;
    struct store_file file;
    struct store *store;
    size_t size = 1;

    if (access("/sys/devices/system/cpu/online", R_OK) == 0) {
        ck_assert_int_eq(store_new(&sysfs, &store), 0);
        ck_assert_int_eq(store_open(store, "online", &file), 0);
        ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), -EIO);
        store_close(&file);
        store_free(store);
    }
    ck_assert_int_eq(store_new(&procfs, &store), 0);
    ck_assert_int_eq(store_open(store, "status", &file), 0);
    ck_assert_int_eq(store_read(&file, buffer, sizeof buffer, &size), 0);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(store_stat(store, "exe", &info), -ENOENT);
    ck_assert_int_eq(store_stat(store, "root/etc/passwd", &info), -ENOENT);
    store_close(&file);
    store_free(store);
}
END_TEST

struct resizer {
    int file;
    atomic_bool stop;
};

static void *resize(void *argument)
{
    struct resizer *resizer = argument;

    for (off_t size = 100; !atomic_load(&resizer->stop); size = 1100 - size)
        if (ftruncate(resizer->file, size) < 0)
            return resizer;
    return NULL;
}

/* Its length changes all the time: what is read has one of the lengths it had. */
START_TEST(test_read_while_it_changes)
{
    struct resizer resizer = {0};
    struct store *store = plain_store(0);
    struct store_file file;
    pthread_t thread;
    void *failed;
    unsigned read = 0;

    tree_filled(&tree, "root/file", 100);
    resizer.file = openat(tree.fd, "root/file", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(store_open(store, "file", &file), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, resize, &resizer), 0);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t buffer[2048];
        size_t size = 0;
        int r = store_read(&file, buffer, sizeof buffer, &size);

        ck_assert_msg(r == -EIO || (r == 0 && (size == 100 || size == 1000)), "%d, %zu", r, size);
        read += r == 0;
    }
    atomic_store(&resizer.stop, true);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    ck_assert_uint_gt(read, 0);
    store_close(&file);
    close(resizer.file);
    store_free(store);
}
END_TEST

/* ---- Errors ---------------------------------------------------------------------------- */

START_TEST(test_error_codes)
{
    static const struct {
        int error;
        const char *code;
    } cases[] = {
        {EACCES, "denied"},
        {EPERM, "denied"},
        {EROFS, "denied"},
        {EINVAL, "bad-path"},
        {ENAMETOOLONG, "bad-path"},
        {ENOENT, "not-found"},
        {ENOTDIR, "not-found"},
        {ELOOP, "not-found"},
        {EXDEV, "not-found"},
        {ESTALE, "not-found"},
        {EMFILE, "busy"},
        {ENFILE, "busy"},
        {ENOMEM, "busy"},
        {EBUSY, "busy"},
        {EAGAIN, "busy"},
        {ETIMEDOUT, "timeout"},
        {ECANCELED, "cancelled"},
        {EIO, "io"},
        {ENOSPC, "io"},
        {EUCLEAN, "io"},
        {9999, "io"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct valve_error error;
        size_t size = strlen(cases[i].code);

        store_explain(-cases[i].error, "a", 1, NULL, &error);
        ck_assert_msg(strncmp(error.text, cases[i].code, size) == 0, "%s", error.text);
        ck_assert_msg(strncmp(error.text + size, ": a: ", 5) == 0, "%s", error.text);
        ck_assert_uint_gt(strlen(error.text), size + 5);
        ck_assert_int_eq(store_is_failure(-cases[i].error), strcmp(cases[i].code, "io") == 0);
    }
    ck_assert(!store_is_failure(0));
    ck_assert(!store_is_shortage(0));
    ck_assert(store_is_shortage(-EMFILE));
    ck_assert(!store_is_shortage(-ENOENT));
}
END_TEST

START_TEST(test_error_names)
{
    struct valve_error error;
    static char name[4096];

    store_explain(-ENOENT, "a\n\xff\0b", 5, NULL, &error);
    ck_assert_str_eq(error.text, "not-found: a\\x0a\\xff\\x00b: no such file");
    store_explain(-EINVAL, "", 0, "an empty path", &error);
    ck_assert_str_eq(error.text, "bad-path: an empty path");
    memset(name, 1, sizeof name);
    store_explain(-EINVAL, name, sizeof name, "more than 4095 bytes", &error);
    ck_assert_uint_lt(strlen(error.text), VALVE_ERROR_TEXT);
    ck_assert_ptr_nonnull(strstr(error.text, ": more than 4095 bytes"));
    ck_assert(valve_utf8_valid(error.text, strlen(error.text)));
}
END_TEST

static Suite *store_read_suite(void)
{
    Suite *suite = suite_create("store_read");
    TCase *tcase = tcase_create("store_read");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_hot_answers);
    tcase_add_test(tcase, test_try_read);
    tcase_add_test(tcase, test_read_capacity);
    tcase_add_loop_test(tcase, test_removed_while_open, 0, WAYS);
    tcase_add_loop_test(tcase, test_read_wrong_lengths, 0, WAYS);
    tcase_add_test(tcase, test_read_while_it_changes);
    tcase_add_test(tcase, test_error_codes);
    tcase_add_test(tcase, test_error_names);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(store_read_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
