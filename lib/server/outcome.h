/* SPDX-License-Identifier: MIT */
/*
 * How a request ended, in one word: `ok`, or the code of the error that was its answer.
 */
#ifndef VALVE_SERVER_OUTCOME_H
#define VALVE_SERVER_OUTCOME_H

#include "valve.h"

enum valve_outcome {
    VALVE_OUTCOME_OK,
    VALVE_OUTCOME_MALFORMED,
    VALVE_OUTCOME_TOO_LARGE,
    VALVE_OUTCOME_BAD_REQUEST,
    VALVE_OUTCOME_DENIED,
    VALVE_OUTCOME_BAD_PATH,
    VALVE_OUTCOME_NOT_FOUND,
    VALVE_OUTCOME_BUSY,
    VALVE_OUTCOME_TIMEOUT,
    VALVE_OUTCOME_CANCELLED,
    VALVE_OUTCOME_IO,
    VALVE_OUTCOME_OTHER,  /* a code of the service's own */
    VALVE_OUTCOME_BROKEN, /* no whole answer: its connection ended before, or had to */
    VALVE_OUTCOMES,
};

const char *valve_outcome_name(enum valve_outcome outcome);

/* Of an error: "code: words". */
enum valve_outcome valve_outcome_of_error(const char *text, size_t size);

/* Of a reply. */
enum valve_outcome valve_outcome_of_reply(const struct valve_type *reply, unsigned arm,
                                          const void *payload);

#endif
