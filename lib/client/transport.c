/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the byte stream: connecting, queueing, and waiting with a deadline.
 */
#define _GNU_SOURCE
#include "client/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fiber/clock.h"

#define INPUT_ROOM  ((size_t)64 * 1024) /* what the input buffer holds unless an item needs more */
#define OUTPUT_ROOM ((size_t)4 * 1024)
#define SECOND      UINT64_C(1000000000)

/* ---- Waiting --------------------------------------------------------------------------------- */

/* Waits for one of `events`: 0, -ETIMEDOUT or another negative errno; a signal wakes no one. */
static int wait_for(int socket, short events, uint64_t deadline)
{
    struct pollfd poll = {.fd = socket, .events = events};
    struct timespec left, *limit = NULL;
    uint64_t now = valve_clock_now();
    int r;

    if (deadline <= now)
        return -ETIMEDOUT;
    if (deadline != VALVE_NEVER) {
        left.tv_sec = (time_t)((deadline - now) / SECOND);
        left.tv_nsec = (long)((deadline - now) % SECOND);
        limit = &left;
    }
    r = ppoll(&poll, 1, limit, NULL);
    if (r < 0 && errno != EINTR)
        return -errno;
    return 0; /* whoever waits tries again, and finds out whether the deadline has passed */
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static int set_nonblocking(int socket)
{
    int flags = fcntl(socket, F_GETFL);

    if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

/*
 * A Unix socket whose backlog is full tells a non-blocking caller only to try again, and nothing
 * says when: so this one blocks, with a time limit.
 */
static int connect_local(int socket, const struct valve_address *address, uint64_t deadline)
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

static int connect_tcp(int socket, const struct valve_address *address, uint64_t deadline)
{
    struct pollfd poll = {.fd = socket, .events = POLLOUT};
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
        r = wait_for(socket, POLLOUT, deadline);
        if (r < 0)
            return r;
    } while (ppoll(&poll, 1, &(struct timespec){0}, NULL) <= 0);
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

int valve_transport_connect(struct valve_transport *transport, const struct valve_address *address,
                            uint64_t deadline)
{
    struct valve_transport made = {.socket = -1};
    int r;

    made.input.data = malloc(INPUT_ROOM);
    made.input.capacity = INPUT_ROOM;
    if (made.input.data == NULL)
        return -ENOMEM;
    made.socket = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made.socket < 0)
        r = -errno;
    else if (valve_address_is_unix(address))
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

void valve_transport_close(struct valve_transport *transport)
{
    if (transport->socket >= 0)
        close(transport->socket);
    free(transport->input.data);
    free(transport->output.data);
    *transport = (struct valve_transport){.socket = -1};
}

/* ---- Buffers --------------------------------------------------------------------------------- */

static void move_to_front(struct valve_transport_buffer *buffer)
{
    if (buffer->start == 0)
        return;
    memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
    buffer->end -= buffer->start;
    buffer->start = 0;
}

static int resize(struct valve_transport_buffer *buffer, size_t capacity)
{
    uint8_t *data = realloc(buffer->data, capacity);

    if (data == NULL)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

/* Room for at least one more byte of input; a buffer that grew for one item shrinks again. */
static int make_input_room(struct valve_transport_buffer *input)
{
    if (input->start == input->end) {
        input->start = input->end = 0;
        if (input->capacity > INPUT_ROOM)
            (void)resize(input, INPUT_ROOM); /* refused: it just stays large */
    }
    if (input->end < input->capacity)
        return 0;
    move_to_front(input);
    if (input->end < input->capacity)
        return 0;
    return resize(input, input->capacity * 2);
}

int valve_transport_reserve(struct valve_transport *transport, size_t size, uint8_t **ret_data)
{
    struct valve_transport_buffer *output = &transport->output;
    size_t capacity = output->capacity == 0 ? OUTPUT_ROOM : output->capacity;
    int r;

    if (output->capacity - output->end < size) {
        move_to_front(output);
        while (capacity - output->end < size)
            capacity *= 2;
        r = resize(output, capacity);
        if (r < 0)
            return r;
    }
    *ret_data = output->data + output->end;
    return 0;
}

void valve_transport_queued(struct valve_transport *transport, size_t size)
{
    transport->output.end += size;
}

size_t valve_transport_unsent(const struct valve_transport *transport)
{
    return transport->output.end - transport->output.start;
}

/* ---- Sending and receiving ------------------------------------------------------------------- */

int valve_transport_flush(struct valve_transport *transport)
{
    struct valve_transport_buffer *output = &transport->output;

    while (transport->send_error == 0 && output->start < output->end) {
        ssize_t sent = send(transport->socket, output->data + output->start,
                            output->end - output->start, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent > 0)
            output->start += (size_t)sent;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            transport->send_error = -errno;
    }
    /* What the server answered before it went away can still be read: only output is given up. */
    output->start = output->end = 0;
    return transport->send_error;
}

/* The bytes there are: their number, -EAGAIN, or -EPIPE when there will be none any more. */
static ssize_t take(struct valve_transport *transport, void *data, size_t size)
{
    ssize_t taken;

    if (transport->end < 0)
        return -EPIPE;
    do
        taken = recv(transport->socket, data, size, MSG_DONTWAIT);
    while (taken < 0 && errno == EINTR);
    if (taken > 0)
        return taken;
    if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return -EAGAIN;
    transport->end = taken == 0 ? -ENODATA : -errno;
    return -EPIPE;
}

ssize_t valve_transport_receive(struct valve_transport *transport, void *data, size_t size,
                                uint64_t deadline)
{
    for (;;) {
        ssize_t taken;
        short events = POLLIN;
        int r;

        (void)valve_transport_flush(transport); /* a failure shows once the input has ended */
        taken = take(transport, data, size);
        if (taken != -EAGAIN)
            return taken;
        if (valve_transport_unsent(transport) > 0)
            events |= POLLOUT;
        r = wait_for(transport->socket, events, deadline);
        if (r < 0)
            return r;
    }
}

int valve_transport_fill(struct valve_transport *transport, uint64_t deadline)
{
    struct valve_transport_buffer *input = &transport->input;
    ssize_t taken;
    int r;

    r = make_input_room(input);
    if (r < 0)
        return r;
    taken = valve_transport_receive(transport, input->data + input->end,
                                    input->capacity - input->end, deadline);
    if (taken < 0)
        return (int)taken;
    input->end += (size_t)taken;
    return 0;
}
