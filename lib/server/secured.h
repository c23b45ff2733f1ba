/* SPDX-License-Identifier: MIT */
/*
 * Connections under TLS: their handshakes, and what stands between their bytes and the socket.
 *
 * A handshake costs a hundred times what a request does. So a worker goes on with one of them in a
 * turn, beside its requests, and has some at once. Who comes after those waits at the door, holding
 * nothing but its descriptor; while somebody waits there, handshakes that last too long make room.
 * All of it runs on the worker's own stack, never on a fiber's.
 */
#ifndef VALVE_SERVER_SECURED_H
#define VALVE_SERVER_SECURED_H

#include "server/connection.h"
#include "tls/session.h"

/* Handshakes that a worker has begun and that have not ended, at most: each takes some 30 KiB. */
#define VALVE_HANDSHAKES 512

/* What a connection under TLS has more than others. */
struct valve_secured {
    void *peer;       /* as in other connections, */
    bool is_admitted; /* from here on */
    struct valve_tls *tls;
    struct valve_tls_session *session; /* NULL until its handshake begins */
    uint32_t began_at;                 /* ms: when that was */
};

/* Made before the connection is handed over. NULL: no memory. */
struct valve_secured *valve_secured_new(struct valve_tls *tls);

/* It has come to its worker: the handshake begins, or waits until another one has ended. */
void valve_secured_adopt(struct valve_worker *worker, struct valve_connection *connection);

/*
 * Goes on with the handshake if it may in this turn. Once that is done the connection is like any
 * other; where it fails, broken.
 */
void valve_secured_shake(struct valve_worker *worker, struct valve_connection *connection);

/* Its handshake has gone on for a while: whether it may go on. */
bool valve_secured_may_shake_on(struct valve_worker *worker, struct valve_connection *connection);

/* The connection is being closed: all of this, too. Another handshake may begin. */
void valve_secured_close(struct valve_worker *worker, struct valve_connection *connection);

/* As recv(2) with its errors negative; -EAGAIN also where it must not be read for a while. */
ssize_t valve_secured_receive(struct valve_connection *connection, void *data, size_t size);

/* Sends from the front of the queue, which is not empty: how many bytes, or a negative errno. */
ssize_t valve_secured_send(struct valve_worker *worker, struct valve_connection *connection);

/* Whether what is sent has to pass through here, so that files have to be read for it. */
bool valve_secured_seals(const struct valve_connection *connection);

/*
 * Says that nothing more will be sent, where TLS has a word for that. 0; -EAGAIN: the socket has to
 * take output first.
 */
int valve_secured_end(struct valve_connection *connection);

/* Whom the client's certificate names; NULL where there is none. */
const struct valve_certificate *
valve_secured_certificate(const struct valve_connection *connection);

#endif
