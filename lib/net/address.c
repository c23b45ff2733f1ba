/* SPDX-License-Identifier: MIT */
/*
 * Addresses as people write them, and back.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define UNIX_PREFIX "unix:"

static int parse_unix(const char *path, struct valve_address *address, const char **ret_problem)
{
    struct sockaddr_un *local = &address->socket.local;
    size_t length = strlen(path);

    if (path[0] != '/' && path[0] != '@') {
        *ret_problem = "after unix: comes an absolute path, or @ and an abstract name";
        return -EINVAL;
    }
    if (length >= sizeof local->sun_path) {
        *ret_problem = "the path of a Unix socket has at most 107 bytes";
        return -EINVAL;
    }
    if (path[0] == '@' && length == 1) {
        *ret_problem = "the abstract name after @ is missing";
        return -EINVAL;
    }
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, length + 1);
    if (path[0] == '@') {
        local->sun_path[0] = '\0';
        address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    } else {
        address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    }
    return 0;
}

static int parse_port(const char *text, in_port_t *ret_port)
{
    unsigned port = 0;

    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        port = port * 10 + (unsigned)(*text - '0');
        if (port > UINT16_MAX)
            return -EINVAL;
    }
    *ret_port = htons((uint16_t)port);
    return 0;
}

/* Host and port of 127.0.0.1:8258 or [::1]:8258, without the brackets. */
static int split_host(const char *text, char host[INET6_ADDRSTRLEN], const char **ret_port,
                      bool *ret_bracketed)
{
    bool bracketed = text[0] == '[';
    const char *start = bracketed ? text + 1 : text;
    const char *end = strrchr(start, bracketed ? ']' : ':');
    size_t length;

    if (end == NULL || (bracketed && end[1] != ':'))
        return -EINVAL;
    length = (size_t)(end - start);
    if (length == 0 || length >= INET6_ADDRSTRLEN)
        return -EINVAL;
    memcpy(host, start, length);
    host[length] = '\0';
    *ret_port = end + (bracketed ? 2 : 1);
    *ret_bracketed = bracketed;
    return 0;
}

static int parse_tcp(const char *text, struct valve_address *address, const char **ret_problem)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket.storage;
    char host[INET6_ADDRSTRLEN];
    const char *port;
    bool bracketed;

    if (split_host(text, host, &port, &bracketed) < 0) {
        *ret_problem = "an address is unix:/path, a.b.c.d:port or [v6]:port";
        return -EINVAL;
    }
    if (!bracketed && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        address->size = sizeof *v4;
    } else if (bracketed && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        address->size = sizeof *v6;
    } else {
        *ret_problem = "the host is a numeric address: a.b.c.d or [v6]; names are not looked up";
        return -EINVAL;
    }
    if (parse_port(port, bracketed ? &v6->sin6_port : &v4->sin_port) < 0) {
        *ret_problem = "the port is a number from 0 to 65535";
        return -EINVAL;
    }
    return 0;
}

int valve_address_parse(const char *text, struct valve_address *ret_address,
                        const char **ret_problem)
{
    struct valve_address address = {0};
    size_t length = strlen(text);
    int r;

    if (length >= sizeof address.text) {
        *ret_problem = "the address is too long";
        return -EINVAL;
    }
    memcpy(address.text, text, length + 1);
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        r = parse_unix(text + strlen(UNIX_PREFIX), &address, ret_problem);
    else
        r = parse_tcp(text, &address, ret_problem);
    if (r < 0)
        return r;
    *ret_address = address;
    return 0;
}

bool valve_address_is_unix(const struct valve_address *address)
{
    return address->socket.any.sa_family == AF_UNIX;
}

const char *valve_address_path(const struct valve_address *address)
{
    if (!valve_address_is_unix(address) || address->socket.local.sun_path[0] == '\0')
        return NULL;
    return address->socket.local.sun_path;
}

void valve_address_host(const struct valve_address *address, char host[VALVE_ADDRESS_TEXT])
{
    const char *text = address->text, *colon = strrchr(text, ':');
    size_t size = colon == NULL ? strlen(text) : (size_t)(colon - text);

    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    memcpy(host, text, size);
    host[size] = '\0';
}

bool valve_address_is_loopback(const struct valve_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket.storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket.storage;

    switch (address->socket.any.sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(v4->sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    default:
        return false;
    }
}

void valve_address_format(const struct sockaddr *socket, socklen_t size,
                          char text[VALVE_ADDRESS_TEXT])
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)socket;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)socket;
    char host[INET6_ADDRSTRLEN] = "?";
    int path_size = (int)size - (int)offsetof(struct sockaddr_un, sun_path);

    switch (socket->sa_family) {
    case AF_UNIX:
        if (path_size <= 0)
            snprintf(text, VALVE_ADDRESS_TEXT, "unix:");
        else if (local->sun_path[0] == '\0')
            snprintf(text, VALVE_ADDRESS_TEXT, "unix:@%.*s", path_size - 1, local->sun_path + 1);
        else
            snprintf(text, VALVE_ADDRESS_TEXT, "unix:%.*s", path_size, local->sun_path);
        break;
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(text, VALVE_ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(text, VALVE_ADDRESS_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
        break;
    default:
        snprintf(text, VALVE_ADDRESS_TEXT, "?");
        break;
    }
}
