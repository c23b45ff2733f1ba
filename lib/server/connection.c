/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: input is read, requests are started, output is sent, and what it waits
 * for next is settled, until it ends.
 */
#include "server/connection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/call.h"
#include "server/input.h"
#include "server/os.h"
#include "server/output.h"
#include "server/server.h"
#include "server/worker.h"

#define REQUESTS_A_TURN 64 /* then the worker's other connections have theirs */

/* What the event of a connection waits for. */
enum watch {
    WATCH_NOTHING,
    WATCH_READ,
    WATCH_WRITE,
    WATCH_BOTH,
    WATCH_HANGUP, /* neither, but the client may go away */
};

static int descriptor_of(const struct valve_worker *worker,
                         const struct valve_connection *connection)
{
    return valve_table_descriptor(&worker->server->table, connection);
}

void valve_connection_attend(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->flags & VALVE_CONNECTION_LISTED)
        return;
    connection->flags |= VALVE_CONNECTION_LISTED;
    valve_attendance_add(&worker->attention, connection);
}

/* ---- Events ---- */

static void on_event(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_worker *worker = argument;
    struct valve_connection *connection = valve_table_slot(&worker->server->table, (int)descriptor);

    if (what & EV_READ)
        connection->flags |= VALVE_CONNECTION_READABLE;
    if (connection->watch == WATCH_HANGUP && valve_os_peer_gone((int)descriptor))
        valve_connection_break(worker, connection);
    if (what & EV_WRITE)
        connection->flags &= (uint16_t)~VALVE_CONNECTION_BLOCKED;
    valve_connection_attend(worker, connection);
}

static short events_of(enum watch watch)
{
    switch (watch) {
    case WATCH_READ:
        return EV_READ | EV_PERSIST;
    case WATCH_WRITE:
        return EV_WRITE | EV_PERSIST;
    case WATCH_BOTH:
        return EV_READ | EV_WRITE | EV_PERSIST;
    case WATCH_HANGUP:
        /* Edge-triggered: a writable socket, or the end of input, is reported once, not forever. */
        return EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
    case WATCH_NOTHING:
    default:
        return 0;
    }
}

static void set_watch(struct valve_worker *worker, struct valve_connection *connection,
                      enum watch watch)
{
    if (connection->watch == watch)
        return;
    if (connection->watch != WATCH_NOTHING)
        event_del(&connection->event);
    connection->watch = (uint8_t)watch;
    if (watch == WATCH_NOTHING)
        return;
    event_assign(&connection->event, worker->base, descriptor_of(worker, connection),
                 events_of(watch), on_event, worker);
    if (event_add(&connection->event, NULL) < 0) {
        connection->watch = WATCH_NOTHING;
        valve_connection_break(worker, connection);
    }
}

/* ---- Beginning and end ---- */

/* Lets go of the slot and then of the descriptor, which makes it the acceptor's again. */
static void close_connection(struct valve_worker *worker, struct valve_connection *connection)
{
    int descriptor = descriptor_of(worker, connection);

    set_watch(worker, connection, WATCH_NOTHING);
    valve_worker_forget(worker, connection);
    valve_timeouts_remove(worker, connection);
    valve_input_drop(worker, connection);
    valve_output_drop(worker, connection);
    valve_output_release(worker, connection);
    connection->state = VALVE_CONNECTION_FREE;
    atomic_fetch_add_explicit(&connection->generation, 1, memory_order_release);
    close(descriptor);
    valve_worker_closed(worker);
}

void valve_connection_adopt(struct valve_worker *worker, int descriptor)
{
    struct valve_connection *connection = valve_table_slot(&worker->server->table, descriptor);

    connection->state = VALVE_CONNECTION_OPEN;
    connection->active_at = valve_worker_ms(worker);
    connection->due_previous = connection->due_next = -1;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_IDLE, connection->active_at);
    if (valve_worker_make_room(worker) < 0)
        connection->state = VALVE_CONNECTION_BROKEN;
    if (connection->state == VALVE_CONNECTION_BROKEN) {
        close_connection(worker, connection);
        return;
    }
    set_watch(worker, connection, WATCH_READ);
    if (worker->stopping)
        valve_connection_stop(worker, connection);
}

void valve_connection_break(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->state == VALVE_CONNECTION_BROKEN)
        return;
    connection->state = VALVE_CONNECTION_BROKEN;
    shutdown(descriptor_of(worker, connection), SHUT_RDWR);
    set_watch(worker, connection, WATCH_NOTHING);
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_NONE, valve_worker_ms(worker));
    valve_output_drop(worker, connection);
    valve_worker_forget(worker, connection);
    valve_call_cancel(connection, 0);
    valve_connection_attend(worker, connection);
}

/* All is said: shuts down our side, and waits for the client to shut down its own. */
static void linger(struct valve_worker *worker, struct valve_connection *connection)
{
    valve_input_drop(worker, connection);
    if (connection->flags & VALVE_CONNECTION_ENDED) {
        close_connection(worker, connection);
        return;
    }
    shutdown(descriptor_of(worker, connection), SHUT_WR);
    connection->state = VALVE_CONNECTION_LINGERING;
    set_watch(worker, connection, WATCH_READ);
    if (connection->state == VALVE_CONNECTION_LINGERING)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_LINGER, valve_worker_ms(worker));
}

/* ---- Input ---- */

/* Whether another byte is wanted: not behind a request that cannot be started yet. */
static bool wants_input(const struct valve_connection *connection)
{
    const uint16_t over = VALVE_CONNECTION_ENDED | VALVE_CONNECTION_LAST;

    if (connection->state == VALVE_CONNECTION_LINGERING)
        return true;
    return connection->state == VALVE_CONNECTION_OPEN && (connection->flags & over) == 0 &&
           !valve_input_has_request(connection);
}

/* Bytes received; 0: none, for now or for ever, which the connection then knows. */
static size_t receive(struct valve_worker *worker, struct valve_connection *connection,
                      uint8_t *data, size_t room)
{
    int socket = descriptor_of(worker, connection);
    ssize_t size;

    do
        size = recv(socket, data, room < VALVE_READ_MOST ? room : VALVE_READ_MOST, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size > 0) {
        connection->active_at = valve_worker_ms(worker);
        return (size_t)size;
    }
    if (size < 0 && errno == EAGAIN)
        return 0;
    connection->flags |= VALVE_CONNECTION_ENDED;
    /* The end of input alone is a client that has no more to ask; a hang-up is one that left. */
    if (size < 0 || valve_os_peer_gone(socket))
        valve_connection_break(worker, connection);
    return 0;
}

void valve_connection_read(struct valve_worker *worker, struct valve_attendance *attendance)
{
    struct valve_connection *connection = attendance->connection;
    uint8_t *data = worker->region + worker->region_used;
    size_t room = VALVE_READ_MOST;

    if ((connection->flags & VALVE_CONNECTION_READABLE) && wants_input(connection)) {
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
static bool within_own_limits(const struct valve_worker *worker,
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
static bool may_start(const struct valve_worker *worker, const struct valve_connection *connection)
{
    unsigned left = worker->max_calls - worker->calls;

    if (!within_own_limits(worker, connection) || worker->no_stack || left == 0)
        return false;
    return connection->in_flight == 0 || valve_worker_may_share(worker, connection->in_flight);
}

/* Notes what the connection's last reply will be; nothing behind it is looked at. */
static void set_last_word(struct valve_connection *connection, enum valve_scan verdict,
                          const uint8_t *item, size_t size)
{
    connection->flags |= VALVE_CONNECTION_LAST;
    connection->last_id = 0;
    if (verdict == VALVE_SCAN_MALFORMED)
        connection->last_word = VALVE_LAST_MALFORMED;
    else if (verdict == VALVE_SCAN_TOO_LARGE)
        connection->last_word = VALVE_LAST_TOO_LARGE;
    else {
        connection->last_word = VALVE_LAST_TOO_DEEP;
        connection->last_id = valve_envelope_peek_id(item, size);
    }
}

/* Finds the end of the item at `data`. Whether it is there. Errors end the connection's input. */
static bool find_item(struct valve_connection *connection, const uint8_t *data, size_t size,
                      struct valve_scan_state *scan)
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
    else if (verdict != VALVE_SCAN_MORE)
        set_last_word(connection, verdict, data, scan->scanned);
    return verdict == VALVE_SCAN_DONE;
}

/* Starts requests from the front of `data`. Returns the bytes that are done with. */
static size_t start_requests(struct valve_worker *worker, struct valve_connection *connection,
                             const uint8_t *data, size_t size, struct valve_scan_state *scan)
{
    size_t done = 0;

    for (unsigned started = 0; find_item(connection, data + done, size - done, scan); started++) {
        const uint8_t *item = data + done;

        if (started == REQUESTS_A_TURN ||
            (!may_start(worker, connection) && !valve_call_is_cancel(item, scan->complete)))
            return done;
        if (valve_call_take(worker, connection, item, scan->complete) == -EAGAIN) {
            worker->no_stack = true;
            return done;
        }
        if (connection->state != VALVE_CONNECTION_OPEN)
            return size;
        done += scan->complete;
        scan->scanned = scan->complete = 0;
        valve_scanner_init(scan->scanner, &worker->server->scan_limits);
    }
    return connection->last_word == VALVE_LAST_NONE ? done : size;
}

/* Input that stands in the region: what is left of it at the end is kept. */
static void process_region(struct valve_worker *worker, struct valve_connection *connection,
                           const uint8_t *data, size_t size)
{
    struct valve_scan_state scan = {.scanner = worker->scanner};
    size_t done;

    valve_scanner_init(scan.scanner, &worker->server->scan_limits);
    done = start_requests(worker, connection, data, size, &scan);
    if (done < size && valve_input_keep(worker, connection, data + done, size - done, &scan) < 0) {
        valve_server_log(worker->server, VALVE_LOG_WARNING, "no memory for a partial request");
        valve_connection_break(worker, connection);
    }
}

void valve_connection_process(struct valve_worker *worker,
                              const struct valve_attendance *attendance)
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

/* ---- What comes next ---- */

static int say_last_word(struct valve_worker *worker, struct valve_connection *connection)
{
    const struct valve_scan_limits *limits = &worker->server->scan_limits;
    enum valve_last_word word = connection->last_word;
    char text[VALVE_ERROR_TEXT];

    connection->last_word = VALVE_LAST_NONE;
    if (word == VALVE_LAST_MALFORMED)
        snprintf(text, sizeof text, "malformed: the bytes received are not well-formed CBOR");
    else if (word == VALVE_LAST_TOO_LARGE)
        snprintf(text, sizeof text, "too-large: a request takes at most %zu bytes",
                 limits->max_size);
    else
        snprintf(text, sizeof text, "bad-request: nested deeper than %u levels", limits->max_depth);
    return valve_call_refuse(worker, connection, connection->last_id, text);
}

/* Whether all that will ever be answered has been answered. */
static bool is_through(const struct valve_connection *connection)
{
    return (connection->flags & (VALVE_CONNECTION_ENDED | VALVE_CONNECTION_LAST)) != 0 &&
           connection->in_flight == 0 && !valve_input_has_request(connection);
}

/* Sends what is queued, and tells those who waited for that. */
static int send_output(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_output *output = connection->output;
    size_t before;
    int r = 0;

    if (output == NULL)
        return 0;
    before = output->queue.size;
    if (!(connection->flags & VALVE_CONNECTION_BLOCKED)) {
        r = valve_output_send(worker, connection);
        if (r == -EAGAIN)
            connection->flags |= VALVE_CONNECTION_BLOCKED;
        else if (r < 0)
            return r;
        if (r == 0 || output->queue.size < before)
            valve_output_wake(connection);
    }
    valve_output_release(worker, connection);
    return 0;
}

static void settle_watch(struct valve_worker *worker, struct valve_connection *connection)
{
    bool in = wants_input(connection);
    bool out = (connection->flags & VALVE_CONNECTION_BLOCKED) != 0;

    if (in && out)
        set_watch(worker, connection, WATCH_BOTH);
    else if (in)
        set_watch(worker, connection, WATCH_READ);
    else
        set_watch(worker, connection, out ? WATCH_WRITE : WATCH_HANGUP);
}

/*
 * What the client has taken, on a scale of its own: a Unix socket counts more than its bytes. It
 * never grows but by the client's reading.
 */
static int64_t taken_output(struct valve_worker *worker, const struct valve_connection *connection)
{
    int untaken = valve_os_untaken(descriptor_of(worker, connection));

    return untaken < 0 ? INT64_MIN : (int64_t)connection->output->handed - untaken;
}

/* The send timeout runs anew whenever the client has taken something. */
static void settle_send_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    int64_t taken = taken_output(worker, connection);

    if (connection->timeout == VALVE_TIMEOUT_SEND && taken <= connection->output->taken)
        return;
    connection->output->taken = taken;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_SEND, valve_worker_ms(worker));
}

static void settle_no_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->timeout != VALVE_TIMEOUT_NONE)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_NONE, valve_worker_ms(worker));
}

static void settle_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    const uint16_t waiting = VALVE_CONNECTION_WAITING;

    if (connection->flags & VALVE_CONNECTION_BLOCKED)
        settle_send_timeout(worker, connection);
    else if ((connection->flags & waiting) && connection->in_flight == 0)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_FIBER, connection->input->began_at);
    else if (valve_input_has_request(connection) ||
             (connection->flags & (VALVE_CONNECTION_ENDED | VALVE_CONNECTION_LAST)) != 0)
        settle_no_timeout(worker, connection);
    else if (connection->input != NULL)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_REQUEST, connection->input->began_at);
    else if (connection->in_flight > 0)
        settle_no_timeout(worker, connection);
    else
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_IDLE,
                           connection->timeout == VALVE_TIMEOUT_IDLE ? connection->active_at
                                                                     : valve_worker_ms(worker));
}

/* A request that is whole and was not started: next turn, or when there is a fiber for it. */
static void settle_waiting_request(struct valve_worker *worker, struct valve_connection *connection)
{
    const bool has_request = valve_input_has_request(connection);

    if (!has_request || !within_own_limits(worker, connection) || may_start(worker, connection))
        valve_worker_forget(worker, connection);
    if (!has_request)
        return;
    if (may_start(worker, connection)) {
        connection->flags |= VALVE_CONNECTION_LISTED;
        valve_attendance_add(&worker->deferred, connection);
    } else if (within_own_limits(worker, connection)) {
        valve_worker_wait_for_fiber(worker, connection);
    }
}

void valve_connection_settle(struct valve_worker *worker, struct valve_connection *connection)
{
    connection->flags &= (uint16_t)~VALVE_CONNECTION_LISTED;
    if (connection->state == VALVE_CONNECTION_OPEN) {
        if (is_through(connection) && connection->last_word != VALVE_LAST_NONE &&
            say_last_word(worker, connection) < 0)
            valve_connection_break(worker, connection);
        else if (send_output(worker, connection) < 0)
            valve_connection_break(worker, connection);
    }
    if (connection->state == VALVE_CONNECTION_LINGERING) {
        if (connection->flags & VALVE_CONNECTION_ENDED)
            close_connection(worker, connection);
        return;
    }
    if (connection->state == VALVE_CONNECTION_BROKEN) {
        /* Broken just now it is on the list again, and is closed when it is taken from there. */
        if (connection->in_flight == 0 && !(connection->flags & VALVE_CONNECTION_LISTED))
            close_connection(worker, connection);
        return;
    }
    if (is_through(connection) && connection->output == NULL) {
        linger(worker, connection);
        return;
    }
    settle_waiting_request(worker, connection);
    settle_watch(worker, connection);
    if (connection->state == VALVE_CONNECTION_OPEN)
        settle_timeout(worker, connection);
}

/* ---- Timeouts and the stop ---- */

/* No fiber came free in time: the request at the front is answered `busy`. */
static void refuse_waiting_request(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_input *input = connection->input;
    size_t size = input->scan.complete;
    uint32_t id = valve_envelope_peek_id(input->data + input->start, size);

    worker->no_stack = false;
    input->scan.scanned = input->scan.complete = 0;
    valve_scanner_init(input->scan.scanner, &worker->server->scan_limits);
    if (valve_call_refuse(worker, connection, id, "busy: too many requests are being answered") < 0)
        valve_connection_break(worker, connection);
    valve_input_consume(worker, connection, size);
}

/* Whether the client took something since the timeout was set: then it runs anew. */
static bool takes_output(struct valve_worker *worker, struct valve_connection *connection)
{
    int64_t taken = taken_output(worker, connection);

    if (taken <= connection->output->taken)
        return false;
    connection->output->taken = taken;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_SEND, valve_worker_ms(worker));
    return true;
}

void valve_connection_overdue(struct valve_worker *worker, struct valve_connection *connection)
{
    enum valve_timeout timeout = connection->timeout;

    if (timeout == VALVE_TIMEOUT_SEND && takes_output(worker, connection))
        return;
    /* What has come in time, while this worker was busy, counts. */
    if ((timeout == VALVE_TIMEOUT_IDLE || timeout == VALVE_TIMEOUT_REQUEST) &&
        (connection->flags & VALVE_CONNECTION_READABLE) && wants_input(connection))
        timeout = VALVE_TIMEOUT_NONE;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_NONE, valve_worker_ms(worker));
    switch (timeout) {
    case VALVE_TIMEOUT_IDLE:
    case VALVE_TIMEOUT_REQUEST:
        connection->flags |= VALVE_CONNECTION_LAST;
        break;
    case VALVE_TIMEOUT_SEND:
        valve_server_log(worker->server, VALVE_LOG_INFO,
                         "closed a connection whose client takes none of its replies");
        valve_connection_break(worker, connection);
        break;
    case VALVE_TIMEOUT_FIBER:
        valve_worker_forget(worker, connection);
        refuse_waiting_request(worker, connection);
        break;
    case VALVE_TIMEOUT_LINGER:
        connection->flags |= VALVE_CONNECTION_ENDED;
        break;
    case VALVE_TIMEOUT_NONE:
    case VALVE_TIMEOUTS:
        break;
    }
    valve_connection_attend(worker, connection);
}

void valve_connection_stop(struct valve_worker *worker, struct valve_connection *connection)
{
    connection->flags |= VALVE_CONNECTION_READABLE;
    valve_connection_attend(worker, connection);
}
