/* SPDX-License-Identifier: MIT */
/*
 * What valvectl prints on stdout: names, numbers and JSON, for people and for programs.
 */
#ifndef VALVECTL_OUTPUT_H
#define VALVECTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "valve.h"

struct output {
    FILE *stream;
    bool terminal; /* names are escaped */
    char end;      /* what ends a record: '\n' or '\0' */
    int error;     /* the negative errno of the first write that failed */
    char *scratch; /* for escaping */
    size_t room;
};

/* Readies stdout. `end` ends each record. */
void output_init(struct output *output, char end);

/* Sends what is buffered. 0, or the error of this write or of an earlier one. */
int output_flush(struct output *output);

/* The same, and closes stdout, which is when some file systems first admit to a full disk. */
int output_close(struct output *output);

void output_bytes(struct output *output, const void *data, size_t size);
void output_text(struct output *output, const char *text);
void output_format(struct output *output, const char *format, ...) VALVE_PRINTF(2, 3);

/* A line of a page, which on a terminal erases what stood in its place; else as output_name(). */
void output_line(struct output *output, const char *format, ...) VALVE_PRINTF(2, 3);

/* A name: raw, or escaped on a terminal. */
void output_name(struct output *output, const char *data, size_t size);

/* Ends a record. */
void output_end(struct output *output);

/* A JSON string, quotes included, of what is or is not UTF-8 (then U+FFFD stands in). */
void output_json_string(struct output *output, const char *data, size_t size);

/* "path":"..." where the name is UTF-8, else "path_base64":"...". */
void output_json_path(struct output *output, const char *data, size_t size);

#endif
