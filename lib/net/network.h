/* SPDX-License-Identifier: MIT */
/*
 * Networks as people write them: 10.0.0.0/8, fd00::/8, 192.0.2.7.
 */
#ifndef VALVE_NET_NETWORK_H
#define VALVE_NET_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct valve_network {
    sa_family_t family;  /* AF_INET or AF_INET6; AF_UNSPEC: holds nothing */
    uint8_t bits;        /* of the address that its members have in common */
    uint8_t address[16]; /* the first 4 or all 16 bytes, in network order; zeroes after `bits` */
};

/*
 * Reads an address in digits, alone or with the length of a prefix (RFC 4632, RFC 4291).
 * 0, or -EINVAL with a sentence in *ret_problem (static; no full stop) that says what is wrong.
 */
int valve_network_parse(const char *text, struct valve_network *ret_network,
                        const char **ret_problem);

/* The network whose only member is this address; an IPv4 one that IPv6 carries is itself. */
struct valve_network valve_network_of(const struct sockaddr *address);

/* Whether it has one member only. */
bool valve_network_is_one(const struct valve_network *network);

/* Whether all of `inner` is in `outer`. */
bool valve_network_holds(const struct valve_network *outer, const struct valve_network *inner);

#endif
