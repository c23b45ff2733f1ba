/* SPDX-License-Identifier: MIT */
/*
 * Replies: whole ones, lists sent element by element, and bytes read in place.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/server.h"
#include "server/worker.h"

/* Deeper than any schema that can be encoded without running out of its arena first. */
#define REPLY_DEPTH 1024

struct valve_answer valve_reply_answered(struct valve_call *call)
{
    call->stage = VALVE_CALL_ANSWERED;
    valve_connection_attend(call->worker, call->connection);
    return (struct valve_answer){call};
}

bool valve_reply_pointless(const struct valve_call *call)
{
    return call->connection->state == VALVE_CONNECTION_BROKEN || call->stage == VALVE_CALL_ANSWERED;
}

struct valve_answer valve_reply_broken(struct valve_call *call, const char *why)
{
    if (call->connection->state != VALVE_CONNECTION_BROKEN) {
        valve_server_log(call->worker->server, VALVE_LOG_WARNING,
                         "a reply was broken off, and its connection with it: %s", why);
        valve_connection_break(call->worker, call->connection);
    }
    return valve_reply_answered(call);
}

void valve_reply_unreserve(struct valve_call *call)
{
    /* What reserved nothing does not keep the output in place either. */
    if (call->reserved > 0)
        call->connection->output->reserved -= call->reserved;
    call->reserved = 0;
}

static void drop_building(struct valve_call *call)
{
    valve_buffer_free(&call->worker->buffers, call->building);
    call->building = NULL;
    valve_reply_unreserve(call);
}

/* What was to be answered when it was too late, for the log. */
static struct valve_answer break_off(struct valve_call *call, const struct valve_type *reply,
                                     unsigned arm, const void *payload)
{
    const struct valve_member *member = &reply->members[arm];
    const struct valve_text *text = payload;
    char why[VALVE_ERROR_TEXT];

    if (member->type != NULL && member->type->shape == VALVE_SHAPE_TEXT)
        snprintf(why, sizeof why, "%.*s", (int)text->size, text->data);
    else
        snprintf(why, sizeof why, "%s came after part of another reply", member->name);
    return valve_reply_broken(call, why);
}

struct valve_answer valve_reply(struct valve_call *call, const struct valve_type *reply,
                                unsigned arm, const void *payload)
{
    uint8_t prefix[VALVE_ENVELOPE_PREFIX];
    size_t prefix_size = (size_t)(valve_envelope_write_reply(call->id, prefix) - prefix);
    size_t size;
    uint8_t *data;

    drop_building(call);
    if (valve_reply_pointless(call))
        return valve_reply_answered(call);
    if (call->stage == VALVE_CALL_BEGUN)
        return break_off(call, reply, arm, payload);
    if (valve_encoded_arm_size(reply, arm, payload, REPLY_DEPTH, &size) < 0)
        return valve_reply_broken(call, "the handler's reply cannot be encoded");
    data = valve_output_append(call->worker, call->connection, prefix_size + size);
    if (data == NULL)
        return valve_reply_broken(call, "no memory for a reply");
    memcpy(data, prefix, prefix_size);
    valve_encode_arm(reply, arm, payload, data + prefix_size);
    return valve_reply_answered(call);
}

int valve_reply_try_turn(struct valve_call *call)
{
    struct valve_output *output;

    if (call->has_turn)
        return 0;
    if (valve_reply_pointless(call))
        return -ECANCELED;
    output = valve_output_of(call->worker, call->connection);
    if (output == NULL)
        return -ENOMEM;
    if (output->turn != NULL || !valve_wait_queue_empty(&output->turn_wanted))
        return -EAGAIN;
    output->turn = call;
    call->has_turn = true;
    return 0;
}

int valve_reply_turn(struct valve_call *call)
{
    struct valve_output *output;
    int r = valve_reply_try_turn(call);

    if (r != -EAGAIN)
        return r;
    output = call->connection->output;
    do {
        output->turn_waiters++;
        r = valve_wait_queue_wait(&output->turn_wanted, VALVE_NEVER);
        output->turn_waiters--;
        if (r < 0)
            return r;
    } while (output->turn != NULL);
    output->turn = call;
    call->has_turn = true;
    return 0;
}

/* Waits until the output has less than its bound, so that a piece may be added. */
int valve_reply_wait_for_output(struct valve_call *call)
{
    struct valve_output *output = call->connection->output;

    while (output->queue.size >= VALVE_OUTPUT_BOUND) {
        int r = valve_wait_queue_wait(&output->progress, VALVE_NEVER);

        if (r < 0)
            return r;
    }
    return 0;
}

bool valve_reply_is_refused(const struct valve_call *call)
{
    return call->stage == VALVE_CALL_OPEN && valve_fiber_cancelled(call->fiber);
}

/* From the first bytes on the reply goes on, whatever its request said of time (PROTOCOL 1). */
void valve_reply_begin(struct valve_call *call, struct valve_buffer *piece)
{
    call->stage = VALVE_CALL_BEGUN;
    valve_fiber_set_deadline(call->fiber, VALVE_NEVER);
    valve_output_queue_piece(call->worker, call->connection, piece);
    valve_connection_attend(call->worker, call->connection);
}

int valve_reply_list_begin(struct valve_call *call, const struct valve_type *reply, unsigned arm)
{
    struct valve_buffer *buffer;
    uint8_t *end;
    int r = valve_reply_turn(call);

    if (r < 0)
        return r;
    buffer = valve_buffer_new(&call->worker->buffers, VALVE_REPLY_BUFFER + VALVE_BUFFER_HEADROOM);
    if (buffer == NULL)
        return -ENOMEM;
    end = valve_envelope_write_reply(call->id, buffer->data);
    end = valve_encode_arm_prefix(reply, arm, end);
    end = valve_encode_list_begin(end);
    buffer->end = (size_t)(end - buffer->data);
    call->building = buffer;
    call->item = reply->members[arm].type->members[0].type;
    return 0;
}

/* Queues the full buffer and goes on in an empty one. */
static int next_piece(struct valve_call *call)
{
    int r;

    if (valve_reply_is_refused(call))
        return -ECANCELED;
    valve_reply_begin(call, call->building);
    call->building = NULL;
    r = valve_reply_wait_for_output(call);
    if (r == 0)
        r = valve_worker_yield(call->worker); /* a client that keeps up is not the only one */
    if (r < 0)
        return r;
    call->building = valve_buffer_new(&call->worker->buffers,
                                      VALVE_REPLY_BUFFER + VALVE_BUFFER_HEADROOM);
    return call->building == NULL ? -ENOMEM : 0;
}

int valve_reply_list_add(struct valve_call *call, const void *item)
{
    size_t size;
    int r = valve_encoded_size(call->item, item, REPLY_DEPTH, &size);

    if (r < 0)
        return r;
    if (call->connection->state == VALVE_CONNECTION_BROKEN)
        return -ECANCELED;
    if (size > VALVE_REPLY_BUFFER)
        return -EMSGSIZE;
    /* One byte stays free for the break that ends the list. */
    if (valve_buffer_room(call->building) < size + 1) {
        r = next_piece(call);
        if (r < 0)
            return r;
    }
    valve_encode(call->item, item, call->building->data + call->building->end);
    call->building->end += size;
    return 0;
}

struct valve_answer valve_reply_list_end(struct valve_call *call)
{
    struct valve_buffer *buffer = call->building;

    call->building = NULL;
    if (valve_reply_pointless(call)) {
        valve_buffer_free(&call->worker->buffers, buffer);
        return valve_reply_answered(call);
    }
    valve_encode_list_end(buffer->data + buffer->end);
    buffer->end++;
    if (call->stage == VALVE_CALL_BEGUN)
        valve_output_queue_piece(call->worker, call->connection, buffer);
    else
        valve_output_queue(call->worker, call->connection, buffer);
    return valve_reply_answered(call);
}

/* Whether so much may be added now. The first of all may always, or nothing ever could. */
static bool room_for(const struct valve_call *call, size_t capacity)
{
    size_t unsent = valve_output_unsent(call->connection);

    return unsent == 0 || unsent + capacity <= VALVE_OUTPUT_BOUND;
}

static int wait_for_room(struct valve_call *call, size_t capacity)
{
    struct valve_output *output;

    if (valve_reply_pointless(call))
        return -ECANCELED;
    output = valve_output_of(call->worker, call->connection);
    if (output == NULL)
        return -ENOMEM;
    while (!room_for(call, capacity)) {
        int r = valve_wait_queue_wait(&output->room_wanted, VALVE_NEVER);

        if (r < 0)
            return r;
    }
    return 0;
}

int valve_reply_bytes_reserve(struct valve_call *call, size_t capacity, uint8_t **ret_data)
{
    struct valve_buffer *buffer;
    int r;

    if (capacity > VALVE_REPLY_BUFFER)
        return -EMSGSIZE;
    drop_building(call);
    r = wait_for_room(call, capacity);
    if (r < 0)
        return r;
    buffer = valve_buffer_new(&call->worker->buffers, capacity + VALVE_BUFFER_HEADROOM);
    if (buffer == NULL)
        return -ENOMEM;
    call->building = buffer;
    call->reserved = capacity;
    call->connection->output->reserved += capacity;
    if (valve_output_unsent(call->connection) < VALVE_OUTPUT_BOUND)
        valve_wait_queue_wake_one(&call->connection->output->room_wanted);
    *ret_data = buffer->data + VALVE_BUFFER_HEADROOM;
    return 0;
}

/* Writes envelope, variant and head of the bytes right in front of them. */
static int write_front(struct valve_buffer *buffer, uint32_t id, const struct valve_type *reply,
                       unsigned arm, size_t size)
{
    uint8_t front[VALVE_ENVELOPE_PREFIX + 2 * VALVE_HEAD_MAX + 1 + VALVE_BUFFER_HEADROOM];
    uint8_t *end = valve_envelope_write_reply(id, front);

    if (reply->members[arm].name_size > VALVE_BUFFER_HEADROOM / 2)
        return -EMSGSIZE;
    end = valve_encode_arm_prefix(reply, arm, end);
    end = valve_encode_bytes_head(size, end);
    buffer->start = VALVE_BUFFER_HEADROOM - (size_t)(end - front);
    memcpy(buffer->data + buffer->start, front, (size_t)(end - front));
    buffer->end = VALVE_BUFFER_HEADROOM + size;
    return 0;
}

struct valve_answer valve_reply_bytes_done(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, size_t size)
{
    struct valve_buffer *buffer = call->building;

    if (valve_reply_pointless(call)) {
        drop_building(call);
        return valve_reply_answered(call);
    }
    if (write_front(buffer, call->id, reply, arm, size) < 0) {
        drop_building(call);
        return valve_reply_broken(call, "the variant's name is too long for bytes in place");
    }
    if (valve_output_of(call->worker, call->connection) == NULL) {
        drop_building(call);
        return valve_reply_broken(call, "no memory for a reply");
    }
    call->building = NULL;
    valve_reply_unreserve(call);
    valve_output_queue(call->worker, call->connection, buffer);
    return valve_reply_answered(call);
}
