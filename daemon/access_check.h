/* SPDX-License-Identifier: MIT */
/*
 * valved --check-access: what becomes of a call, and by which line of the configuration.
 */
#ifndef VALVED_ACCESS_CHECK_H
#define VALVED_ACCESS_CHECK_H

#include <stdio.h>

#include "daemon/config.h"
#include "valve.h"

/* Who would ask for what, in words; see valved(8). */
struct access_question {
    const char *peer; /* user:NAME, uid:N, group:NAME and address:ADDRESS, commas between them */
    const char *call; /* list, size, get, exists or del */
    const char *path;
};

/*
 * Prints the verdict of each listener that such a peer can come by, and why. 1: one of them grants
 * the call; 0: none; -EINVAL: the question makes no sense, as *ret_error says; -ENOMEM. Looks up
 * users and groups, which may wait.
 */
int access_check(const struct config *config, const struct access_question *question, FILE *stream,
                 struct valve_error *ret_error);

#endif
