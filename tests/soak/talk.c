/* SPDX-License-Identifier: MIT */
/*
 * The connections of the load: what they send, how they end, and whose answer it is that came.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/soak/load.h"

#define MOST_CONNECTIONS 256
#define MOST_ASKED       32
#define OUTPUT_ROOM      ((size_t)4 * REQUEST_ROOM)
#define LONGEST_LIFE     2000 /* requests */
#define LONGEST_PAUSE    500  /* ms in which a client reads nothing */
#define PATIENCE         ((uint64_t)120 * 1000000000)
#define TICK             4 /* ms */
#define MILLISECOND      1000000

/* How a client ends its connection. */
enum ending {
    ENDING_FINISH, /* its sending side; the answers still come */
    ENDING_CUT,    /* the same in the middle of a request */
    ENDING_ABANDON,
    ENDING_MALFORMED,
    ENDINGS,
};

struct connection {
    int socket; /* -1: none */
    const struct target *target;
    uint64_t pause; /* ns; nothing is read before */
    uint32_t next_id;
    unsigned life, depth; /* requests still to come, and how many at once */
    enum ending ending;
    bool is_ending;
    bool shut;    /* its sending side is to be ended once the output is sent */
    bool is_shut; /* and was */
    struct asked asked[MOST_ASKED];
    unsigned asked_count;
    struct asked *answered; /* whose answer is being read */
    struct reader reader;
    size_t output_start, output_end;
    uint8_t output[OUTPUT_ROOM];
};

static struct connection connections[MOST_CONNECTIONS];
static struct request request; /* the one that is being written */
static bool ending;

/* ---- Opening and closing --------------------------------------------------------------------- */

static _Noreturn void accuse(const struct connection *connection, const struct asked *asked,
                             const struct event *event, const char *expected)
{
    char where[VALVE_ADDRESS_TEXT + 64];

    snprintf(where, sizeof where, "connection %td to %s%s", connection - connections,
             connection->target->address.text,
             connection->is_ending ? ", which the client is ending" : "");
    wrong_answer(asked, event, where, expected);
}

static void open_connection(struct connection *connection)
{
    const struct target *target = &load.targets[random_below(&load.random, load.target_count)];
    const struct valve_address *address = &target->address;
    int peer = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (peer < 0 || connect(peer, &address->socket.any, address->size) < 0)
        give_up(address->text);
    memset(connection, 0, offsetof(struct connection, reader));
    connection->reader.start = connection->reader.end = 0;
    connection->reader.in = EVENT_NOTHING;
    connection->output_start = connection->output_end = 0;
    connection->socket = peer;
    connection->target = target;
    connection->next_id = (uint32_t)(random_scaled(&load.random, UINT32_MAX - 1 - LONGEST_LIFE));
    connection->life = (unsigned)random_scaled(&load.random, LONGEST_LIFE);
    connection->depth = (unsigned)random_scaled(&load.random, MOST_ASKED - 1);
    connection->ending = (enum ending)random_below(&load.random, ENDINGS);
    COUNT("connections");
}

static void lose(struct asked *asked)
{
    if (asked->about == ABOUT_FILE && asked->method == DEL && asked->slot != NO_SLOT)
        del_lost(asked->file);
    free(asked->listed);
    count_up("lost", method_names[asked->method]);
}

static void close_connection(struct connection *connection)
{
    close(connection->socket);
    connection->socket = -1;
    for (unsigned i = 0; i < connection->asked_count; i++)
        lose(&connection->asked[i]);
    connection->asked_count = 0;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void put_output(struct connection *connection, const void *bytes, size_t size)
{
    memcpy(connection->output + connection->output_end, bytes, size);
    connection->output_end += size;
}

/* Sends the request: from here on it is in flight. */
static void enter(struct connection *connection, const struct asked *asked)
{
    struct asked *entry = &connection->asked[connection->asked_count++];

    *entry = *asked;
    entry->since = oracle_tick(load.oracle);
    entry->sent = now_ns();
    entry->size = request.size < sizeof entry->bytes ? request.size : sizeof entry->bytes;
    memcpy(entry->bytes, request.bytes, entry->size);
    put_output(connection, request.bytes, request.size);
    if (entry->about == ABOUT_FILE) {
        remember(entry->file, method_names[entry->method], entry->id);
        if (entry->method == DEL) {
            entry->slot = oracle_del_begin(load.oracle, entry->file);
            del_sent(entry->file);
        }
    }
}

static void ask(struct connection *connection)
{
    struct asked asked;

    draw_request(connection->next_id++, &asked, &request);
    enter(connection, &asked);
}

/* One of those in flight. */
static void cancel(struct connection *connection)
{
    struct asked *asked = &connection->asked[random_below(&load.random, connection->asked_count)];

    if (asked->about == ABOUT_MALFORMED)
        return;
    write_cancel(&request, asked->id);
    asked->cancelled = true;
    put_output(connection, request.bytes, request.size);
    COUNT("cancels");
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void end_malformed(struct connection *connection)
{
    static const uint8_t breaks[][2] = {{0x1c, 0}, {0xff, 0}, {0x82, 0xfc}, {0xf8, 0x10}};
    const struct asked asked = {.about = ABOUT_MALFORMED, .timeout = NO_TIMEOUT, .slot = NO_SLOT};

    request.size = 2;
    memcpy(request.bytes, breaks[random_below(&load.random, 4)], 2);
    enter(connection, &asked);
}

static void end_cut(struct connection *connection)
{
    write_request(&request, 1, GET, "never", 5, NO_TIMEOUT);
    put_output(connection, request.bytes, 1 + random_below(&load.random, request.size - 1));
    connection->shut = true;
}

static void begin_end(struct connection *connection)
{
    static const char *const names[ENDINGS] = {"finish", "cut", "abandon", "malformed"};

    count_up("ending", names[connection->ending]);
    connection->is_ending = true;
    if (connection->ending == ENDING_FINISH)
        connection->shut = true;
    else if (connection->ending == ENDING_CUT)
        end_cut(connection);
    else if (connection->ending == ENDING_MALFORMED)
        end_malformed(connection);
}

static bool has_room(const struct connection *connection)
{
    return connection->asked_count < connection->depth && connection->life > 0 &&
           !connection->is_ending && connection->output_end + 2 * REQUEST_ROOM < OUTPUT_ROOM;
}

/* Puts a burst of requests together, which leaves in one send. The number of them. */
static unsigned ask_some(struct connection *connection, unsigned most)
{
    unsigned burst = (unsigned)random_scaled(&load.random, connection->depth), asked = 0;

    while (asked < burst && asked < most && has_room(connection)) {
        ask(connection);
        connection->life--;
        asked++;
    }
    if (random_chance(&load.random, 0.02) && connection->asked_count > 0 &&
        connection->output_end + REQUEST_ROOM < OUTPUT_ROOM)
        cancel(connection);
    if (random_chance(&load.random, 0.002))
        connection->pause = now_ns() + random_below(&load.random, LONGEST_PAUSE) * MILLISECOND;
    return asked;
}

/* Why a send fails does not matter: what became of the connection is found out by reading. */
static void send_output(struct connection *connection)
{
    const size_t size = connection->output_end - connection->output_start;
    ssize_t r = 0;

    if (size > 0)
        r = send(connection->socket, connection->output + connection->output_start, size,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r < 0 && errno != EAGAIN)
        r = (ssize_t)size;
    connection->output_start += r > 0 ? (size_t)r : 0;
    if (connection->output_start < connection->output_end)
        return;
    connection->output_start = connection->output_end = 0;
    if (connection->shut && !connection->is_shut) {
        shutdown(connection->socket, SHUT_WR);
        connection->is_shut = true;
    }
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static struct asked *find_asked(struct connection *connection, uint32_t id)
{
    for (unsigned i = 0; i < connection->asked_count; i++)
        if (connection->asked[i].id == id)
            return &connection->asked[i];
    return NULL;
}

static void forget_asked(struct connection *connection, struct asked *asked)
{
    *asked = connection->asked[--connection->asked_count];
}

static void take_event(struct connection *connection, const struct event *event)
{
    struct asked *asked = find_asked(connection, event->id);
    const char *problem;
    bool over;

    if (!asked)
        accuse(connection, NULL, event, "an answer to something that was asked");
    if (asked->about == ABOUT_MALFORMED && connection->asked_count > 1)
        accuse(connection, asked, event, "the answers to all earlier requests first");
    problem = judge(asked, event, &over);
    if (problem)
        accuse(connection, asked, event, problem);
    if (over) {
        if (asked->about == ABOUT_FILE)
            remember(asked->file, "answered, id", asked->id);
        forget_asked(connection, asked);
        COUNT("answers");
    }
}

/* The stream has ended, in good order or not. */
static void take_end(struct connection *connection)
{
    const bool all_came = connection->asked_count == 0 &&
                          connection->reader.start == connection->reader.end &&
                          connection->reader.in == EVENT_NOTHING;
    const struct event nothing = {.kind = EVENT_END};

    if (connection->target->faithful && (!all_came || !connection->is_ending))
        accuse(connection, connection->asked_count > 0 ? connection->asked : NULL, &nothing,
               "an answer, and not the end of the connection");
    COUNT(all_came ? "ends-complete" : "ends-broken");
    close_connection(connection);
}

static void take_events(struct connection *connection)
{
    struct event event;

    for (;;) {
        reader_next(&connection->reader, &event);
        if (event.kind == EVENT_NOTHING)
            return;
        if (event.kind == EVENT_BROKEN) {
            event.text = connection->reader.bytes + connection->reader.start;
            accuse(connection, NULL, &event, "another form");
        }
        take_event(connection, &event);
    }
}

/* Some, so that no connection keeps the others waiting. */
static void receive(struct connection *connection)
{
    for (int i = 0; i < 4; i++) {
        size_t room;
        uint8_t *bytes = reader_room(&connection->reader, &room);
        ssize_t r = recv(connection->socket, bytes, room, MSG_DONTWAIT);

        if (r < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (r <= 0) {
            take_end(connection);
            return;
        }
        connection->reader.end += (size_t)r;
        take_events(connection);
    }
}

/* ---- All of them ----------------------------------------------------------------------------- */

static void expect_progress(const struct connection *connection)
{
    const uint64_t now = now_ns();

    for (unsigned i = 0; i < connection->asked_count; i++)
        if (connection->asked[i].sent + PATIENCE < now)
            accuse(connection, &connection->asked[i], NULL, "an answer within two minutes");
}

static void wait_for_any(void)
{
    struct pollfd polled[MOST_CONNECTIONS];

    for (unsigned i = 0; i < load.connections; i++) {
        const struct connection *connection = &connections[i];

        polled[i] = (struct pollfd){.fd = connection->socket};
        if (connection->pause < now_ns())
            polled[i].events |= POLLIN;
        if (connection->output_start < connection->output_end)
            polled[i].events |= POLLOUT;
        if (polled[i].events == 0)
            polled[i].fd = -1; /* a hang-up is heard when the pause is over */
    }
    poll(polled, load.connections, TICK);
    for (unsigned i = 0; i < load.connections; i++)
        if (polled[i].revents & (POLLIN | POLLHUP | POLLERR) && polled[i].events & POLLIN)
            receive(&connections[i]);
}

static void tend(struct connection *connection)
{
    if (connection->socket < 0 && !ending)
        open_connection(connection);
    if (connection->socket < 0)
        return;
    if (!connection->is_ending && (connection->life == 0 || ending)) {
        if (ending)
            connection->ending = ENDING_FINISH;
        begin_end(connection);
    }
    send_output(connection);
    expect_progress(connection);
    if (connection->is_ending && connection->ending == ENDING_ABANDON && !ending)
        close_connection(connection);
}

/* The oracle must remember back to the oldest request in flight. */
static void forget_past(void)
{
    uint64_t oldest = oracle_tick(load.oracle);

    for (unsigned i = 0; i < load.connections; i++)
        for (unsigned k = 0; k < connections[i].asked_count; k++)
            if (connections[i].asked[k].since < oldest)
                oldest = connections[i].asked[k].since;
    oracle_forget_before(load.oracle, oldest);
}

void talk_begin(void)
{
    ending = false;
    for (unsigned i = 0; i < load.connections; i++)
        connections[i].socket = -1;
}

unsigned talk(unsigned requests)
{
    unsigned asked = 0;

    forget_past();
    for (unsigned tries = 0; tries < load.connections && asked < requests; tries++) {
        struct connection *connection = &connections[random_below(&load.random, load.connections)];

        if (connection->socket >= 0 && has_room(connection))
            asked += ask_some(connection, requests - asked);
    }
    for (unsigned i = 0; i < load.connections; i++)
        tend(&connections[i]);
    wait_for_any();
    return asked;
}

void talk_end(void)
{
    bool is_any_open = true;

    ending = true;
    while (is_any_open) {
        talk(0);
        is_any_open = false;
        for (unsigned i = 0; i < load.connections; i++)
            is_any_open |= connections[i].socket >= 0;
    }
}
