/* SPDX-License-Identifier: MIT */
/*
 * The client: one connection, the calls in flight on it, and how far what is being received has
 * come.
 *
 * The stream is read by one at a time. Whoever waits first reads on (`reading`) until the head of a
 * reply or item is there: that is announced to its call, and nobody reads on until it has been
 * received whole. Fibers whose turn it is not stand in `waiting`. Nobody is forgotten, because
 * whatever ends a turn wakes one of them: see wait.c.
 */
#ifndef VALVE_CLIENT_CLIENT_H
#define VALVE_CLIENT_CLIENT_H

#include "client/calls.h"
#include "client/transport.h"
#include "fiber/fiber.h"
#include "rpc/scanner.h"
#include "valve.h"

#define VALVE_CLIENT_MAX_ITEM  ((size_t)16 * 1024 * 1024) /* of what is decoded as a whole */
#define VALVE_CLIENT_MAX_DEPTH 256

/* What the next byte of the input is part of. */
enum valve_client_stage {
    VALVE_CLIENT_BETWEEN, /* the head of a reply or an item */
    VALVE_CLIENT_FAULT,   /* the error behind id 0 */
    VALVE_CLIENT_REFUSAL, /* the error behind the id of one-way requests */
    VALVE_CLIENT_ITEM,    /* an item of a stream */
    VALVE_CLIENT_VARIANT, /* of a reply, the name of the arm */
    VALVE_CLIENT_PAYLOAD, /* the payload of the arm, of which nothing has been taken */
    VALVE_CLIENT_BYTES,   /* a byte string, of which `left` bytes are to come */
    VALVE_CLIENT_LIST,    /* the elements of a list: `left` of them, or up to the break */
};

/* Holds the place of a call that its owner gave up, until its reply comes. */
struct valve_dropped_call {
    struct valve_pending pending;
    struct valve_dropped_call *older, *newer;
};

struct valve_client {
    struct valve_transport transport;
    struct valve_calls calls;           /* in flight; not those whose reply was announced */
    struct valve_dropped_call *dropped; /* all whose replies have not come, the newest first */
    size_t dropped_waiting;             /* those of them that are in `calls` */

    struct valve_pending current;    /* a copy of the call that is received for; id 0: none */
    struct valve_pending *announced; /* that call itself, only to be compared; NULL: given up */
    bool told;                       /* its owner knows, and receives: */
    struct valve_fiber *receiver;    /* while `told`: this fiber; NULL: a thread */
    enum valve_client_stage stage;   /* of `current`, or of what precedes it */
    unsigned arm;                    /* from PAYLOAD on: which arm of current.reply */
    bool indefinite;                 /* LIST: it ends with a break */
    uint64_t left;                   /* BYTES, LIST */

    bool reading; /* somebody reads on to the next head */
    struct valve_wait_queue waiting;

    size_t scanned;   /* bytes of the item in front that the scanner has taken */
    bool scanned_all; /* they are the whole item */

    uint64_t one_way; /* one-way requests queued */
    uint64_t refused; /* those that were answered */
    struct valve_error refusal;

    int broken; /* 0, or the error that ended all use of the connection */
    struct valve_error problem;
    struct valve_scanner *scanner;
};

/* Puts words to an error and returns it. The connection stays as it is. */
int valve_client_fail(struct valve_client *client, int error, const char *format, ...)
    VALVE_PRINTF(3, 4);

/* The same for an error that ends all use of the connection: no call is touched any more. */
int valve_client_break(struct valve_client *client, int error, const char *format, ...)
    VALVE_PRINTF(3, 4);

/* Levels of arrays and maps that may be decoded or encoded here: what the stack has room for. */
unsigned valve_client_levels(void);

#endif
