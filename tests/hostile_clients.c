/* SPDX-License-Identifier: MIT */
/* Clients as nobody wants them: they trickle, or stop reading. */
#include <config.h>

#include "tests/hostile_clients.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/clock.h"

#define SECOND        UINT64_C(1000000000)
#define LARGE_GETS    10
#define SMALL_GETS    200
#define MOST_EVENTS   256
#define ASKED_AT_ONCE (LARGE_GETS * 16 + 16 + SMALL_GETS * 16)

struct client {
    int socket;
    enum hostile_kind kind;
    uint64_t connected_at, next_byte_at;
};

struct hostile_clients {
    const struct valve_address *addresses;
    unsigned address_count, next_address;
    unsigned count;
    struct client *clients;
    int events;
    pthread_t thread;
    sem_t begun;
    atomic_bool ending;
    struct hostile_fates fates[HOSTILE_KINDS];
};

static void fail(const char *what)
{
    fprintf(stderr, "hostile clients: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* [1, {"Get": 1000 bytes of text}], of which only the beginning is ever sent. */
static const uint8_t endless_request[] = {0x82, 0x01, 0xa1, 0x63, 'G', 'e', 't', 0x79, 0x03, 0xe8};

static size_t put_get(uint8_t *end, uint8_t id, const char *path)
{
    const uint8_t front[] = {
        0x82, 0x18, id, 0xa1, 0x63, 'G', 'e', 't', (uint8_t)(0x60 + strlen(path))};

    memcpy(end, front, sizeof front);
    memcpy(end + sizeof front, path, strlen(path));
    return sizeof front + strlen(path);
}

static void ask_for_much(int socket)
{
    static const uint8_t list[] = {0x82, 0x18, 99, 0x67, 'L', 'i', 's', 't', 'A', 'l', 'l'};
    uint8_t bytes[ASKED_AT_ONCE];
    size_t size = 0;

    for (unsigned i = 0; i < LARGE_GETS; i++)
        size += put_get(bytes + size, (uint8_t)(100 + i), "large");
    memcpy(bytes + size, list, sizeof list);
    size += sizeof list;
    for (unsigned i = 0; i < SMALL_GETS; i++)
        size += put_get(bytes + size, (uint8_t)(30 + i), "hot");
    if (send(socket, bytes, size, MSG_NOSIGNAL) < 0)
        fail("cannot ask");
}

static void begin(struct hostile_clients *clients, struct client *client)
{
    struct epoll_event hangup = {.events = EPOLLRDHUP, .data.ptr = client};
    const struct valve_address *address =
        &clients->addresses[clients->next_address++ % clients->address_count];

    client->socket = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 || connect(client->socket, &address->socket.any, address->size) < 0)
        fail("cannot connect");
    client->connected_at = valve_clock_now();
    /* Not all in the same moment. */
    client->next_byte_at = client->connected_at + (uint64_t)random() % SECOND;
    if (client->kind == HOSTILE_STOPPED)
        ask_for_much(client->socket);
    if (epoll_ctl(clients->events, EPOLL_CTL_ADD, client->socket, &hangup) < 0)
        fail("epoll_ctl");
}

static void note_fate(struct hostile_fates *fates, uint64_t lived)
{
    if (fates->count++ == 0)
        fates->shortest = fates->longest = lived;
    if (lived < fates->shortest)
        fates->shortest = lived;
    if (lived > fates->longest)
        fates->longest = lived;
}

/* The server has closed it: another comes in its place. */
static void replace(struct hostile_clients *clients, struct client *client)
{
    note_fate(&clients->fates[client->kind], valve_clock_now() - client->connected_at);
    close(client->socket);
    begin(clients, client);
}

static void trickle(struct client *client, uint64_t now)
{
    uint64_t sent = (now - client->connected_at) / SECOND;
    uint8_t byte = sent < sizeof endless_request ? endless_request[sent] : 'x';

    if (now < client->next_byte_at)
        return;
    client->next_byte_at += SECOND;
    /* Where that fails the server has closed it, which epoll will tell. */
    (void)!send(client->socket, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void *run(void *argument)
{
    struct hostile_clients *clients = argument;
    struct epoll_event events[MOST_EVENTS];

    for (unsigned i = 0; i < clients->count; i++)
        begin(clients, &clients->clients[i]);
    sem_post(&clients->begun);
    while (!atomic_load(&clients->ending)) {
        int count = epoll_wait(clients->events, events, MOST_EVENTS, 10);
        uint64_t now = valve_clock_now();

        for (int i = 0; i < count; i++)
            replace(clients, events[i].data.ptr);
        for (unsigned i = 0; i < clients->count; i++)
            if (clients->clients[i].kind == HOSTILE_TRICKLE)
                trickle(&clients->clients[i], now);
    }
    return NULL;
}

struct hostile_clients *hostile_clients_start(const struct valve_address *addresses,
                                              unsigned address_count, unsigned of_each_kind)
{
    struct hostile_clients *clients = calloc(1, sizeof *clients);

    if (clients == NULL)
        fail("no memory");
    clients->addresses = addresses;
    clients->address_count = address_count;
    clients->count = of_each_kind * HOSTILE_KINDS;
    clients->clients = calloc(clients->count, sizeof *clients->clients);
    clients->events = epoll_create1(EPOLL_CLOEXEC);
    sem_init(&clients->begun, 0, 0);
    if (clients->clients == NULL || clients->events < 0)
        fail("no memory");
    for (unsigned i = 0; i < clients->count; i++)
        clients->clients[i].kind = (enum hostile_kind)(i / of_each_kind);
    if (pthread_create(&clients->thread, NULL, run, clients) != 0)
        fail("no thread");
    while (sem_wait(&clients->begun) < 0)
        continue;
    return clients;
}

void hostile_clients_stop(struct hostile_clients *clients,
                          struct hostile_fates ret_fates[HOSTILE_KINDS])
{
    atomic_store(&clients->ending, true);
    pthread_join(clients->thread, NULL);
    memcpy(ret_fates, clients->fates, sizeof clients->fates);
    for (unsigned i = 0; i < clients->count; i++)
        close(clients->clients[i].socket);
    close(clients->events);
    sem_destroy(&clients->begun);
    free(clients->clients);
    free(clients);
}
