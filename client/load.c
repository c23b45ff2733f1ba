/* SPDX-License-Identifier: MIT */
/*
 * The run: connecting, warming up, measuring, the end.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/transport.h"
#include "clock.h"
#include "load_connection.h"
#include "pace.h"
#include "poller.h"

struct load {
    const struct load_options *options;
    struct load_shared shared;
    struct load_result *result;
    struct load_connection *connections;
    uint32_t opened, open; /* connections that were made, and that have not ended */
    struct poller poller;
    struct pace pace;
    uint64_t backlog;
    uint64_t warm_until;   /* when measuring should begin */
    uint64_t counted_from; /* when it did; before that, when the run did */
    uint64_t end;          /* UINT64_MAX: none */
    uint64_t next_call;    /* of goes_on() */
    bool measuring, over;
};

/* ---- Requests -------------------------------------------------------------------------------- */

/* Whether one more request is wanted: where their number is bounded, not more than that. */
static bool wants_more(const struct load *load)
{
    const struct load_options *options = load->options;
    const struct load_result *result = load->result;

    if (load->shared.dry || load->over)
        return false;
    return options->requests == 0 || !load->measuring ||
           result->answers + result->lost + load->shared.in_flight + load->backlog <
               options->requests;
}

/* The first thing that goes wrong is what is told. */
static void note_failure(struct load_result *result, int error, const char *problem)
{
    if (problem == NULL && (error == -ENODATA || error == -EPIPE))
        problem = "the server ended the connection";
    if (problem == NULL && error == -ECONNABORTED)
        problem = "the server broke off in the middle of an answer";
    if (problem == NULL)
        problem = strerrordesc_np(-error);
    result->failure = error == -ENODATA ? -ECONNRESET : error;
    snprintf(result->problem.text, sizeof result->problem.text, "%s", problem);
}

/* A connection that is no more. Its requests are lost. */
static void end_connection(struct load *load, struct load_connection *connection, int error,
                           const char *problem)
{
    struct load_result *result = load->result;
    uint32_t in_flight = load_connection_in_flight(connection);

    (void)poller_remove(&load->poller, connection->socket);
    load->shared.in_flight -= in_flight;
    result->lost += in_flight;
    result->connections_lost++;
    load->open--;
    load->backlog -= connection->due - connection->asked;
    result->lost += connection->due - connection->asked;
    connection->due = connection->asked;
    if (result->failure == 0)
        note_failure(result, error, problem);
    load_connection_shut(connection);
}

/* The same of one connection: the next request, whose time is, or was, *ret_begun. */
static bool wants_of(const struct load *load, const struct load_connection *connection,
                     uint64_t time, uint64_t *ret_begun)
{
    uint32_t number = (uint32_t)(connection - load->connections);

    *ret_begun = time;
    if (load->options->rate == 0)
        return wants_more(load);
    if (connection->asked == connection->due)
        return false;
    *ret_begun = pace_due_of(&load->pace, number, connection->asked);
    return !load->over;
}

/* Begins what may be begun on this connection. */
static void ask(struct load *load, struct load_connection *connection, uint64_t time)
{
    uint64_t begun;

    while (load_connection_in_flight(connection) < load->shared.depth &&
           wants_of(load, connection, time, &begun)) {
        if (!load_connection_ask(connection, &load->shared, begun))
            return;
        if (load->options->rate > 0) {
            connection->asked++;
            load->backlog--;
        }
    }
}

/* What the socket did not take goes on when it has room. 0 or a negative errno. */
static int send_queued(struct load *load, struct load_connection *connection)
{
    uint32_t number = (uint32_t)(connection - load->connections);
    int r = load_connection_send(connection);
    bool waits = r == -EAGAIN;

    if (r < 0 && !waits)
        return r;
    if (waits == connection->watches_room)
        return 0;
    connection->watches_room = waits;
    return poller_change(&load->poller, connection->socket, number, waits);
}

static void ask_and_send(struct load *load, struct load_connection *connection, uint64_t time)
{
    int r;

    ask(load, connection, time);
    r = send_queued(load, connection);
    if (r < 0)
        end_connection(load, connection, r, NULL);
}

/* Hands out the requests whose time has come. */
static void keep_pace(struct load *load, uint64_t time)
{
    uint32_t number = 0;

    while (wants_more(load) && pace_take(&load->pace, time, &number)) {
        struct load_connection *connection = &load->connections[number];

        if (connection->socket < 0) {
            load->result->lost++;
            continue;
        }
        connection->due++;
        load->backlog++;
        if (load_connection_in_flight(connection) < load->shared.depth)
            ask_and_send(load, connection, time);
    }
    if (load->backlog > load->result->backlog_most)
        load->result->backlog_most = load->backlog;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void attend(struct load *load, const struct poller_event *event)
{
    struct load_connection *connection = &load->connections[event->number];
    const char *problem = NULL;
    uint64_t time = 0;
    int r;

    if (connection->socket < 0)
        return;
    if (event->has_input) {
        r = load_connection_receive(connection, &load->shared, &time, &problem);
        if (r < 0) {
            end_connection(load, connection, r, problem);
            return;
        }
    }
    ask_and_send(load, connection, event->has_input ? time : now());
}

static void begin_to_measure(struct load *load, uint64_t time)
{
    struct load_result *result = load->result;
    int failure = result->failure;
    struct valve_error problem = result->problem;
    uint32_t lost = result->connections_lost;

    *result = (struct load_result){
        .failure = failure, .problem = problem, .connections_lost = lost};
    load->measuring = true;
    load->counted_from = time;
    if (load->options->duration < UINT64_MAX - time)
        load->end = time + load->options->duration;
}

static void give_up(struct load *load)
{
    load->over = true;
    if (load->result->failure != 0)
        return;
    note_failure(load->result, -ETIMEDOUT, "no answer came for too long");
}

/* Whether all that was to be done has been. */
static bool is_done(const struct load *load, uint64_t time)
{
    const struct load_result *result = load->result;
    uint64_t requests = load->options->requests;

    if (load->open == 0 || (load->shared.dry && load->shared.in_flight == 0))
        return true;
    if (!load->measuring)
        return false;
    return time >= load->end || (requests > 0 && result->answers + result->lost >= requests);
}

static void look_around(struct load *load, uint64_t time)
{
    const struct load_options *options = load->options;

    if (!load->measuring && time >= load->warm_until)
        begin_to_measure(load, time);
    load->over = load->over || is_done(load, time);
    if (load->over || time < load->next_call)
        return;
    load->next_call = time + options->interval;
    load->result->duration = time - load->counted_from;
    load->result->backlog = load->backlog;
    if (options->goes_on != NULL &&
        !options->goes_on(options->context, load->result, load->measuring))
        load->over = true;
    if (load->shared.in_flight > 0 && time - load->shared.last_bytes > options->timeout)
        give_up(load);
}

static uint64_t next_event(const struct load *load)
{
    uint64_t until = load->measuring ? load->end : load->warm_until;

    if (load->next_call < until)
        until = load->next_call;
    if (load->options->rate > 0 && wants_more(load) &&
        pace_due(&load->pace, load->pace.next) < until)
        until = pace_due(&load->pace, load->pace.next);
    return until;
}

static void drive(struct load *load)
{
    struct poller_event events[POLLER_EVENTS];
    uint64_t time = now();

    load->shared.last_bytes = time;
    load->counted_from = time;
    load->warm_until = time + load->options->warm_up;
    load->next_call = time + load->options->interval;
    load->pace = (struct pace){
        .begin = time, .rate = load->options->rate, .connections = load->options->connections};
    look_around(load, time);
    for (uint32_t i = 0; i < load->opened && load->options->rate == 0; i++)
        ask_and_send(load, &load->connections[i], now());
    while (!load->over) {
        int count = poller_wait(&load->poller, next_event(load), events);

        for (int i = 0; i < count; i++)
            attend(load, &events[i]);
        if (load->options->rate > 0)
            keep_pace(load, now());
        look_around(load, now());
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

/* A request that has waited until now counts as one that took at least that long. */
static void count_waiting(struct load *load, uint64_t begun, uint64_t end)
{
    struct load_result *result = load->result;
    uint64_t waited = end > begun ? end - begun : 0;

    result->unanswered++;
    if (load->options->rate > 0 || waited > result->latency.most)
        histogram_add(&result->latency, waited);
}

/*
 * Whoever waits when the measuring ends must not be forgotten, or a server that stops would look
 * fast. In a closed loop only those count that have waited longer than any other: the rest would
 * only make the times shorter.
 */
static void conclude(struct load *load)
{
    uint64_t time = now();

    if (time > load->end)
        time = load->end;
    load->result->duration = time - load->counted_from;
    if (load->shared.dry) /* what was due cannot be asked */
        load->backlog = 0;
    load->result->backlog = load->backlog;
    for (uint32_t i = 0; i < load->opened; i++) {
        const struct load_connection *connection = &load->connections[i];

        if (connection->socket < 0)
            continue;
        for (uint32_t slot = 0; slot < load->shared.depth; slot++)
            if (connection->slots[slot].begun != 0)
                count_waiting(load, connection->slots[slot].begun, time);
        for (uint64_t j = connection->asked; j < connection->due && !load->shared.dry; j++)
            count_waiting(load, pace_due_of(&load->pace, i, j), time);
    }
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static int open_connection(struct load *load, const struct valve_address *address)
{
    struct load_connection *connection = &load->connections[load->opened];
    struct valve_transport transport;
    uint64_t deadline = now() + load->options->timeout;
    int r = valve_transport_open(&transport, address, load->options->tls, load->options->tls_name,
                                 deadline, &load->result->problem);

    if (r < 0)
        return r;
    load->opened++;
    r = load_connection_init(connection, &load->shared, &transport,
                             !valve_address_is_unix(address) && transport.tls == NULL);
    if (r < 0) {
        valve_transport_close(&transport);
        return r;
    }
    return poller_add(&load->poller, connection->socket, load->opened - 1);
}

static int prepare(struct load *load, const struct valve_address *address)
{
    int r = poller_init(&load->poller, load->options->rate > 0);

    if (r < 0)
        return r;
    load->shared.input = malloc(LOAD_HEAD_ROOM + LOAD_INPUT_ROOM);
    load->connections = calloc(load->options->connections, sizeof *load->connections);
    if (load->shared.input == NULL || load->connections == NULL)
        return -ENOMEM;
    while (r == 0 && load->opened < load->options->connections)
        r = open_connection(load, address);
    load->open = load->opened;
    return r;
}

static void clean_up(struct load *load)
{
    for (uint32_t i = 0; i < load->opened; i++)
        load_connection_fini(&load->connections[i]);
    free(load->connections);
    free(load->shared.input);
    poller_fini(&load->poller);
}

int load_run(const struct valve_address *address, const struct load_protocol *protocol,
             const struct load_options *options, struct load_result *ret_result)
{
    struct load load = {
        .options = options,
        .shared = {.protocol = protocol, .depth = options->depth, .result = ret_result},
        .result = ret_result,
        .poller = {.descriptor = -1},
        .end = UINT64_MAX,
    };
    int r;

    *ret_result = (struct load_result){0};
    r = prepare(&load, address);
    if (r == 0) {
        drive(&load);
        conclude(&load);
    } else {
        struct valve_error why = ret_result->problem;

        snprintf(ret_result->problem.text, sizeof ret_result->problem.text, "%s: %.300s",
                 address->text, why.text[0] != '\0' ? why.text : strerrordesc_np(-r));
    }
    clean_up(&load);
    return r;
}

uint64_t load_errors(const struct load_result *result)
{
    uint64_t errors = result->lost;

    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        errors += result->errors[i];
    return errors;
}

const char *load_error_name(const struct load_protocol *protocol, unsigned error)
{
    return error == LOAD_WRONG ? "wrong-reply" : protocol->error_name(error);
}
