/* SPDX-License-Identifier: MIT */
/*
 * Answers that are promised by a handler, and given by whoever has the promise.
 *
 * A promise names a slot of the server and the slot's generation. The giver encodes the answer,
 * marks the slot, and sends what it encoded to the call's own worker: only there is the call looked
 * at, and only if the slot still has that generation.
 */
#include "server/later.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/server.h"
#include "server/worker.h"

#define FIRST_SLOTS 64

/* A promise that stands, or a place for the next one. Under the lock. */
struct valve_promise_slot {
    struct valve_call *call; /* for its own worker to look into; NULL: the slot is free */
    struct valve_worker *home;
    const struct valve_type *reply;
    uint64_t fates;      /* of the promises before: a bit for each, set if it was kept; the last
                            one in the lowest */
    uint32_t generation; /* of the promise, or of the next; never 0 */
    uint32_t next_free;
    bool is_given;
};

/* ---- Slots ---- */

void valve_promises_init(struct valve_promises *promises)
{
    *promises = (struct valve_promises){.first_free = VALVE_NO_PROMISE};
    pthread_mutex_init(&promises->lock, NULL);
}

void valve_promises_fini(struct valve_promises *promises)
{
    free(promises->slots);
    pthread_mutex_destroy(&promises->lock);
}

static int grow(struct valve_promises *promises)
{
    uint32_t room = promises->count == 0 ? FIRST_SLOTS : promises->count * 2;
    struct valve_promise_slot *slots = realloc(promises->slots, room * sizeof *slots);

    if (slots == NULL)
        return -ENOMEM;
    for (uint32_t i = promises->count; i < room; i++)
        slots[i] = (struct valve_promise_slot){
            .generation = 1, .next_free = i + 1 < room ? i + 1 : VALVE_NO_PROMISE};
    promises->first_free = promises->count;
    promises->slots = slots;
    promises->count = room;
    return 0;
}

static int make_promise(struct valve_call *call, const struct valve_type *reply,
                        struct valve_later *ret_later)
{
    struct valve_promises *promises = &call->worker->server->promises;
    int r = 0;

    pthread_mutex_lock(&promises->lock);
    if (promises->first_free == VALVE_NO_PROMISE)
        r = grow(promises);
    if (r == 0) {
        uint32_t index = promises->first_free;
        struct valve_promise_slot *slot = &promises->slots[index];

        promises->first_free = slot->next_free;
        slot->call = call;
        slot->home = call->worker;
        slot->reply = reply;
        call->promise = (struct valve_promise){.is_made = true, .slot = index};
        ret_later->slot = index;
        ret_later->generation = slot->generation;
    }
    pthread_mutex_unlock(&promises->lock);
    return r;
}

void valve_later_forget(struct valve_call *call)
{
    struct valve_promises *promises = &call->worker->server->promises;
    struct valve_promise_slot *slot;

    if (!call->promise.is_made)
        return;
    pthread_mutex_lock(&promises->lock);
    slot = &promises->slots[call->promise.slot];
    slot->call = NULL;
    slot->fates = slot->fates << 1 | slot->is_given;
    slot->is_given = false;
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next_free = promises->first_free;
    promises->first_free = call->promise.slot;
    pthread_mutex_unlock(&promises->lock);
    free(call->promise.answer);
    call->promise = (struct valve_promise){0};
}

/* The slot that a promise names, if it still stands; else NULL. Under the lock. */
static struct valve_promise_slot *find_slot(const struct valve_promises *promises,
                                            const struct valve_later *later)
{
    struct valve_promise_slot *slot;

    if (later->slot >= promises->count)
        return NULL;
    slot = &promises->slots[later->slot];
    return slot->call != NULL && slot->generation == later->generation ? slot : NULL;
}

/* Whether a promise that stands no more was kept. Of those long past nothing is known: no. */
static bool was_given(const struct valve_promises *promises, const struct valve_later *later)
{
    const struct valve_promise_slot *slot;
    uint32_t since;

    if (later->slot >= promises->count)
        return false;
    slot = &promises->slots[later->slot];
    since = slot->generation - later->generation;
    return since >= 1 && since <= 64 && (slot->fates >> (since - 1) & 1) != 0;
}

/* Takes it upon the caller to give the answer, which nobody else may from now on. */
static int claim(struct valve_promises *promises, const struct valve_later *later,
                 const struct valve_type *reply, struct valve_worker **ret_home)
{
    struct valve_promise_slot *slot;
    int r = 0;

    pthread_mutex_lock(&promises->lock);
    slot = find_slot(promises, later);
    if (slot == NULL)
        r = was_given(promises, later) ? -EALREADY : -ECANCELED;
    else if (slot->is_given)
        r = -EALREADY;
    else if (slot->reply != reply)
        r = -EINVAL;
    if (r == 0) {
        slot->is_given = true;
        *ret_home = slot->home;
    }
    pthread_mutex_unlock(&promises->lock);
    return r;
}

/* ---- Giving ---- */

/* An answer on its way to the worker of its call. */
struct delivery {
    struct valve_message message;
    struct valve_later later;
    struct valve_buffer *answer;
    enum valve_outcome outcome;
};

static void give_back(struct delivery *delivery)
{
    free(delivery->answer);
    free(delivery);
}

/* On that worker, or where its thread has ended: then there is no call. */
static void deliver(struct valve_message *message)
{
    struct delivery *delivery = (struct delivery *)message;
    struct valve_promises *promises = &delivery->later.server->promises;
    struct valve_promise_slot *slot;
    struct valve_call *call;

    pthread_mutex_lock(&promises->lock);
    slot = find_slot(promises, &delivery->later);
    call = slot != NULL ? slot->call : NULL;
    pthread_mutex_unlock(&promises->lock);
    if (call != NULL) {
        call->promise.answer = delivery->answer;
        call->promise.outcome = delivery->outcome;
        delivery->answer = NULL;
        if (call->promise.is_awaited)
            valve_fiber_wake(call->fiber);
    }
    give_back(delivery);
}

static int encode(const struct valve_server *server, const struct valve_type *reply, unsigned arm,
                  const void *payload, struct valve_buffer **ret_answer)
{
    struct valve_buffer *answer;
    size_t size;
    int r = valve_encoded_arm_size(reply, arm, payload, server->levels, &size);

    if (r < 0)
        return r == -ELOOP ? -EINVAL : r;
    answer = valve_buffer_new_odd(VALVE_ENVELOPE_PREFIX + size);
    if (answer == NULL)
        return -ENOMEM;
    answer->start = VALVE_ENVELOPE_PREFIX;
    answer->end = VALVE_ENVELOPE_PREFIX + size;
    *ret_answer = answer;
    return valve_encode_arm_within(reply, arm, payload, server->levels,
                                   answer->data + answer->start, size, &size, NULL);
}

static int make_delivery(const struct valve_later *later, const struct valve_type *reply,
                         unsigned arm, const void *payload, struct delivery **ret_delivery)
{
    struct delivery *delivery = malloc(sizeof *delivery);
    int r;

    if (delivery == NULL)
        return -ENOMEM;
    *delivery = (struct delivery){.message.deliver = deliver, .later = *later};
    r = encode(later->server, reply, arm, payload, &delivery->answer);
    if (r < 0) {
        give_back(delivery);
        return r;
    }
    delivery->outcome = valve_outcome_of_reply(reply, arm, payload);
    *ret_delivery = delivery;
    return 0;
}

int valve_later_reply(struct valve_later later, const struct valve_type *reply, unsigned arm,
                      const void *payload)
{
    struct delivery *delivery;
    struct valve_worker *home;
    int r;

    if (later.server == NULL)
        return -ECANCELED;
    r = make_delivery(&later, reply, arm, payload, &delivery);
    if (r < 0)
        return r;
    r = claim(&later.server->promises, &later, reply, &home);
    if (r < 0)
        give_back(delivery);
    else if (home == valve_worker_current())
        deliver(&delivery->message);
    else
        valve_mailbox_post(&home->mailbox, &delivery->message);
    if (r == -EALREADY)
        valve_server_log(later.server, VALVE_LOG_ERROR,
                         "service %s: a promised answer was given twice: the first stands",
                         later.server->service->name);
    return r;
}

/* ---- The call ---- */

struct valve_answer valve_reply_later(struct valve_call *call, const struct valve_type *reply,
                                      struct valve_later *ret_later)
{
    struct valve_later later = {.server = call->worker->server, .slot = VALVE_NO_PROMISE};

    *ret_later = later;
    if (call->stage != VALVE_CALL_OPEN)
        return valve_reply_contradicted(call, "an answer was promised besides another one");
    valve_reply_drop(call);
    if (make_promise(call, reply, ret_later) < 0)
        return valve_reply_refuse(call, "busy: no memory for a promise");
    if (call->has_turn)
        valve_output_end_turn(call->worker, call->connection);
    call->has_turn = false; /* nor do others with large replies wait for this one */
    call->stage = VALVE_CALL_PROMISED;
    return (struct valve_answer){call};
}

static void queue_answer(struct valve_call *call)
{
    struct valve_buffer *answer = call->promise.answer;
    uint8_t prefix[VALVE_ENVELOPE_PREFIX];
    size_t prefix_size = (size_t)(valve_envelope_write_reply(call->id, prefix) - prefix);

    if (valve_output_of(call->worker, call->connection) == NULL) {
        valve_reply_broken(call, "no memory for a reply");
        return;
    }
    answer->start -= prefix_size;
    memcpy(answer->data + answer->start, prefix, prefix_size);
    call->promise.answer = NULL;
    call->outcome = call->promise.outcome;
    valve_reply_queue(call, answer);
    valve_reply_answered(call);
}

void valve_later_await(struct valve_call *call)
{
    struct valve_promise *promise = &call->promise;
    int r = 0;

    promise->is_awaited = true;
    while (promise->answer == NULL && r == 0)
        r = valve_fiber_wait(VALVE_NEVER);
    promise->is_awaited = false;
    if (call->connection->state == VALVE_CONNECTION_BROKEN)
        valve_reply_answered(call);
    else if (promise->answer != NULL)
        queue_answer(call);
    else
        valve_reply_refuse(call, valve_error_words(r).data);
}
