/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor convert: each item as this library would have encoded it.
 */
#include "commands.h"
#include "reading.h"

static int convert_item(struct reading *reading, const struct item *item,
                        struct valve_error *ret_error)
{
    struct valve_bytes bytes;
    int r = item_encode(item, &reading->options->limits, &reading->arena, &bytes, ret_error);

    return r < 0 ? r : output_bytes(reading->output, bytes);
}

int convert_run(const struct options *options, const struct subject *subject, struct output *output)
{
    return reading_run(options, subject, output, convert_item);
}
