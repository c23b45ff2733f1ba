/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL reads and writes a socket through. Its own BIO for sockets knows of the kernel's
 * TLS, but reads and writes a socket as if it were a file, which costs more; so there is another.
 */
#ifndef VALVE_TLS_BIO_H
#define VALVE_TLS_BIO_H

#include <stdbool.h>

#include "tls/openssl.h"

struct valve_tls_socket {
    int descriptor;
    unsigned reads; /* that may still be made; behind them there seems to be nothing */
};

/*
 * A BIO for a socket, which stays its caller's, as does the structure. One that `may_seal` lets the
 * kernel encrypt, where it can; the other never raises SIGPIPE. NULL: no memory.
 */
BIO *valve_tls_bio_new(struct valve_tls_socket *socket, bool may_seal);

#endif
