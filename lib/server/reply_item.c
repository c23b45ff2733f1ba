/* SPDX-License-Identifier: MIT */
/*
 * The items of a stream, sent before the reply, and how far a handler may get ahead of its client.
 */
#include <errno.h>

#include "server/connection.h"
#include "server/outgoing.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/worker.h"

/*
 * What a stream may send before the worker's other connections have a turn, though its client keeps
 * up: so many bytes, of which the making of an item, however small, counts as some.
 */
#define SHARE       VALVE_REPLY_BUFFER
#define ITEM_EFFORT 64

/* Waits until little enough is unsent. Several streams that wait go on in turn. */
static int wait_for_client(struct valve_call *call)
{
    struct valve_output *output = valve_output_of(call->worker, call->connection);

    if (output == NULL)
        return -ENOMEM;
    while (valve_output_unsent(call->connection) > VALVE_STREAM_BOUND) {
        int r = valve_wait_queue_wait(&output->room_wanted, VALVE_NEVER);

        if (r < 0)
            return r;
    }
    return 0;
}

static int let_others_go_first(struct valve_call *call)
{
    if (call->streamed < SHARE)
        return 0;
    call->streamed = 0;
    return valve_worker_yield(call->worker);
}

/* What a wait would have said: a handler that need not wait hears of it, too. */
static int is_over(const struct valve_call *call)
{
    uint64_t deadline = valve_fiber_deadline(call->fiber);

    if (valve_reply_pointless(call) || valve_fiber_cancelled(call->fiber))
        return -ECANCELED;
    return deadline != VALVE_NEVER && deadline <= valve_clock_now() ? -ETIMEDOUT : 0;
}

int valve_reply_item(struct valve_call *call, const struct valve_type *type, const void *item)
{
    const struct valve_outgoing message = {
        .type = type, .arm = VALVE_NO_ARM, .value = item, .id = call->id, .is_item = true};
    size_t before, size;
    int r;

    if (call->stage != VALVE_CALL_OPEN || call->building != NULL)
        return valve_reply_misused(call, "an item of a stream came after the answer");
    r = let_others_go_first(call);
    if (r == 0)
        r = wait_for_client(call);
    if (r == 0)
        r = is_over(call); /* behind the waits: a client may leave while its reader is woken */
    if (r < 0)
        return r;
    before = valve_output_queued(call->connection);
    r = valve_outgoing_queue(call->worker, call->connection, &message, NULL);
    if (r < 0)
        return r;
    size = valve_output_queued(call->connection) - before;
    call->bytes += size;
    call->streamed += size + ITEM_EFFORT;
    valve_connection_attend(call->worker, call->connection);
    return 0;
}
