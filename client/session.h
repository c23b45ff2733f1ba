/* SPDX-License-Identifier: MIT */
/*
 * One run of a subcommand: its options, its connection, its output and what has gone wrong so far.
 */
#ifndef VALVECTL_SESSION_H
#define VALVECTL_SESSION_H

#include "clock.h"
#include "options.h"
#include "output.h"
#include "status.h"
#include "valve.h"

struct session {
    const struct options *options;
    struct valve_tls *tls; /* NULL: there is none */
    struct valve_client *client;
    struct valve_arena arena; /* for one reply, or one element of a list, at a time */
    struct output output;
    struct tally tally;
};

/* When the server will have shown no sign of life for too long. */
uint64_t session_deadline(const struct session *session);

/* Connects, for commands with requests. 0, or a negative errno: it has been said, and tallied. */
int session_open(struct session *session, const struct options *options);

/* Closes everything and returns the exit status. Accepts what session_open() failed to open. */
enum status session_close(struct session *session);

/*
 * valve_client_next() with the session's timeout. Output is flushed before a wait, so that
 * whoever reads it sees all that is known.
 */
int session_next(struct session *session, struct valve_pending **ret_pending);

/* The connection failed with this error: says so and ends the run. */
void session_fail(struct session *session, int error);

/*
 * An item failed (`name` NULL: the request has none): `error` is "code: words", or with
 * STATUS_LOCAL only words. Prints it and counts it.
 */
void session_item_failed(struct session *session, const char *name, size_t size,
                         struct valve_text error, enum status why);

/* Whether the run goes on: nothing has ended it, and stdout still takes what is printed. */
bool session_goes_on(struct session *session);

#endif
