/* SPDX-License-Identifier: MIT */
/*
 * The text of a schema, and what is wrong with it.
 */
#ifndef VALVE_CDDL_SOURCE_H
#define VALVE_CDDL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cddl/pool.h"

enum {
    CDDL_MAX_SOURCE = 256 * 1024, /* bytes of a schema */
    CDDL_MAX_PROBLEMS = 100,      /* more are counted, not shown */
};

/* A piece of the schema's text. */
struct cddl_span {
    size_t offset, size; /* bytes */
};

struct cddl_problem {
    struct cddl_span span;
    const char *text;
};

struct cddl_source {
    struct cddl_pool *pool;
    const char *name; /* as it stands before line and column */
    const char *text;
    size_t size;
    struct cddl_problem problems[CDDL_MAX_PROBLEMS];
    unsigned problem_count;
    unsigned unshown; /* problems that came after the table was full */
};

/* A schema in memory that stays the caller's. */
void cddl_source_init(struct cddl_source *source, struct cddl_pool *pool, const char *name,
                      const char *text, size_t size);

/* A schema from a file, in memory of the pool. 0 or a negative errno. */
int cddl_source_read(struct cddl_source *source, struct cddl_pool *pool, const char *path);

/* Notes a problem; the same words about the same place only once. */
void cddl_problem(struct cddl_source *source, struct cddl_span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool cddl_source_sound(const struct cddl_source *source);

/* The line that an offset stands in, from 1. */
size_t cddl_source_line(const struct cddl_source *source, size_t offset);

/* The column of an offset in its line, from 1, counted in characters. */
size_t cddl_source_column(const struct cddl_source *source, size_t offset);

/* Prints the problems in the order of the text, each with its line and a caret under the place. */
void cddl_source_report(struct cddl_source *source, FILE *stream);

/* The span from the start of one to the end of another. */
struct cddl_span cddl_span_join(struct cddl_span first, struct cddl_span last);

#endif
