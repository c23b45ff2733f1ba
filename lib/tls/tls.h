/* SPDX-License-Identifier: MIT */
/*
 * What one end of TLS connections has to show, and whom it believes: an SSL_CTX of OpenSSL that
 * others than its maker refer to, too.
 */
#ifndef VALVE_TLS_TLS_H
#define VALVE_TLS_TLS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "tls/openssl.h"
#include "valve.h"

/* The one protocol that is spoken inside (RFC 7301), with the length before it. */
#define VALVE_TLS_ALPN "\x07valve/1"

struct valve_tls {
    SSL_CTX *context;
    bool is_server;
    atomic_uint references;
};

/*
 * The reason of OpenSSL's latest error on this thread, of which the queue is empty then. `what`
 * where it gives none.
 */
const char *valve_tls_reason(const char *what);

#endif
