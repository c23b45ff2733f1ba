/* SPDX-License-Identifier: MIT */
/*
 * The acceptor: libevent's listeners, with every errno of accept classified.
 */
#include "server/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/clock.h"
#include "server/counters.h"
#include "server/secured.h"
#include "server/server.h"
#include "tls/session.h"

#define RETRY_MS    100
#define COMPLAIN_NS 10000000000 /* exhaustion is logged at most so often */

enum verdict {
    VERDICT_RETRY,     /* that connection is lost, the next may do */
    VERDICT_EXHAUSTED, /* a resource is: pause */
    VERDICT_FATAL,     /* this listener will never accept again */
};

static enum verdict classify(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return VERDICT_EXHAUSTED;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
    case EFAULT:
        return VERDICT_FATAL;
    default: /* EINTR, EAGAIN, ECONNABORTED, EPROTO, EPERM, network errors of the new socket */
        return VERDICT_RETRY;
    }
}

static enum valve_accept_error error_index(int error)
{
    switch (error) {
    case EMFILE:
        return VALVE_ACCEPT_EMFILE;
    case ENFILE:
        return VALVE_ACCEPT_ENFILE;
    case ENOBUFS:
        return VALVE_ACCEPT_ENOBUFS;
    case ENOMEM:
        return VALVE_ACCEPT_ENOMEM;
    case ECONNABORTED:
        return VALVE_ACCEPT_ECONNABORTED;
    default:
        return VALVE_ACCEPT_OTHER;
    }
}

static uint64_t open_connections(const struct valve_server *server)
{
    uint64_t open = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        open += atomic_load_explicit(&server->workers[i].connections, memory_order_acquire);
    return open;
}

/* The worker with the fewest connections; among equals in turn. */
static struct valve_worker *least_loaded(struct valve_acceptor *acceptor)
{
    struct valve_server *server = acceptor->server;
    struct valve_worker *best = NULL;
    unsigned fewest = UINT32_MAX;

    for (unsigned i = 0; i < server->worker_count; i++) {
        struct valve_worker *worker =
            &server->workers[(acceptor->next_worker + i) % server->worker_count];
        unsigned load = atomic_load_explicit(&worker->connections, memory_order_relaxed);

        if (load < fewest) {
            fewest = load;
            best = worker;
        }
    }
    acceptor->next_worker = best->index + 1;
    return best;
}

/* ---- Pause and resume ---- */

/* Returns whether all of them are what they should be. */
static bool switch_listeners(struct valve_acceptor *acceptor, bool on)
{
    bool all = true;

    for (unsigned i = 0; i < acceptor->count; i++) {
        struct evconnlistener *event = acceptor->listeners[i].event;

        if (event != NULL &&
            (on ? evconnlistener_enable(event) : evconnlistener_disable(event)) < 0)
            all = false;
    }
    return all;
}

/*
 * Where not even an alarm can be set, the main thread waits here: it has nothing more urgent to do
 * than to accept. What it sends itself then needs no memory, and lets a signal come first.
 */
static void retry_later(struct valve_acceptor *acceptor)
{
    const struct timeval while_ = {.tv_usec = RETRY_MS * 1000};

    if (event_add(acceptor->retry, &while_) == 0)
        return;
    poll(NULL, 0, RETRY_MS);
    if (!atomic_flag_test_and_set(&acceptor->freed_posted))
        valve_mailbox_post(&acceptor->server->mailbox, &acceptor->freed);
}

static void resume(struct valve_acceptor *acceptor)
{
    atomic_store(&acceptor->paused, false);
    if (!switch_listeners(acceptor, true))
        retry_later(acceptor);
}

static bool is_full(const struct valve_server *server)
{
    return open_connections(server) >= server->max_connections;
}

static void pause_accepting(struct valve_acceptor *acceptor)
{
    switch_listeners(acceptor, false);
    atomic_store(&acceptor->paused, true);
}

/* Says why nobody is let in, now and then. */
static void complain(struct valve_acceptor *acceptor, const char *why)
{
    uint64_t now = valve_clock_now();

    if (acceptor->complained_at != 0 && now - acceptor->complained_at < COMPLAIN_NS)
        return;
    acceptor->complained_at = now;
    valve_server_log(acceptor->server, VALVE_LOG_WARNING,
                     "no new connections are accepted: %s (%llu are open)", why,
                     (unsigned long long)open_connections(acceptor->server));
}

/* The table is full: until a connection is closed, which may have been just now. */
static void pause_until_freed(struct valve_acceptor *acceptor)
{
    bool paused = true;

    complain(acceptor, "all connections are taken");
    valve_count(&acceptor->pauses_full, 1);
    pause_accepting(acceptor);
    if (!is_full(acceptor->server) &&
        atomic_compare_exchange_strong(&acceptor->paused, &paused, false))
        resume(acceptor);
}

static void pause_for_a_while(struct valve_acceptor *acceptor, int error)
{
    pause_accepting(acceptor);
    valve_count(&acceptor->pauses_exhausted, 1);
    retry_later(acceptor);
    complain(acceptor, strerror(error));
}

static void on_retry(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_acceptor *acceptor = argument;

    (void)descriptor;
    (void)what;
    if (!is_full(acceptor->server))
        resume(acceptor);
}

/* On the main thread, for the worker that closed a connection while accepting was paused. */
static void on_freed(struct valve_message *message)
{
    struct valve_acceptor *acceptor =
        (struct valve_acceptor *)((char *)message - offsetof(struct valve_acceptor, freed));

    atomic_flag_clear(&acceptor->freed_posted);
    if (acceptor->server->stage == VALVE_STAGE_RUNNING)
        resume(acceptor);
}

void valve_acceptor_slot_freed(struct valve_acceptor *acceptor)
{
    bool paused = true;

    /* Only one worker wins, so the message is posted once for each pause. */
    if (atomic_load(&acceptor->paused) &&
        atomic_compare_exchange_strong(&acceptor->paused, &paused, false) &&
        !atomic_flag_test_and_set(&acceptor->freed_posted))
        valve_mailbox_post(&acceptor->server->mailbox, &acceptor->freed);
}

/* ---- Accepting ---- */

static void on_handoff(struct valve_message *message)
{
    struct valve_connection *connection = (struct valve_connection *)message;
    struct valve_worker *worker = valve_worker_current();

    static_assert(offsetof(struct valve_connection, handoff) == 0, "the message is the slot");
    valve_connection_adopt(worker, valve_table_descriptor(&worker->server->table, connection));
}

/* Fills the slot of a new connection and posts it: from then on it is the worker's. */
static void hand_over(struct valve_listener *listener, int descriptor, void *peer,
                      struct valve_secured *secured)
{
    struct valve_server *server = listener->server;
    struct valve_acceptor *acceptor = &server->acceptor;
    struct valve_connection *slot = valve_table_slot(&server->table, descriptor);
    struct valve_worker *worker = least_loaded(acceptor);
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_acquire);

    memset(slot, 0, sizeof *slot);
    atomic_store_explicit(&slot->generation, generation, memory_order_relaxed);
    slot->state = VALVE_CONNECTION_HANDED;
    if (secured != NULL) {
        slot->secured = secured;
        slot->flags = VALVE_CONNECTION_SECURED | VALVE_CONNECTION_SHAKING;
    } else {
        slot->peer = peer;
    }
    slot->listener = (uint8_t)(listener - acceptor->listeners);
    slot->worker = (uint16_t)worker->index;
    slot->handoff.deliver = on_handoff;
    atomic_fetch_add_explicit(&worker->connections, 1, memory_order_relaxed);
    valve_mailbox_post(&worker->mailbox, &slot->handoff);
}

int valve_acceptor_admit(const struct valve_acceptor *acceptor, unsigned listener, int descriptor,
                         const struct valve_certificate *certificate, void **ret_peer)
{
    const struct valve_listener *from = &acceptor->listeners[listener];

    return from->admit == NULL ? 0 : from->admit(from->context, descriptor, certificate, ret_peer);
}

/* Whether the connection may stay; then *ret_peer is who has come, unless TLS has to tell first. */
static bool admit(struct valve_listener *listener, int descriptor, void **ret_peer,
                  struct valve_secured **ret_secured)
{
    const struct valve_acceptor *acceptor = &listener->server->acceptor;

    if ((uint32_t)descriptor >= listener->server->table.length)
        return false; /* somebody raised the limit behind our back */
    if (listener->tls != NULL) {
        *ret_secured = valve_secured_new(listener->tls);
        return *ret_secured != NULL;
    }
    return valve_acceptor_admit(acceptor, (unsigned)(listener - acceptor->listeners), descriptor,
                                NULL, ret_peer) == 0;
}

static void on_accept(struct evconnlistener *event, evutil_socket_t descriptor,
                      struct sockaddr *address, int address_size, void *argument)
{
    struct valve_listener *listener = argument;
    struct valve_server *server = listener->server;
    struct valve_secured *secured = NULL;
    void *peer = NULL;

    (void)event;
    (void)address;
    (void)address_size;
    if (!admit(listener, (int)descriptor, &peer, &secured)) {
        valve_count(&listener->refused, 1);
        close((int)descriptor);
        return;
    }
    valve_count(&listener->accepted, 1);
    hand_over(listener, (int)descriptor, peer, secured);
    if (is_full(server))
        pause_until_freed(&server->acceptor);
}

static void on_error(struct evconnlistener *event, void *argument)
{
    struct valve_listener *listener = argument;
    int error = EVUTIL_SOCKET_ERROR();

    valve_count(&listener->server->acceptor.errors[error_index(error)], 1);
    switch (classify(error)) {
    case VERDICT_RETRY:
        break;
    case VERDICT_EXHAUSTED:
        pause_for_a_while(&listener->server->acceptor, error);
        break;
    case VERDICT_FATAL:
        evconnlistener_disable(event);
        valve_server_log(listener->server, VALVE_LOG_ERROR, "%s accepts no longer: %s",
                         listener->listening.address.text, strerror(error));
        break;
    }
}

/* ---- Making and ending ---- */

void valve_acceptor_init(struct valve_acceptor *acceptor, struct valve_server *server)
{
    acceptor->server = server;
    pthread_mutex_init(&acceptor->lock, NULL);
}

void valve_acceptor_fini(struct valve_acceptor *acceptor)
{
    pthread_mutex_destroy(&acceptor->lock);
}

/* Whether nobody who came by this listener is left. */
static bool is_deserted(const struct valve_listener *listener)
{
    const struct valve_server *server = listener->server;
    size_t index = (size_t)(listener - server->acceptor.listeners);
    uint64_t closed = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        closed += valve_counted(&server->workers[i].counters->closed[index]);
    return closed == valve_counted(&listener->accepted);
}

/* Where a new listener goes: a place that never was one's, or that nobody refers to any more. */
static struct valve_listener *find_place(struct valve_acceptor *acceptor)
{
    if (acceptor->count < VALVE_LISTENERS)
        return &acceptor->listeners[acceptor->count];
    for (unsigned i = 0; i < VALVE_LISTENERS; i++) {
        struct valve_listener *listener = &acceptor->listeners[i];

        if (listener->listening.descriptor < 0 && is_deserted(listener))
            return listener;
    }
    return NULL;
}

static int start_listener(struct valve_listener *listener, struct event_base *base)
{
    /* Enabled by itself: a listener that is made enabled does not say when that failed. */
    listener->event = evconnlistener_new(base, on_accept, listener,
                                         LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0,
                                         listener->listening.descriptor);
    if (listener->event == NULL)
        return -ENOMEM;
    evconnlistener_set_error_cb(listener->event, on_error);
    return evconnlistener_enable(listener->event) < 0 ? -ENOMEM : 0;
}

static void close_listener(struct valve_listener *listener)
{
    if (listener->event != NULL)
        evconnlistener_free(listener->event);
    listener->event = NULL;
    valve_listening_close(&listener->listening);
    valve_tls_free(listener->tls);
    listener->tls = NULL;
}

int valve_acceptor_add(struct valve_acceptor *acceptor,
                       const struct valve_listener_options *options, struct valve_error *ret_error)
{
    struct valve_listener *listener = find_place(acceptor);
    struct valve_listening listening;
    int r;

    if (listener == NULL) {
        strcpy(ret_error->text, "too many listeners: 64 are the most");
        return -E2BIG;
    }
    r = valve_listening_open(&listening, options, acceptor->server->options.send_timeout,
                             ret_error);
    if (r < 0)
        return r;
    pthread_mutex_lock(&acceptor->lock);
    listener->server = acceptor->server;
    listener->listening = listening;
    listener->context = options->context;
    listener->tls = valve_tls_share(options->tls);
    listener->admit = options->admit;
    listener->leave = options->leave;
    if (listener == &acceptor->listeners[acceptor->count])
        acceptor->count++;
    pthread_mutex_unlock(&acceptor->lock);
    if (acceptor->retry == NULL)
        return 0;
    r = start_listener(listener, acceptor->server->base);
    if (r < 0) {
        close_listener(listener);
        strcpy(ret_error->text, "out of memory");
    }
    return r;
}

void valve_acceptor_remove(struct valve_acceptor *acceptor, const void *context)
{
    for (unsigned i = 0; i < acceptor->count; i++)
        if (acceptor->listeners[i].context == context)
            close_listener(&acceptor->listeners[i]);
}

void valve_acceptor_set_tls(struct valve_acceptor *acceptor, const void *context,
                            struct valve_tls *tls)
{
    for (unsigned i = 0; i < acceptor->count; i++) {
        struct valve_listener *listener = &acceptor->listeners[i];

        if (listener->context == context && listener->event != NULL) {
            valve_tls_free(listener->tls);
            listener->tls = valve_tls_share(tls);
        }
    }
}

int valve_acceptor_start(struct valve_acceptor *acceptor)
{
    struct event_base *base = acceptor->server->base;
    int r = 0;

    acceptor->freed.deliver = on_freed;
    acceptor->retry = event_new(base, -1, 0, on_retry, acceptor);
    if (acceptor->retry == NULL)
        return -ENOMEM;
    for (unsigned i = 0; r == 0 && i < acceptor->count; i++)
        if (acceptor->listeners[i].listening.descriptor >= 0)
            r = start_listener(&acceptor->listeners[i], base);
    return r;
}

void valve_acceptor_stop(struct valve_acceptor *acceptor)
{
    for (unsigned i = 0; i < acceptor->count; i++)
        close_listener(&acceptor->listeners[i]);
    if (acceptor->retry != NULL)
        event_free(acceptor->retry);
    acceptor->retry = NULL;
}

const char *valve_acceptor_address(const struct valve_acceptor *acceptor, unsigned listener)
{
    return acceptor->listeners[listener].listening.address.text;
}

void *valve_acceptor_context(const struct valve_acceptor *acceptor, unsigned listener)
{
    return acceptor->listeners[listener].context;
}

void valve_acceptor_leave(const struct valve_acceptor *acceptor, unsigned listener, void *peer)
{
    const struct valve_listener *from = &acceptor->listeners[listener];

    if (from->leave != NULL)
        from->leave(from->context, peer);
}
