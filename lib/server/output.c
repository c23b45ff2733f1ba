/* SPDX-License-Identifier: MIT */
/*
 * Output of a connection: gathered during a wake-up, sent in one call.
 */
#include "server/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/counters.h"
#include "server/secured.h"
#include "server/server.h"
#include "server/worker.h"

#define MOST_PIECES 64 /* buffers in one send */

struct valve_output *valve_output_of(struct valve_worker *worker,
                                     struct valve_connection *connection)
{
    struct valve_output *output = connection->output;

    if (output != NULL)
        return output;
    output = valve_spares_take(&worker->spare_outputs);
    if (output == NULL)
        output = malloc(sizeof *output);
    if (output == NULL) {
        valve_count(&worker->counters->faults[VALVE_FAULT_MEMORY], 1);
        return NULL;
    }
    *output = (struct valve_output){0};
    connection->output = output;
    return output;
}

void valve_output_release(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_output *output = connection->output;

    /* Calls wait in its queues and hold its turn: it stays as long as there is one. */
    if (output == NULL || connection->in_flight > 0 || output->last_word != NULL ||
        output->queue.size + output->held.size > 0)
        return;
    connection->output = NULL;
    valve_spares_give(&worker->spare_outputs, &output->spare);
}

static void drop(struct valve_worker *worker, struct valve_output_chain *chain)
{
    while (chain->first != NULL) {
        struct valve_buffer *buffer = chain->first;

        chain->first = buffer->next;
        valve_buffer_free(&worker->buffers, buffer);
    }
    *chain = (struct valve_output_chain){0};
}

void valve_output_drop(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->output == NULL)
        return;
    drop(worker, &connection->output->queue);
    drop(worker, &connection->output->held);
}

static void chain_add(struct valve_output_chain *chain, struct valve_buffer *buffer)
{
    if (chain->last == NULL)
        chain->first = buffer;
    else
        chain->last->next = buffer;
    chain->last = buffer;
    chain->size += buffer->end - buffer->start;
}

/* Where a whole reply goes: behind the item that is being sent in pieces, if there is one. */
static struct valve_output_chain *chain_for_whole(struct valve_output *output)
{
    return output->begun ? &output->held : &output->queue;
}

uint8_t *valve_output_room(struct valve_worker *worker, struct valve_connection *connection,
                           size_t least, size_t *ret_room)
{
    struct valve_output *output = valve_output_of(worker, connection);
    struct valve_buffer *buffer;

    if (output == NULL)
        return NULL;
    buffer = output->room != NULL ? output->room : chain_for_whole(output)->last;
    if (buffer == NULL || valve_buffer_room(buffer) < least) {
        valve_buffer_free(&worker->buffers, output->room);
        buffer = output->room = valve_buffer_new(&worker->buffers, least);
        if (buffer == NULL)
            return NULL;
    }
    *ret_room = valve_buffer_room(buffer);
    return buffer->data + buffer->end;
}

void valve_output_take(struct valve_worker *worker, struct valve_connection *connection,
                       size_t size)
{
    struct valve_output *output = connection->output;
    struct valve_output_chain *chain;

    if (output == NULL)
        return;
    chain = chain_for_whole(output);
    if (output->room != NULL && size > 0)
        chain_add(chain, output->room);
    else
        valve_buffer_free(&worker->buffers, output->room);
    output->room = NULL;
    if (size > 0) {
        chain->last->end += size;
        chain->size += size;
    }
}

void valve_output_queue(struct valve_worker *worker, struct valve_connection *connection,
                        struct valve_buffer *buffer)
{
    struct valve_output_chain *chain = chain_for_whole(connection->output);
    size_t size = buffer->end - buffer->start;

    /* Copying a little is cheaper than a buffer of its own in the list that sendmsg walks. */
    if (chain->last != NULL && size <= valve_buffer_room(chain->last) && size <= 4096) {
        memcpy(chain->last->data + chain->last->end, buffer->data + buffer->start, size);
        chain->last->end += size;
        chain->size += size;
        valve_buffer_free(&worker->buffers, buffer);
        return;
    }
    chain_add(chain, buffer);
}

void valve_output_queue_piece(struct valve_worker *worker, struct valve_connection *connection,
                              struct valve_buffer *buffer)
{
    (void)worker;
    connection->output->begun = true;
    chain_add(&connection->output->queue, buffer);
}

size_t valve_output_queued(const struct valve_connection *connection)
{
    const struct valve_output *output = connection->output;

    return output == NULL ? 0 : output->queue.size + output->held.size;
}

size_t valve_output_unsent(const struct valve_connection *connection)
{
    return valve_output_queued(connection) +
           (connection->output == NULL ? 0 : connection->output->reserved);
}

static void take_sent(struct valve_worker *worker, struct valve_output_chain *chain, size_t sent)
{
    chain->size -= sent;
    while (sent > 0) {
        struct valve_buffer *first = chain->first;
        size_t size = first->end - first->start;

        if (sent < size) {
            first->start += sent;
            return;
        }
        sent -= size;
        chain->first = first->next;
        if (chain->first == NULL)
            chain->last = NULL;
        valve_buffer_free(&worker->buffers, first);
    }
}

static ssize_t send_once(int socket, const struct valve_output *output)
{
    struct iovec pieces[MOST_PIECES];
    struct msghdr message = {.msg_iov = pieces};
    struct valve_buffer *buffer = output->queue.first;
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (output->more ? MSG_MORE : 0);
    ssize_t sent;

    for (; buffer != NULL && message.msg_iovlen < MOST_PIECES; buffer = buffer->next)
        pieces[message.msg_iovlen++] = (struct iovec){buffer->data + buffer->start,
                                                      buffer->end - buffer->start};
    do
        sent = message.msg_iovlen == 1 ? send(socket, pieces[0].iov_base, pieces[0].iov_len, flags)
                                       : sendmsg(socket, &message, flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int valve_output_send(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_output *output = connection->output;
    int socket = valve_connection_descriptor(worker, connection);

    while (output != NULL && output->queue.size > 0) {
        ssize_t sent = valve_secured_seals(connection) ? valve_secured_send(worker, connection)
                                                       : send_once(socket, output);

        if (sent == -EAGAIN || sent == -ENOBUFS)
            return -EAGAIN;
        if (sent < 0)
            return (int)sent;
        output->handed += (size_t)sent;
        valve_count(&worker->counters->sent, (uint64_t)sent);
        take_sent(worker, &output->queue, (size_t)sent);
    }
    return 0;
}

/* Those who find no room for what is theirs wait on, in the order in which they waited before. */
void valve_output_wake(struct valve_connection *connection)
{
    struct valve_output *output = connection->output;

    if (output == NULL)
        return;
    if (output->queue.size < VALVE_OUTPUT_BOUND)
        valve_wait_queue_wake_all(&output->progress);
    if (valve_output_unsent(connection) < VALVE_OUTPUT_BOUND)
        valve_wait_queue_wake_all(&output->room_wanted);
}

void valve_output_end_turn(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_output *output = connection->output;

    (void)worker;
    output->turn = NULL;
    output->begun = output->more = false;
    if (output->held.first != NULL) {
        if (output->queue.last == NULL)
            output->queue.first = output->held.first;
        else
            output->queue.last->next = output->held.first;
        output->queue.last = output->held.last;
        output->queue.size += output->held.size;
        output->held = (struct valve_output_chain){0};
    }
    valve_wait_queue_wake_one(&output->turn_wanted);
}
