/* SPDX-License-Identifier: MIT */
/*
 * The command line of valved: how it is read, and how it overrides the file.
 */
#include "config_fixture.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading it ---- */

static char *messages; /* what the last call of parse() wrote to stdout and stderr */
static size_t messages_size;

/* Redirects one of the standard streams to a file; returns what restores it. */
static int divert(FILE *stream, int target)
{
    int saved;

    fflush(stream);
    saved = dup(fileno(stream));
    ck_assert_int_ge(saved, 0);
    ck_assert_int_ge(dup2(target, fileno(stream)), 0);
    return saved;
}

static void restore(FILE *stream, int saved)
{
    fflush(stream);
    ck_assert_int_ge(dup2(saved, fileno(stream)), 0);
    close(saved);
}

/* options_parse() with the arguments up to NULL; what it prints goes to `messages`. */
static int parse(struct options *ret_options, int *ret_status, ...)
{
    char *argv[16] = {(char *)"valved"};
    FILE *file = tmpfile();
    int saved[2];
    int argc = 1;
    va_list arguments;
    int r;

    va_start(arguments, ret_status);
    while (argc < 15 && (argv[argc] = va_arg(arguments, char *)) != NULL)
        argc++;
    va_end(arguments);
    ck_assert_ptr_nonnull(file);
    saved[0] = divert(stdout, fileno(file));
    saved[1] = divert(stderr, fileno(file));
    r = options_parse(argc, argv, ret_options, ret_status);
    restore(stdout, saved[0]);
    restore(stderr, saved[1]);
    rewind(file);
    free(messages);
    messages = NULL;
    messages_size = 0;
    if (getdelim(&messages, &messages_size, '\0', file) < 0)
        messages[0] = '\0';
    fclose(file);
    return r;
}

static void drop_messages(void)
{
    free(messages);
    messages = NULL;
}

START_TEST(options_are_read)
{
    struct options parsed = {0};
    int status = -1;

    ck_assert_int_eq(parse(&parsed, &status, "-c", "/a", "--root", "b", "--listen", "unix:/c",
                           "--listen", "127.0.0.1:0", "--allow", "get,del list", "-t",
                           "--dump-config", NULL),
                     0);
    ck_assert_str_eq(parsed.config_path, "/a");
    ck_assert_str_eq(parsed.root, "b");
    ck_assert_uint_eq(parsed.listener_count, 2);
    ck_assert_str_eq(parsed.listeners[1].text, "127.0.0.1:0");
    ck_assert_uint_eq(parsed.allow, CONFIG_ALLOW_GET | CONFIG_ALLOW_DEL | CONFIG_ALLOW_LIST);
    ck_assert(parsed.check_config);
    ck_assert(parsed.dump_config);
    options_fini(&parsed);
    ck_assert_int_eq(parse(&parsed, &status, "--check-config", NULL), 0);
    ck_assert(parsed.check_config);
    ck_assert(!parsed.dump_config);
    ck_assert_ptr_null(parsed.config_path);
    options_fini(&parsed);
    drop_messages();
}
END_TEST

static const struct {
    const char *arguments[3];
    const char *words;
} bad_usages[] = {
    {{"--nonsense"}, "--nonsense"},
    {{"-x"}, "'x'"},
    {{"--root"}, "--root"},
    {{"--root", ""}, "--root: the path is missing"},
    {{"-c"}, "'c'"},
    {{"-c", ""}, "-c: the path is missing"},
    {{"--listen", "elsewhere"}, "--listen: 'elsewhere': "},
    {{"--listen", "unix:x"}, "--listen: 'unix:x': "},
    {{"--listen", "[::1]:1", "--allow="}, "--allow: no operation is named"},
    {{"--listen", "[::1]:1", "--allow=get,put"}, "--allow: 'put' is no operation"},
    {{"--allow", "get"}, "--allow: is about the listeners of --listen"},
    {{"--dump-config=x"}, "--dump-config"},
    {{"argument"}, "'argument': only options are expected"},
    {{"-t", "--", "-t"}, "'-t': only options are expected"},
};

START_TEST(each_bad_usage_names_its_option)
{
    struct options parsed = {.root = "untouched"};
    int status = -1;

    ck_assert_int_eq(parse(&parsed, &status, bad_usages[_i].arguments[0],
                           bad_usages[_i].arguments[1], bad_usages[_i].arguments[2], NULL),
                     -ECANCELED);
    ck_assert_int_eq(status, VALVED_EXIT_USAGE);
    ck_assert_msg(strstr(messages, bad_usages[_i].words) != NULL, "%s", messages);
    ck_assert_ptr_nonnull(strstr(messages, "Try 'valved -h' for help."));
    ck_assert_str_eq(parsed.root, "untouched");
    drop_messages();
}
END_TEST

START_TEST(help_and_version_are_answered)
{
    struct options parsed;
    int status = -1;

    ck_assert_int_eq(parse(&parsed, &status, "-h", NULL), -ECANCELED);
    ck_assert_int_eq(status, 0);
    ck_assert(strncmp(messages, "Usage: valved [-c FILE]", 23) == 0);
    ck_assert_int_eq(parse(&parsed, &status, "-V", NULL), -ECANCELED);
    ck_assert_int_eq(status, 0);
    ck_assert(strncmp(messages, "valved ", 7) == 0);
    drop_messages();
}
END_TEST

/* ---- listeners ---- */

START_TEST(listeners_of_the_command_line_need_no_file)
{
    options.config_path = NULL;
    listen_at("unix:/tmp/x.sock");
    listen_at("127.0.0.1:0");
    ck_assert_int_eq(config_load(&options, &config, &errors), 0);
    ck_assert_ptr_null(config.path);
    ck_assert_uint_eq(config.listener_count, 2);
    ck_assert_str_eq(config.listeners[0].name.text, "1");
    ck_assert_uint_eq(config.listeners[0].allow, CONFIG_ALLOW_ALL);
    ck_assert_uint_eq(config.listeners[1].allow, CONFIG_ALLOW_ALL & ~(unsigned)CONFIG_ALLOW_DEL);
    ck_assert_int_eq(config.listeners[0].origins[CONFIG_LISTEN_ADDRESS].source,
                     CONFIG_FROM_COMMAND_LINE);
    options_fini(&options);
}
END_TEST

START_TEST(listeners_of_the_command_line_replace_the_file_s)
{
    listen_at("[::1]:0");
    listen_at("[::1]:0"); /* port 0 is another one each time */
    options.allow = CONFIG_ALLOW_DEL;
    load_good("[server]\nworkers = 5\n" LISTEN);
    ck_assert_uint_eq(config.workers, 5);
    ck_assert_uint_eq(config.listener_count, 2);
    ck_assert_str_eq(config.listeners[1].address.text, "[::1]:0");
    ck_assert_uint_eq(config.listeners[1].allow, CONFIG_ALLOW_DEL);
    options_fini(&options);
}
END_TEST

START_TEST(listeners_of_the_command_line_are_checked)
{
    listen_at("0.0.0.0:8258");
    check_bad(LISTEN, 0, "--listen: 0.0.0.0:8258 can be reached from other machines");
    options_fini(&options);
    options = (struct options){.root = root};
    listen_at("[::1]:5");
    listen_at("[::1]:5");
    check_bad(LISTEN, 0, "--listen: [::1]:5 is the address of [listen 1] too");
    options_fini(&options);
}
END_TEST

/* ---- the root ---- */

START_TEST(a_root_must_be_a_directory)
{
    char text[512];

    options.root = NULL;
    snprintf(text, sizeof text, LISTEN "[files]\nroot = %s/missing\n", directory);
    check_bad(text, 4, "/missing: No such file or directory");
    snprintf(text, sizeof text, LISTEN "[files]\nroot = %s\n", path);
    check_bad(text, 4, "/valve.ini: Not a directory");
    snprintf(text, sizeof text, LISTEN "[files]\nroot = %s\n", root);
    load_good(text);
    ck_assert_str_eq(config.root, root);
    ck_assert_uint_eq(config.origins[CONFIG_ROOT].line, 4);
}
END_TEST

START_TEST(a_root_of_the_command_line_has_no_line)
{
    options.root = "/nonexistent/place";
    check_bad(LISTEN, 0, "--root: /nonexistent/place: No such file or directory");
    ck_assert(strncmp(errors.list[0].text, "--root: ", 8) == 0);
    options.root = path;
    check_bad(LISTEN, 0, "--root: ");
    ck_assert_ptr_nonnull(strstr(errors.list[0].text, "Not a directory"));
}
END_TEST

START_TEST(a_root_no_file_could_name_is_refused)
{
    static const char *const names[] = {"/tmp/a ;b", "/tmp/a\nworkers = 3", "/tmp/a "};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        options.root = names[i];
        check_bad(LISTEN, 0, "--root: control characters, a ';' that");
    }
}
END_TEST

START_TEST(a_relative_root_is_made_absolute)
{
    char *before = getcwd(NULL, 0);

    ck_assert_ptr_nonnull(before);
    ck_assert_int_eq(chdir(directory), 0);
    options.root = "root";
    load_good(LISTEN);
    ck_assert_int_eq(chdir(before), 0);
    free(before);
    ck_assert_int_eq(config.root[0], '/');
    ck_assert_ptr_nonnull(strstr(config.root, "/root"));
}
END_TEST

START_TEST(the_command_line_s_root_wins)
{
    load_good(LISTEN "[files]\nroot = /nonexistent/place\n");
    ck_assert_str_eq(config.root, root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase;

    tcase = add_case(suite, "reading");
    tcase_add_test(tcase, options_are_read);
    tcase_add_loop_test(tcase, each_bad_usage_names_its_option, 0,
                        (int)(sizeof bad_usages / sizeof bad_usages[0]));
    tcase_add_test(tcase, help_and_version_are_answered);

    tcase = add_case(suite, "listeners");
    tcase_add_test(tcase, listeners_of_the_command_line_need_no_file);
    tcase_add_test(tcase, listeners_of_the_command_line_replace_the_file_s);
    tcase_add_test(tcase, listeners_of_the_command_line_are_checked);

    tcase = add_case(suite, "root");
    tcase_add_test(tcase, a_root_must_be_a_directory);
    tcase_add_test(tcase, a_root_of_the_command_line_has_no_line);
    tcase_add_test(tcase, a_root_no_file_could_name_is_refused);
    tcase_add_test(tcase, a_relative_root_is_made_absolute);
    tcase_add_test(tcase, the_command_line_s_root_wins);
    return run_suite(suite);
}
