/* SPDX-License-Identifier: MIT */
/*
 * Load for a server: many connections, on each of which so many requests are always in flight (a
 * closed loop), or to which requests go at fixed times, whatever the server does (an open loop).
 * One thread; nothing is allocated once it runs. It knows no protocol.
 */
#ifndef VALVECTL_LOAD_H
#define VALVECTL_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"
#include "net/address.h"
#include "valve.h"

#define LOAD_ERRORS    24   /* kinds of errors that are told apart */
#define LOAD_HEAD_ROOM 4096 /* the longest head of an answer */

/* What is known of an answer when its head has been read. */
struct load_answer {
    uint32_t slot; /* which request is answered; without meaning where they come in order */
    uint8_t kind;  /* compared with what the request was made for */
    uint8_t error; /* 0: none; else LOAD_WRONG or one of the protocol's own */
    uint64_t body; /* bytes that stand behind the head, and are passed over */
};

enum {
    LOAD_WRONG = 1,   /* an answer of another kind */
    LOAD_ERROR_FIRST, /* the protocol's own, up to LOAD_ERRORS - 1 */
};

/* How to speak with a server. */
struct load_protocol {
    void *context;
    bool in_order;       /* answers come in the order of the requests */
    size_t request_room; /* bytes of the longest request */

    /*
     * Writes the next request; `slot` is a number below the depth that no request in flight on this
     * connection has. Returns its size; 0: there is nothing more to ask for.
     */
    size_t (*write)(void *context, uint32_t slot, uint8_t *ret_kind, uint8_t *data);

    /*
     * Reads the head of an answer. Returns its size; 0: not all of it is there; -EPROTO: it is
     * none, and *ret_problem (may be left) says what is wrong: static words.
     */
    ssize_t (*read)(void *context, const uint8_t *data, size_t size, struct load_answer *ret_answer,
                    const char **ret_problem);

    /* The name of an error of the protocol's own. */
    const char *(*error_name)(unsigned error);
};

/* What was measured. */
struct load_result {
    struct histogram latency; /* ns, from when a request should have started to its answer's end */
    uint64_t duration;        /* ns */
    uint64_t answers;         /* errors included */
    uint64_t errors[LOAD_ERRORS];
    uint64_t bytes;      /* received */
    uint64_t lost;       /* requests whose connection ended before their answer */
    uint64_t unanswered; /* in flight at the end, or due and not begun */
    uint64_t backlog;    /* due and not begun at the end: never in a closed loop */
    uint64_t backlog_most;
    uint32_t connections_lost;
    int failure; /* 0, or what ended a connection first, or the run before its time */
    struct valve_error problem;
};

struct load_options {
    uint32_t connections;
    uint32_t depth;              /* most requests in flight on each */
    uint64_t rate;               /* requests a second over all of them; 0: a closed loop */
    uint64_t warm_up;            /* ns before measuring begins */
    uint64_t duration;           /* ns of measuring; UINT64_MAX: no end */
    uint64_t requests;           /* end after so many answers; 0: no end */
    const struct valve_tls *tls; /* NULL: without */
    const char *tls_name;        /* whom the server has to be; NULL: its address */
    uint64_t timeout;            /* ns without any answer after which the server is given up */

    /* Called every `interval`; `so_far` lacks what is only known at the end. Whether to go on. */
    uint64_t interval;
    bool (*goes_on)(void *context, const struct load_result *so_far, bool measuring);
    void *context;
};

/*
 * Connects and runs. 0, or a negative errno with words in ret_result->problem: nothing has been
 * measured. What goes wrong later is in the result, beside what was measured until then.
 */
int load_run(const struct valve_address *address, const struct load_protocol *protocol,
             const struct load_options *options, struct load_result *ret_result);

/* What an error is called. */
const char *load_error_name(const struct load_protocol *protocol, unsigned error);

/* All errors: answers that were errors, and requests that were lost. */
uint64_t load_errors(const struct load_result *result);

#endif
