/* SPDX-License-Identifier: MIT */
/*
 * TLS on connections of the server.
 */
#include "server/secured.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "server/counters.h"
#include "server/output.h"
#include "server/server.h"
#include "server/worker.h"

#define RECORD ((size_t)16 * 1024) /* the most that one record of TLS carries (RFC 8446, 5.1) */
#define SMALL  ((size_t)8 * 1024)

struct valve_secured *valve_secured_new(struct valve_tls *tls)
{
    struct valve_secured *secured = calloc(1, sizeof *secured);

    if (secured == NULL)
        return NULL;
    secured->tls = valve_tls_share(tls);
    return secured;
}

/* ---- Handshakes ------------------------------------------------------------------------------ */

static void count(struct valve_worker *worker, enum valve_handshake outcome)
{
    valve_count(&worker->counters->handshakes[outcome], 1);
}

static void fail(struct valve_worker *worker, struct valve_connection *connection, const char *why)
{
    count(worker, VALVE_HANDSHAKE_FAILED);
    valve_server_log(worker->server, VALVE_LOG_INFO, "%s: %s",
                     valve_acceptor_address(&worker->server->acceptor, connection->listener), why);
    valve_connection_break(worker, connection);
}

static void begin(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_secured *secured = connection->secured;
    int socket = valve_connection_descriptor(worker, connection);

    if (valve_tls_session_new(secured->tls, socket, &secured->session) < 0) {
        valve_count(&worker->counters->faults[VALVE_FAULT_MEMORY], 1);
        fail(worker, connection, "no memory for a TLS handshake");
        return;
    }
    worker->handshakes++;
    secured->began_at = valve_worker_ms(worker);
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_HANDSHAKE, secured->began_at);
    connection->flags |= VALVE_CONNECTION_READABLE; /* a ClientHello may be there */
    valve_connection_attend(worker, connection);
}

void valve_secured_adopt(struct valve_worker *worker, struct valve_connection *connection)
{
    if (worker->handshakes < VALVE_HANDSHAKES)
        begin(worker, connection);
    else
        valve_timeouts_set(worker, connection, VALVE_TIMEOUT_DOOR, valve_worker_ms(worker));
}

bool valve_secured_may_shake_on(struct valve_worker *worker, struct valve_connection *connection)
{
    if (valve_timeouts_first(worker, VALVE_TIMEOUT_DOOR) != NULL ||
        valve_timeouts_is_over(worker, VALVE_TIMEOUT_DOOR, connection->secured->began_at))
        return false;
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_HANDSHAKE, valve_worker_ms(worker));
    return true;
}

/* A handshake has come to its end. */
static void begin_next(struct valve_worker *worker)
{
    struct valve_connection *connection = valve_timeouts_first(worker, VALVE_TIMEOUT_DOOR);

    worker->handshakes--;
    if (connection != NULL && !worker->is_cut)
        begin(worker, connection);
}

/* Asks the service whether it may stay. */
static void admit(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_secured *secured = connection->secured;

    if (valve_acceptor_admit(&worker->server->acceptor, connection->listener,
                             valve_connection_descriptor(worker, connection),
                             valve_tls_session_certificate(secured->session), &secured->peer) < 0) {
        fail(worker, connection, "a client was not let in");
        return;
    }
    secured->is_admitted = true;
    count(worker, VALVE_HANDSHAKE_DONE);
    connection->active_at = valve_worker_ms(worker);
    valve_timeouts_set(worker, connection, VALVE_TIMEOUT_IDLE, connection->active_at);
    connection->flags |= VALVE_CONNECTION_READABLE; /* requests may have come with it */
}

void valve_secured_shake(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_error error;
    short events = 0;
    int r;

    if (worker->stopping)
        valve_connection_break(worker, connection);
    if (connection->state != VALVE_CONNECTION_OPEN || worker->has_shaken ||
        connection->secured->session == NULL || !(connection->flags & VALVE_CONNECTION_READABLE))
        return;
    worker->has_shaken = true;
    connection->flags &= (uint16_t) ~(VALVE_CONNECTION_READABLE | VALVE_CONNECTION_BLOCKED);
    r = valve_tls_session_shake(connection->secured->session, &events, &error);
    if (r == -EAGAIN) {
        if (events == POLLOUT)
            connection->flags |= VALVE_CONNECTION_BLOCKED;
        return;
    }
    connection->flags &= (uint16_t)~VALVE_CONNECTION_SHAKING;
    begin_next(worker);
    if (r < 0)
        fail(worker, connection, error.text);
    else
        admit(worker, connection);
}

void valve_secured_close(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_secured *secured = connection->secured;
    bool was_shaking = (connection->flags & VALVE_CONNECTION_SHAKING) && secured->session != NULL;

    if (secured->is_admitted)
        valve_acceptor_leave(&worker->server->acceptor, connection->listener, secured->peer);
    valve_tls_session_free(secured->session);
    valve_tls_free(secured->tls);
    free(secured);
    if (was_shaking)
        begin_next(worker);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

ssize_t valve_secured_receive(struct valve_connection *connection, void *data, size_t size)
{
    struct valve_tls_session *session = connection->secured->session;
    ssize_t taken = valve_tls_session_read(session, data, size);

    /* What has left the socket is not heard of again: it is looked at until there is none. */
    if (taken == -EBUSY || (taken > 0 && valve_tls_session_has_more(session)))
        connection->flags |= VALVE_CONNECTION_READABLE;
    if (taken == -EBUSY) /* an answer of TLS's own comes first, for which there is no room */
        connection->flags |= VALVE_CONNECTION_BLOCKED;
    return taken == -EBUSY ? -EAGAIN : taken;
}

/* Copies the first bytes of a queue, as many as there is room for. */
static void gather(const struct valve_output *output, struct valve_buffer *record)
{
    const struct valve_buffer *buffer = output->queue.first;

    for (; buffer != NULL && valve_buffer_room(record) > 0; buffer = buffer->next) {
        size_t more = buffer->end - buffer->start, room = valve_buffer_room(record);

        if (more > room)
            more = room;
        memcpy(record->data + record->end, buffer->data + buffer->start, more);
        record->end += more;
    }
}

static ssize_t write_first(struct valve_connection *connection, const struct valve_buffer *buffer)
{
    size_t size = buffer->end - buffer->start;

    return valve_tls_session_write(connection->secured->session, buffer->data + buffer->start,
                                   size < RECORD ? size : RECORD);
}

ssize_t valve_secured_send(struct valve_worker *worker, struct valve_connection *connection)
{
    const struct valve_output *output = connection->output;
    const struct valve_buffer *first = output->queue.first;

    if (first->next == NULL || first->end - first->start >= SMALL)
        return write_first(connection, first);
    /*
     * Small buffers would each make a record and a packet. The place where they come together
     * stays: a record that the socket did not take has to be shown again, whatever memory there is.
     */
    if (worker->record == NULL)
        worker->record = valve_buffer_new(&worker->buffers, SMALL);
    if (worker->record == NULL)
        return write_first(connection, first);
    worker->record->start = worker->record->end = 0;
    gather(output, worker->record);
    return write_first(connection, worker->record);
}

bool valve_secured_seals(const struct valve_connection *connection)
{
    return (connection->flags & VALVE_CONNECTION_SECURED) != 0 &&
           !valve_tls_session_kernel_sends(connection->secured->session);
}

int valve_secured_end(struct valve_connection *connection)
{
    return connection->flags & VALVE_CONNECTION_SECURED
               ? valve_tls_session_end(connection->secured->session)
               : 0;
}

const struct valve_certificate *valve_secured_certificate(const struct valve_connection *connection)
{
    if (!(connection->flags & VALVE_CONNECTION_SECURED))
        return NULL;
    return valve_tls_session_certificate(connection->secured->session);
}
