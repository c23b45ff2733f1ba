/* SPDX-License-Identifier: MIT */
/*
 * Requests out, answers in.
 */
#include "load_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

/* ---- Beginning and end ----------------------------------------------------------------------- */

int load_connection_init(struct load_connection *connection, const struct load_shared *shared,
                         const struct valve_transport *transport, bool discards)
{
    *connection = (struct load_connection){
        .socket = -1,
        .discards = discards,
        .slots = calloc(shared->depth, sizeof *connection->slots),
        .order = calloc(shared->depth, sizeof *connection->order),
        .output = calloc(shared->depth, shared->protocol->request_room),
        .head = malloc(LOAD_HEAD_ROOM),
    };
    if (connection->slots == NULL || connection->order == NULL || connection->output == NULL ||
        connection->head == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < shared->depth; i++)
        connection->order[i] = i;
    connection->socket = transport->socket;
    connection->tls = transport->tls;
    return 0;
}

void load_connection_shut(struct load_connection *connection)
{
    valve_tls_session_free(connection->tls);
    connection->tls = NULL;
    if (connection->socket >= 0)
        close(connection->socket);
    connection->socket = -1;
    connection->given = connection->taken;
}

void load_connection_fini(struct load_connection *connection)
{
    load_connection_shut(connection);
    free(connection->slots);
    free(connection->order);
    free(connection->output);
    free(connection->head);
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* What is queued belongs to requests in flight, so there is room for one more once it has moved. */
static uint8_t *room_for_request(struct load_connection *connection, size_t room, uint32_t depth)
{
    if (connection->end + room > depth * room) {
        memmove(connection->output, connection->output + connection->start,
                connection->end - connection->start);
        connection->end -= connection->start;
        connection->start = 0;
    }
    return connection->output + connection->end;
}

bool load_connection_ask(struct load_connection *connection, struct load_shared *shared,
                         uint64_t begun)
{
    const struct load_protocol *protocol = shared->protocol;
    uint32_t slot = connection->order[connection->taken % shared->depth];
    uint8_t *data = room_for_request(connection, protocol->request_room, shared->depth);
    size_t size = protocol->write(protocol->context, slot, &connection->slots[slot].kind, data);

    if (size == 0) {
        shared->dry = true;
        return false;
    }
    connection->slots[slot].begun = begun;
    connection->taken++;
    connection->end += size;
    if (shared->in_flight++ == 0)
        shared->last_bytes = now(); /* nobody was to say anything until now */
    return true;
}

int load_connection_send(struct load_connection *connection)
{
    while (connection->start < connection->end) {
        ssize_t sent = valve_transport_send_some(connection->socket, connection->tls,
                                                 connection->output + connection->start,
                                                 connection->end - connection->start);

        if (sent < 0)
            return (int)sent;
        connection->start += (size_t)sent;
    }
    connection->start = connection->end = 0;
    return 0;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* An answer has ended: its slot is free, and it counts. */
static int finish(struct load_connection *connection, struct load_shared *shared, uint64_t time)
{
    const struct load_answer *answer = &connection->answer;
    struct load_result *result = shared->result;
    uint32_t slot = answer->slot;
    unsigned error = answer->error;
    uint64_t begun;

    /* Slots are used in the order in which they became free, so in order they go round. */
    if (shared->protocol->in_order)
        slot = (uint32_t)(connection->given % shared->depth);
    if (slot >= shared->depth || connection->slots[slot].begun == 0)
        return -EPROTO;
    if (error == 0 && answer->kind != connection->slots[slot].kind)
        error = LOAD_WRONG;
    begun = connection->slots[slot].begun;
    connection->slots[slot].begun = 0;
    connection->order[connection->given++ % shared->depth] = slot;
    shared->in_flight--;
    result->answers++;
    if (error != 0)
        result->errors[error]++;
    histogram_add(&result->latency, time > begun ? time - begun : 0);
    return 0;
}

/* Passes over the body that is coming. Returns the bytes used. */
static size_t take_body(struct load_connection *connection, size_t size)
{
    size_t taken = connection->body < size ? (size_t)connection->body : size;

    connection->body -= taken;
    return taken;
}

/* Keeps the beginning of an answer until more has come. */
static int keep(struct load_connection *connection, const uint8_t *data, size_t size)
{
    if (size > LOAD_HEAD_ROOM)
        return -EPROTO;
    memcpy(connection->head, data, size);
    connection->head_used = size;
    return 0;
}

/* Takes answers apart, up to the last byte that is there. */
static int take(struct load_connection *connection, struct load_shared *shared, const uint8_t *data,
                size_t size, uint64_t time, const char **ret_problem)
{
    const struct load_protocol *protocol = shared->protocol;

    while (size > 0) {
        bool in_body = connection->body > 0;
        ssize_t used;

        if (in_body) {
            used = (ssize_t)take_body(connection, size);
        } else {
            used = protocol->read(protocol->context, data, size, &connection->answer, ret_problem);
            if (used == 0)
                return keep(connection, data, size);
            if (used < 0)
                return (int)used;
            connection->body = connection->answer.body;
        }
        data += used;
        size -= (size_t)used;
        if (connection->body == 0 && finish(connection, shared, time) < 0) {
            *ret_problem = "it answers what was not asked";
            return -EPROTO;
        }
    }
    return 0;
}

/* Likewise; what is discarded need not be written to `data`. */
static ssize_t receive_some(struct load_connection *connection, uint8_t *data, bool discards)
{
    ssize_t size;

    if (connection->tls != NULL) {
        size = valve_tls_session_read(connection->tls, data, LOAD_INPUT_ROOM);
        return size == -EBUSY ? -EAGAIN : size;
    }
    size = recv(connection->socket, data, LOAD_INPUT_ROOM, discards ? MSG_TRUNC : 0);
    return size < 0 ? -errno : size;
}

static int receive_once(struct load_connection *connection, struct load_shared *shared,
                        uint64_t *ret_time, const char **ret_problem)
{
    uint8_t *input = shared->input + LOAD_HEAD_ROOM, *data = input - connection->head_used;
    /* A long body need not be copied to be passed over, where the socket knows how. */
    bool discards = connection->discards && connection->body >= LOAD_INPUT_ROOM;
    ssize_t size = receive_some(connection, input, discards);

    *ret_time = now();
    if (size < 0)
        return size == -EAGAIN || size == -EINTR ? 0 : (int)size;
    if (size == 0)
        return connection->body > 0 || connection->head_used > 0 ? -ECONNABORTED : -ENODATA;
    shared->result->bytes += (uint64_t)size;
    shared->last_bytes = *ret_time;
    if (discards) {
        connection->body -= (uint64_t)size;
        return connection->body > 0 ? 0 : finish(connection, shared, *ret_time);
    }
    memcpy(data, connection->head, connection->head_used);
    size += (ssize_t)connection->head_used;
    connection->head_used = 0;
    return take(connection, shared, data, (size_t)size, *ret_time, ret_problem);
}

int load_connection_receive(struct load_connection *connection, struct load_shared *shared,
                            uint64_t *ret_time, const char **ret_problem)
{
    uint64_t before;
    int r;

    /* Under TLS: until nothing whole is left of which the socket will not tell. */
    do {
        before = shared->result->bytes;
        r = receive_once(connection, shared, ret_time, ret_problem);
    } while (r == 0 && shared->result->bytes > before && connection->tls != NULL &&
             valve_tls_session_has_more(connection->tls));
    return r;
}
