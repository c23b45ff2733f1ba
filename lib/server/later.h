/* SPDX-License-Identifier: MIT */
/*
 * Promised answers: calls whose handlers have left the answer to somebody else.
 */
#ifndef VALVE_SERVER_LATER_H
#define VALVE_SERVER_LATER_H

#include <pthread.h>

#include "server/outcome.h"
#include "valve.h"

/* A server's promises, which any thread may keep. Not touched by requests that make none. */
struct valve_promises {
    pthread_mutex_t lock;
    struct valve_promise_slot *slots;
    uint32_t count;
    uint32_t first_free; /* index, or VALVE_NO_PROMISE */
};
#define VALVE_NO_PROMISE UINT32_MAX

void valve_promises_init(struct valve_promises *promises);
void valve_promises_fini(struct valve_promises *promises);

/* What was promised for one call; its worker's own. Zeroed: nothing. */
struct valve_promise {
    bool is_made;                /* it has the slot */
    bool is_awaited;             /* the handler has returned, and the fiber waits */
    uint32_t slot;               /* of the server's promises */
    struct valve_buffer *answer; /* it was given: the message, with room for the envelope */
    enum valve_outcome outcome;  /* what that says */
};

/* In the fiber of a call whose handler has promised: waits for the answer, and queues it. */
void valve_later_await(struct valve_call *call);

/* The call ends: who has its promise finds nobody waiting. */
void valve_later_forget(struct valve_call *call);

#endif
