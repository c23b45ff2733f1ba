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
#include "server/server.h"
#include "server/worker.h"

int valve_reply_list_begin(struct valve_call *call, const struct valve_type *reply, unsigned arm)
{
    struct valve_buffer *buffer;
    uint8_t *end;
    int r;

    if (call->stage != VALVE_CALL_OPEN)
        return valve_reply_misused(call, "a list was begun after another answer");
    if (!valve_reply_has_arm(reply, arm, VALVE_SHAPE_LIST))
        return valve_reply_misused(call, "a list was begun as a variant that has none");
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

/* One byte stays free for the break that ends the list. */
static size_t room_for_elements(const struct valve_call *call)
{
    return valve_buffer_room(call->building) - 1;
}

static int encode(struct valve_call *call, const void *item, size_t *ret_size)
{
    struct valve_buffer *buffer = call->building;

    return valve_encode_within(call->item, item, call->worker->server->levels,
                               buffer->data + buffer->end, room_for_elements(call), ret_size, NULL);
}

int valve_reply_list_add(struct valve_call *call, const void *item)
{
    size_t size;
    int r;

    if (call->connection->state == VALVE_CONNECTION_BROKEN)
        return -ECANCELED;
    if (call->building == NULL || call->item == NULL)
        return valve_reply_misused(call, "an element was added to no list");
    r = encode(call, item, &size);
    if (r == 0 && size > VALVE_REPLY_BUFFER)
        r = -EMSGSIZE;
    if (r == 0 && size > room_for_elements(call)) {
        r = next_piece(call);
        if (r == 0)
            r = encode(call, item, &size);
    }
    if (r == 0)
        call->building->end += size;
    return r;
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
    valve_reply_queue(call, buffer);
    return valve_reply_answered(call);
}
