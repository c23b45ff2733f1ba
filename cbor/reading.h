/* SPDX-License-Identifier: MIT */
/*
 * What print and convert have in common: doing something with each item of the input.
 */
#ifndef VALVE_CBOR_READING_H
#define VALVE_CBOR_READING_H

#include "input.h"
#include "item.h"
#include "options.h"
#include "output.h"

struct reading {
    const struct options *options;
    const struct subject *subject;
    struct output *output;
    struct input input;
    struct valve_arena arena; /* of one item at a time */
};

/* Writes an item. -EIO: stdout has failed; -ENOMEM, which *ret_error explains. */
typedef int reading_use(struct reading *reading, const struct item *item,
                        struct valve_error *ret_error);

/* Reads all items of the input. 0, or -1 when something went wrong and was said. */
int reading_run(const struct options *options, const struct subject *subject, struct output *output,
                reading_use *use);

#endif
