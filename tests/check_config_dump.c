/* SPDX-License-Identifier: MIT */
/*
 * What is done with a configuration: choosing what is auto, writing it back; and the shipped file.
 */
#include "config_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- auto ---- */

/* What valved has open itself: 64, 8 for each worker, 6 for each I/O thread. */
#define OWN(workers, io_threads) (64 + 8 * (workers) + 6 * (io_threads))

START_TEST(auto_is_resolved)
{
    load_good(LISTEN);
    config_resolve(&config, 6, 1048576);
    ck_assert_uint_eq(config.workers, 6);
    ck_assert_uint_eq(config.io_threads, 12);
    ck_assert_uint_eq(config.cache, 8192);
    ck_assert_uint_eq(config.max_files, 8192);
    ck_assert_uint_eq(config_own_descriptors(&config), 8192 + OWN(6, 12));
    ck_assert_uint_eq(config.max_connections, 1048576 - 8192 - 8192 - OWN(6, 12));

    load_good(LISTEN);
    config_resolve(&config, 1, 20000);
    ck_assert_uint_eq(config.io_threads, 4);
    ck_assert_uint_eq(config.cache, 1250);
    ck_assert_uint_eq(config.max_files, 625);
    ck_assert_uint_eq(config.max_connections, 20000 - 1250 - 625 - OWN(1, 4));

    load_good(LISTEN);
    config_resolve(&config, 1, 512);
    ck_assert_uint_eq(config.max_files, 64);
    ck_assert_uint_eq(config.max_connections, 512 - 32 - 64 - OWN(1, 4));
}
END_TEST

/* What connections are not asked to take is for files, within reason. */
START_TEST(files_have_what_few_connections_leave)
{
    static const struct {
        uint64_t limit, files;
    } rows[] = {{1200, 64},
                {1400, 1400 - 1000 - 1400 / 16 - OWN(1, 4)},
                {4096, 4096 / 4},
                {20000, 20000 / 4},
                {1048576, 8192}};

    load_good("[server]\nmax_connections = 1000\n" LISTEN);
    config_resolve(&config, 1, rows[_i].limit);
    ck_assert_uint_eq(config.max_files, rows[_i].files);
    ck_assert_uint_eq(config.max_connections, 1000);
}
END_TEST

START_TEST(what_was_set_is_kept_if_it_fits)
{
    static const char text[] = "[server]\nworkers = 3\nio_threads = 2\nmax_connections = 700\n"
                               "max_files = 200\n[files]\ncache = 100\n" LISTEN;

    load_good(text);
    config_resolve(&config, 8, 4096);
    ck_assert_uint_eq(config.workers, 3);
    ck_assert_uint_eq(config.io_threads, 2);
    ck_assert_uint_eq(config.max_connections, 700);
    ck_assert_uint_eq(config.max_files, 200);
    ck_assert_uint_eq(config.cache, 100);

    load_good(text);
    config_resolve(&config, 8, 100);
    ck_assert_uint_eq(config.cache, 50);
    ck_assert_uint_eq(config.max_files, 25);
}
END_TEST

/* ---- writing it back ---- */

START_TEST(a_dump_reads_back)
{
    load_good("[server]\nworkers = 2\nfiber_stack = 65537\n[limits]\nidle_timeout = 90min\n"
              "io_timeout = 1500ms\n[files]\nhide = .* *.part x;y \\;\n" LISTEN
              "mode = 0\nallow = del\n[listen b]\naddress = [::]:8258\ninsecure = yes\n"
              "[listen c]\naddress = unix:@abstract\n"
              "[access x]\npeer = uid:1-3 address:::/0 any\nallow = size\npath = a/ b;c\n"
              "[access y]\npeer = group:root\nallow = list del\n");
    check_round_trip();
}
END_TEST

START_TEST(a_dump_of_the_command_line_reads_back)
{
    listen_at("unix:/tmp/x.sock");
    listen_at("127.0.0.1:0");
    options.config_path = NULL;
    ck_assert_int_eq(config_load(&options, &config, &errors), 0);
    config_resolve(&config, 4, 20000);
    check_round_trip();
}
END_TEST

START_TEST(a_dump_of_the_longest_values_reads_back)
{
    static char text[CONFIG_LINE_MAX + 128];
    size_t used = (size_t)snprintf(text, sizeof text, "[files]\nhide = ");
    size_t end = strlen("[files]\n") + LONGEST_LINE;

    memset(text + used, 'x', end - used);
    snprintf(text + end, sizeof text - end, "\n" LISTEN);
    load_good(text);
    check_round_trip();
}
END_TEST

START_TEST(a_dump_tells_origins)
{
    char expected[256];
    char *text;

    load_good("[server]\npin = no\nio_threads = auto\n" LISTEN);
    config_resolve(&config, 3, 20000);
    text = dump_text();
    ck_assert_ptr_nonnull(
        strstr(text, "\nworkers = auto                          ; default, here 3\n"));
    snprintf(expected, sizeof expected, "; %s:2\n", path);
    ck_assert_ptr_nonnull(strstr(text, expected));
    snprintf(expected, sizeof expected, "; %s:3, here 6\n", path);
    ck_assert_ptr_nonnull(strstr(text, expected));
    ck_assert_ptr_nonnull(strstr(text, "; command line\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n[listen a]\naddress = unix:/tmp/a.sock"));
    ck_assert_ptr_nonnull(strstr(text, "\nallow = list size get exists del        ; default\n"));
    free(text);
}
END_TEST

/* ---- the file that is shipped ---- */

static char *read_shipped(void)
{
    const char *top = getenv("srcdir");
    char name[1024];
    char *text = NULL;
    size_t size = 0;
    FILE *stream;

    snprintf(name, sizeof name, "%s/etc/valve.ini", top != NULL ? top : ".");
    stream = fopen(name, "re");
    ck_assert_msg(stream != NULL, "%s: %s", name, strerror(errno));
    ck_assert_int_gt(getdelim(&text, &size, '\0', stream), 0);
    fclose(stream);
    return text;
}

START_TEST(the_shipped_file_loads_as_it_is)
{
    char *text = read_shipped();

    load_good(text);
    free(text);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (i != CONFIG_ROOT)
            ck_assert_int_eq(config.origins[i].source, CONFIG_FROM_DEFAULT);
    }
    ck_assert_uint_eq(config.listener_count, 1);
    ck_assert_str_eq(config.listeners[0].address.text, "unix:/run/valve/valve.sock");
}
END_TEST

/* In it, ";key = value" is a key with its default, and "# " begins words for people. */
START_TEST(the_shipped_file_has_every_key_with_its_default)
{
    char *text = read_shipped();
    bool seen[CONFIG_LISTEN_KEY_COUNT] = {false};
    struct config defaults;

    load_good(LISTEN);
    defaults = config;
    config = (struct config){0};
    for (char *c = text; *c != '\0'; c++) {
        if (*c == ';' && (c == text || c[-1] == '\n'))
            memmove(c, c + 1, strlen(c));
    }
    load_good(text);
    free(text);
    check_same_values(config_keys, CONFIG_KEY_COUNT, &defaults, &config, defaults.origins,
                      config.origins);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        ck_assert_msg(i == CONFIG_ROOT || config.origins[i].source == CONFIG_FROM_FILE,
                      "%s is not in the file", config_keys[i].name);
    for (size_t i = 0; i < config.listener_count; i++) {
        for (size_t j = 0; j < CONFIG_LISTEN_KEY_COUNT; j++)
            seen[j] = seen[j] || config.listeners[i].origins[j].source == CONFIG_FROM_FILE;
    }
    for (size_t i = 0; i < CONFIG_LISTEN_KEY_COUNT; i++)
        ck_assert_msg(seen[i], "%s is not in the file", config_listener_keys[i].name);
    ck_assert_uint_gt(config.rule_count, 0);
    for (size_t i = 0; i < CONFIG_ACCESS_KEY_COUNT; i++)
        ck_assert_msg(config.rules[0].origins[i].source == CONFIG_FROM_FILE,
                      "%s is not in the file", config_access_keys[i].name);
    ck_assert_uint_eq(config.listeners[0].mode, defaults.listeners[0].mode);
    ck_assert_uint_eq(config.listeners[0].allow, CONFIG_ALLOW_ALL);
    ck_assert_ptr_null(config.listeners[0].group.name);
    config_fini(&defaults);
}
END_TEST

/* The root is overridden above; here its line is. */
START_TEST(the_shipped_file_names_the_default_root)
{
    char *text = read_shipped();

    ck_assert_ptr_nonnull(strstr(text, "\n;root = /srv/valve\n"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config dump");
    TCase *tcase;

    tcase = add_case(suite, "auto");
    tcase_add_test(tcase, auto_is_resolved);
    tcase_add_loop_test(tcase, files_have_what_few_connections_leave, 0, 5);
    tcase_add_test(tcase, what_was_set_is_kept_if_it_fits);

    tcase = add_case(suite, "dump");
    tcase_add_test(tcase, a_dump_reads_back);
    tcase_add_test(tcase, a_dump_of_the_command_line_reads_back);
    tcase_add_test(tcase, a_dump_of_the_longest_values_reads_back);
    tcase_add_test(tcase, a_dump_tells_origins);

    tcase = add_case(suite, "shipped file");
    tcase_add_test(tcase, the_shipped_file_loads_as_it_is);
    tcase_add_test(tcase, the_shipped_file_has_every_key_with_its_default);
    tcase_add_test(tcase, the_shipped_file_names_the_default_root);
    return run_suite(suite);
}
