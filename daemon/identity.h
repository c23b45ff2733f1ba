/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a connection, as the kernel knows it.
 */
#ifndef VALVED_IDENTITY_H
#define VALVED_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/network.h"

struct valve_certificate;

/* Of a Unix socket the user and groups, of TCP the address, under TLS the certificate, too. */
struct identity {
    bool is_local; /* it came by a Unix socket */
    uid_t user;    /* that connected, whoever has the socket now */
    gid_t *groups; /* all of that process's, in no order */
    size_t group_count;
    struct valve_network address;                /* of TCP, with nobody else in it */
    const struct valve_certificate *certificate; /* that he has shown, or NULL */
};

/* Asks the kernel about a connected socket. Never waits. 0 or -errno; then the caller frees it. */
int identity_of(int descriptor, struct identity *ret_identity);

void identity_fini(struct identity *identity);

/*
 * Who is at the other end, in words without blanks: uid:1000, or 192.0.2.7:5123, and cn:NAME behind
 * a comma where there is a certificate. Cut to what there is room for. Never waits. 0; -ENOTCONN,
 * of a TCP client that has reset its connection the kernel knows no more: ? stands there.
 */
#define IDENTITY_TEXT 256
int identity_describe(int descriptor, const struct valve_certificate *certificate,
                      char text[IDENTITY_TEXT]);

#endif
