/* SPDX-License-Identifier: MIT */
/*
 * A line of a log, and the forms it can take: for people, for programs, for the journal.
 */
#ifndef VALVED_RECORD_H
#define VALVED_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "valve.h"

enum record_form {
    RECORD_FILE,          /* TIME MESSAGE */
    RECORD_TERMINAL,      /* TIME valved: LEVEL: MESSAGE */
    RECORD_PREFIXED,      /* <N>MESSAGE, for the journal by way of stderr: sd-daemon(3) */
    RECORD_JSON,          /* an object */
    RECORD_PREFIXED_JSON, /* <N> and the object */
    RECORD_JOURNAL,       /* RECORD_MARK NAME=VALUE ..., for journal_send() */
};

/* What ends nothing else: all control characters in what is logged are escaped. */
#define RECORD_MARK '\x1f'

/* One thing that a line tells, for programs that read it. */
struct record_field {
    const char *name;
    const char *text; /* escaped; NULL: a number */
    bool is_quoted;   /* where people read it: it may hold blanks */
    uint64_t number;
};

struct record {
    enum valve_priority priority;
    const char *message; /* NULL: it is "EVENT: NAME=VALUE ..." */
    const char *event;
    const struct record_field *fields;
    size_t field_count;
};

/* Whatever the form is, of what a line needs beside its message or the texts of its fields. */
#define RECORD_ROOM 512

/*
 * Writes one line with its newline, at most `room` bytes, which are RECORD_ROOM at least. Control
 * characters are escaped; of what does not fit, texts are cut, and the form stays whole. Returns
 * its length. Any thread; does not wait.
 */
size_t record_write(const struct record *record, enum record_form form, char *line, size_t room);

#endif
