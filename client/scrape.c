/* SPDX-License-Identifier: MIT */
/*
 * One question over HTTP/1.0, and its answer up to the end of the stream.
 */
#define _GNU_SOURCE
#include "scrape.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/transport.h"
#include "net/address.h"

#define FIRST_ROOM ((size_t)64 * 1024)
#define MOST_ROOM  ((size_t)64 * 1024 * 1024)

static const char protocol[] = "HTTP/1.";
#define PROTOCOL_SIZE (sizeof protocol - 1)

static const char question[] = "GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n";

static int ask(int socket, uint64_t deadline)
{
    size_t sent = 0;

    while (sent < sizeof question - 1) {
        int r = valve_transport_wait(socket, POLLOUT, deadline);
        ssize_t size = r < 0 ? 0
                             : send(socket, question + sent, sizeof question - 1 - sent,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);

        if (r < 0)
            return r;
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        sent += size > 0 ? (size_t)size : 0;
    }
    return 0;
}

/* What comes up to the end of the stream, terminated. */
static int receive(int socket, uint64_t deadline, char **ret_text, size_t *ret_size)
{
    size_t room = FIRST_ROOM, used = 0;
    char *text = malloc(room);
    int r = text == NULL ? -ENOMEM : 0;

    while (r == 0) {
        ssize_t size;

        r = valve_transport_wait(socket, POLLIN, deadline);
        if (r < 0)
            break;
        size = recv(socket, text + used, room - used - 1, MSG_DONTWAIT);
        if (size == 0) {
            text[used] = '\0';
            *ret_text = text;
            *ret_size = used;
            return 0;
        }
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            r = -errno;
        used += size > 0 ? (size_t)size : 0;
        if (r == 0 && memcmp(text, protocol, used < PROTOCOL_SIZE ? used : PROTOCOL_SIZE) != 0)
            r = -EPROTO; /* who speaks another protocol may never end */
        if (r == 0 && used == room - 1) {
            char *larger = room < MOST_ROOM ? realloc(text, room * 2) : NULL;

            r = larger == NULL ? -ENOMEM : 0;
            text = larger == NULL ? text : larger;
            room *= 2;
        }
    }
    free(text);
    return r;
}

/* Leaves of an answer what stands behind its head. 0 or -EPROTO. */
static int take_body(char *answer, size_t size)
{
    const char *end = memmem(answer, size, "\r\n\r\n", 4);
    const char *body;

    if (end == NULL || size < PROTOCOL_SIZE + 6 ||
        memcmp(answer + PROTOCOL_SIZE + 1, " 200 ", 5) != 0)
        return -EPROTO;
    body = end + 4;
    /* A zero byte would hide what stands behind it. */
    if (strlen(body) != size - (size_t)(body - answer) || strstr(body, "\nvalve_") == NULL)
        return -EPROTO;
    memmove(answer, body, strlen(body) + 1);
    return 0;
}

static int converse(int socket, uint64_t deadline, char **ret_text)
{
    char *answer = NULL;
    size_t size = 0;
    int r = ask(socket, deadline);

    if (r == 0)
        r = receive(socket, deadline, &answer, &size);
    if (r == 0)
        r = take_body(answer, size);
    if (r < 0)
        free(answer);
    else
        *ret_text = answer;
    return r;
}

int scrape(const char *address, uint64_t deadline, char **ret_text, struct valve_error *ret_error)
{
    struct valve_transport transport;
    struct valve_address parsed;
    const char *problem = "";
    int r = valve_address_parse(address, &parsed, &problem);

    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "%.200s: %s", address, problem);
        return r;
    }
    r = valve_transport_connect(&transport, &parsed, deadline);
    if (r == 0) {
        r = converse(transport.socket, deadline, ret_text);
        valve_transport_close(&transport);
    }
    if (r == -EPROTO)
        snprintf(ret_error->text, sizeof ret_error->text,
                 "%.200s: what answers there is not the metrics of a valved", address);
    else if (r < 0)
        snprintf(ret_error->text, sizeof ret_error->text, "%.200s: %s", address,
                 strerrordesc_np(-r));
    return r;
}
