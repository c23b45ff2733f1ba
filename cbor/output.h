/* SPDX-License-Identifier: MIT */
/*
 * What is written to stdout. A failure is remembered, so that no caller need look at each write.
 */
#ifndef VALVE_CBOR_OUTPUT_H
#define VALVE_CBOR_OUTPUT_H

#include <stdbool.h>

#include "item.h"
#include "valve.h"

struct output {
    bool hex;
    int error; /* errno of the first failure, or 0 */
};

/* Each returns 0, or -EIO where this or an earlier call has failed. */
int output_bytes(struct output *output, struct valve_bytes bytes); /* in hex a line of digits */
int output_item(struct output *output, const struct item *item);   /* printed, a line of it */
int output_flush(struct output *output);

/* Closes stdout. 0, or -1 after saying what failed, now or before. */
int output_close(struct output *output);

#endif
