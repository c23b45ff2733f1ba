/* SPDX-License-Identifier: MIT */
/*
 * Replies: whole ones, and what all kinds have in common: turns, and what no handler may do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/call.h"
#include "server/connection.h"
#include "server/outgoing.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/server.h"
#include "server/worker.h"

struct valve_answer valve_reply_answered(struct valve_call *call)
{
    call->stage = VALVE_CALL_ANSWERED;
    valve_connection_attend(call->worker, call->connection);
    return (struct valve_answer){call};
}

bool valve_reply_pointless(const struct valve_call *call)
{
    return call->connection->state == VALVE_CONNECTION_BROKEN || call->stage == VALVE_CALL_ANSWERED;
}

struct valve_answer valve_reply_broken(struct valve_call *call, const char *why)
{
    if (call->connection->state != VALVE_CONNECTION_BROKEN) {
        valve_server_log(call->worker->server, VALVE_LOG_WARNING,
                         "a reply was broken off, and its connection with it: %s", why);
        valve_connection_break(call->worker, call->connection);
    }
    return valve_reply_answered(call);
}

struct valve_answer valve_reply_refuse(struct valve_call *call, const char *why)
{
    call->outcome = valve_outcome_of_error(why, strlen(why));
    if (valve_call_refuse(call->worker, call->connection, call->id, why) < 0)
        return valve_reply_broken(call, why);
    return valve_reply_answered(call);
}

void valve_reply_blame(const struct valve_call *call, const char *what)
{
    const struct valve_server *server = call->worker->server;

    valve_server_log(server, VALVE_LOG_ERROR, "service %s, %.*s: %s", server->service->name,
                     (int)call->method->name_size, call->method->name, what);
}

int valve_reply_misused(struct valve_call *call, const char *what)
{
    if (!call->misused)
        valve_reply_blame(call, what);
    call->misused = true;
    return -EINVAL;
}

struct valve_answer valve_reply_contradicted(struct valve_call *call, const char *what)
{
    valve_reply_blame(call, what);
    valve_connection_break(call->worker, call->connection);
    return valve_reply_answered(call);
}

bool valve_reply_is_second(struct valve_call *call)
{
    switch (call->stage) {
    case VALVE_CALL_OPEN:
    case VALVE_CALL_BEGUN:
        return false;
    case VALVE_CALL_PROMISED:
        valve_reply_contradicted(call, "a handler answered and had promised the answer");
        return true;
    case VALVE_CALL_ANSWERED:
    default:
        valve_reply_misused(call, "a handler answered twice: the first answer stands");
        return true;
    }
}

bool valve_reply_has_arm(const struct valve_type *reply, unsigned arm, enum valve_shape shape)
{
    return arm < reply->count && reply->members[arm].type != NULL &&
           reply->members[arm].type->shape == shape;
}

void valve_reply_unreserve(struct valve_call *call)
{
    /* What reserved nothing does not keep the output in place either. */
    if (call->reserved > 0)
        call->connection->output->reserved -= call->reserved;
    call->reserved = 0;
}

void valve_reply_drop(struct valve_call *call)
{
    valve_buffer_free(&call->worker->buffers, call->building);
    call->building = NULL;
    call->item = NULL;
    valve_reply_unreserve(call);
}

/* What was to be answered when it was too late, for the log. */
static struct valve_answer break_off(struct valve_call *call, const struct valve_type *reply,
                                     unsigned arm, const void *payload)
{
    const struct valve_member *member;
    const struct valve_text *text = payload;
    char why[VALVE_ERROR_TEXT];

    if (arm >= reply->count)
        return valve_reply_contradicted(call, "a variant that is none came after part of a reply");
    member = &reply->members[arm];
    if (member->type != NULL && member->type->shape == VALVE_SHAPE_TEXT)
        snprintf(why, sizeof why, "%.*s", (int)text->size, text->data);
    else
        snprintf(why, sizeof why, "%s came after part of another reply", member->name);
    return valve_reply_broken(call, why);
}

/* A reply that breaks its type: nothing is sent in its place that might be taken for it. */
static struct valve_answer give_up(struct valve_call *call, const struct valve_error *error)
{
    char what[VALVE_ERROR_TEXT + 64];

    snprintf(what, sizeof what, "a handler's answer breaks its type: %s", error->text);
    return valve_reply_contradicted(call, what);
}

struct valve_answer valve_reply(struct valve_call *call, const struct valve_type *reply,
                                unsigned arm, const void *payload)
{
    const struct valve_outgoing message = {
        .type = reply, .arm = arm, .value = payload, .id = call->id};
    struct valve_error error;
    size_t before;
    int r;

    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    valve_reply_drop(call);
    call->outcome = valve_outcome_of_reply(reply, arm, payload);
    if (valve_reply_pointless(call))
        return valve_reply_answered(call);
    if (call->stage == VALVE_CALL_BEGUN)
        return break_off(call, reply, arm, payload);
    before = valve_output_queued(call->connection);
    r = valve_outgoing_queue(call->worker, call->connection, &message, &error);
    call->bytes += valve_output_queued(call->connection) - before;
    if (r == -ENOMEM)
        return valve_reply_broken(call, "no memory for a reply");
    return r < 0 ? give_up(call, &error) : valve_reply_answered(call);
}

struct valve_answer valve_reply_none(struct valve_call *call)
{
    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    valve_reply_drop(call);
    if (call->stage == VALVE_CALL_BEGUN)
        return valve_reply_broken(call, "nothing came after part of a reply");
    return valve_reply_answered(call);
}

int valve_reply_try_turn(struct valve_call *call)
{
    struct valve_output *output;

    if (call->has_turn)
        return 0;
    if (valve_reply_pointless(call))
        return -ECANCELED;
    output = valve_output_of(call->worker, call->connection);
    if (output == NULL)
        return -ENOMEM;
    if (output->turn != NULL || !valve_wait_queue_empty(&output->turn_wanted))
        return -EAGAIN;
    output->turn = call;
    call->has_turn = true;
    return 0;
}

int valve_reply_turn(struct valve_call *call)
{
    struct valve_output *output;
    int r = valve_reply_try_turn(call);

    if (r != -EAGAIN)
        return r;
    output = call->connection->output;
    do {
        output->turn_waiters++;
        r = valve_wait_queue_wait(&output->turn_wanted, VALVE_NEVER);
        output->turn_waiters--;
        if (r < 0)
            return r;
    } while (output->turn != NULL);
    output->turn = call;
    call->has_turn = true;
    return 0;
}

bool valve_reply_waits_for_client(const struct valve_call *call)
{
    return (call->connection->flags & VALVE_CONNECTION_BLOCKED) != 0 ||
           valve_output_queued(call->connection) > 0;
}

void valve_reply_queue(struct valve_call *call, struct valve_buffer *buffer)
{
    call->bytes += buffer->end - buffer->start;
    if (call->stage == VALVE_CALL_BEGUN)
        valve_output_queue_piece(call->worker, call->connection, buffer);
    else
        valve_output_queue(call->worker, call->connection, buffer);
}

/* Waits until the output has less than its bound, so that a piece may be added. */
int valve_reply_wait_for_output(struct valve_call *call)
{
    struct valve_output *output = call->connection->output;

    while (output->queue.size >= VALVE_OUTPUT_BOUND) {
        int r = valve_wait_queue_wait(&output->progress, VALVE_NEVER);

        if (r < 0)
            return r;
    }
    return 0;
}

bool valve_reply_is_refused(const struct valve_call *call)
{
    return call->stage == VALVE_CALL_OPEN && valve_fiber_cancelled(call->fiber);
}

/*
 * From the first bytes on the reply goes on, whatever its request said of time (valve-protocol(7)).
 */
void valve_reply_begin(struct valve_call *call, struct valve_buffer *piece)
{
    call->stage = VALVE_CALL_BEGUN;
    valve_fiber_set_deadline(call->fiber, VALVE_NEVER);
    valve_reply_queue(call, piece);
    valve_connection_attend(call->worker, call->connection);
}
