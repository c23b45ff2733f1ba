/* SPDX-License-Identifier: MIT */
/*
 * Replies that are bytes, read in place: into the buffer that is sent.
 */
#include <errno.h>
#include <string.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/connection.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/worker.h"

/* What the call has reserved itself is not in its way. The first of all may always be added. */
bool valve_reply_has_room(const struct valve_call *call, size_t capacity)
{
    size_t unsent = valve_output_unsent(call->connection) - call->reserved;

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
    while (!valve_reply_has_room(call, capacity)) {
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
    if (call->stage != VALVE_CALL_OPEN)
        return valve_reply_misused(call, "room was reserved after another answer");
    valve_reply_drop(call);
    r = wait_for_room(call, capacity);
    if (r < 0)
        return r;
    buffer = valve_buffer_new(&call->worker->buffers, capacity + VALVE_BUFFER_HEADROOM);
    if (buffer == NULL)
        return -ENOMEM;
    call->building = buffer;
    call->reserved = capacity;
    call->connection->output->reserved += capacity;
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

    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    if (valve_reply_pointless(call)) {
        valve_reply_drop(call);
        return valve_reply_answered(call);
    }
    if (buffer == NULL || call->item != NULL || size > call->reserved)
        return valve_reply_contradicted(call, "bytes were sent that no room was reserved for");
    if (!valve_reply_has_arm(reply, arm, VALVE_SHAPE_BYTES))
        return valve_reply_contradicted(call, "bytes were sent as a variant that has none");
    if (write_front(buffer, call->id, reply, arm, size) < 0) {
        valve_reply_drop(call);
        return valve_reply_broken(call, "the variant's name is too long for bytes in place");
    }
    if (valve_output_of(call->worker, call->connection) == NULL) {
        valve_reply_drop(call);
        return valve_reply_broken(call, "no memory for a reply");
    }
    call->building = NULL;
    valve_reply_unreserve(call);
    valve_reply_queue(call, buffer);
    return valve_reply_answered(call);
}
