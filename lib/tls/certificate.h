/* SPDX-License-Identifier: MIT */
/*
 * Whom a certificate names.
 */
#ifndef VALVE_TLS_CERTIFICATE_H
#define VALVE_TLS_CERTIFICATE_H

#include "tls/openssl.h"
#include "valve.h"

/*
 * The names in a certificate: the common name if there is one, and all alternative names that are
 * text (DNS, e-mail, URI). A name that could be taken for another, with a zero in it, is left out.
 * NULL: no memory. valve_certificate_free() accepts NULL.
 */
struct valve_certificate *valve_certificate_read(const X509 *x509);
void valve_certificate_free(struct valve_certificate *certificate);

#endif
