/* SPDX-License-Identifier: MIT */
/*
 * Messages on their way out: encoded in their envelopes, right where they will be sent from.
 */
#ifndef VALVE_SERVER_OUTGOING_H
#define VALVE_SERVER_OUTGOING_H

#include "valve.h"

struct valve_connection;
struct valve_worker;

struct valve_outgoing {
    const struct valve_type *type;
    unsigned arm;      /* of the type, a sum, whose payload the value is; VALVE_NO_ARM: of no sum */
    const void *value; /* may be NULL where the arm has no payload */
    uint32_t id;
    bool is_item; /* of a stream; else a reply */
};
#define VALVE_NO_ARM (~0U)

/* Most bytes of an item, which its client receives as a whole. */
#define VALVE_LARGEST_ITEM ((size_t)16 * 1024 * 1024)

/*
 * Queues a whole message on the connection. 0, or -EINVAL, -ELOOP (it breaks its type: *ret_error,
 * which may be NULL, says where), -EMSGSIZE (an item that is too large), -ENOMEM.
 */
int valve_outgoing_queue(struct valve_worker *worker, struct valve_connection *connection,
                         const struct valve_outgoing *message, struct valve_error *ret_error);

#endif
