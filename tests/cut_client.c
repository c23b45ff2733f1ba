/* SPDX-License-Identifier: MIT */
/*
 * A client for tests/test_cuts.py that breaks off one conversation after another, each at another
 * byte:
 *
 *     cut_client ADDRESS CONVERSATION REPLIES send|receive reset|end|stop FIRST LAST STEP
 *
 * The conversation, requests in a file, is sent up to the cut, or whole; what comes back is
 * received whole, or up to the cut. Then the connection is reset, or (end) the sending side is
 * shut down and all answers that are owed must come, or (stop) it is left alone, and reset when 50
 * others were. Some are tried at once, and after them another connection must be answered. REPLIES
 * tells, in lines of two numbers, how many bytes of answers are owed once so many of the requests
 * were sent.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

#define PATIENCE_MS 60000
#define AT_ONCE     32 /* connections that are tried together */
#define MOST_LEFT   50 /* connections that are left alone, at a time */

enum how { RESET, END, STOP };

/* One that is tried: where it is cut, and how far it has come. */
struct attempt {
    int peer;
    size_t cut, sent, received;
};

static uint8_t conversation[65536];
static size_t conversation_size;
static struct {
    size_t sent, owed;
} replies[64];
static size_t reply_count;
static struct valve_address address;
static size_t cut; /* of the connection that is tried */

static void fail(const char *what)
{
    fprintf(stderr, "cut_client: cut at byte %zu: %s: %s\n", cut, what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int connect_to_server(void)
{
    int peer = socket(address.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (peer < 0 || connect(peer, &address.socket.any, address.size) < 0)
        fail("cannot connect");
    return peer;
}

static void send_all(int peer, const uint8_t *bytes, size_t size)
{
    /* A server that closes early is found out by what it has answered. */
    if (size > 0 && send(peer, bytes, size, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        fail("cannot send");
}

/* Receives so many bytes, or fewer where the stream ends. Returns how many. */
static size_t receive(int peer, size_t wanted)
{
    static uint8_t bytes[65536];
    struct pollfd readable = {.fd = peer, .events = POLLIN};
    size_t received = 0;

    while (received < wanted) {
        size_t room = wanted - received;
        ssize_t size;

        if (poll(&readable, 1, PATIENCE_MS) != 1)
            fail("the server says nothing");
        size = recv(peer, bytes, room < sizeof bytes ? room : sizeof bytes, 0);
        if (size < 0)
            fail("cannot receive");
        if (size == 0)
            break;
        received += (size_t)size;
    }
    return received;
}

static void reset(int peer)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer);
}

/* The answers that are owed for the first bytes of the conversation. */
static size_t owed_for(size_t sent)
{
    size_t owed = 0;

    for (size_t i = 0; i < reply_count && replies[i].sent <= sent; i++)
        owed = replies[i].owed;
    return owed;
}

/* All that is owed comes, and then the end, in good order. */
static void expect_rest(const struct attempt *attempt)
{
    size_t owed = owed_for(attempt->sent);
    size_t received = attempt->received + receive(attempt->peer, SIZE_MAX - attempt->received);

    if (received != owed) {
        fprintf(stderr, "cut_client: cut at byte %zu: %zu bytes of answers instead of %zu\n", cut,
                received, owed);
        exit(EXIT_FAILURE);
    }
    close(attempt->peer);
}

/* Leaves it open; the one that was left longest goes in its place. */
static void leave(int peer)
{
    static int left[MOST_LEFT];
    static unsigned count;
    int *place = &left[count++ % MOST_LEFT];

    if (count > MOST_LEFT)
        reset(*place);
    *place = peer;
}

static void finish(struct attempt *attempt, enum how how)
{
    switch (how) {
    case RESET:
        reset(attempt->peer);
        break;
    case END:
        expect_rest(attempt);
        break;
    case STOP:
        leave(attempt->peer);
        break;
    }
}

/* Tries them together: the server is at work on all while each is brought to its cut. */
static void try_cuts(struct attempt *attempts, size_t count, bool cuts_sending, enum how how)
{
    for (size_t i = 0; i < count; i++) {
        attempts[i].peer = connect_to_server();
        attempts[i].sent = cuts_sending ? attempts[i].cut : conversation_size;
        attempts[i].received = 0;
        send_all(attempts[i].peer, conversation, attempts[i].sent);
    }
    for (size_t i = 0; i < count; i++) {
        cut = attempts[i].cut;
        if (!cuts_sending)
            attempts[i].received = receive(attempts[i].peer, cut);
        if (how == END)
            shutdown(attempts[i].peer, SHUT_WR);
    }
    for (size_t i = 0; i < count; i++) {
        cut = attempts[i].cut;
        finish(&attempts[i], how);
    }
}

/* [1, {"Exists": "f"}], which is answered by as many bytes, of which the last says true. */
static void expect_service(int other)
{
    static const uint8_t question[] = {0x82, 0x01, 0xa1, 0x66, 'E',  'x',
                                       'i',  's',  't',  's',  0x61, 'f'};
    static const uint8_t answer[] = {0x82, 0x01, 0xa1, 0x66, 'E', 'x', 'i', 's', 't', 's', 0xf5};
    uint8_t bytes[sizeof answer];
    struct pollfd readable = {.fd = other, .events = POLLIN};

    send_all(other, question, sizeof question);
    if (poll(&readable, 1, PATIENCE_MS) != 1 ||
        recv(other, bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes ||
        memcmp(bytes, answer, sizeof answer) != 0)
        fail("another client is not answered");
}

static void read_files(const char *requests, const char *owed)
{
    FILE *file = fopen(requests, "rb");

    if (file == NULL)
        fail(requests);
    conversation_size = fread(conversation, 1, sizeof conversation, file);
    fclose(file);
    file = fopen(owed, "r");
    if (file == NULL)
        fail(owed);
    while (reply_count < sizeof replies / sizeof replies[0] &&
           fscanf(file, "%zu %zu", &replies[reply_count].sent, &replies[reply_count].owed) == 2)
        reply_count++;
    fclose(file);
}

static enum how how_of(const char *word)
{
    if (strcmp(word, "reset") == 0)
        return RESET;
    return strcmp(word, "end") == 0 ? END : STOP;
}

int main(int count, char **arguments)
{
    const char *problem = "usage";
    size_t next, last, step;
    int other;

    if (count != 9 || valve_address_parse(arguments[1], &address, &problem) < 0)
        fail(problem);
    read_files(arguments[2], arguments[3]);
    next = strtoul(arguments[6], NULL, 10);
    last = strtoul(arguments[7], NULL, 10);
    step = strtoul(arguments[8], NULL, 10);
    other = connect_to_server();
    while (next <= last) {
        struct attempt attempts[AT_ONCE];
        size_t tried = 0;

        for (; tried < AT_ONCE && next <= last; next += step)
            attempts[tried++].cut = next;
        try_cuts(attempts, tried, strcmp(arguments[4], "send") == 0, how_of(arguments[5]));
        expect_service(other);
    }
    close(other);
    return EXIT_SUCCESS;
}
