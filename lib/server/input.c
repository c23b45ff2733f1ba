/* SPDX-License-Identifier: MIT */
/*
 * Input that waits: kept in a buffer which holds the longest request and one read beyond it.
 */
#include "server/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

#define KEPT_INPUTS 64 /* spare ones of a worker, at most */

/* One part request, and what a read may bring before the connection is found to be full. */
static size_t most_bytes(const struct valve_worker *worker)
{
    return worker->server->scan_limits.max_size + 2 * VALVE_READ_MOST;
}

void valve_input_free(void *argument)
{
    struct valve_input *input = argument;

    free(input->data);
    free(input->scan.scanner);
    free(input);
}

static struct valve_input *input_new(struct valve_worker *worker)
{
    struct valve_input *input = valve_spares_take(&worker->spare_inputs);
    size_t scanner_size = valve_scanner_size(worker->server->scan_limits.max_depth);

    if (input != NULL)
        return input;
    input = malloc(sizeof *input);
    if (input == NULL)
        return NULL;
    input->capacity = most_bytes(worker);
    input->scan.scanner = malloc(scanner_size);
    input->data = malloc(input->capacity);
    if (input->data == NULL || input->scan.scanner == NULL) {
        valve_input_free(input);
        return NULL;
    }
    return input;
}

int valve_input_keep(struct valve_worker *worker, struct valve_connection *connection,
                     const uint8_t *data, size_t size, const struct valve_scan_state *scan)
{
    struct valve_input *input = input_new(worker);

    if (input == NULL)
        return -ENOMEM;
    memcpy(input->scan.scanner, scan->scanner,
           valve_scanner_size(worker->server->scan_limits.max_depth));
    input->scan.scanned = scan->scanned;
    input->scan.complete = scan->complete;
    input->began_at = valve_worker_ms(worker);
    memcpy(input->data, data, size);
    input->start = 0;
    input->end = size;
    connection->input = input;
    return 0;
}

uint8_t *valve_input_room(struct valve_input *input, size_t *ret_room)
{
    if (input->capacity - input->end < VALVE_READ_MOST && input->start > 0) {
        memmove(input->data, input->data + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    *ret_room = input->capacity - input->end;
    return input->data + input->end;
}

void valve_input_consume(struct valve_worker *worker, struct valve_connection *connection,
                         size_t size)
{
    struct valve_input *input = connection->input;

    if (size > 0)
        input->began_at = valve_worker_ms(worker);
    input->start += size;
    if (input->start == input->end)
        valve_input_drop(worker, connection);
}

void valve_input_drop(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_input *input = connection->input;

    if (input == NULL)
        return;
    valve_worker_forget(worker, connection); /* it asks for nothing, and the links are here */
    connection->input = NULL;
    if (worker->spare_inputs.count == KEPT_INPUTS)
        valve_input_free(input);
    else
        valve_spares_give(&worker->spare_inputs, &input->spare);
}
