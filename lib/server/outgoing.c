/* SPDX-License-Identifier: MIT */
/*
 * Messages on their way out: nearly always encoded in one pass, into the room that is there.
 */
#include "server/outgoing.h"

#include <errno.h>
#include <string.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/output.h"
#include "server/server.h"

/* What stands around a message. */
struct envelope {
    uint8_t prefix[VALVE_ENVELOPE_PREFIX];
    size_t prefix_size, size; /* of the prefix, and with what stands behind */
};

static struct envelope envelope_of(const struct valve_outgoing *message)
{
    struct envelope envelope;
    uint8_t *end = message->is_item ? valve_envelope_write_item(message->id, envelope.prefix)
                                    : valve_envelope_write_reply(message->id, envelope.prefix);

    envelope.prefix_size = (size_t)(end - envelope.prefix);
    envelope.size = envelope.prefix_size + (message->is_item ? VALVE_ENVELOPE_SUFFIX : 0);
    return envelope;
}

static int encode(const struct valve_outgoing *message, unsigned levels, uint8_t *data, size_t room,
                  size_t *ret_size, struct valve_error *ret_error)
{
    if (message->arm == VALVE_NO_ARM)
        return valve_encode_within(message->type, message->value, levels, data, room, ret_size,
                                   ret_error);
    return valve_encode_arm_within(message->type, message->arm, message->value, levels, data, room,
                                   ret_size, ret_error);
}

/* Encodes it into the output, where room for it is made if need be. Its size is the message's. */
static int put(struct valve_worker *worker, struct valve_connection *connection,
               const struct valve_outgoing *message, const struct envelope *envelope,
               uint8_t **ret_data, size_t *ret_size, struct valve_error *ret_error)
{
    unsigned levels = worker->server->levels;
    size_t room;
    uint8_t *data = valve_output_room(worker, connection, envelope->size, &room);
    int r;

    if (data == NULL)
        return -ENOMEM;
    room -= envelope->size;
    r = encode(message, levels, data + envelope->prefix_size, room, ret_size, ret_error);
    if (r == 0 && message->is_item && *ret_size > VALVE_LARGEST_ITEM)
        r = -EMSGSIZE;
    if (r == 0 && *ret_size > room) {
        data = valve_output_room(worker, connection, envelope->size + *ret_size, &room);
        if (data == NULL)
            return -ENOMEM;
        r = encode(message, levels, data + envelope->prefix_size, *ret_size, ret_size, ret_error);
    }
    *ret_data = data;
    return r;
}

int valve_outgoing_queue(struct valve_worker *worker, struct valve_connection *connection,
                         const struct valve_outgoing *message, struct valve_error *ret_error)
{
    struct envelope envelope = envelope_of(message);
    uint8_t *data;
    size_t size;
    int r = put(worker, connection, message, &envelope, &data, &size, ret_error);

    if (r < 0) {
        valve_output_take(worker, connection, 0);
        return r;
    }
    memcpy(data, envelope.prefix, envelope.prefix_size);
    if (message->is_item)
        valve_envelope_end_item(data + envelope.prefix_size + size);
    valve_output_take(worker, connection, envelope.size + size);
    return 0;
}
