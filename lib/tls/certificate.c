/* SPDX-License-Identifier: MIT */
/*
 * Names in certificates: RFC 5280, 4.1.2.6 and 4.2.1.6.
 */
#include "tls/certificate.h"

#include <stdlib.h>
#include <string.h>

/* A copy as UTF-8. NULL: no memory, or it is no name. */
static char *copy_text(const ASN1_STRING *text)
{
    unsigned char *utf8 = NULL;
    int size = ASN1_STRING_to_UTF8(&utf8, text);
    char *copy = NULL;

    if (size > 0 && strlen((const char *)utf8) == (size_t)size)
        copy = strdup((const char *)utf8);
    OPENSSL_free(utf8);
    return copy;
}

/* Of several nobody could say which is meant: then there is none. */
static char *copy_common_name(const X509 *x509)
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0)
        return NULL;
    return copy_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
}

static const ASN1_STRING *text_of(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        return name->d.dNSName;
    case GEN_EMAIL:
        return name->d.rfc822Name;
    case GEN_URI:
        return name->d.uniformResourceIdentifier;
    default:
        return NULL;
    }
}

static char **copy_names(const GENERAL_NAMES *names)
{
    const OPENSSL_STACK *all = (const OPENSSL_STACK *)names;
    int count = OPENSSL_sk_num(all), kept = 0; /* -1: there are none */
    char **copies = calloc((size_t)(count > 0 ? count : 0) + 1, sizeof *copies);

    for (int i = 0; copies != NULL && i < count; i++) {
        const ASN1_STRING *text = text_of(OPENSSL_sk_value(all, i));
        char *copy = text != NULL ? copy_text(text) : NULL;

        if (copy != NULL)
            copies[kept++] = copy;
    }
    return copies;
}

struct valve_certificate *valve_certificate_read(const X509 *x509)
{
    struct valve_certificate *certificate = calloc(1, sizeof *certificate);
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

    if (certificate != NULL) {
        certificate->common_name = copy_common_name(x509);
        certificate->names = copy_names(names);
    }
    GENERAL_NAMES_free(names);
    if (certificate != NULL && certificate->names == NULL) {
        valve_certificate_free(certificate);
        return NULL;
    }
    return certificate;
}

void valve_certificate_free(struct valve_certificate *certificate)
{
    if (certificate == NULL)
        return;
    for (size_t i = 0; certificate->names != NULL && certificate->names[i] != NULL; i++)
        free(certificate->names[i]);
    free(certificate->names);
    free(certificate->common_name);
    free(certificate);
}
