/* SPDX-License-Identifier: MIT */
/*
 * The intake of a connection: bytes are read, items found, requests started as far as limits allow.
 */
#include "server/intake.h"

#include <errno.h>
#include <sys/socket.h>

#include "server/call.h"
#include "server/counters.h"
#include "server/input.h"
#include "server/last_word.h"
#include "server/os.h"
#include "server/output.h"
#include "server/secured.h"
#include "server/server.h"
#include "server/worker.h"

/* Whether another byte is wanted: not behind a request that cannot be started yet. */
bool valve_intake_is_wanted(const struct valve_connection *connection)
{
    const uint16_t over = VALVE_CONNECTION_ENDED | VALVE_CONNECTION_LAST;

    if (connection->state == VALVE_CONNECTION_LINGERING)
        return true;
    return connection->state == VALVE_CONNECTION_OPEN && (connection->flags & over) == 0 &&
           !valve_input_has_request(connection);
}

/* As recv(2), but for errors, which are negative. */
static ssize_t receive_bytes(struct valve_worker *worker, struct valve_connection *connection,
                             uint8_t *data, size_t room)
{
    ssize_t size;

    if (connection->flags & VALVE_CONNECTION_SECURED)
        return valve_secured_receive(connection, data, room);
    do
        size = recv(valve_connection_descriptor(worker, connection), data, room, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : size;
}

/* Bytes received; 0: none yet, or never again, which the connection then knows. */
static size_t receive(struct valve_worker *worker, struct valve_connection *connection,
                      uint8_t *data, size_t room)
{
    ssize_t size = receive_bytes(worker, connection, data,
                                 room < VALVE_READ_MOST ? room : VALVE_READ_MOST);

    if (size > 0) {
        connection->active_at = valve_worker_ms(worker);
        valve_count(&worker->counters->received, (uint64_t)size);
        return (size_t)size;
    }
    if (size == -EAGAIN)
        return 0;
    connection->flags |= VALVE_CONNECTION_ENDED;
    /* The end of input alone is a client that has no more to ask; a hang-up is one that left. */
    if (size < 0 || valve_os_peer_gone(valve_connection_descriptor(worker, connection)))
        valve_connection_break(worker, connection);
    return 0;
}

void valve_intake_read(struct valve_worker *worker, struct valve_attendance *attendance)
{
    struct valve_connection *connection = attendance->connection;
    uint8_t *data = worker->region + worker->region_used;
    size_t room = VALVE_READ_MOST;

    if (connection->flags & VALVE_CONNECTION_SHAKING) {
        valve_secured_shake(worker, connection);
        return;
    }
    if ((connection->flags & VALVE_CONNECTION_READABLE) && valve_intake_is_wanted(connection)) {
        size_t size;

        connection->flags &= (uint16_t)~VALVE_CONNECTION_READABLE;
        if (connection->input != NULL)
            data = valve_input_room(connection->input, &room);
        size = receive(worker, connection, data, room);
        if (connection->input != NULL) {
            connection->input->end += size;
        } else if (connection->state == VALVE_CONNECTION_OPEN) {
            attendance->data = data;
            attendance->size = size;
            worker->region_used += size;
        }
    }
    if (worker->stopping)
        connection->flags |= VALVE_CONNECTION_LAST;
}

/*
 * Whether its own calls and output leave room for another request. Behind some large replies that
 * wait for their turn nothing is started: fibers that only queue up are better with somebody else.
 */
bool valve_intake_within_limits(const struct valve_worker *worker,
                                const struct valve_connection *connection)
{
    return connection->state == VALVE_CONNECTION_OPEN &&
           connection->in_flight < worker->server->options.max_in_flight &&
           valve_output_queued(connection) < VALVE_OUTPUT_BOUND &&
           (connection->output == NULL || connection->output->turn_waiters < VALVE_TURN_WAITERS);
}

/*
 * Dynamic thresholds (Choudhury and Hahne, 1998): a connection may hold as many fibers as are left.
 * An eighth is kept for connections that hold none, since what others hold is not taken back.
 */
bool valve_intake_may_start(const struct valve_worker *worker,
                            const struct valve_connection *connection)
{
    unsigned left = worker->max_calls - worker->calls;

    if (!valve_intake_within_limits(worker, connection) || worker->no_stack || left == 0)
        return false;
    return connection->in_flight == 0 || valve_worker_may_share(worker, connection->in_flight);
}

bool valve_intake_is_cancel_first(const struct valve_connection *connection)
{
    const struct valve_input *input = connection->input;

    return valve_call_is_cancel(input->data + input->start, input->scan.complete);
}

static void begin_item(const struct valve_worker *worker, struct valve_scan_state *scan)
{
    scan->scanned = scan->complete = 0;
    valve_scanner_init(scan->scanner, &worker->server->scan_limits);
}

/* Finds the end of the item at `data`. Whether it is there. Errors end the connection's input. */
static bool find_item(struct valve_worker *worker, struct valve_connection *connection,
                      const uint8_t *data, size_t size, struct valve_scan_state *scan)
{
    enum valve_scan verdict;
    size_t taken;

    if (scan->complete > 0)
        return true;
    if (scan->scanned == size)
        return false;
    verdict = valve_scanner_feed(scan->scanner, data + scan->scanned, size - scan->scanned, &taken);
    scan->scanned += taken;
    if (verdict == VALVE_SCAN_DONE)
        scan->complete = scan->scanned;
    else if (verdict != VALVE_SCAN_MORE &&
             valve_last_word_set(worker, connection, data, scan->scanned) < 0)
        valve_connection_break(worker, connection);
    return verdict == VALVE_SCAN_DONE;
}

/* Starts requests from the front of `data`. Returns the bytes that are done with. */
static size_t start_requests(struct valve_worker *worker, struct valve_connection *connection,
                             const uint8_t *data, size_t size, struct valve_scan_state *scan)
{
    size_t done = 0;

    for (unsigned started = 0; find_item(worker, connection, data + done, size - done, scan);
         started++) {
        const uint8_t *item = data + done;

        if (started == worker->share || (!valve_intake_may_start(worker, connection) &&
                                         !valve_call_is_cancel(item, scan->complete)))
            return done;
        if (valve_call_take(worker, connection, item, scan->complete) == -EAGAIN) {
            worker->no_stack = true;
            valve_count(&worker->counters->faults[VALVE_FAULT_STACK], 1);
            return done;
        }
        if (connection->state != VALVE_CONNECTION_OPEN)
            return size;
        done += scan->complete;
        begin_item(worker, scan);
    }
    return valve_last_word_is_set(connection) ? size : done;
}

/* Input that stands in the region: what is left of it at the end is kept. */
static void process_region(struct valve_worker *worker, struct valve_connection *connection,
                           const uint8_t *data, size_t size)
{
    struct valve_scan_state scan = {.scanner = worker->scanner};
    size_t done;

    begin_item(worker, &scan);
    done = start_requests(worker, connection, data, size, &scan);
    if (done < size && valve_input_keep(worker, connection, data + done, size - done, &scan) < 0) {
        valve_count(&worker->counters->faults[VALVE_FAULT_MEMORY], 1);
        valve_server_log(worker->server, VALVE_LOG_WARNING, "no memory for a partial request");
        valve_connection_break(worker, connection);
    }
}

void valve_intake_process(struct valve_worker *worker, const struct valve_attendance *attendance)
{
    struct valve_connection *connection = attendance->connection;
    struct valve_input *input = connection->input;

    if (connection->state != VALVE_CONNECTION_OPEN)
        return;
    if (input != NULL)
        valve_input_consume(worker, connection,
                            start_requests(worker, connection, input->data + input->start,
                                           input->end - input->start, &input->scan));
    else if (attendance->size > 0)
        process_region(worker, connection, attendance->data, attendance->size);
}

/* No fiber came free in time: the request at the front is answered `busy`. */
void valve_intake_refuse_first(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_input *input = connection->input;
    size_t size = input->scan.complete;
    uint32_t id = valve_envelope_peek_id(input->data + input->start, size);

    worker->no_stack = false;
    begin_item(worker, &input->scan);
    valve_call_count_refused(worker, VALVE_OUTCOME_BUSY);
    if (valve_call_refuse(worker, connection, id, "busy: too many requests are being answered") < 0)
        valve_connection_break(worker, connection);
    valve_input_consume(worker, connection, size);
}
