/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what OpenSSL says, in the errors of the rest of the library.
 */
#include "tls/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/bio.h"
#include "tls/certificate.h"
#include "tls/tls.h"

struct valve_tls_session {
    SSL *ssl;
    struct valve_certificate *certificate; /* the other side's, once it was verified, or NULL */
    struct valve_tls_socket socket;        /* which the present call may read some times */
    bool may_seal, kernel_sends;           /* in the kernel */
    bool counts_updates;
    unsigned updates;    /* of keys by the other side, since bytes came */
    const char *problem; /* static, or NULL */
};

/* Of whoever was here before. To look is cheaper than to clear. */
static void forget_errors(void)
{
    if (ERR_peek_last_error() != 0)
        ERR_clear_error();
}

/* ---- What one call may take ------------------------------------------------------------------ */

/*
 * Of what carries no data: see may_read(). Some updates of keys in a row are enough. They are
 * counted from when a call has brought nothing: OpenSSL tells of each record otherwise, and who
 * asks and is answered never does that.
 */
#define READS        2
#define MOST_UPDATES 32

static void on_message(int is_written, int version, int type, const void *message, size_t size,
                       SSL *ssl, void *context)
{
    struct valve_tls_session *session = context;

    (void)version;
    (void)ssl;
    if (!is_written && type == SSL3_RT_HANDSHAKE && size > 0 &&
        *(const uint8_t *)message == SSL3_MT_KEY_UPDATE && ++session->updates > MOST_UPDATES)
        session->socket.reads = 0;
}

static void count_updates(struct valve_tls_session *session, bool begins)
{
    if (session->counts_updates == begins)
        return;
    session->counts_updates = begins;
    session->updates = 0;
    SSL_set_msg_callback(session->ssl, begins ? on_message : NULL);
    SSL_set_msg_callback_arg(session->ssl, session);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static int set_bio(struct valve_tls_session *session, bool may_seal)
{
    BIO *bio = valve_tls_bio_new(&session->socket, may_seal);

    if (bio == NULL)
        return -ENOMEM;
    SSL_set_bio(session->ssl, bio, bio);
    session->may_seal = may_seal;
    return 0;
}

int valve_tls_session_new(const struct valve_tls *tls, int socket,
                          struct valve_tls_session **ret_session)
{
    struct valve_tls_session *session = calloc(1, sizeof *session);

    forget_errors();
    if (session != NULL) {
        session->socket.descriptor = socket;
        session->ssl = SSL_new(tls->context);
    }
    if (session == NULL || session->ssl == NULL || set_bio(session, tls->is_server) < 0) {
        forget_errors();
        valve_tls_session_free(session);
        return -ENOMEM;
    }
    if (tls->is_server)
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    *ret_session = session;
    return 0;
}

void valve_tls_session_free(struct valve_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    valve_certificate_free(session->certificate);
    free(session);
}

int valve_tls_session_expect(struct valve_tls_session *session, const char *name)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(session->ssl);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1;

    forget_errors();
    if (is_address)
        return 0; /* which is no name to be told to the server: RFC 6066, 3 */
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(parameters, name, 0) != 1 ||
        SSL_set_tlsext_host_name(session->ssl, name) != 1) {
        forget_errors();
        return -EINVAL;
    }
    return 0;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* A call has failed, with `error` in errno: what to poll for, or why. */
static int verdict(struct valve_tls_session *session, int result, int error, short *ret_events)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *ret_events = POLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *ret_events = POLLOUT;
        return -EAGAIN;
    case SSL_ERROR_SYSCALL:
        return error != 0 ? -error : -ECONNRESET;
    default:
        session->problem = valve_tls_reason("the other end broke TLS");
        return -EPROTO;
    }
}

/* ---- The handshake --------------------------------------------------------------------------- */

static void explain(const struct valve_tls_session *session, int error,
                    struct valve_error *ret_error)
{
    long verified = SSL_get_verify_result(session->ssl);

    if (verified != X509_V_OK)
        snprintf(ret_error->text, sizeof ret_error->text, "the certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    else if (error == -EPROTO)
        snprintf(ret_error->text, sizeof ret_error->text, "the TLS handshake failed: %s",
                 session->problem);
    else
        snprintf(ret_error->text, sizeof ret_error->text, "the TLS handshake failed: %s",
                 strerror(-error));
}

/* Both have shown what they have. */
static int finish(struct valve_tls_session *session, struct valve_error *ret_error)
{
    const X509 *x509 = SSL_get0_peer_certificate(session->ssl);
    const unsigned char *protocol;
    unsigned size;
    int r;

    SSL_get0_alpn_selected(session->ssl, &protocol, &size);
    if (size == 0) {
        snprintf(ret_error->text, sizeof ret_error->text,
                 "the TLS handshake failed: the other side does not speak valve/1 (ALPN)");
        return -EPROTO;
    }
    if (x509 != NULL) {
        session->certificate = valve_certificate_read(x509);
        if (session->certificate == NULL) {
            snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
            return -ENOMEM;
        }
    }
    session->kernel_sends = BIO_get_ktls_send(SSL_get_wbio(session->ssl));
    if (!session->may_seal || session->kernel_sends ||
        BIO_get_ktls_recv(SSL_get_rbio(session->ssl)))
        return 0;
    r = set_bio(session, false); /* as the kernel does nothing, the one that costs less */
    if (r < 0)
        snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
    return r;
}

int valve_tls_session_shake(struct valve_tls_session *session, short *ret_events,
                            struct valve_error *ret_error)
{
    int result, error, r;

    forget_errors();
    errno = 0;
    session->socket.reads = READS;
    result = SSL_do_handshake(session->ssl);
    error = errno;
    if (result == 1)
        return finish(session, ret_error);
    r = verdict(session, result, error, ret_events);
    if (r == -EAGAIN)
        return r;
    explain(session, r, ret_error);
    return r;
}

const struct valve_certificate *
valve_tls_session_certificate(const struct valve_tls_session *session)
{
    return session->certificate;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

ssize_t valve_tls_session_read(struct valve_tls_session *session, void *data, size_t size)
{
    size_t taken = 0;
    short events = 0;
    int result, r;

    forget_errors();
    errno = 0;
    session->socket.reads = READS;
    result = SSL_read_ex(session->ssl, data, size, &taken);
    r = errno;
    if (session->updates > MOST_UPDATES) {
        session->problem = "the other end does nothing but change its keys";
        return -EPROTO;
    }
    count_updates(session, result != 1);
    if (result == 1)
        return (ssize_t)taken;
    if (SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN)
        return 0;
    r = verdict(session, result, r, &events);
    return r == -EAGAIN && events == POLLOUT ? -EBUSY : r;
}

bool valve_tls_session_has_more(const struct valve_tls_session *session)
{
    return SSL_has_pending(session->ssl) == 1;
}

ssize_t valve_tls_session_write(struct valve_tls_session *session, const void *data, size_t size)
{
    size_t taken = 0;
    short events;
    int result, r;

    forget_errors();
    errno = 0;
    result = SSL_write_ex(session->ssl, data, size, &taken);
    if (result == 1)
        return (ssize_t)taken;
    r = verdict(session, result, errno, &events);
    return r;
}

bool valve_tls_session_kernel_sends(const struct valve_tls_session *session)
{
    return session->kernel_sends;
}

const char *valve_tls_session_problem(const struct valve_tls_session *session)
{
    return session->problem;
}

int valve_tls_session_end(struct valve_tls_session *session)
{
    int result, r = 0;

    forget_errors();
    session->socket.reads = READS;
    result = SSL_shutdown(session->ssl);
    if (result < 0 && SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_WRITE)
        r = -EAGAIN;
    forget_errors();
    return r;
}
