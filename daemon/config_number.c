/* SPDX-License-Identifier: MIT */
/*
 * Numbers of valve.ini: counts, sizes, durations, and octal modes.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* The units of a quantity, "" first: what a bare number counts. */
struct scale {
    const char *units; /* for people; NULL: there are none but "" */
    struct unit unit[5];
    size_t count;
};

static const struct scale count_scale = {NULL, {{"", 1}}, 1};

static const struct scale size_scale = {
    "K, M and G", {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}}, 4};

static const struct scale duration_scale = {
    "ms, s, min and h", {{"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}}, 5};

/* In the greatest unit that leaves no remainder: 65536 is 64K. */
static void format_scaled(const struct scale *scale, uint64_t value, char *text, size_t size)
{
    const struct unit *best = NULL;

    for (size_t i = 0; i < scale->count && value > 0; i++) {
        const struct unit *unit = &scale->unit[i];

        if (value % unit->factor == 0 && (best == NULL || unit->factor >= best->factor))
            best = unit;
    }
    if (best == NULL)
        snprintf(text, size, "%" PRIu64, value);
    else
        snprintf(text, size, "%" PRIu64 "%s", value / best->factor, best->suffix);
}

static const struct unit *find_unit(const struct scale *scale, const char *suffix)
{
    for (size_t i = 0; i < scale->count; i++) {
        if (strcmp(scale->unit[i].suffix, suffix) == 0)
            return &scale->unit[i];
    }
    return NULL;
}

/* Reads decimal digits, at least one, up to *ret_end; what does not fit is UINT64_MAX. */
static int read_digits(const char *text, uint64_t *ret_value, const char **ret_end)
{
    uint64_t value = 0;
    const char *end = text;

    for (; *end >= '0' && *end <= '9'; end++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*end - '0'), &value))
            value = UINT64_MAX;
    }
    if (end == text)
        return -EINVAL;
    *ret_value = value;
    *ret_end = end;
    return 0;
}

static int refuse_range(const struct config_key *key, const struct scale *scale, const char *text,
                        struct config_problem *problem)
{
    char least[32];
    char most[32];

    format_scaled(scale, key->minimum, least, sizeof least);
    format_scaled(scale, key->maximum, most, sizeof most);
    return config_refuse(problem, "%.100s is out of range: from %s to %s%s", text, least, most,
                         key->automatic ? ", or auto" : "");
}

static int parse_scaled(const struct config_key *key, const struct scale *scale, const char *text,
                        uint64_t *value, struct config_problem *problem)
{
    const struct unit *unit;
    const char *suffix;
    uint64_t number;

    if (read_digits(text, &number, &suffix) < 0)
        return config_refuse(problem, "'%.100s' is not a number%s", text,
                             key->automatic ? ", nor auto" : "");
    unit = find_unit(scale, suffix);
    if (unit == NULL && scale->units == NULL)
        return config_refuse(problem, "'%.100s' is not a number: digits only", text);
    if (unit == NULL)
        return config_refuse(problem, "'%.100s' has an unknown unit '%.100s': there are %s", text,
                             suffix, scale->units);
    if (number == UINT64_MAX || __builtin_mul_overflow(number, unit->factor, &number) ||
        number < key->minimum || number > key->maximum)
        return refuse_range(key, scale, text, problem);
    *value = number;
    return 0;
}

static int parse_count(const struct config_key *key, const char *text, void *value,
                       struct config_problem *problem)
{
    return parse_scaled(key, &count_scale, text, value, problem);
}

static void format_count(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    format_scaled(&count_scale, *(const uint64_t *)value, text, size);
}

static int parse_size(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    return parse_scaled(key, &size_scale, text, value, problem);
}

static void format_size(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    format_scaled(&size_scale, *(const uint64_t *)value, text, size);
}

static int parse_duration(const struct config_key *key, const char *text, void *value,
                          struct config_problem *problem)
{
    return parse_scaled(key, &duration_scale, text, value, problem);
}

static void format_duration(const struct config_key *key, const void *value, char *text,
                            size_t size)
{
    (void)key;
    format_scaled(&duration_scale, *(const uint64_t *)value, text, size);
}

static int parse_mode(const struct config_key *key, const char *text, void *value,
                      struct config_problem *problem)
{
    size_t length = strlen(text);
    mode_t mode = 0;

    for (size_t i = 0; i < length && length <= 4; i++)
        mode = mode * 8 + (mode_t)(text[i] - '0');
    if (length == 0 || length > 4 || strspn(text, "01234567") != length || mode > key->maximum)
        return config_refuse(problem, "'%.100s' is not an octal mode from 0000 to 0777", text);
    *(mode_t *)value = mode;
    return 0;
}

static void format_mode(const struct config_key *key, const void *value, char *text, size_t size)
{
    (void)key;
    snprintf(text, size, "%04o", (unsigned)*(const mode_t *)value);
}

const struct config_type config_count_type = {parse_count, format_count, NULL};
const struct config_type config_size_type = {parse_size, format_size, NULL};
const struct config_type config_duration_type = {parse_duration, format_duration, NULL};
const struct config_type config_mode_type = {parse_mode, format_mode, NULL};
