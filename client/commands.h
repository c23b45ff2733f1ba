/* SPDX-License-Identifier: MIT */
/*
 * The subcommands.
 */
#ifndef VALVECTL_COMMANDS_H
#define VALVECTL_COMMANDS_H

#include "session.h"

enum command_names {
    NAMES_NONE,
    NAMES_NEEDED, /* at least one, or --files-from */
    NAMES_ALLOWED,
};

/* One subcommand, as the table in main.c has it. */
struct command {
    const char *name;
    const char *alias; /* or NULL */
    const char *takes; /* its options, by letter: see options.c */
    enum command_names names;
    void (*run)(struct session *session);        /* failures go to the session's tally */
    int (*check)(const struct options *options); /* or NULL; 0, or -EINVAL after a complaint */
    const char *usage;
    const char *summary;
    bool of_metrics; /* it asks the address of metrics, and has no connection for requests */
};

/* All of them; the one without a name ends the table. */
extern const struct command commands[];

void list_run(struct session *session);
void size_run(struct session *session);
void get_run(struct session *session);
int get_check(const struct options *options);
void exists_run(struct session *session);
void del_run(struct session *session);
void ping_run(struct session *session);
void watch_run(struct session *session);
void bench_run(struct session *session);
int bench_check(const struct options *options);

#endif
