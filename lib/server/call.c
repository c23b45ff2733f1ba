/* SPDX-License-Identifier: MIT */
/*
 * Calls: a request taken off the wire, decoded, handed to its handler in a fiber.
 */
#include "server/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/decoder.h"
#include "server/connection.h"
#include "server/counters.h"
#include "server/outgoing.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/secured.h"
#include "server/server.h"
#include "server/worker.h"

#define ARENA_ON_STACK 2048 /* what most requests need */

/* What the library itself answers: the arm that valve-cddl demands of every reply. */
static const struct valve_type error_text = {
    .name = "text",
    .shape = VALVE_SHAPE_TEXT,
    .size = sizeof(struct valve_text),
    .alignment = _Alignof(struct valve_text),
    .least = 1,
    .high = UINT64_MAX,
};
static const struct valve_member error_arm = {
    .name = "Error",
    .name_size = 5,
    .type = &error_text,
    .offset = 8,
};
static const struct valve_type error_reply = {
    .name = "error",
    .shape = VALVE_SHAPE_SUM,
    .size = 8 + sizeof(struct valve_text),
    .alignment = 8,
    .least = 8,
    .count = 1,
    .members = &error_arm,
};

int valve_call_refuse(struct valve_worker *worker, struct valve_connection *connection, uint32_t id,
                      const char *text)
{
    const struct valve_text words = valve_text(text);
    const struct valve_outgoing refusal = {.type = &error_reply, .value = &words, .id = id};

    return valve_outgoing_queue(worker, connection, &refusal, NULL);
}

void valve_call_count_refused(struct valve_worker *worker, enum valve_outcome outcome)
{
    unsigned methods = worker->server->service->request->count;

    valve_count(&worker->counters->methods[methods].outcomes[outcome], 1);
}

static int refuse_bad_request(struct valve_worker *worker, struct valve_connection *connection,
                              uint32_t id, const struct valve_error *error)
{
    char text[VALVE_ERROR_TEXT];

    snprintf(text, sizeof text, "bad-request: %.400s", error->text);
    return valve_call_refuse(worker, connection, id, text);
}

void valve_call_cancel(struct valve_connection *connection, uint32_t id)
{
    for (struct valve_call *call = connection->calls; call != NULL; call = call->next)
        if (id == 0 || (call->id == id && call->stage < VALVE_CALL_BEGUN)) {
            valve_fiber_cancel(call->fiber);
            if (call->worker->is_cut)
                valve_fiber_shield(call->fiber, false);
        }
}

static void call_begin(struct valve_call *call)
{
    struct valve_connection *connection = call->connection;

    call->next = connection->calls;
    if (call->next != NULL)
        call->next->previous = call;
    connection->calls = call;
    connection->in_flight++;
    call->worker->calls++;
}

static void count_call(struct valve_call *call)
{
    struct valve_worker *worker = call->worker;
    const struct valve_type *methods = worker->server->service->request;
    size_t method = call->method == NULL ? methods->count
                                         : (size_t)(call->method - methods->members);

    if (call->outcome == VALVE_OUTCOME_OK && call->connection->state == VALVE_CONNECTION_BROKEN)
        call->outcome = VALVE_OUTCOME_BROKEN;
    valve_counters_end_call(&worker->counters->methods[method], call->outcome, call->began,
                            worker->now);
}

static void tell_end(struct valve_call *call)
{
    const struct valve_server_options *options = &call->worker->server->options;
    struct valve_ended ended;

    if (options->ended == NULL)
        return;
    ended = (struct valve_ended){
        .method = call->method != NULL ? call->method->name : NULL,
        .outcome = valve_outcome_name(call->outcome),
        .subject = call->subject,
        .subject_size = call->subject_size,
        .bytes = call->bytes,
        .duration = valve_clock_now() - call->began,
    };
    options->ended(options->ended_context, call, &ended);
}

static void call_end(struct valve_call *call)
{
    struct valve_connection *connection = call->connection;
    struct valve_worker *worker = call->worker;

    count_call(call);
    tell_end(call);
    valve_reply_drop(call);
    valve_later_forget(call);
    valve_call_let_go(call, call->held);
    if (call->has_turn)
        valve_output_end_turn(worker, connection);
    if (call->next != NULL)
        call->next->previous = call->previous;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        connection->calls = call->next;
    connection->in_flight--;
    valve_arena_fini(&call->arena);
    valve_connection_attend(worker, connection);
    worker->calls--;
    valve_worker_fiber_freed(worker);
}

/* Copies the request, since its place in the input is used again as soon as a handler waits. */
static int copy_body(struct valve_call *call, const struct valve_cursor *body,
                     struct valve_cursor *ret_body)
{
    size_t size = (size_t)(body->end - body->next);
    uint8_t *copy = valve_arena_alloc(&call->arena, size, 1);

    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, body->next, size);
    *ret_body = (struct valve_cursor){copy, copy + size};
    return 0;
}

/* Runs the handler, and holds it to the answer that it owes. */
static int dispatch(struct valve_call *call, const void *request)
{
    const struct valve_service *service = call->worker->server->service;
    struct valve_answer answer;
    unsigned kind;

    memcpy(&kind, request, sizeof kind);
    call->method = &service->request->members[kind];
    answer = service->dispatch(service, call, request);
    if (answer.call == call && call->stage == VALVE_CALL_PROMISED)
        valve_later_await(call);
    if (answer.call == call && call->stage == VALVE_CALL_ANSWERED)
        return 0;
    valve_reply_blame(call, "a handler returned without its answer");
    return -EPROTO;
}

/* Decodes and dispatches. Everything that is wrong with the request becomes its answer. */
static void call_run(struct valve_call *call, const struct valve_cursor *body)
{
    const struct valve_type *type = call->worker->server->service->request;
    struct valve_error error = {""};
    struct valve_cursor copy;
    void *request = valve_arena_alloc(&call->arena, type->size, type->alignment);
    int r = request == NULL ? -ENOMEM : copy_body(call, body, &copy);

    if (r == 0)
        r = valve_decode(type, &copy, &call->arena, request, &error);
    if (r == -EBADMSG) {
        call->outcome = VALVE_OUTCOME_BAD_REQUEST;
        r = refuse_bad_request(call->worker, call->connection, call->id, &error);
    } else if (r == -ENOMEM) {
        call->outcome = VALVE_OUTCOME_BUSY;
        r = valve_call_refuse(call->worker, call->connection, call->id,
                              "busy: no memory for this request");
    } else {
        r = dispatch(call, request);
    }
    if (r < 0)
        valve_connection_break(call->worker, call->connection);
}

/* What a fiber is started with; read before it first waits. */
struct call_start {
    struct valve_worker *worker;
    struct valve_connection *connection;
    const struct valve_envelope *envelope;
};

/* The client's own limit, counted from when its request arrived: it may have waited for a fiber. */
static uint64_t deadline_of(const struct call_start *start)
{
    const struct valve_envelope *envelope = start->envelope;
    uint32_t waited = valve_worker_ms(start->worker) - start->connection->active_at;
    uint64_t arrived = start->worker->now - (uint64_t)waited * 1000000;

    if (!envelope->has_timeout || envelope->timeout >= (VALVE_NEVER - arrived) / 1000000)
        return VALVE_NEVER;
    return arrived + envelope->timeout * 1000000;
}

static void call_main(void *argument)
{
    const struct call_start *start = argument;
    _Alignas(16) uint8_t memory[ARENA_ON_STACK];
    struct valve_call call = {
        .worker = start->worker,
        .connection = start->connection,
        .fiber = valve_fiber_current(),
        .id = start->envelope->id,
        .began = start->worker->now,
    };

    valve_fiber_set_deadline(call.fiber, deadline_of(start));
    valve_arena_init(&call.arena, memory, sizeof memory,
                     start->worker->server->options.arena_limit);
    call_begin(&call);
    call_run(&call, &start->envelope->body);
    call_end(&call);
}

static int start_call(struct valve_worker *worker, struct valve_connection *connection,
                      const struct valve_envelope *envelope)
{
    struct call_start start = {worker, connection, envelope};

    return valve_fiber_start(worker->scheduler, call_main, &start) < 0 ? -EAGAIN : 0;
}

int valve_call_take(struct valve_worker *worker, struct valve_connection *connection,
                    const uint8_t *item, size_t size)
{
    struct valve_envelope envelope;
    struct valve_error error;
    int r = 0;

    if (valve_envelope_read(item, size, &envelope, &error) < 0) {
        valve_call_count_refused(worker, VALVE_OUTCOME_BAD_REQUEST);
        r = refuse_bad_request(worker, connection, envelope.id, &error);
    } else if (envelope.kind == VALVE_ENVELOPE_CANCEL) {
        valve_call_cancel(connection, envelope.id);
    } else {
        return start_call(worker, connection, &envelope);
    }
    if (r < 0)
        valve_connection_break(worker, connection);
    return r;
}

bool valve_call_is_cancel(const uint8_t *item, size_t size)
{
    struct valve_envelope envelope;
    struct valve_error error;

    return valve_envelope_read(item, size, &envelope, &error) == 0 &&
           envelope.kind == VALVE_ENVELOPE_CANCEL;
}

void valve_call_subject(struct valve_call *call, const void *subject, size_t size)
{
    call->subject = subject;
    call->subject_size = size;
}

void *valve_call_listener(const struct valve_call *call)
{
    return valve_acceptor_context(&call->worker->server->acceptor, call->connection->listener);
}

void *valve_call_peer(const struct valve_call *call)
{
    return *valve_connection_peer(call->connection);
}

void valve_call_set_peer(struct valve_call *call, void *peer)
{
    *valve_connection_peer(call->connection) = peer;
}

const struct valve_certificate *valve_call_certificate(const struct valve_call *call)
{
    return valve_secured_certificate(call->connection);
}

int valve_call_socket(const struct valve_call *call)
{
    return valve_connection_descriptor(call->worker, call->connection);
}

struct valve_arena *valve_call_arena(struct valve_call *call)
{
    return &call->arena;
}

unsigned valve_call_worker(const struct valve_call *call)
{
    return call->worker->index;
}

uint64_t valve_call_batch(const struct valve_call *call)
{
    return call->worker->batch;
}

int valve_call_sleep(struct valve_call *call, uint64_t deadline)
{
    int r;

    (void)call;
    do
        r = valve_fiber_wait(deadline);
    while (r == 0);
    return r == -ETIMEDOUT && valve_clock_now() >= deadline ? 0 : r;
}
