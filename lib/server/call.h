/* SPDX-License-Identifier: MIT */
/*
 * A call: one request, from the decoder to its answer, in a fiber of its own.
 */
#ifndef VALVE_SERVER_CALL_H
#define VALVE_SERVER_CALL_H

#include "fiber/fiber.h"
#include "rpc/envelope.h"
#include "server/buffer.h"
#include "server/later.h"
#include "server/outcome.h"
#include "valve.h"

/* How far its reply is. */
enum valve_call_stage {
    VALVE_CALL_OPEN,     /* nothing of it was queued, though items of a stream may have been */
    VALVE_CALL_PROMISED, /* nor was this, but the handler has left it to somebody else */
    VALVE_CALL_BEGUN,    /* part of a large reply was queued */
    VALVE_CALL_ANSWERED, /* its reply is complete, or its connection broken */
};

/* Lives on the stack of its fiber; its connection stays in place until it has ended. */
struct valve_call {
    struct valve_worker *worker;
    struct valve_connection *connection;
    struct valve_call *next, *previous; /* in flight on the connection */
    struct valve_fiber *fiber;
    const struct valve_member *method; /* the arm of the request; NULL until it is decoded */
    uint32_t id;
    enum valve_call_stage stage;
    enum valve_outcome outcome; /* of what was answered last */
    uint64_t began;             /* ns: its turn */
    uint64_t bytes;             /* of its reply, and of the items before it, so far */
    const void *subject;        /* see valve_call_subject() */
    size_t subject_size;
    bool has_turn;
    bool misused;                      /* the log has heard of it */
    struct valve_buffer *building;     /* the reply, or the piece of it, in the making */
    struct valve_residency *residency; /* of the file to be sent, or NULL */
    size_t reserved;                   /* bytes promised to it in the output's account */
    const struct valve_type *item;     /* of the list that is being sent */
    unsigned held;                     /* descriptors: see valve_call_hold() */
    size_t streamed;                   /* of items, since other connections last had a turn */
    struct valve_promise promise;
    struct valve_arena arena;
};

/*
 * Answers one complete item: starts the call, or answers at once what is none.
 *   0        taken
 *   -EAGAIN  no fiber, or no memory for one: try the same item again when one has ended
 *   else     the connection was broken
 */
int valve_call_take(struct valve_worker *worker, struct valve_connection *connection,
                    const uint8_t *item, size_t size);

/* Whether a complete item is a cancel, which is heard even while no request may be started. */
bool valve_call_is_cancel(const uint8_t *item, size_t size);

/*
 * Cancels the calls in flight on the connection: all (id 0), or those of one id whose reply has not
 * begun (a begun one is answered normally: only breaking the connection could stop it).
 */
void valve_call_cancel(struct valve_connection *connection, uint32_t id);

/* Counts a request that was refused before it became a call. */
void valve_call_count_refused(struct valve_worker *worker, enum valve_outcome outcome);

/*
 * Queues [id, {"Error": text}] outside any call. 0 or -ENOMEM.
 */
int valve_call_refuse(struct valve_worker *worker, struct valve_connection *connection, uint32_t id,
                      const char *text);

#endif
