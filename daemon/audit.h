/* SPDX-License-Identifier: MIT */
/*
 * The audit: a line for each Del and each denial, written before it is answered.
 *
 * The lines go to a file, or where the log goes. They are written by threads of the pool, which may
 * wait; the log's queue, which loses lines rather than wait, has no part in it.
 */
#ifndef VALVED_AUDIT_H
#define VALVED_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "valve.h"

struct audit;

/* Of what a line tells. */
struct audit_entry {
    const char *call;   /* del, get, ... */
    const char *result; /* ok, or the code of an error; NULL: it is about to be done */
    const char *peer;   /* as identity_describe() has it */
    const char *path;   /* escaped */
    int64_t size;       /* bytes; -1: not known */
};

/* *ret_audit is NULL where the configuration wants none. 0 or -ENOMEM. */
int audit_new(const struct config *config, struct log *log, struct audit **ret_audit);

/*
 * Opens the file, which may wait: as the user that will open it again. NULL is accepted. 0 or
 * -errno, explained in *ret_error.
 */
int audit_open(struct audit *audit, struct valve_error *ret_error);

/* NULL is accepted. */
void audit_free(struct audit *audit);

/* Goes on in the file that has the name now, if another was moved away. 0 or -errno, logged. */
int audit_reopen(struct audit *audit);

/* Whether nothing is to be removed of which that could not be written before. */
bool audit_is_required(const struct audit *audit);

/*
 * Writes a line; waits for the disk, or for whoever reads stderr. Any thread. 0 or -errno, which is
 * counted, and logged now and then.
 */
int audit_write(struct audit *audit, const struct audit_entry *entry);

/*
 * A line is lost for want of what it takes to have it written: a negative errno. Any thread; never
 * waits.
 */
void audit_lose(struct audit *audit, int error);

/* How many lines could not be written. Any thread. */
uint64_t audit_lost(const struct audit *audit);

#endif
