/* SPDX-License-Identifier: MIT */
/*
 * The acceptor: takes connections off the listeners and hands each to the least loaded worker.
 *
 * It runs on the main thread. At a limit it stops listening until a connection is closed or some
 * time has passed; it never spins.
 */
#ifndef VALVE_SERVER_ACCEPTOR_H
#define VALVE_SERVER_ACCEPTOR_H

#include <event2/event.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/listen.h"
#include "valve.h"

#define VALVE_LISTENERS 64 /* most listeners of a server */

/* Why accept(2) failed: the first four pause, the others lose one connection. */
enum valve_accept_error {
    VALVE_ACCEPT_EMFILE,
    VALVE_ACCEPT_ENFILE,
    VALVE_ACCEPT_ENOBUFS,
    VALVE_ACCEPT_ENOMEM,
    VALVE_ACCEPT_ECONNABORTED,
    VALVE_ACCEPT_OTHER,
    VALVE_ACCEPT_ERRORS,
};

struct valve_listener {
    struct valve_server *server;
    struct valve_listening listening; /* its descriptor -1: it listens no more */
    struct evconnlistener *event;     /* NULL until started */
    void *context;
    struct valve_tls *tls; /* of connections that come from now on, or NULL */
    int (*admit)(void *context, int descriptor, const struct valve_certificate *certificate,
                 void **ret_peer);
    void (*leave)(void *context, void *peer);
    _Atomic uint64_t accepted, refused; /* connections; written by the main thread */
};

struct valve_acceptor {
    struct valve_server *server;
    struct valve_listener listeners[VALVE_LISTENERS];
    unsigned count;         /* of places that were ever taken */
    pthread_mutex_t lock;   /* held to change count and addresses, and by others to read them */
    unsigned next_worker;   /* where the search for the least loaded begins */
    struct event *retry;    /* accepts again when a resource may have come free */
    uint64_t complained_at; /* when exhaustion was logged last */
    _Atomic uint64_t errors[VALVE_ACCEPT_ERRORS]; /* written by the main thread, as are the next */
    _Atomic uint64_t pauses_full, pauses_exhausted;
    _Atomic bool paused; /* the listeners are off: set here, read by closing workers */
    atomic_flag freed_posted;
    struct valve_message freed; /* posted by the worker that cleared `paused` */
};

void valve_acceptor_init(struct valve_acceptor *acceptor, struct valve_server *server);
void valve_acceptor_fini(struct valve_acceptor *acceptor);

/* Listens; begins to accept if the others have. 0 or -errno, explained in *ret_error. */
int valve_acceptor_add(struct valve_acceptor *acceptor,
                       const struct valve_listener_options *options, struct valve_error *ret_error);

/* Listens no more with this context. */
void valve_acceptor_remove(struct valve_acceptor *acceptor, const void *context);

/* From the next connection on, what listens with this context is under another TLS, or none. */
void valve_acceptor_set_tls(struct valve_acceptor *acceptor, const void *context,
                            struct valve_tls *tls);

/* Begins to accept. 0 or -ENOMEM. */
int valve_acceptor_start(struct valve_acceptor *acceptor);

/* Stops for good: closes the listening sockets. What was handed over stays. */
void valve_acceptor_stop(struct valve_acceptor *acceptor);

/*
 * Asks the service about a connection that came by this listener. 0, or it may not stay. Any
 * thread.
 */
int valve_acceptor_admit(const struct valve_acceptor *acceptor, unsigned listener, int descriptor,
                         const struct valve_certificate *certificate, void **ret_peer);

const char *valve_acceptor_address(const struct valve_acceptor *acceptor, unsigned listener);
void *valve_acceptor_context(const struct valve_acceptor *acceptor, unsigned listener);

/* A connection that came by this listener is being closed. Any thread. */
void valve_acceptor_leave(const struct valve_acceptor *acceptor, unsigned listener, void *peer);

/* A connection was closed: resumes accepting if that had been waiting for it. Any thread. */
void valve_acceptor_slot_freed(struct valve_acceptor *acceptor);

#endif
