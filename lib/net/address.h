/* SPDX-License-Identifier: MIT */
/*
 * Addresses as people write them: unix:/path, unix:@abstract, 127.0.0.1:8258, [::1]:8258.
 */
#ifndef VALVE_NET_ADDRESS_H
#define VALVE_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VALVE_ADDRESS_TEXT 128 /* room for any address as text, terminated */

struct valve_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un local;
    } socket;
    socklen_t size;                /* bytes of `socket` that count */
    char text[VALVE_ADDRESS_TEXT]; /* as it was written */
};

/*
 * Reads an address. Names are not looked up: a TCP address is numeric, so nothing here waits.
 * 0, or -EINVAL with a sentence in *ret_problem (static; no full stop) that says what is wrong.
 */
int valve_address_parse(const char *text, struct valve_address *ret_address,
                        const char **ret_problem);

bool valve_address_is_unix(const struct valve_address *address);

/* The path of a Unix socket in the file system; NULL for abstract ones and for TCP. */
const char *valve_address_path(const struct valve_address *address);

/* The address in digits alone, without port or brackets, as certificates name it; of TCP. */
void valve_address_host(const struct valve_address *address, char host[VALVE_ADDRESS_TEXT]);

/* Whether only this machine can reach it: Unix sockets, 127.0.0.0/8, ::1. */
bool valve_address_is_loopback(const struct valve_address *address);

/* Writes a socket address the way valve_address_parse() reads it. */
void valve_address_format(const struct sockaddr *socket, socklen_t size,
                          char text[VALVE_ADDRESS_TEXT]);

#endif
