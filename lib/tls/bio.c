/* SPDX-License-Identifier: MIT */
/*
 * Two kinds of BIO for sockets: OpenSSL's, and one that does no more than is needed. Both are told
 * how often they may read.
 */
#include "tls/bio.h"

#include <pthread.h>
#include <sys/socket.h>

static BIO_METHOD *plain, *sealing;

/* ---- How often it may read ------------------------------------------------------------------- */

/*
 * OpenSSL reads on behind messages that carry no data, so that who sends nothing but new keys could
 * keep a thread in SSL_read(). So it is told at some time that there is no more, though there may
 * be, of which the socket tells.
 */
static bool may_read(BIO *bio, struct valve_tls_socket *socket)
{
    BIO_clear_retry_flags(bio);
    if (socket->reads == 0) {
        BIO_set_retry_read(bio);
        return false;
    }
    socket->reads--;
    return true;
}

/* ---- The plain one --------------------------------------------------------------------------- */

static int plain_read(BIO *bio, char *data, int size)
{
    struct valve_tls_socket *socket = BIO_get_data(bio);
    ssize_t r;

    if (!may_read(bio, socket))
        return -1;
    r = recv(socket->descriptor, data, (size_t)size, 0);
    if (r == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    else if (r < 0 && BIO_sock_should_retry(-1))
        BIO_set_retry_read(bio);
    return (int)r;
}

static int plain_write(BIO *bio, const char *data, int size)
{
    const struct valve_tls_socket *socket = BIO_get_data(bio);
    ssize_t r = send(socket->descriptor, data, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (r < 0 && BIO_sock_should_retry(-1))
        BIO_set_retry_write(bio);
    return (int)r;
}

/* The kernel's TLS is none of what it knows: it says no to that. */
static long plain_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

/* ---- OpenSSL's, which has a place for us only in the argument of a callback -------------------- */

static int sealing_read(BIO *bio, char *data, int size)
{
    struct valve_tls_socket *socket = (struct valve_tls_socket *)BIO_get_callback_arg(bio);

    return may_read(bio, socket) ? BIO_meth_get_read(BIO_s_socket())(bio, data, size) : -1;
}

/* ---- Making them ----------------------------------------------------------------------------- */

static void make_methods(void)
{
    const BIO_METHOD *own = BIO_s_socket();

    plain = BIO_meth_new(BIO_TYPE_SOCKET, "socket");
    sealing = BIO_meth_new(BIO_TYPE_SOCKET, "socket that the kernel may seal");
    if (plain != NULL) {
        BIO_meth_set_read(plain, plain_read);
        BIO_meth_set_write(plain, plain_write);
        BIO_meth_set_ctrl(plain, plain_control);
    }
    if (sealing != NULL) {
        BIO_meth_set_read(sealing, sealing_read);
        BIO_meth_set_write(sealing, BIO_meth_get_write(own));
        BIO_meth_set_ctrl(sealing, BIO_meth_get_ctrl(own));
        BIO_meth_set_create(sealing, BIO_meth_get_create(own));
        BIO_meth_set_destroy(sealing, BIO_meth_get_destroy(own));
    }
}

BIO *valve_tls_bio_new(struct valve_tls_socket *socket, bool may_seal)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const BIO_METHOD *method;
    BIO *bio;

    pthread_once(&once, make_methods);
    method = may_seal ? sealing : plain;
    bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL)
        return NULL;
    if (may_seal) {
        BIO_set_callback_arg(bio, (char *)socket);
        BIO_set_fd(bio, socket->descriptor, BIO_NOCLOSE);
    } else {
        BIO_set_data(bio, socket);
        BIO_set_init(bio, 1);
    }
    return bio;
}
