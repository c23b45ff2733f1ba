/* SPDX-License-Identifier: MIT */
/*
 * Options of a server: what they are when nobody says anything, and how far they may go.
 */
#include "server/options.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_HELD        128 /* descriptors that calls may hold */
#define RESERVE         128 /* descriptors that are neither theirs nor connections */
#define NS_PER_S        1000000000ull
#define LEAST_STACK     ((size_t)16 * 1024)
#define STACK_BESIDES   ((size_t)8 * 1024) /* for a handler and what it calls */
#define STACK_A_LEVEL   256                /* decoding takes up to 200 bytes of it, encoding 100 */
#define LARGEST_REQUEST ((size_t)1024 * 1024 * 1024)
#define DEEPEST         1024
#define LONGEST_TIMEOUT (INT32_MAX * 1000000ull) /* what milliseconds in 31 bits can say */

size_t valve_options_log_line(enum valve_priority priority, const char *message, char *line,
                              size_t room)
{
    size_t size = (size_t)snprintf(
        line, room, "valve: %s: ", priority == VALVE_LOG_WARNING ? "warning" : "error");

    for (; *message != '\0' && size < room - 1; message++) {
        unsigned char character = (unsigned char)*message;

        line[size++] = character < ' ' || character == 0x7f ? '?' : *message;
    }
    line[size++] = '\n';
    return size;
}

/* What a server says before it runs and after; while it runs a thread writes for it. */
void valve_options_log_to_stderr(void *context, enum valve_priority priority, const char *message)
{
    char line[1024];

    (void)context;
    if (priority <= VALVE_LOG_WARNING)
        (void)!write(STDERR_FILENO, line,
                     valve_options_log_line(priority, message, line, sizeof line));
}

void valve_server_options_default(struct valve_server_options *ret_options)
{
    *ret_options = (struct valve_server_options){
        .pin = true,
        .max_descriptors = 1048576,
        .max_held = MAX_HELD,
        .reserve = RESERVE,
        .max_fibers = 4096,
        .fiber_stack = (size_t)64 * 1024,
        .max_request = (size_t)8 * 1024,
        .arena_limit = (size_t)1024 * 1024,
        .max_depth = 16,
        .max_in_flight = 64,
        .request_timeout = 10 * NS_PER_S,
        .idle_timeout = 300 * NS_PER_S,
        .send_timeout = 30 * NS_PER_S,
        .io_timeout = 30 * NS_PER_S,
        .drain_timeout = 10 * NS_PER_S,
        .stall_timeout = 2 * NS_PER_S,
        .log = valve_options_log_to_stderr,
    };
}

unsigned valve_options_levels(const struct valve_server_options *options)
{
    size_t levels = (options->fiber_stack - STACK_BESIDES) / STACK_A_LEVEL;

    return levels < DEEPEST ? (unsigned)levels : DEEPEST;
}

const char *valve_options_find_bad(const struct valve_server_options *options)
{
    const uint64_t timeouts[] = {options->request_timeout, options->idle_timeout,
                                 options->send_timeout, options->io_timeout,
                                 options->drain_timeout};

    for (unsigned i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++)
        if (timeouts[i] == 0 || timeouts[i] > LONGEST_TIMEOUT)
            return "timeouts are more than nothing and at most 24 days";
    if (options->stall_timeout > LONGEST_TIMEOUT)
        return "stall_timeout is at most 24 days";
    if (options->max_in_flight < 1 || options->max_in_flight > UINT16_MAX)
        return "max_in_flight is from 1 to 65535";
    if (options->max_held > INT32_MAX || options->reserve > INT32_MAX)
        return "max_held and reserve are at most 2147483647";
    if (options->max_fibers < 1)
        return "max_fibers is at least 1";
    if (options->fiber_stack < LEAST_STACK)
        return "fiber_stack is at least 16K";
    if (options->max_request < 1 || options->max_request > LARGEST_REQUEST)
        return "max_request is from 1 to 1G";
    if (options->max_depth < 1 || options->max_depth > DEEPEST)
        return "max_depth is from 1 to 1024";
    if (options->max_depth > valve_options_levels(options))
        return "fiber_stack is at least 8K, and 256 bytes for each level of max_depth";
    return NULL;
}
