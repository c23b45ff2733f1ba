/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what OpenSSL says, in the errors of the rest of the library.
 */
#include "tls/session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/certificate.h"
#include "tls/tls.h"

struct valve_tls_session {
    SSL *ssl;
    struct valve_certificate *certificate; /* the other side's, once it was verified, or NULL */
    bool kernel_sends;
    unsigned reads;      /* of the socket that the present call may still make */
    unsigned updates;    /* of keys by the other side, since bytes came */
    const char *problem; /* static, or NULL */
};

/* ---- Sockets of clients ---------------------------------------------------------------------- */

/*
 * As OpenSSL's own BIO for sockets, but for one thing: a program that only calls need not ignore
 * SIGPIPE. Servers have OpenSSL's, which knows of the kernel's TLS.
 */
static int quiet_write(BIO *bio, const char *data, int size)
{
    ssize_t r = send((int)BIO_get_fd(bio, NULL), data, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (r < 0 && BIO_sock_should_retry(-1))
        BIO_set_retry_write(bio);
    return (int)r;
}

static BIO_METHOD *quiet;

static void make_quiet(void)
{
    const BIO_METHOD *socket = BIO_s_socket();

    quiet = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
    if (quiet != NULL) {
        BIO_meth_set_write(quiet, quiet_write);
        BIO_meth_set_read(quiet, BIO_meth_get_read(socket));
        BIO_meth_set_ctrl(quiet, BIO_meth_get_ctrl(socket));
        BIO_meth_set_create(quiet, BIO_meth_get_create(socket));
        BIO_meth_set_destroy(quiet, BIO_meth_get_destroy(socket));
    }
}

static int set_quiet_socket(SSL *ssl, int socket)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_quiet);
    bio = quiet != NULL ? BIO_new(quiet) : NULL;
    if (bio == NULL)
        return 0;
    BIO_set_fd(bio, socket, BIO_NOCLOSE);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

/* ---- What one call may take ------------------------------------------------------------------ */

/*
 * OpenSSL reads on behind messages that carry no data, so that who sends nothing but new keys could
 * keep a thread in SSL_read(). So a call reads a few times and is told then that there is no more,
 * though there may be, of which the socket tells; and some updates of keys in a row are enough.
 */
#define READS        4
#define MOST_UPDATES 32

static long before_read(BIO *bio, int operation, const char *data, size_t size, int argument,
                        long other, int result, size_t *taken)
{
    struct valve_tls_session *session = (struct valve_tls_session *)BIO_get_callback_arg(bio);

    (void)data;
    (void)size;
    (void)argument;
    (void)other;
    (void)taken;
    if (operation != BIO_CB_READ)
        return result;
    if (session->reads > 0 && session->updates <= MOST_UPDATES) {
        session->reads--;
        return result;
    }
    BIO_clear_retry_flags(bio);
    BIO_set_retry_read(bio);
    return -1;
}

static void on_message(int is_written, int version, int type, const void *message, size_t size,
                       SSL *ssl, void *context)
{
    struct valve_tls_session *session = context;

    (void)version;
    (void)ssl;
    if (!is_written && type == SSL3_RT_HANDSHAKE && size > 0 &&
        *(const uint8_t *)message == SSL3_MT_KEY_UPDATE)
        session->updates++;
}

static void set_bounds(struct valve_tls_session *session)
{
    BIO *bio = SSL_get_rbio(session->ssl);

    BIO_set_callback_arg(bio, (char *)session);
    BIO_set_callback_ex(bio, before_read);
    SSL_set_msg_callback(session->ssl, on_message);
    SSL_set_msg_callback_arg(session->ssl, session);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static int set_socket(SSL *ssl, const struct valve_tls *tls, int socket)
{
    return tls->is_server ? SSL_set_fd(ssl, socket) : set_quiet_socket(ssl, socket);
}

int valve_tls_session_new(const struct valve_tls *tls, int socket,
                          struct valve_tls_session **ret_session)
{
    struct valve_tls_session *session = calloc(1, sizeof *session);

    ERR_clear_error();
    if (session != NULL)
        session->ssl = SSL_new(tls->context);
    if (session == NULL || session->ssl == NULL || set_socket(session->ssl, tls, socket) != 1) {
        ERR_clear_error();
        valve_tls_session_free(session);
        return -ENOMEM;
    }
    set_bounds(session);
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

    ERR_clear_error();
    if (is_address)
        return 0; /* which is no name to be told to the server: RFC 6066, 3 */
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(parameters, name, 0) != 1 ||
        SSL_set_tlsext_host_name(session->ssl, name) != 1) {
        ERR_clear_error();
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
    return 0;
}

int valve_tls_session_shake(struct valve_tls_session *session, short *ret_events,
                            struct valve_error *ret_error)
{
    int result, error, r;

    ERR_clear_error();
    errno = 0;
    session->reads = READS;
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

    ERR_clear_error();
    errno = 0;
    session->reads = READS;
    result = SSL_read_ex(session->ssl, data, size, &taken);
    r = errno;
    if (session->updates > MOST_UPDATES) {
        session->problem = "the other end does nothing but change its keys";
        return -EPROTO;
    }
    if (result == 1) {
        session->updates = 0;
        return (ssize_t)taken;
    }
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

    ERR_clear_error();
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

    ERR_clear_error();
    session->reads = READS;
    result = SSL_shutdown(session->ssl);
    if (result < 0 && SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_WRITE)
        r = -EAGAIN;
    ERR_clear_error();
    return r;
}
