/* SPDX-License-Identifier: MIT */
/*
 * Samples as text, a line each, with what they mean before the first of each figure.
 */
#include "server/exposition.h"

#include <inttypes.h>
#include <string.h>

#include "rpc/utf8.h"

/* Doubles hold every integer up to here. */
#define EXACT 9007199254740992.0

static const char *kind_name(enum valve_figure_kind kind)
{
    switch (kind) {
    case VALVE_COUNTER:
        return "counter";
    case VALVE_GAUGE:
        return "gauge";
    case VALVE_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

/* Label values are UTF-8; the path of a socket need not be. */
static void write_value(FILE *stream, const char *value)
{
    bool is_text = valve_utf8_valid(value, strlen(value));

    for (; *value != '\0'; value++) {
        if (*value == '\n')
            fputs("\\n", stream);
        else if (*value == '\\' || *value == '"')
            fprintf(stream, "\\%c", *value);
        else
            fputc((unsigned char)*value < 0x80 || is_text ? *value : '?', stream);
    }
}

/* Those of the sample, and the bound of a bucket, unless it is NULL. */
static void write_labels(FILE *stream, const struct valve_sample *sample, const char *bound)
{
    const char *before = "{";

    for (unsigned i = 0; i < VALVE_LABELS && sample->labels[i].name != NULL; i++) {
        fprintf(stream, "%s%s=\"", before, sample->labels[i].name);
        write_value(stream, sample->labels[i].value);
        fputc('"', stream);
        before = ",";
    }
    if (bound != NULL)
        fprintf(stream, "%sle=\"%s\"", before, bound);
    if (bound != NULL || *before == ',')
        fputc('}', stream);
}

static void write_number(FILE *stream, double number)
{
    if (number >= 0 && number < EXACT && number == (double)(uint64_t)number)
        fprintf(stream, " %" PRIu64 "\n", (uint64_t)number);
    else
        fprintf(stream, " %.15g\n", number);
}

static void write_histogram(FILE *stream, const struct valve_sample *sample)
{
    const char *name = sample->figure->name;
    char bound[32];

    for (unsigned i = 0; i < sample->bucket_count; i++) {
        snprintf(bound, sizeof bound, "%.15g", sample->buckets[i].bound);
        fprintf(stream, "%s_bucket", name);
        write_labels(stream, sample, bound);
        fprintf(stream, " %" PRIu64 "\n", sample->buckets[i].count);
    }
    fprintf(stream, "%s_bucket", name);
    write_labels(stream, sample, "+Inf");
    fprintf(stream, " %" PRIu64 "\n%s_sum", sample->count, name);
    write_labels(stream, sample, NULL);
    write_number(stream, sample->value);
    fprintf(stream, "%s_count", name);
    write_labels(stream, sample, NULL);
    fprintf(stream, " %" PRIu64 "\n", sample->count);
}

void valve_exposition_add(void *context, const struct valve_sample *sample)
{
    struct valve_exposition *exposition = context;
    const struct valve_figure *figure = sample->figure;
    FILE *stream = exposition->stream;

    if (figure != exposition->figure)
        fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", figure->name, figure->help, figure->name,
                kind_name(figure->kind));
    exposition->figure = figure;
    if (figure->kind == VALVE_HISTOGRAM) {
        write_histogram(stream, sample);
        return;
    }
    fputs(figure->name, stream);
    write_labels(stream, sample, NULL);
    write_number(stream, sample->value);
}
