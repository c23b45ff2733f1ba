/* SPDX-License-Identifier: MIT */
/*
 * Networks, and what is in them.
 */
#include "net/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define MAPPED 12 /* bytes before the IPv4 address in an IPv6 one that carries it */

static unsigned bits_of(sa_family_t family)
{
    return family == AF_INET ? 32 : 128;
}

/* The bits of a byte that a prefix covers, of which so many are left. */
static uint8_t mask(unsigned bits)
{
    return (uint8_t)(bits >= 8 ? 0xff : 0xff << (8 - bits));
}

static bool is_same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    size_t bytes = bits / 8;

    return memcmp(a, b, bytes) == 0 &&
           (bits % 8 == 0 || ((a[bytes] ^ b[bytes]) & mask(bits % 8)) == 0);
}

static bool is_zero_behind(const struct valve_network *network)
{
    for (unsigned bit = network->bits; bit < bits_of(network->family); bit++)
        if (network->address[bit / 8] & (0x80u >> bit % 8))
            return false;
    return true;
}

static int parse_bits(const char *text, unsigned most, uint8_t *ret_bits)
{
    unsigned bits = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return -EINVAL;
    while (digits-- > 0)
        bits = bits * 10 + (unsigned)(*text++ - '0');
    if (bits > most)
        return -EINVAL;
    *ret_bits = (uint8_t)bits;
    return 0;
}

int valve_network_parse(const char *text, struct valve_network *ret_network,
                        const char **ret_problem)
{
    struct valve_network network = {.family = strchr(text, ':') == NULL ? AF_INET : AF_INET6};
    size_t length = strcspn(text, "/");
    char host[INET6_ADDRSTRLEN];

    *ret_problem = "a network is an address in digits, a.b.c.d or v6, alone or with /BITS";
    if (length >= sizeof host)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    if (inet_pton(network.family, host, network.address) != 1)
        return -EINVAL;
    network.bits = (uint8_t)bits_of(network.family);
    if (text[length] == '/' &&
        parse_bits(text + length + 1, bits_of(network.family), &network.bits) < 0) {
        *ret_problem = "after / comes how many bits count: 0 to 32, or to 128 for IPv6";
        return -EINVAL;
    }
    if (!is_zero_behind(&network)) {
        *ret_problem = "the address has bits set behind those that count";
        return -EINVAL;
    }
    *ret_network = network;
    return 0;
}

struct valve_network valve_network_of(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    struct valve_network network = {.family = address->sa_family};

    switch (address->sa_family) {
    case AF_INET:
        memcpy(network.address, &v4->sin_addr, sizeof v4->sin_addr);
        break;
    case AF_INET6:
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            network.family = AF_INET;
            memcpy(network.address, v6->sin6_addr.s6_addr + MAPPED, sizeof v4->sin_addr);
        } else {
            memcpy(network.address, &v6->sin6_addr, sizeof v6->sin6_addr);
        }
        break;
    default:
        return (struct valve_network){.family = AF_UNSPEC};
    }
    network.bits = (uint8_t)bits_of(network.family);
    return network;
}

bool valve_network_is_one(const struct valve_network *network)
{
    return network->bits == bits_of(network->family);
}

bool valve_network_holds(const struct valve_network *outer, const struct valve_network *inner)
{
    return outer->family != AF_UNSPEC && outer->family == inner->family &&
           outer->bits <= inner->bits &&
           is_same_prefix(outer->address, inner->address, outer->bits);
}
