/* SPDX-License-Identifier: MIT */
/*
 * Writers: each changes its own scenes, one change after the other, and asks about them.
 */
#ifndef VALVE_TESTS_FRESH_WRITER_H
#define VALVE_TESTS_FRESH_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/fresh/ask.h"
#include "tests/fresh/kinds.h"

#define WRITER_SCENES      4
#define WRITER_CONNECTIONS 4
#define KINDS_MOST         64

/* What all writers share. */
struct run {
    struct valve_address address;
    const char *top;
    uint64_t seed;
    _Atomic uint64_t checks_left; /* all have ended when it is 0 */
    _Atomic bool is_over;
    _Atomic unsigned wrong;
};

struct tally {
    uint64_t changes, checks, wrong;
};

struct writer {
    struct run *run;
    const struct kind *kinds;
    unsigned number;
    pthread_t thread;
    struct connection connections[WRITER_CONNECTIONS];
    struct scene scenes[WRITER_SCENES];
    struct random random;
    struct answer answer;
    struct tally tallies[KINDS_MOST];
    uint64_t old_for; /* ns: the longest that something mounted was not seen */

    /* The change that is being made. */
    struct scene *scene;
    const struct kind *kind;
    const struct step *step;
    uint64_t changed_at;
    struct node *covered; /* a directory that may still look as it did before */
    bool is_early;        /* there are questions that were asked before the change */
};

/* Makes scenes, and connects; then writer_run() is for a thread. */
void writer_init(struct writer *writer, struct run *run, const struct kind *kinds, unsigned number);
void writer_fini(struct writer *writer);
void *writer_run(void *writer);

#endif
