/* SPDX-License-Identifier: MIT */
/*
 * A connection: its slot in the table, and its life from the hand-off to the close.
 *
 * A slot is written by the acceptor before the hand-off and by the owning worker from then on;
 * closing bumps the generation, closes the descriptor and leaves the slot to the acceptor.
 */
#ifndef VALVE_SERVER_CONNECTION_H
#define VALVE_SERVER_CONNECTION_H

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>

#include "fiber/lines.h"
#include "valve.h"

struct valve_worker;

enum valve_connection_state {
    VALVE_CONNECTION_FREE,      /* nobody's */
    VALVE_CONNECTION_HANDED,    /* on its way to a worker */
    VALVE_CONNECTION_OPEN,      /* requests are read and answered */
    VALVE_CONNECTION_LINGERING, /* our side is shut down; input is discarded until theirs is */
    VALVE_CONNECTION_BROKEN,    /* gone: its calls unwind, then it is closed */
};

enum {
    VALVE_CONNECTION_ENDED = 1 << 0,    /* the client has shut down its sending side */
    VALVE_CONNECTION_LAST = 1 << 1,     /* no further request is read: close when all is answered */
    VALVE_CONNECTION_LISTED = 1 << 2,   /* in the worker's list of connections to attend to */
    VALVE_CONNECTION_READABLE = 1 << 3, /* input waits in the socket, by what was heard last */
    VALVE_CONNECTION_BLOCKED = 1 << 4,  /* the socket took no more output */
    VALVE_CONNECTION_STARVED = 1 << 5,  /* a request waits for a fiber, or for room in flight */
    VALVE_CONNECTION_WAITING = 1 << 6,  /* in the worker's list of those that wait for a fiber */
    VALVE_CONNECTION_SECURED = 1 << 7,  /* under TLS */
    VALVE_CONNECTION_SHAKING = 1 << 8,  /* and its handshake has not ended */
};

struct valve_connection {
    union {
        struct event event;           /* once adopted */
        struct valve_message handoff; /* on the way to the worker */
    };
    struct valve_input *input;   /* bytes read and not yet turned into requests, or NULL */
    struct valve_output *output; /* what waits to be sent and who waits to send, or NULL */
    struct valve_call *calls;    /* in flight, the latest first */
    union {
        void *peer;                    /* what its listener's admit() said of it, or NULL */
        struct valve_secured *secured; /* under TLS: that, and what belongs to TLS */
    };
    _Atomic uint32_t generation;    /* how often this slot was closed */
    uint32_t active_at;             /* ms of the worker's clock: the last byte that came */
    uint32_t due_since;             /* ms: when what its timeout measures began */
    int32_t due_previous, due_next; /* neighbours in that queue; -1: none */
    uint16_t in_flight;             /* calls */
    uint16_t worker;                /* index of the owner */
    uint16_t flags;
    uint8_t listener; /* index of the listener it came by */
    uint8_t state;    /* enum valve_connection_state */
    uint8_t watch;    /* what its event waits for */
    uint8_t timeout;  /* the queue it is in */
} __attribute__((aligned(VALVE_LINE)));

static_assert(sizeof(struct valve_connection) == 192, "a slot is three cache lines");

/* Where the peer of a connection is. */
void **valve_connection_peer(struct valve_connection *connection);

/* Takes over a connection that the acceptor handed to this worker. */
void valve_connection_adopt(struct valve_worker *worker, int descriptor);

/*
 * Sends what can be sent, then settles what the connection waits for next: input, room, a
 * timeout, its end. Closes it when it is through. The last step of each attendance.
 */
void valve_connection_settle(struct valve_worker *worker, struct valve_connection *connection);

/* The client is gone, or must be: drops its output, cancels its calls. */
void valve_connection_break(struct valve_worker *worker, struct valve_connection *connection);

/* Puts it on the worker's list of connections to process and settle before it sleeps again. */
void valve_connection_attend(struct valve_worker *worker, struct valve_connection *connection);

/* Its timeout ran out: closes it as the kind of the timeout demands. */
void valve_connection_overdue(struct valve_worker *worker, struct valve_connection *connection);

/* The server stops: what has come already is read, once, and nothing after it. */
void valve_connection_stop(struct valve_worker *worker, struct valve_connection *connection);

#endif
