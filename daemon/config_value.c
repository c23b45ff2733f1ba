/* SPDX-License-Identifier: MIT */
/*
 * Values of valve.ini that are words: flags, levels, paths, patterns, operations, addresses,
 * groups.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/accounts.h"

#define BLANKS " \t"

int config_refuse(struct config_problem *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int config_refuse_account(struct config_problem *problem, const char *kind, const char *name,
                          int error)
{
    if (error == -ENOMEM)
        return error;
    if (error == -ENOENT)
        return config_refuse(problem, "there is no %s '%.100s'", kind, name);
    return config_refuse(problem, "%s '%.100s' cannot be looked up: %s", kind, name,
                         strerror(-error));
}

/* ---- yes and no ---- */

static int parse_flag(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    (void)key;
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return config_refuse(problem, "'%.100s' is neither yes nor no", text);
    *(bool *)value = text[0] == 'y';
    return 0;
}

static void format_flag(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%s", *(const bool *)value ? "yes" : "no");
}

const struct config_type config_flag_type = {parse_flag, format_flag, NULL};

/* ---- log levels ---- */

static const char *const level_names[] = {
    [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
    [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static int parse_level(const struct config_key *key, const char *text, void *value,
                       struct config_problem *problem)
{
    (void)key;
    for (int level = LOG_ERR; level <= LOG_DEBUG; level++) {
        if (strcmp(text, level_names[level]) == 0) {
            *(int *)value = level;
            return 0;
        }
    }
    return config_refuse(
        problem, "'%.100s' is no level: there are error, warning, notice, info and debug", text);
}

static void format_level(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%s", level_names[*(const int *)value]);
}

const struct config_type config_level_type = {parse_level, format_level, NULL};

/* ---- one of three words: an enum ---- */

static int parse_word(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    for (unsigned i = 0; i < CONFIG_WORDS; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            *(unsigned *)value = i;
            return 0;
        }
    }
    return config_refuse(problem, "'%.100s' is none of %s, %s and %s", text, key->words[0],
                         key->words[1], key->words[2]);
}

static void format_word(const struct config_key *key, const void *value, char *text, size_t size)
{
    snprintf(text, size, "%s", key->words[*(const unsigned *)value]);
}

const struct config_type config_word_type = {parse_word, format_word, NULL};

/* ---- paths ---- */

void config_release_path(void *value)
{
    free(*(char **)value);
    *(char **)value = NULL;
}

static int set_text(const char *text, char **value)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return -ENOMEM;
    config_release_path(value);
    *value = copy;
    return 0;
}

static int parse_path(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    (void)key;
    if (text[0] == '\0')
        return config_refuse(problem, "the path is missing");
    if (text[0] != '/')
        return config_refuse(problem, "'%.100s' is not an absolute path", text);
    if (strlen(text) >= PATH_MAX)
        return config_refuse(problem, "a path of %zu bytes is too long: the most is %d",
                             strlen(text), PATH_MAX - 1);
    return set_text(text, value);
}

void config_format_path(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%s", *(char *const *)value);
}

const struct config_type config_path_type = {parse_path, config_format_path, config_release_path};

/* Nothing, or a path. */
static int parse_optional_path(const struct config_key *key, const char *text, void *value,
                               struct config_problem *problem)
{
    return text[0] != '\0' ? parse_path(key, text, value, problem) : set_text(text, value);
}

const struct config_type config_optional_path_type = {parse_optional_path, config_format_path,
                                                      config_release_path};

/* ---- files of TLS ---- */

static int parse_secret(const struct config_key *key, const char *text, void *value,
                        struct config_problem *problem)
{
    size_t prefix = strlen(CONFIG_CREDENTIAL);

    if (strncmp(text, CONFIG_CREDENTIAL, prefix) != 0)
        return parse_optional_path(key, text, value, problem);
    if (text[prefix] == '\0' || strchr(text, '/') != NULL)
        return config_refuse(problem, "'%.100s' is no name of a credential", text);
    return set_text(text, value);
}

const struct config_type config_secret_type = {parse_secret, config_format_path,
                                               config_release_path};

/* ---- lists of shell patterns ---- */

static void release_words(void *value)
{
    struct config_words *list = value;

    for (size_t i = 0; i < list->count; i++)
        free(list->words[i]);
    free(list->words);
    *list = (struct config_words){0};
}

/* Takes over `word`, which may be NULL: no memory. */
static int append_word(struct config_words *list, char *word)
{
    char **words = word ? reallocarray(list->words, list->count + 2, sizeof *words) : NULL;

    if (words == NULL) {
        free(word);
        return -ENOMEM;
    }
    words[list->count++] = word;
    words[list->count] = NULL;
    list->words = words;
    return 0;
}

static int check_pattern(const char *pattern, size_t length, struct config_problem *problem)
{
    size_t backslashes = 0;

    if (memchr(pattern, '/', length) != NULL)
        return config_refuse(problem, "'%.*s' holds a '/', but is matched against one component",
                             (int)(length < 100 ? length : 100), pattern);
    while (backslashes < length && pattern[length - 1 - backslashes] == '\\')
        backslashes++;
    if (backslashes % 2 != 0)
        return config_refuse(problem, "'%.*s' ends in a backslash that quotes nothing",
                             (int)(length < 100 ? length : 100), pattern);
    return 0;
}

static int parse_patterns(const struct config_key *key, const char *text, void *value,
                          struct config_problem *problem)
{
    struct config_words list = {0};
    size_t length;
    int r = 0;

    (void)key;
    for (text += strspn(text, BLANKS); r == 0 && *text != '\0'; text += strspn(text, BLANKS)) {
        length = strcspn(text, BLANKS);
        r = check_pattern(text, length, problem);
        if (r == 0)
            r = append_word(&list, strndup(text, length));
        text += length;
    }
    if (r < 0) {
        release_words(&list);
        return r;
    }
    release_words(value);
    *(struct config_words *)value = list;
    return 0;
}

static void format_patterns(const struct config_key *key, const void *value, char *text,
                            size_t size)
{
    const struct config_words *list = value;
    size_t used = 0;

    (void)key;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "",
                                 list->words[i]);
}

const struct config_type config_patterns_type = {parse_patterns, format_patterns, release_words};

/* ---- what a listener allows ---- */

static const struct {
    const char *name;
    enum config_operation operation;
} operations[] = {
    {"list", CONFIG_ALLOW_LIST},     {"size", CONFIG_ALLOW_SIZE}, {"get", CONFIG_ALLOW_GET},
    {"exists", CONFIG_ALLOW_EXISTS}, {"del", CONFIG_ALLOW_DEL},
};

static const size_t operation_count = sizeof operations / sizeof operations[0];

const char *config_operation_name(unsigned operation)
{
    for (size_t i = 0; i < operation_count; i++)
        if (operations[i].operation == operation)
            return operations[i].name;
    return "none";
}

static unsigned find_operation(const char *name, size_t length)
{
    for (size_t i = 0; i < operation_count; i++) {
        if (strlen(operations[i].name) == length && memcmp(operations[i].name, name, length) == 0)
            return operations[i].operation;
    }
    return 0;
}

int config_parse_operations(const char *text, unsigned *ret_operations,
                            struct config_problem *problem)
{
    const char *separators = BLANKS ",";
    unsigned found = 0;

    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        unsigned operation = find_operation(text, length);

        if (operation == 0)
            return config_refuse(
                problem, "'%.*s' is no operation: there are list, size, get, exists and del",
                (int)(length < 100 ? length : 100), text);
        found |= operation;
        text += length;
    }
    if (found == 0)
        return config_refuse(problem, "no operation is named, of list, size, get, exists and del");
    *ret_operations = found;
    return 0;
}

static int parse_operations(const struct config_key *key, const char *text, void *value,
                            struct config_problem *problem)
{
    (void)key;
    return config_parse_operations(text, value, problem);
}

static void format_operations(const struct config_key *key, const void *value, char *text,
                              size_t size)
{
    unsigned allowed = *(const unsigned *)value;
    size_t used = 0;

    (void)key;
    text[0] = '\0';
    for (size_t i = 0; i < operation_count && used < size; i++) {
        if ((allowed & operations[i].operation) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "",
                                     operations[i].name);
    }
}

const struct config_type config_operations_type = {parse_operations, format_operations, NULL};

/* ---- addresses ---- */

static int parse_address(const struct config_key *key, const char *text, void *value,
                         struct config_problem *problem)
{
    const char *why;

    (void)key;
    if (text[0] == '\0')
        return config_refuse(problem, "the address is missing");
    if (valve_address_parse(text, value, &why) < 0)
        return config_refuse(problem, "'%.200s': %s", text, why);
    return 0;
}

static void format_address(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%s", ((const struct valve_address *)value)->text);
}

const struct config_type config_address_type = {parse_address, format_address, NULL};

/* Nothing is an address, too: that of nobody. */
static int parse_optional_address(const struct config_key *key, const char *text, void *value,
                                  struct config_problem *problem)
{
    if (text[0] != '\0')
        return parse_address(key, text, value, problem);
    *(struct valve_address *)value = (struct valve_address){0};
    return 0;
}

const struct config_type config_optional_address_type = {parse_optional_address, format_address,
                                                         NULL};

/* ---- users and groups ---- */

static void release_user(void *value)
{
    struct config_user *user = value;

    free(user->name);
    *user = (struct config_user){0};
}

static int parse_user(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    struct config_user user = {0};
    int r = text[0] == '\0' ? 0 : accounts_user(text, &user.id, &user.group);

    (void)key;
    if (r < 0)
        return config_refuse_account(problem, "user", text, r);
    if (text[0] != '\0') {
        if (user.group == (gid_t)-1)
            return config_refuse(problem, "'%.100s' is no user with a group of his own", text);
        user.name = strdup(text);
        if (user.name == NULL)
            return -ENOMEM;
    }
    release_user(value);
    *(struct config_user *)value = user;
    return 0;
}

static void format_user(const struct config_key *key, const void *value, char *text, size_t size)
{
    const struct config_user *user = value;

    (void)key;
    snprintf(text, size, "%s", user->name != NULL ? user->name : "");
}

const struct config_type config_user_type = {parse_user, format_user, release_user};

static void release_group(void *value)
{
    struct config_group *group = value;

    free(group->name);
    *group = (struct config_group){.id = (gid_t)-1};
}

static int parse_group(const struct config_key *key, const char *text, void *value,
                       struct config_problem *problem)
{
    struct config_group group = {.id = (gid_t)-1};
    int r = text[0] == '\0' ? 0 : accounts_group(text, &group.id);

    (void)key;
    if (r < 0)
        return config_refuse_account(problem, "group", text, r);
    if (text[0] != '\0') {
        group.name = strdup(text);
        if (group.name == NULL)
            return -ENOMEM;
    }
    release_group(value);
    *(struct config_group *)value = group;
    return 0;
}

static void format_group(const struct config_key *key, const void *value, char *text, size_t size)
{
    const struct config_group *group = value;

    (void)key;
    snprintf(text, size, "%s", group->name != NULL ? group->name : "");
}

const struct config_type config_group_type = {parse_group, format_group, release_group};
