/* SPDX-License-Identifier: MIT */
/*
 * The fault proxy: passes connections on, in pieces, late, slowly, and not always to the end.
 *
 * One thread, and at most MOST_PAIRS connections of two buffers each; while there are so many no
 * more are accepted. It prints its settings and `listening on ADDRESS` when it is ready, and at
 * SIGTERM or SIGINT what it has done, one count a line.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/options.h"

#define MOST_PAIRS  1024
#define BUFFER_SIZE 16384
#define MOST_EVENTS 64
#define MILLISECOND 1000000
#define SECOND      ((uint64_t)1000000000)
#define NEVER       UINT64_MAX

/* Bytes on their way in one direction. */
struct flow {
    struct plan plan;
    uint64_t passed; /* bytes */
    uint64_t due;    /* nothing is passed on before */
    size_t start, end;
    bool source_ended;
    bool source_broken; /* it ended by an error, which is passed on, too */
    bool finished;      /* nothing more is passed on; what comes is thrown away */
    uint8_t buffer[BUFFER_SIZE];
};

/* A client's connection and the one to the server; at an index is the end from which that flows. */
struct pair {
    struct pair *next;
    int sockets[DIRECTIONS];
    bool readable[DIRECTIONS], writable[DIRECTIONS]; /* as far as is known */
    struct flow flows[DIRECTIONS];
};

static struct {
    uint64_t connections, refused, pieces, bytes[DIRECTIONS];
    uint64_t done[FAULTS];
} counts;

static struct fault_options options;
static struct pair pairs[MOST_PAIRS];
static struct pair *free_pairs, *open_pairs;
static int events, listener, signals;
static bool may_accept;

static void fail(const char *what)
{
    fprintf(stderr, "fault_proxy: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void watch(int descriptor, uint32_t wanted, void *data)
{
    struct epoll_event event = {.events = wanted, .data.ptr = data};

    if (epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) < 0)
        fail("epoll");
}

static int connect_to_target(void)
{
    const struct valve_address *target = &options.target;
    int server = socket(target->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (server >= 0 && connect(server, &target->socket.any, target->size) < 0) {
        close(server);
        return -1;
    }
    return server;
}

/* Pieces leave as they are. Does nothing for Unix sockets, which know no delay. */
static void send_at_once(int descriptor)
{
    (void)!setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void open_pair(int client, int server)
{
    struct pair *pair = free_pairs;
    struct plan plans[DIRECTIONS];

    plan_init(&options.settings, counts.connections++, plans);
    free_pairs = pair->next;
    pair->next = open_pairs;
    open_pairs = pair;
    pair->sockets[UP] = client;
    pair->sockets[DOWN] = server;
    for (int i = 0; i < DIRECTIONS; i++) {
        memset(&pair->flows[i], 0, offsetof(struct flow, buffer));
        pair->flows[i].plan = plans[i];
        pair->readable[i] = pair->writable[i] = true;
        send_at_once(pair->sockets[i]);
        watch(pair->sockets[i], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, pair);
    }
}

static void accept_all(void)
{
    while (may_accept && free_pairs) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), server;

        if (client < 0) {
            may_accept = false;
            return;
        }
        server = connect_to_target();
        if (server < 0) {
            counts.refused++;
            close(client);
            continue;
        }
        open_pair(client, server);
    }
}

/* With a reset where the protocol has one; of a Unix socket the peer sees just that it is gone. */
static void close_pair(struct pair *pair, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};

    for (int i = 0; i < DIRECTIONS; i++) {
        if (reset)
            (void)!setsockopt(pair->sockets[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(pair->sockets[i]);
    }
    pair->next = free_pairs;
    free_pairs = pair;
}

/* ---- Passing on ------------------------------------------------------------------------------ */

static void finish(struct pair *pair, int direction)
{
    struct flow *flow = &pair->flows[direction];

    flow->finished = true;
    flow->start = flow->end = 0;
    shutdown(pair->sockets[!direction], SHUT_WR);
}

/* Whether anything came. */
static bool take_in(struct pair *pair, int direction)
{
    struct flow *flow = &pair->flows[direction];
    ssize_t r;

    if (flow->start == flow->end)
        flow->start = flow->end = 0;
    if (!pair->readable[direction] || flow->source_ended || flow->end == BUFFER_SIZE)
        return false;
    r = recv(pair->sockets[direction], flow->buffer + flow->end, BUFFER_SIZE - flow->end,
             MSG_DONTWAIT);
    if (r > 0) {
        if (flow->start == flow->end && flow->due < now())
            flow->due = now() + plan_pause(&flow->plan, &options.settings, 0);
        flow->end += flow->finished ? 0 : (size_t)r;
        return true;
    }
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
        pair->readable[direction] = errno == EINTR;
        return false;
    }
    flow->source_ended = true;
    flow->source_broken = r < 0;
    return true;
}

/* Passes one piece on. Whether it could. */
static bool give_out(struct pair *pair, int direction)
{
    struct flow *flow = &pair->flows[direction];
    const bool flipped = flow->passed == flow->plan.place[FAULT_FLIP];
    size_t size = flow->end - flow->start;
    ssize_t r;

    if (flow->finished || size == 0 || !pair->writable[!direction] || flow->due > now())
        return false;
    size = plan_piece(&flow->plan, &options.settings, flow->passed, size);
    if (flipped)
        flow->buffer[flow->start] ^= 0x10;
    r = send(pair->sockets[!direction], flow->buffer + flow->start, size,
             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (flipped && r <= 0)
        flow->buffer[flow->start] ^= 0x10;
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
        pair->writable[!direction] = errno == EINTR;
        return false;
    }
    if (r < 0) {
        finish(pair, direction); /* the other direction tells the source that this end is gone */
        return true;
    }
    counts.done[FAULT_FLIP] += flipped;
    counts.pieces++;
    counts.bytes[direction] += (uint64_t)r;
    flow->passed += (uint64_t)r;
    flow->plan.piece -= (uint64_t)r;
    flow->start += (size_t)r;
    flow->due = now() + plan_pause(&flow->plan, &options.settings, (size_t)r);
    return true;
}

/* Whether the connection was reset. */
static bool do_faults(struct pair *pair)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        struct flow *flow = &pair->flows[i];

        if (!flow->finished && flow->passed == flow->plan.place[FAULT_RESET]) {
            counts.done[FAULT_RESET]++;
            return true;
        }
        if (!flow->finished && flow->passed == flow->plan.place[FAULT_HALF_CLOSE]) {
            counts.done[FAULT_HALF_CLOSE]++;
            finish(pair, i);
        }
    }
    return false;
}

/* What the end of a source means once all it sent has gone on. Whether the pair is to be reset. */
static bool pass_ends(struct pair *pair)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        struct flow *flow = &pair->flows[i];

        if (!flow->source_ended || flow->start < flow->end)
            continue;
        if (flow->source_broken)
            return true;
        if (!flow->finished)
            finish(pair, i);
    }
    return false;
}

/*
 * Does what can be done now, a piece each way: others get theirs before this one goes on. *wake is
 * when there may be more to do.
 */
static bool serve(struct pair *pair, uint64_t *wake)
{
    bool moved = false, reset = do_faults(pair);

    for (int i = 0; i < DIRECTIONS && !reset; i++) {
        moved |= take_in(pair, i);
        moved |= give_out(pair, i);
    }
    reset = reset || do_faults(pair) || pass_ends(pair);
    if (reset || (pair->flows[UP].finished && pair->flows[DOWN].finished &&
                  pair->flows[UP].source_ended && pair->flows[DOWN].source_ended)) {
        close_pair(pair, reset);
        return false;
    }
    for (int i = 0; i < DIRECTIONS; i++) {
        const struct flow *flow = &pair->flows[i];

        if (moved)
            *wake = 0;
        else if (flow->start < flow->end && pair->writable[!i] && flow->due < *wake)
            *wake = flow->due;
    }
    return true;
}

static uint64_t serve_all(void)
{
    struct pair **link = &open_pairs;
    uint64_t wake = NEVER;

    while (*link) {
        struct pair *pair = *link, *next = pair->next;

        if (serve(pair, &wake))
            link = &pair->next;
        else
            *link = next;
    }
    return wake;
}

/* ---- The loop -------------------------------------------------------------------------------- */

static int timeout_until(uint64_t wake)
{
    uint64_t time = now();

    if (wake == NEVER)
        return -1;
    return wake <= time ? 0 : (int)((wake - time + MILLISECOND - 1) / MILLISECOND);
}

static void note(const struct epoll_event *event)
{
    struct pair *pair = event->data.ptr;

    /* Which of the two ends it was is soon found: a try costs one call. */
    for (int i = 0; i < DIRECTIONS; i++) {
        pair->readable[i] |= (event->events & ~(uint32_t)EPOLLOUT) != 0;
        pair->writable[i] |= (event->events & ~(uint32_t)EPOLLIN) != 0;
    }
}

/* Until a signal asks for the end. */
static void run(void)
{
    for (;;) {
        struct epoll_event ready[MOST_EVENTS];
        uint64_t wake;
        int count;

        accept_all();
        wake = serve_all();
        if (may_accept && free_pairs)
            continue;
        count = epoll_wait(events, ready, MOST_EVENTS, timeout_until(wake));
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &signals)
                return;
            if (ready[i].data.ptr == &listener)
                may_accept = true;
            else
                note(&ready[i]);
        }
    }
}

static void start_listening(void)
{
    struct valve_address *address = &options.listen;
    char text[VALVE_ADDRESS_TEXT];

    listener = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, &address->socket.any, address->size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        fail(address->text);
    address->size = sizeof address->socket;
    if (getsockname(listener, &address->socket.any, &address->size) < 0)
        fail(address->text);
    watch(listener, EPOLLIN | EPOLLET, &listener);
    fault_options_print(&options);
    valve_address_format(&address->socket.any, address->size, text);
    printf("listening on %s\n", text);
    fflush(stdout);
}

static void catch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0)
        fail("signalfd");
    watch(signals, EPOLLIN, &signals);
}

static void report(void)
{
    printf("connections %" PRIu64 "\nrefused %" PRIu64 "\npieces %" PRIu64 "\nbytes-up %" PRIu64
           "\nbytes-down %" PRIu64 "\n",
           counts.connections, counts.refused, counts.pieces, counts.bytes[UP], counts.bytes[DOWN]);
    for (int fault = 0; fault < FAULTS; fault++)
        printf("%s %" PRIu64 "\n", fault_names[fault], counts.done[fault]);
}

int main(int argc, char **argv)
{
    fault_options_parse(argc, argv, &options);
    for (size_t i = 0; i < MOST_PAIRS; i++) {
        pairs[i].next = free_pairs;
        free_pairs = &pairs[i];
    }
    events = epoll_create1(EPOLL_CLOEXEC);
    if (events < 0)
        fail("epoll");
    catch_signals();
    start_listening();
    run();
    report();
    if (valve_address_path(&options.listen))
        unlink(valve_address_path(&options.listen));
    return EXIT_SUCCESS;
}
