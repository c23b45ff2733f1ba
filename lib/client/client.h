/* SPDX-License-Identifier: MIT */
/*
 * The client: one connection, the calls in flight on it, and how far the reply that is being
 * received has come.
 */
#ifndef VALVE_CLIENT_CLIENT_H
#define VALVE_CLIENT_CLIENT_H

#include "client/calls.h"
#include "client/transport.h"
#include "rpc/scanner.h"
#include "valve.h"

#define VALVE_CLIENT_MAX_ITEM  ((size_t)16 * 1024 * 1024) /* of what is decoded as a whole */
#define VALVE_CLIENT_MAX_DEPTH 256

/* What the next byte of the input is part of. */
enum valve_client_stage {
    VALVE_CLIENT_BETWEEN, /* the head of a reply */
    VALVE_CLIENT_FAULT,   /* the error behind id 0 */
    VALVE_CLIENT_VARIANT, /* the name of the arm */
    VALVE_CLIENT_PAYLOAD, /* the payload of the arm, of which nothing has been taken */
    VALVE_CLIENT_BYTES,   /* a byte string, of which `left` bytes are to come */
    VALVE_CLIENT_LIST,    /* the elements of a list: `left` of them, or up to the break */
};

/* Holds the place of a call that its owner gave up, until its reply comes. */
struct valve_dropped_call {
    struct valve_pending pending;
    struct valve_dropped_call *older;
};

struct valve_client {
    struct valve_transport transport;
    struct valve_calls calls;           /* started, reply not announced */
    struct valve_dropped_call *dropped; /* all whose replies have not come */
    size_t dropped_waiting;             /* those of them that are in `calls` */

    struct valve_pending current;    /* a copy of the call whose reply is received; id 0: none */
    struct valve_pending *announced; /* that call itself, only to be compared */
    enum valve_client_stage stage;   /* of `current`, or of what precedes it */
    unsigned arm;                    /* from PAYLOAD on: which arm of current.reply */
    bool indefinite;                 /* LIST: it ends with a break */
    uint64_t left;                   /* BYTES, LIST */

    size_t scanned;   /* bytes of the item in front that the scanner has taken */
    bool scanned_all; /* they are the whole item */

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

#endif
