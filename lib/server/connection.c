/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: after each attendance its output is sent, and what it waits for next is
 * settled, until it ends.
 */
#include "server/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/call.h"
#include "server/counters.h"
#include "server/input.h"
#include "server/intake.h"
#include "server/last_word.h"
#include "server/os.h"
#include "server/output.h"
#include "server/secured.h"
#include "server/server.h"
#include "server/worker.h"

#define COMPLAIN_NS 10000000000 /* a connection that could not be kept is logged at most so often */

/* What the event of a connection waits for. */
enum watch {
    WATCH_NOTHING,
    WATCH_READ,
    WATCH_WRITE,
    WATCH_BOTH,
    WATCH_HANGUP, /* neither, but the client may go away */
};

void valve_connection_attend(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->flags & VALVE_CONNECTION_LISTED)
        return;
    connection->flags |= VALVE_CONNECTION_LISTED;
    valve_attendance_add(&worker->attention, connection);
}

/*
 * A shortage breaks a connection whose client could not be told: it is counted, and logged as often
 * as the acceptor complains of its own.
 */
static void note_shortage(struct valve_worker *worker, int error)
{
    valve_count(&worker->counters->faults[VALVE_FAULT_MEMORY], 1);
    if (worker->complained_at != 0 && worker->now - worker->complained_at < COMPLAIN_NS)
        return;
    worker->complained_at = worker->now;
    valve_server_log(worker->server, VALVE_LOG_WARNING,
                     "closed a connection that cannot be attended to: %s", strerror(error));
}

/* ---- Events ---- */

static void set_watch(struct valve_worker *worker, struct valve_connection *connection,
                      enum watch watch);

static void on_event(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_worker *worker = argument;
    struct valve_connection *connection = valve_table_slot(&worker->server->table, (int)descriptor);

    if (what & EV_READ)
        connection->flags |= VALVE_CONNECTION_READABLE;
    if (connection->watch == WATCH_HANGUP && valve_os_peer_gone((int)descriptor))
        valve_connection_break(worker, connection);
    if (what & EV_WRITE) {
        if (connection->watch == WATCH_BOTH && !(connection->flags & VALVE_CONNECTION_BLOCKED))
            set_watch(worker, connection, WATCH_READ); /* nobody waits for it any more */
        connection->flags &= (uint16_t)~VALVE_CONNECTION_BLOCKED;
        if ((connection->flags & VALVE_CONNECTION_SHAKING) && connection->secured->session != NULL)
            connection->flags |= VALVE_CONNECTION_READABLE; /* it is TLS that goes on */
    }
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
    event_assign(&connection->event, worker->base, valve_connection_descriptor(worker, connection),
                 events_of(watch), on_event, worker);
    if (event_add(&connection->event, NULL) < 0) {
        connection->watch = WATCH_NOTHING;
        note_shortage(worker, errno);
        valve_connection_break(worker, connection);
    }
}

/* ---- Beginning and end ---- */

void **valve_connection_peer(struct valve_connection *connection)
{
    return connection->flags & VALVE_CONNECTION_SECURED ? &connection->secured->peer
                                                        : &connection->peer;
}

/* In the next turn, when sockets have had their chance. */
static void defer(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->flags & VALVE_CONNECTION_LISTED)
        return;
    connection->flags |= VALVE_CONNECTION_LISTED;
    valve_attendance_add(&worker->deferred, connection);
}

/* What a connection waits for until its handshake has ended. */
static void settle_handshake(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->flags & VALVE_CONNECTION_READABLE)
        defer(worker, connection); /* another one's was this turn's */
    else if (connection->secured->session == NULL)
        set_watch(worker, connection, WATCH_HANGUP);
    else
        set_watch(worker, connection,
                  connection->flags & VALVE_CONNECTION_BLOCKED ? WATCH_WRITE : WATCH_READ);
}

/* Lets go of the slot and then of the descriptor, which makes it the acceptor's again. */
static void close_connection(struct valve_worker *worker, struct valve_connection *connection)
{
    int descriptor = valve_connection_descriptor(worker, connection);
    unsigned listener = connection->listener;

    set_watch(worker, connection, WATCH_NOTHING);
    valve_worker_forget(worker, connection);
    valve_timeouts_remove(worker, connection);
    valve_input_drop(worker, connection);
    valve_last_word_drop(connection);
    valve_output_drop(worker, connection);
    valve_output_release(worker, connection);
    if (connection->flags & VALVE_CONNECTION_SECURED)
        valve_secured_close(worker, connection);
    else
        valve_acceptor_leave(&worker->server->acceptor, listener, connection->peer);
    connection->state = VALVE_CONNECTION_FREE;
    atomic_fetch_add_explicit(&connection->generation, 1, memory_order_release);
    close(descriptor);
    valve_worker_closed(worker, listener);
}

void valve_connection_adopt(struct valve_worker *worker, int descriptor)
{
    struct valve_connection *connection = valve_table_slot(&worker->server->table, descriptor);

    connection->state = VALVE_CONNECTION_OPEN;
    connection->active_at = valve_worker_ms(worker);
    connection->due_previous = connection->due_next = -1;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_IDLE, connection->active_at);
    if (valve_worker_make_room(worker) < 0) {
        connection->state = VALVE_CONNECTION_BROKEN;
        note_shortage(worker, ENOMEM);
    }
    if (connection->state == VALVE_CONNECTION_BROKEN) {
        close_connection(worker, connection);
        return;
    }
    if (connection->flags & VALVE_CONNECTION_SECURED) {
        valve_secured_adopt(worker, connection);
        settle_handshake(worker, connection);
    } else {
        set_watch(worker, connection, WATCH_READ);
    }
    if (worker->stopping)
        valve_connection_stop(worker, connection);
}

void valve_connection_break(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->state == VALVE_CONNECTION_BROKEN)
        return;
    connection->state = VALVE_CONNECTION_BROKEN;
    if (connection->in_flight > 0 || valve_output_queued(connection) > 0)
        valve_count(&worker->counters->broken, 1);
    shutdown(valve_connection_descriptor(worker, connection), SHUT_RDWR);
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
    shutdown(valve_connection_descriptor(worker, connection), SHUT_WR);
    connection->state = VALVE_CONNECTION_LINGERING;
    set_watch(worker, connection, WATCH_READ);
    if (connection->state == VALVE_CONNECTION_LINGERING)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_LINGER, valve_worker_ms(worker));
}

/* ---- What comes next ---- */

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
    bool in = valve_intake_is_wanted(connection);
    bool out = (connection->flags & VALVE_CONNECTION_BLOCKED) != 0;

    /* A reply that has filled the socket, and is not at its end, will do so again. */
    if (in && !out && connection->watch == WATCH_BOTH && connection->output != NULL &&
        connection->output->begun)
        return;
    /*
     * In a moment it is seen to again: what it waits for then costs no call of the kernel before.
     */
    if (!out && (connection->flags & VALVE_CONNECTION_LISTED) && connection->watch == WATCH_READ)
        return;
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
    int untaken = valve_os_untaken(valve_connection_descriptor(worker, connection));

    return untaken < 0 ? INT64_MIN : (int64_t)connection->output->handed - untaken;
}

/* The send timeout runs anew whenever the client has taken something; whether it does now. */
static bool renew_send_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    int64_t taken;

    if (connection->output == NULL) { /* what waits is of TLS's own: it has the time once */
        if (connection->timeout == VALVE_TIMEOUT_SEND)
            return false;
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_SEND, valve_worker_ms(worker));
        return true;
    }
    taken = taken_output(worker, connection);
    if (connection->timeout == VALVE_TIMEOUT_SEND && taken <= connection->output->taken)
        return false;
    connection->output->taken = taken;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_SEND, valve_worker_ms(worker));
    return true;
}

static void settle_no_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->timeout != VALVE_TIMEOUT_NONE)
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_NONE, valve_worker_ms(worker));
}

/* Part of a request that has not become whole in time, whatever output still waits. */
static bool is_trickle(const struct valve_worker *worker, const struct valve_connection *connection)
{
    return connection->input != NULL && valve_intake_is_wanted(connection) &&
           !(connection->flags & VALVE_CONNECTION_READABLE) &&
           valve_timeouts_is_over(worker, VALVE_TIMEOUT_REQUEST, connection->input->began_at);
}

/* What is in flight is still answered. */
static void hear_no_more(struct valve_worker *worker, struct valve_connection *connection)
{
    connection->flags |= VALVE_CONNECTION_LAST;
    settle_no_timeout(worker, connection);
    valve_connection_attend(worker, connection);
}

static void settle_timeout(struct valve_worker *worker, struct valve_connection *connection)
{
    const uint16_t waiting = VALVE_CONNECTION_WAITING;

    if (is_trickle(worker, connection))
        hear_no_more(worker, connection);
    else if (connection->flags & VALVE_CONNECTION_BLOCKED)
        renew_send_timeout(worker, connection);
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
    if (!valve_input_has_request(connection)) {
        valve_worker_forget(worker, connection);
    } else if (valve_intake_may_start(worker, connection) ||
               valve_intake_is_cancel_first(connection)) {
        valve_worker_forget(worker, connection);
        defer(worker, connection);
    } else if (!valve_intake_within_limits(worker, connection)) {
        valve_worker_forget(worker, connection);
    } else {
        valve_worker_wait_for_fiber(worker, connection);
    }
}

/*
 * Under TLS some of what has come may wait for us here, and not in the socket; or for the socket to
 * take output, which that tells.
 */
static void settle_unread(struct valve_worker *worker, struct valve_connection *connection)
{
    const uint16_t both = VALVE_CONNECTION_SECURED | VALVE_CONNECTION_READABLE;

    if ((connection->flags & (both | VALVE_CONNECTION_BLOCKED)) == both &&
        valve_intake_is_wanted(connection))
        defer(worker, connection);
}

void valve_connection_settle(struct valve_worker *worker, struct valve_connection *connection)
{
    connection->flags &= (uint16_t)~VALVE_CONNECTION_LISTED;
    if (connection->state == VALVE_CONNECTION_OPEN &&
        (connection->flags & VALVE_CONNECTION_SHAKING)) {
        settle_handshake(worker, connection);
        return;
    }
    if (connection->state == VALVE_CONNECTION_OPEN) {
        if (is_through(connection) && valve_last_word_say(worker, connection) < 0)
            valve_connection_break(worker, connection);
        else if (send_output(worker, connection) < 0)
            valve_connection_break(worker, connection);
    }
    if (connection->state == VALVE_CONNECTION_LINGERING) {
        if (connection->flags & VALVE_CONNECTION_ENDED)
            close_connection(worker, connection);
        else
            settle_unread(worker, connection);
        return;
    }
    if (connection->state == VALVE_CONNECTION_BROKEN) {
        /* Broken just now it is on the list again, and is closed when it is taken from there. */
        if (connection->in_flight == 0 && !(connection->flags & VALVE_CONNECTION_LISTED))
            close_connection(worker, connection);
        return;
    }
    if (is_through(connection) && connection->output == NULL) {
        if (valve_secured_end(connection) == 0) {
            linger(worker, connection);
            return;
        }
        connection->flags |= VALVE_CONNECTION_BLOCKED;
    }
    settle_waiting_request(worker, connection);
    settle_unread(worker, connection);
    settle_watch(worker, connection);
    if (connection->state == VALVE_CONNECTION_OPEN)
        settle_timeout(worker, connection);
}

/* ---- Timeouts and the stop ---- */

/* Closes it without a word: what the socket still holds is given back with it. */
static void abandon(struct valve_worker *worker, struct valve_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(valve_connection_descriptor(worker, connection), SOL_SOCKET, SO_LINGER, &at_once,
               sizeof at_once);
    valve_connection_break(worker, connection);
}

void valve_connection_overdue(struct valve_worker *worker, struct valve_connection *connection)
{
    enum valve_timeout timeout = connection->timeout;

    if (timeout == VALVE_TIMEOUT_SEND && renew_send_timeout(worker, connection))
        return;
    /* What has come in time, while this worker was busy, counts. */
    if ((timeout == VALVE_TIMEOUT_IDLE || timeout == VALVE_TIMEOUT_REQUEST) &&
        (connection->flags & VALVE_CONNECTION_READABLE) && valve_intake_is_wanted(connection))
        timeout = VALVE_TIMEOUT_NONE;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_NONE, valve_worker_ms(worker));
    switch (timeout) {
    case VALVE_TIMEOUT_IDLE:
    case VALVE_TIMEOUT_REQUEST:
        valve_count(&worker->counters
                         ->cuts[timeout == VALVE_TIMEOUT_IDLE ? VALVE_CUT_IDLE : VALVE_CUT_REQUEST],
                    1);
        connection->flags |= VALVE_CONNECTION_LAST;
        break;
    case VALVE_TIMEOUT_SEND:
        valve_count(&worker->counters->cuts[VALVE_CUT_SEND], 1);
        valve_server_log(worker->server, VALVE_LOG_INFO,
                         "closed a connection whose client takes none of its replies");
        abandon(worker, connection);
        break;
    case VALVE_TIMEOUT_FIBER:
        valve_worker_forget(worker, connection);
        valve_intake_refuse_first(worker, connection);
        break;
    case VALVE_TIMEOUT_HANDSHAKE:
    case VALVE_TIMEOUT_DOOR:
        if (timeout == VALVE_TIMEOUT_HANDSHAKE && valve_secured_may_shake_on(worker, connection))
            return;
        valve_count(&worker->counters->handshakes[VALVE_HANDSHAKE_LATE], 1);
        valve_connection_break(worker, connection);
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
