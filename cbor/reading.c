/* SPDX-License-Identifier: MIT */
/*
 * The loop over the input, and what is said of its faults.
 */
#include "reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "rpc/locate.h"

static void complain_of(struct reading *reading, const struct fault *fault)
{
    output_flush(reading->output); /* what was right stands before what is wrong */
    fprintf(stderr, "%s:%" PRIu64 ": %s\n", reading->input.name, reading->input.offset + fault->at,
            fault->error.text);
}

/* Bytes that are no item: there is no telling where the next one would begin. */
static void complain_of_end(struct reading *reading, struct valve_bytes bytes)
{
    struct fault fault = {0};

    valve_locate(bytes.data, bytes.size, &reading->options->limits, &fault.at, &fault.error);
    complain_of(reading, &fault);
}

/* 0; 1: the item was wrong and that was said; -1: stdout failed. */
static int use_item(struct reading *reading, struct valve_bytes bytes, reading_use *use)
{
    struct item item;
    struct fault fault = {0};
    int r = item_decode(reading->subject, &reading->options->limits, bytes, &reading->arena, &item,
                        &fault);

    if (r == 0)
        r = use(reading, &item, &fault.error);
    if (r < 0 && r != -EIO)
        complain_of(reading, &fault);
    valve_arena_reset(&reading->arena);
    return r == -EIO ? -1 : r < 0;
}

static int use_all(struct reading *reading, reading_use *use)
{
    struct valve_bytes bytes;
    bool wrong = false;
    int r;

    while ((r = input_next(&reading->input, &bytes)) > 0) {
        r = use_item(reading, bytes, use);
        if (r < 0 || (r > 0 && !reading->options->keep_going))
            return -1;
        wrong |= r > 0;
    }
    if (r < 0 && r != -EIO)
        complain_of_end(reading, bytes);
    return r < 0 || wrong ? -1 : 0;
}

int reading_run(const struct options *options, const struct subject *subject, struct output *output,
                reading_use *use)
{
    struct reading reading = {.options = options, .subject = subject, .output = output};
    int r = input_open(&reading.input, options, output);

    valve_arena_init(&reading.arena, NULL, 0, options_memory(options));
    if (r == 0)
        r = use_all(&reading, use);
    valve_arena_fini(&reading.arena);
    input_close(&reading.input);
    return r < 0 ? -1 : 0;
}
