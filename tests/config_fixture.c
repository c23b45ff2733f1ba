/* SPDX-License-Identifier: MIT */
/*
 * A place for each test of the configuration, and what they all ask of it.
 */
#include "config_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char directory[64];
char root[96];
char path[96];

struct options options;
struct config config;
struct config_errors errors;

void make_place(void)
{
    snprintf(directory, sizeof directory, "/tmp/check_config.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(root, sizeof root, "%s/root", directory);
    snprintf(path, sizeof path, "%s/valve.ini", directory);
    ck_assert_int_eq(mkdir(root, 0700), 0);
    options = (struct options){.config_path = path, .root = root};
    config = (struct config){0};
    errors = (struct config_errors){0};
}

void forget(void)
{
    config_fini(&config);
    config_errors_fini(&errors);
}

void remove_place(void)
{
    forget();
    unlink(path);
    rmdir(root);
    ck_assert_int_eq(rmdir(directory), 0);
}

void write_bytes(const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "we");

    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(bytes, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
}

int load_text(const char *text)
{
    forget();
    write_bytes(text, strlen(text));
    return config_load(&options, &config, &errors);
}

void print_errors(void)
{
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "    %s\n", errors.list[i].text);
}

void load_good(const char *text)
{
    int r = load_text(text);

    if (r < 0)
        print_errors();
    ck_assert_int_eq(r, 0);
    ck_assert_uint_eq(errors.count, 0);
}

/* Error `index` is at that line, says so as FILE:LINE, and holds these words. */
void check_error(size_t index, unsigned line, const char *words)
{
    char prefix[128];
    const struct config_error *error;

    if (index >= errors.count)
        print_errors();
    ck_assert_uint_lt(index, errors.count);
    error = &errors.list[index];
    ck_assert_uint_eq(error->line, line);
    if (line > 0) {
        snprintf(prefix, sizeof prefix, "%s:%u: ", path, line);
        ck_assert_msg(strncmp(error->text, prefix, strlen(prefix)) == 0, "%s", error->text);
    }
    ck_assert_msg(strstr(error->text, words) != NULL, "'%s' is not in: %s", words, error->text);
    ck_assert_ptr_null(strchr(error->text, '\n'));
}

/* The text has exactly one error. */
void check_bad(const char *text, unsigned line, const char *words)
{
    ck_assert_int_eq(load_text(text), -EINVAL);
    check_error(0, line, words);
    if (errors.count != 1)
        print_errors();
    ck_assert_uint_eq(errors.count, 1);
}

/* Adds a listener to the options. */
void listen_at(const char *text)
{
    const char *why;

    options.listeners = reallocarray(options.listeners, options.listener_count + 1,
                                     sizeof *options.listeners);
    ck_assert_ptr_nonnull(options.listeners);
    ck_assert_int_eq(valve_address_parse(text, &options.listeners[options.listener_count++], &why),
                     0);
}

/* Every value of both, as it would be written. */
void check_same_values(const struct config_key *keys, size_t count, const void *a, const void *b,
                       const struct config_origin *a_origins, const struct config_origin *b_origins)
{
    static char left[CONFIG_LINE_MAX + 1];
    static char right[CONFIG_LINE_MAX + 1];

    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(a_origins[i].automatic, b_origins[i].automatic);
        if (a_origins[i].automatic)
            continue;
        keys[i].type->format(&keys[i], config_field_const(&keys[i], a), left, sizeof left);
        keys[i].type->format(&keys[i], config_field_const(&keys[i], b), right, sizeof right);
        ck_assert_str_eq(left, right);
    }
}

void check_same(const struct config *a, const struct config *b)
{
    check_same_values(config_keys, CONFIG_KEY_COUNT, a, b, a->origins, b->origins);
    ck_assert_uint_eq(a->listener_count, b->listener_count);
    for (size_t i = 0; i < a->listener_count; i++) {
        ck_assert_str_eq(a->listeners[i].name.text, b->listeners[i].name.text);
        check_same_values(config_listener_keys, CONFIG_LISTEN_KEY_COUNT, &a->listeners[i],
                          &b->listeners[i], a->listeners[i].origins, b->listeners[i].origins);
    }
    ck_assert_uint_eq(a->rule_count, b->rule_count);
    for (size_t i = 0; i < a->rule_count; i++) {
        ck_assert_str_eq(a->rules[i].name.text, b->rules[i].name.text);
        check_same_values(config_access_keys, CONFIG_ACCESS_KEY_COUNT, &a->rules[i], &b->rules[i],
                          a->rules[i].origins, b->rules[i].origins);
    }
}

/* Dumps `config`; the text is the caller's to free. */
char *dump_text(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(config_dump(&config, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

/* `config` is what its dump reads back to, with no help of the command line. */
void check_round_trip(void)
{
    struct config before = config;
    char *text = dump_text();

    config = (struct config){0};
    options_fini(&options);
    options = (struct options){.config_path = path};
    load_good(text);
    check_same(&before, &config);
    config_fini(&before);
    free(text);
}

TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, make_place, remove_place);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
