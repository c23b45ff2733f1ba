/* SPDX-License-Identifier: MIT */
/*
 * Replies that are lists, sent element by element.
 */
#include <errno.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/connection.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/worker.h"

int valve_reply_list_begin(struct valve_call *call, const struct valve_type *reply, unsigned arm)
{
    struct valve_buffer *buffer;
    uint8_t *end;
    int r;

    if (call->stage != VALVE_CALL_OPEN)
        return valve_reply_misused(call, "a list was begun after another answer");
    valve_reply_drop(call);
    r = valve_reply_turn(call);
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
    struct valve_buffer *buffer = call->building;
    size_t room, size;
    int r;

    if (buffer == NULL || call->item == NULL)
        return valve_reply_misused(call, "an element was added to no list");
    room = valve_buffer_room(buffer) - 1; /* for the break that ends the list */
    r = valve_encode_within(call->item, item, VALVE_REPLY_DEPTH, buffer->data + buffer->end, room,
                            &size, NULL);
    if (r < 0)
        return r;
    if (call->connection->state == VALVE_CONNECTION_BROKEN)
        return -ECANCELED;
    if (size > VALVE_REPLY_BUFFER)
        return -EMSGSIZE;
    if (size > room) {
        r = next_piece(call);
        if (r < 0)
            return r;
        buffer = call->building;
        valve_encode(call->item, item, buffer->data + buffer->end, size);
    }
    buffer->end += size;
    return 0;
}

struct valve_answer valve_reply_list_end(struct valve_call *call)
{
    struct valve_buffer *buffer = call->building;

    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    if (valve_reply_pointless(call)) {
        valve_reply_drop(call);
        return valve_reply_answered(call);
    }
    if (buffer == NULL || call->item == NULL)
        return valve_reply_contradicted(call, "a list was ended that was not begun");
    call->building = NULL;
    valve_encode_list_end(buffer->data + buffer->end);
    buffer->end++;
    if (call->stage == VALVE_CALL_BEGUN)
        valve_output_queue_piece(call->worker, call->connection, buffer);
    else
        valve_output_queue(call->worker, call->connection, buffer);
    return valve_reply_answered(call);
}
