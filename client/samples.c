/* SPDX-License-Identifier: MIT */
/*
 * Reading the exposition format: one sample a line, taken apart in place.
 */
#include "samples.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A label's value, up to its closing quote; what is escaped in it is put right in place. */
static char *take_value(char **next)
{
    char *value = *next, *to = value, *from = value;

    for (; *from != '"'; from++) {
        bool is_escaped = *from == '\\';

        from += is_escaped;
        if (*from == '\0')
            return NULL;
        *to++ = is_escaped && *from == 'n' ? '\n' : *from;
    }
    *to = '\0';
    *next = from + 1;
    return value;
}

/* name="value",... up to the closing brace. Whether all of it was understood. */
static bool take_labels(struct sample *sample, char **next)
{
    while (**next != '}') {
        char *name = *next, *equals = strchr(name, '=');
        char *value;

        if (equals == NULL || equals[1] != '"' || sample->label_count == SAMPLE_LABELS)
            return false;
        *equals = '\0';
        *next = equals + 2;
        value = take_value(next);
        if (value == NULL)
            return false;
        sample->labels[sample->label_count++] = (struct sample_label){name, value};
        *next += **next == ',';
    }
    ++*next;
    return true;
}

static bool read_line(char *line, struct sample *ret_sample)
{
    struct sample sample = {.name = line};
    char *next = line + strcspn(line, "{ ");
    char *end;
    bool is_labelled = *next == '{';

    if (*line == '#' || *line == '\0' || *next == '\0')
        return false;
    *next++ = '\0';
    if (is_labelled && !take_labels(&sample, &next))
        return false;
    sample.value = strtod(next, &end);
    if (end == next)
        return false;
    *ret_sample = sample;
    return true;
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

int samples_read(struct samples *samples, char *text)
{
    struct samples read = {.text = text};
    char *line;

    read.list = calloc(count_lines(text), sizeof *read.list);
    if (read.list == NULL) {
        free(text);
        return -ENOMEM;
    }
    while ((line = strsep(&text, "\n")) != NULL)
        read.count += read_line(line, &read.list[read.count]);
    *samples = read;
    return 0;
}

void samples_fini(struct samples *samples)
{
    free(samples->list);
    free(samples->text);
    *samples = (struct samples){0};
}

const char *sample_label(const struct sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->label_count; i++)
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    return "";
}

static bool has_labels(const struct sample *sample, va_list labels)
{
    const char *name;

    while ((name = va_arg(labels, const char *)) != NULL)
        if (strcmp(sample_label(sample, name), va_arg(labels, const char *)) != 0)
            return false;
    return true;
}

double samples_sum(const struct samples *samples, const char *name, ...)
{
    double sum = 0;

    for (size_t i = 0; i < samples->count; i++) {
        const struct sample *sample = &samples->list[i];
        va_list labels;

        va_start(labels, name);
        if (strcmp(sample->name, name) == 0 && has_labels(sample, labels))
            sum += sample->value;
        va_end(labels);
    }
    return sum;
}

bool samples_has(const struct samples *samples, const char *name)
{
    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->list[i].name, name) == 0)
            return true;
    return false;
}

double samples_most(const struct samples *samples, const char *name)
{
    double most = 0;

    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->list[i].name, name) == 0 && samples->list[i].value > most)
            most = samples->list[i].value;
    return most;
}
