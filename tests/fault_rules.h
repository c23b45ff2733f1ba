/* SPDX-License-Identifier: MIT */
/*
 * The faults of tests/fault_fs.c: which operation on which path is to be late, to fail or to hang.
 *
 * Rules come as lines of text, and each is answered by one:
 *   OPERATION fail ERRNO FROM PATTERN    is answered with this error
 *   OPERATION delay MS FROM PATTERN      takes that long
 *   OPERATION hang 0 FROM PATTERN        never ends; EINTR for a caller that is interrupted
 *   OPERATION stuck 0 FROM PATTERN       never ends, whatever happens to its caller
 *   clear                                no rule any more; what was held goes on
 *   held                                 how many operations are held by a rule
 *   seen OPERATION                       how many of them there have been
 * PATTERN is a shell pattern for the path below the mirrored directory, which is "." itself. FROM
 * is an offset: what only reads bytes before it is spared. Of all rules that match, the first that
 * fails or hangs decides.
 */
#ifndef FAULT_RULES_H
#define FAULT_RULES_H

#include <stdint.h>
#include <stdio.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

enum fault_operation {
    FAULT_LOOKUP,
    FAULT_GETATTR,
    FAULT_OPEN,
    FAULT_READ,
    FAULT_FLUSH,
    FAULT_RELEASE,
    FAULT_OPENDIR,
    FAULT_READDIR,
    FAULT_UNLINK,
    FAULT_OPERATIONS
};

/*
 * Suffers whatever the rules have for an operation on `path` that touches bytes up to `end`.
 * Returns 0, or the positive errno to answer `request` with. Any thread.
 */
int fault_suffer(fuse_req_t request, enum fault_operation operation, const char *path,
                 uint64_t end);

/* Obeys one line, whose end is cut off, and writes what is to be said of it. */
void fault_obey(const char *line, FILE *answer);

/* Lets everything go on that is held. */
void fault_clear(void);

#endif
