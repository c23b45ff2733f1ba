/* SPDX-License-Identifier: MIT */
/*
 * The kinds of change: what is done, step by step, until everything is as it was.
 */
#ifndef VALVE_TESTS_FRESH_KINDS_H
#define VALVE_TESTS_FRESH_KINDS_H

#include "tests/fresh/scene.h"

#define STEPS_MOST 6

struct kind {
    const char *name;
    struct step steps[STEPS_MOST]; /* ends with NO_ACTION, if not full */
};

/* Both end with one that has no name. */
extern const struct kind change_kinds[], mount_kinds[];

/* What is asked for, about each scene. */
#define ASKED 10
extern const char *const asked_paths[ASKED];

#endif
