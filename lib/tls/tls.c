/* SPDX-License-Identifier: MIT */
/*
 * Contexts of OpenSSL, and what goes into them: files, whom to believe, what to speak.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/session.h"

const char *valve_tls_reason(const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : what;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Whether it can be read; OpenSSL would not say why it cannot. */
static int open_and_close(const char *path, const char *what, struct valve_error *error)
{
    FILE *file = fopen(path, "re");
    int r = file != NULL ? 0 : -errno;

    if (file != NULL)
        fclose(file);
    else
        snprintf(error->text, sizeof error->text, "%s %.300s: %s", what, path, strerror(-r));
    return r;
}

static int refuse(const char *path, const char *what, const char *why, struct valve_error *error)
{
    unsigned long code = ERR_peek_last_error();

    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
        ERR_clear_error();
        return -ENOMEM;
    }
    snprintf(error->text, sizeof error->text, "%s %.300s: %s (%.100s)", what, path, why,
             valve_tls_reason("no reason is known"));
    return -EINVAL;
}

/* Nobody is there to be asked for it. */
static int no_password(char *text, int size, int is_writing, void *context)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static int use_own(SSL_CTX *context, const struct valve_tls_options *options,
                   struct valve_error *error)
{
    int r = open_and_close(options->certificate, "certificate", error);

    if (r == 0)
        r = open_and_close(options->key, "key", error);
    if (r < 0)
        return r;
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate) != 1)
        return refuse(options->certificate, "certificate", "is no certificate in PEM", error);
    if (SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM) != 1)
        return refuse(options->key, "key",
                      "is no key in PEM without a password that fits the "
                      "certificate",
                      error);
    return 0;
}

static int believe(SSL_CTX *context, const struct valve_tls_options *options, bool is_server,
                   struct valve_error *error)
{
    STACK_OF(X509_NAME) * names;
    int r = open_and_close(options->authorities, "authorities", error);

    if (r < 0)
        return r;
    if (SSL_CTX_load_verify_file(context, options->authorities) != 1)
        return refuse(options->authorities, "authorities", "is no certificate in PEM", error);
    if (!is_server)
        return 0;
    names = SSL_load_client_CA_file(options->authorities); /* clients are told of them */
    if (names == NULL)
        return refuse(options->authorities, "authorities", "is no certificate in PEM", error);
    SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

/* ---- Contexts -------------------------------------------------------------------------------- */

/* Of what a client offers. One that offers only others is told so; see also the handshake. */
static int select_protocol(SSL *ssl, const unsigned char **ret_protocol, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *context)
{
    unsigned char *selected;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&selected, ret_size, (const unsigned char *)VALVE_TLS_ALPN,
                              sizeof VALVE_TLS_ALPN - 1, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_protocol = selected;
    return SSL_TLSEXT_ERR_OK;
}

/*
 * Sessions are not resumed: a certificate that is believed no more would be in a ticket.
 * Connections last, so handshakes are few.
 */
static int set_up(SSL_CTX *context, bool is_server, bool allows_1_2)
{
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    if (is_server)
        SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS); /* see valve_tls_bio_new() */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(context, allows_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1)
        return -ENOMEM;
    if (!is_server)
        return SSL_CTX_set_alpn_protos(context, (const unsigned char *)VALVE_TLS_ALPN,
                                       sizeof VALVE_TLS_ALPN - 1) == 0
                   ? 0
                   : -ENOMEM;
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    return SSL_CTX_set_num_tickets(context, 0) == 1 ? 0 : -ENOMEM;
}

static int fill(SSL_CTX *context, const struct valve_tls_options *options, bool is_server,
                struct valve_error *error)
{
    int r = set_up(context, is_server, options->allows_1_2);

    if (r == 0 && options->certificate != NULL)
        r = use_own(context, options, error);
    if (r < 0)
        return r;
    if (options->authorities != NULL)
        r = believe(context, options, is_server, error);
    else if (!is_server && SSL_CTX_set_default_verify_paths(context) != 1)
        r = -ENOMEM;
    if (r == 0 && (!is_server || options->authorities != NULL))
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return r;
}

static int tls_new(const struct valve_tls_options *options, bool is_server,
                   struct valve_tls **ret_tls, struct valve_error *ret_error)
{
    struct valve_tls *tls;
    int r = valve_openssl_load(ret_error);

    if (r < 0)
        return r;
    if ((options->certificate == NULL) != (options->key == NULL) ||
        (is_server && options->certificate == NULL)) {
        snprintf(ret_error->text, sizeof ret_error->text,
                 "a certificate needs its key, and a server needs both");
        return -EINVAL;
    }
    ERR_clear_error();
    tls = calloc(1, sizeof *tls);
    r = -ENOMEM;
    if (tls != NULL) {
        tls->is_server = is_server;
        tls->references = 1;
        tls->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    }
    if (tls != NULL && tls->context != NULL)
        r = fill(tls->context, options, is_server, ret_error);
    if (r == -ENOMEM)
        snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
    if (r < 0) {
        valve_tls_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

int valve_tls_new_server(const struct valve_tls_options *options, struct valve_tls **ret_tls,
                         struct valve_error *ret_error)
{
    return tls_new(options, true, ret_tls, ret_error);
}

int valve_tls_new_client(const struct valve_tls_options *options, struct valve_tls **ret_tls,
                         struct valve_error *ret_error)
{
    return tls_new(options, false, ret_tls, ret_error);
}

struct valve_tls *valve_tls_share(struct valve_tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void valve_tls_free(struct valve_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}
