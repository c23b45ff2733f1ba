/* SPDX-License-Identifier: MIT */
/*
 * The journal of systemd, by its own protocol: named fields in place of a line.
 */
#ifndef VALVED_JOURNAL_H
#define VALVED_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether stderr goes there. */
bool journal_is_log(void);

/* Whether it can be handed fields: it is there, and valved is built with libsystemd. */
bool journal_takes_fields(void);

/*
 * Hands one line to it that record_write() made as RECORD_JOURNAL, without its newline. May
 * wait for the journal. 0 or -errno. Any thread.
 */
int journal_send(const char *line, size_t size);

#endif
