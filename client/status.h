/* SPDX-License-Identifier: MIT */
/*
 * What valvectl's exit status says, and how it follows from what happened.
 */
#ifndef VALVECTL_STATUS_H
#define VALVECTL_STATUS_H

#include "valve.h"

enum status {
    STATUS_DONE = 0,       /* everything that was asked for was done */
    STATUS_SOME = 1,       /* some items failed, or exists found one missing */
    STATUS_USAGE = 2,      /* the command line is wrong */
    STATUS_CONNECTION = 3, /* no connection, or it was lost, or something took too long */
    STATUS_PROTOCOL = 4,   /* the server broke the protocol, or off in the middle of an answer */
    STATUS_DENIED = 5,     /* the server may not, or this client may not */
    STATUS_LOCAL = 6,      /* reading or writing on this machine failed */
};

/* What has gone wrong so far. Zero-initialised: nothing. */
struct tally {
    unsigned failures; /* a bit for each status that an item failed with */
    enum status ended; /* what ended the run before its time, or STATUS_DONE */
};

/* Counts an item that failed. */
void tally_item(struct tally *tally, enum status why);

/* Something ended the whole run; the first such thing counts. */
void tally_end(struct tally *tally, enum status why);

/*
 * The exit status: that of what ended the run; else that of the items' failures where they all
 * failed alike; else STATUS_SOME.
 */
enum status tally_status(const struct tally *tally);

/* The status of an item that the server answered with this error ("code: words"). */
enum status status_of_answer(struct valve_text error);

/* The status of a run that ended with this error of the client library, explained in `words`. */
enum status status_of_failure(int error, const char *words);

#endif
