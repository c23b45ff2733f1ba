/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor print: each item as a line of diagnostic notation.
 */
#include "commands.h"
#include "reading.h"

static int print_item(struct reading *reading, const struct item *item,
                      struct valve_error *ret_error)
{
    (void)ret_error;
    return output_item(reading->output, item);
}

int print_run(const struct options *options, const struct subject *subject, struct output *output)
{
    return reading_run(options, subject, output, print_item);
}
