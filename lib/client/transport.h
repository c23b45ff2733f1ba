/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the byte stream: a non-blocking socket and what waits on its two sides.
 *
 * Whoever waits here for bytes sends what is queued meanwhile, so a server that stops reading
 * until its replies are read never stops us. In a fiber a wait suspends that alone, where the
 * scheduler knows how (valve_fiber_poll()); elsewhere, the thread.
 */
#ifndef VALVE_CLIENT_TRANSPORT_H
#define VALVE_CLIENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/address.h"
#include "tls/session.h"

struct valve_fiber;

/* Bytes start..end of `data` wait: to be read by us, or to be sent. */
struct valve_transport_buffer {
    uint8_t *data;
    size_t start, end, capacity;
};

struct valve_transport {
    int socket;
    struct valve_tls_session *tls; /* between it and the buffers, or NULL */
    struct valve_transport_buffer input;
    struct valve_transport_buffer output;
    int send_error; /* 0, or the negative errno after which nothing is sent any more */
    int end;        /* 0, -ENODATA: the peer closed, or the negative errno that ended the input */
    struct valve_fiber *waiter; /* the fiber that is suspended here, waiting for input, or NULL */
    bool wants_room;            /* TLS can receive only once the socket takes output */
    bool waits_for_room;        /* it also waits for the socket to take output */
    size_t unpaused;            /* bytes received since there was last a wait */
};

/* Waits for one of `events` (of poll(2)), or for nothing. 0, -ETIMEDOUT, -ECANCELED, ... */
int valve_transport_wait(int socket, short events, uint64_t deadline);

/*
 * Connects, waiting until `deadline`. 0; -ETIMEDOUT; -ECANCELED; -ENOMEM; or the negative errno of
 * a system call. Nothing is held after a failure.
 */
int valve_transport_connect(struct valve_transport *transport, const struct valve_address *address,
                            uint64_t deadline);

/*
 * The same, and under TLS unless `tls` is NULL, with a server whose certificate names `name`; NULL:
 * the host of `address`. -EPROTO and -EINVAL (nobody is called that) are explained in *ret_error.
 */
int valve_transport_open(struct valve_transport *transport, const struct valve_address *address,
                         const struct valve_tls *tls, const char *name, uint64_t deadline,
                         struct valve_error *ret_error);

/*
 * Ends it in both directions: nothing is received any more. Who waits here goes on, because what
 * has ended is readable.
 */
void valve_transport_stop(struct valve_transport *transport);

/* Closes it. One that was only zeroed, with socket -1, is accepted. */
void valve_transport_close(struct valve_transport *transport);

/*
 * Room for `size` bytes behind what is queued; valve_transport_queued() adds what was written
 * there to the queue. 0 or -ENOMEM.
 */
int valve_transport_reserve(struct valve_transport *transport, size_t size, uint8_t **ret_data);
void valve_transport_queued(struct valve_transport *transport, size_t size);

/*
 * As send(2) without waiting, under TLS unless `tls` is NULL, but for errors, which are negative:
 * how many of the bytes were taken.
 */
ssize_t valve_transport_send_some(int socket, struct valve_tls_session *tls, const void *data,
                                  size_t size);

/* Sends what is queued and the socket takes without waiting. 0, or send_error. */
int valve_transport_flush(struct valve_transport *transport);

/*
 * Sees to it that what is queued goes out: now; or where a fiber waits here for input, by that
 * fiber when it runs, together with what others will have queued until then.
 */
void valve_transport_urge(struct valve_transport *transport);

/* Bytes queued that the socket has not taken; none once sending has failed. */
size_t valve_transport_unsent(const struct valve_transport *transport);

/*
 * Waits until more bytes have been added to the input buffer. 0; -ETIMEDOUT: none came until
 * `deadline` (one that has passed: none were there); -ECANCELED; -ENOMEM; -EPIPE: none will come
 * any more, `end` says why. After the others it may be called again. One fiber at a time.
 */
int valve_transport_fill(struct valve_transport *transport, uint64_t deadline);

/* The same into the caller's memory, past the input buffer, which must be empty. */
ssize_t valve_transport_receive(struct valve_transport *transport, void *data, size_t size,
                                uint64_t deadline);

#endif
