/* SPDX-License-Identifier: MIT */
/*
 * One connection under load: its requests in flight, and the bytes on their way.
 */
#ifndef VALVECTL_LOAD_CONNECTION_H
#define VALVECTL_LOAD_CONNECTION_H

#include "client/transport.h"
#include "load.h"

#define LOAD_INPUT_ROOM ((size_t)256 * 1024)

struct load_slot {
    uint64_t begun; /* when its request should have started; 0: none is in flight */
    uint8_t kind;
};

struct load_connection {
    int socket;                    /* -1: it has ended */
    struct valve_tls_session *tls; /* or NULL */
    bool discards;                 /* the socket can drop bytes without copying them */
    struct load_slot *slots;       /* as many as the depth */
    uint32_t *order;               /* a ring of slots: free ones from `taken` to `given` + depth */
    uint64_t taken, given;         /* how many were ever taken from there, and given back */
    uint8_t *output;               /* bytes start..end are to be sent */
    size_t start, end;
    uint8_t *head; /* of an answer, a part that has come */
    size_t head_used;
    struct load_answer answer; /* the one whose body is coming */
    uint64_t body;             /* bytes of it still to come */
    uint64_t asked, due;       /* open loop: requests that were begun, and should have been */
    bool watches_room;
};

/* What all connections share. */
struct load_shared {
    const struct load_protocol *protocol;
    uint32_t depth;
    uint8_t *input; /* LOAD_HEAD_ROOM + LOAD_INPUT_ROOM */
    struct load_result *result;
    uint64_t in_flight;
    uint64_t last_bytes; /* when any came */
    bool dry;            /* the protocol has nothing more to ask for */
};

/* 0 or -ENOMEM. Takes the socket, and its TLS, over only then. */
int load_connection_init(struct load_connection *connection, const struct load_shared *shared,
                         const struct valve_transport *transport, bool discards);
/* Closes the socket. What was in flight is forgotten. */
void load_connection_shut(struct load_connection *connection);
void load_connection_fini(struct load_connection *connection);

static inline uint32_t load_connection_in_flight(const struct load_connection *connection)
{
    return (uint32_t)(connection->taken - connection->given);
}

/* Queues one more request. Whether there was one to ask. A slot must be free. */
bool load_connection_ask(struct load_connection *connection, struct load_shared *shared,
                         uint64_t begun);

/* Sends what is queued. 0; -EAGAIN: the rest must wait; another negative errno: it is broken. */
int load_connection_send(struct load_connection *connection);

/*
 * Receives what has come and counts the answers that end with that, all at the time that is
 * returned in *ret_time. 0; -ENODATA: the server ended it; -ECONNABORTED: within an answer; another
 * negative errno; what is wrong is then said in *ret_problem, unless the errno does.
 */
int load_connection_receive(struct load_connection *connection, struct load_shared *shared,
                            uint64_t *ret_time, const char **ret_problem);

#endif
