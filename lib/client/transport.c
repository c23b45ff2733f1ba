/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the byte stream: queueing, sending, receiving, and waiting with a deadline.
 */
#define _GNU_SOURCE
#include "client/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/fiber.h"

#define INPUT_ROOM  ((size_t)64 * 1024) /* what the input buffer holds unless an item needs more */
#define OUTPUT_ROOM ((size_t)4 * 1024)
#define FAIR_SHARE  ((size_t)256 * 1024) /* bytes that a fiber receives in a row */
#define SECOND      UINT64_C(1000000000)
#define MOMENT      UINT64_C(1000000) /* ns that a fiber rests for the sake of others, at most */

/* ---- Waiting --------------------------------------------------------------------------------- */

/* The whole thread waits. A signal wakes it early, which does no harm: it tries again. */
static int wait_on_thread(int socket, short events, uint64_t now, uint64_t deadline)
{
    struct pollfd poll = {.fd = socket, .events = events};
    struct timespec left, *limit = NULL;

    if (deadline != VALVE_NEVER) {
        left.tv_sec = (time_t)((deadline - now) / SECOND);
        left.tv_nsec = (long)((deadline - now) % SECOND);
        limit = &left;
    }
    if (ppoll(&poll, 1, limit, NULL) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

int valve_transport_wait(int socket, short events, uint64_t deadline)
{
    uint64_t now = valve_clock_now();
    int r;

    if (deadline <= now)
        return -ETIMEDOUT;
    r = valve_fiber_poll(socket, events, deadline);
    return r == -ENOSYS ? wait_on_thread(socket, events, now, deadline) : r;
}

/* ---- The end --------------------------------------------------------------------------------- */

void valve_transport_stop(struct valve_transport *transport)
{
    if (transport->end == 0)
        transport->end = -ESHUTDOWN;
    transport->send_error = -ESHUTDOWN;
    transport->output.start = transport->output.end = 0;
    (void)shutdown(transport->socket, SHUT_RDWR); /* refused: the peer was first */
}

void valve_transport_close(struct valve_transport *transport)
{
    /* Or the other side would take the end for a stream that was cut off. */
    if (transport->tls != NULL && transport->end == 0 && transport->send_error == 0)
        (void)valve_tls_session_end(transport->tls);
    valve_tls_session_free(transport->tls);
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
    return resize(input, input->capacity == 0 ? INPUT_ROOM : input->capacity * 2);
}

int valve_transport_reserve(struct valve_transport *transport, size_t size, uint8_t **ret_data)
{
    struct valve_transport_buffer *output = &transport->output;
    size_t capacity = output->capacity == 0 ? OUTPUT_ROOM : output->capacity;
    int r;

    if (output->capacity - output->end < size) {
        move_to_front(output);
        /* Room beyond what is asked for: moving must not become the rule where little is sent. */
        while (capacity - output->end < size || output->end > capacity / 2)
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

/* ---- Sending --------------------------------------------------------------------------------- */

/* Lets the fiber that waits for input know of the output, which it then sends as room comes. */
static void leave_to_waiter(struct valve_transport *transport)
{
    if (transport->waiter != NULL && !transport->waits_for_room)
        valve_fiber_wake(transport->waiter);
}

ssize_t valve_transport_send_some(int socket, struct valve_tls_session *tls, const void *data,
                                  size_t size)
{
    ssize_t sent;

    if (tls != NULL)
        return valve_tls_session_write(tls, data, size);
    do
        sent = send(socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int valve_transport_flush(struct valve_transport *transport)
{
    struct valve_transport_buffer *output = &transport->output;

    while (transport->send_error == 0 && output->start < output->end) {
        ssize_t sent = valve_transport_send_some(transport->socket, transport->tls,
                                                 output->data + output->start,
                                                 output->end - output->start);

        if (sent > 0) {
            output->start += (size_t)sent;
        } else if (sent == -EAGAIN) {
            leave_to_waiter(transport);
            return 0;
        } else {
            transport->send_error = (int)sent;
        }
    }
    /* What the server answered before it went away can still be read: only output is given up. */
    output->start = output->end = 0;
    return transport->send_error;
}

void valve_transport_urge(struct valve_transport *transport)
{
    if (valve_transport_unsent(transport) == 0)
        return;
    if (transport->waiter == NULL)
        (void)valve_transport_flush(transport); /* a failure shows once the input has ended */
    else
        leave_to_waiter(transport);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* As recv(2), but for errors, which are negative. */
static ssize_t receive_some(struct valve_transport *transport, void *data, size_t size)
{
    ssize_t taken;

    if (transport->tls != NULL) {
        taken = valve_tls_session_read(transport->tls, data, size);
        transport->wants_room = taken == -EBUSY;
        return taken == -EBUSY ? -EAGAIN : taken;
    }
    do
        taken = recv(transport->socket, data, size, MSG_DONTWAIT);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

/* The bytes there are: their number, -EAGAIN, or -EPIPE when there will be none any more. */
static ssize_t take(struct valve_transport *transport, void *data, size_t size)
{
    ssize_t taken;

    if (transport->end < 0)
        return -EPIPE;
    taken = receive_some(transport, data, size);
    if (taken > 0 || taken == -EAGAIN)
        return taken;
    transport->end = taken == 0 ? -ENODATA : (int)taken;
    return -EPIPE;
}

/* For input, or, if that is said, for room for output, too. Others know who waits. */
static int wait_for(struct valve_transport *transport, bool for_room, uint64_t deadline)
{
    int r;

    transport->waits_for_room = for_room;
    transport->waiter = valve_fiber_current();
    r = valve_transport_wait(transport->socket, for_room ? POLLIN | POLLOUT : POLLIN, deadline);
    transport->waiter = NULL;
    transport->unpaused = 0;
    return r;
}

/*
 * Lets other fibers go first where TLS has bytes already, of which the socket tells nothing: until
 * the socket has something to say, but no longer than a moment.
 */
static int rest(struct valve_transport *transport, uint64_t deadline)
{
    uint64_t until = valve_clock_now() + MOMENT;
    int r = wait_for(transport, true, until < deadline ? until : deadline);

    return r == -ETIMEDOUT && valve_clock_now() >= until && until < deadline &&
                   until < valve_fiber_deadline(valve_fiber_current())
               ? 0
               : r;
}

static int wait_for_input(struct valve_transport *transport, uint64_t deadline)
{
    return wait_for(transport, valve_transport_unsent(transport) > 0 || transport->wants_room,
                    deadline);
}

/*
 * A fiber whose input never ends must not keep the others of its thread from running, nor its own
 * cancellation from being heard: it waits now and then even though bytes may be there.
 */
static bool has_had_its_share(const struct valve_transport *transport, uint64_t deadline)
{
    return transport->unpaused >= FAIR_SHARE && valve_fiber_current() != NULL &&
           deadline > valve_clock_now();
}

ssize_t valve_transport_receive(struct valve_transport *transport, void *data, size_t size,
                                uint64_t deadline)
{
    for (;;) {
        bool rests = has_had_its_share(transport, deadline);
        ssize_t taken = -EAGAIN;
        int r;

        (void)valve_transport_flush(transport); /* a failure shows once the input has ended */
        if (!rests)
            taken = take(transport, data, size);
        if (taken > 0)
            transport->unpaused += (size_t)taken;
        if (taken != -EAGAIN)
            return taken;
        rests = rests && transport->tls != NULL && valve_tls_session_has_more(transport->tls);
        r = rests ? rest(transport, deadline) : wait_for_input(transport, deadline);
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
