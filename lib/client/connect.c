/* SPDX-License-Identifier: MIT */
/*
 * Connecting, with a deadline, on a thread and in a fiber.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/transport.h"
#include "fiber/fiber.h"

#define MILLISECOND    UINT64_C(1000000)
#define SHORTEST_PAUSE MILLISECOND
#define LONGEST_PAUSE  (50 * MILLISECOND)

static int set_nonblocking(int socket)
{
    int flags = fcntl(socket, F_GETFL);

    if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

/*
 * A Unix socket whose backlog is full tells a non-blocking caller only to try again, and nothing
 * says when: a thread therefore blocks, with a time limit.
 */
static int connect_blocking(int socket, const struct valve_address *address, uint64_t deadline)
{
    for (;;) {
        uint64_t now = valve_clock_now();
        struct timeval limit = {0}; /* none */

        if (deadline <= now)
            return -ETIMEDOUT;
        if (deadline != VALVE_NEVER) {
            uint64_t microseconds = (deadline - now) / 1000 + 1; /* never 0: that is no limit */

            limit.tv_sec = (time_t)(microseconds / 1000000);
            limit.tv_usec = (suseconds_t)(microseconds % 1000000);
        }
        if (setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
            return -errno;
        if (connect(socket, &address->socket.any, address->size) == 0)
            return set_nonblocking(socket);
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

/* Suspends the fiber for a while. 0; -ECANCELED; -ETIMEDOUT: `deadline`, or the fiber's own. */
static int pause_fiber(uint64_t duration, uint64_t deadline)
{
    uint64_t now = valve_clock_now();
    int r;

    deadline = earlier(deadline, valve_fiber_deadline(valve_fiber_current()));
    if (deadline <= now)
        return -ETIMEDOUT;
    r = valve_fiber_wait(earlier(deadline, now + duration));
    return r == -ETIMEDOUT ? 0 : r;
}

/*
 * A fiber must not block, so it does try again. The pauses grow: a server that was busy for a
 * moment is reached soon, and one that is overrun is not worn out with asking.
 */
static int connect_patiently(int socket, const struct valve_address *address, uint64_t deadline)
{
    uint64_t pause = SHORTEST_PAUSE;
    int r = set_nonblocking(socket);

    while (r == 0) {
        if (connect(socket, &address->socket.any, address->size) == 0)
            return 0;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
        r = pause_fiber(pause, deadline);
        pause = earlier(2 * pause, LONGEST_PAUSE);
    }
    return r;
}

static int connect_local(int socket, const struct valve_address *address, uint64_t deadline)
{
    if (valve_fiber_current() != NULL)
        return connect_patiently(socket, address, deadline);
    return connect_blocking(socket, address, deadline);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static int connect_tcp(int socket, const struct valve_address *address, uint64_t deadline)
{
    struct pollfd done = {.fd = socket, .events = POLLOUT};
    int error = 0, on = 1, r;
    socklen_t size = sizeof error;

    r = set_nonblocking(socket);
    if (r < 0)
        return r;
    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return -errno;
    if (connect(socket, &address->socket.any, address->size) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return -errno;
    do {
        r = valve_transport_wait(socket, POLLOUT, deadline);
        if (r < 0)
            return r;
    } while (poll(&done, 1, 0) <= 0); /* woken by something else */
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

/* With a server whose certificate names `name`. */
static int secure(struct valve_transport *transport, const struct valve_tls *tls, const char *name,
                  uint64_t deadline, struct valve_error *ret_error)
{
    short events = 0;
    int r = valve_tls_session_new(tls, transport->socket, &transport->tls);

    if (r == 0)
        r = valve_tls_session_expect(transport->tls, name);
    if (r == -EINVAL)
        snprintf(ret_error->text, sizeof ret_error->text, "'%.100s' is no name of a host", name);
    while (r == 0 && (r = valve_tls_session_shake(transport->tls, &events, ret_error)) == -EAGAIN)
        r = valve_transport_wait(transport->socket, events, deadline);
    return r;
}

/* ---- Both ------------------------------------------------------------------------------------ */

int valve_transport_connect(struct valve_transport *transport, const struct valve_address *address,
                            uint64_t deadline)
{
    struct valve_transport made = {.socket = -1};
    int r;

    made.socket = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made.socket < 0)
        return -errno;
    if (valve_address_is_unix(address))
        r = connect_local(made.socket, address, deadline);
    else
        r = connect_tcp(made.socket, address, deadline);
    if (r < 0) {
        valve_transport_close(&made);
        return r;
    }
    *transport = made;
    return 0;
}

int valve_transport_open(struct valve_transport *transport, const struct valve_address *address,
                         const struct valve_tls *tls, const char *name, uint64_t deadline,
                         struct valve_error *ret_error)
{
    char host[VALVE_ADDRESS_TEXT];
    int r = valve_transport_connect(transport, address, deadline);

    if (r < 0 || tls == NULL)
        return r;
    valve_address_host(address, host);
    r = secure(transport, tls, name != NULL ? name : host, deadline, ret_error);
    if (r < 0)
        valve_transport_close(transport);
    return r;
}
