/* SPDX-License-Identifier: MIT */
/*
 * One end of one TLS connection, on a non-blocking socket that stays its caller's.
 *
 * Nothing here waits. OpenSSL needs some 10 KiB of stack for what it does with bytes, and more for
 * a handshake.
 */
#ifndef VALVE_TLS_SESSION_H
#define VALVE_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "valve.h"

struct valve_tls_session;

/* One more reference, to be freed like the first. NULL is accepted. Any thread. */
struct valve_tls *valve_tls_share(struct valve_tls *tls);

/* 0 or -ENOMEM. The session keeps a reference to `tls`. */
int valve_tls_session_new(const struct valve_tls *tls, int socket,
                          struct valve_tls_session **ret_session);
void valve_tls_session_free(struct valve_tls_session *session);

/*
 * Of a client, before the handshake: whom the server's certificate has to name, a host or an
 * address in digits. 0, -EINVAL or -ENOMEM.
 */
int valve_tls_session_expect(struct valve_tls_session *session, const char *name);

/*
 * Goes on with the handshake. 0: it is done, and the other side is who it should be; -EAGAIN: the
 * socket must be ready for *ret_events of poll(2) first; -EPROTO, explained in *ret_error; or how
 * the socket failed.
 */
int valve_tls_session_shake(struct valve_tls_session *session, short *ret_events,
                            struct valve_error *ret_error);

/* Whom the other side's certificate names; NULL where it has shown none. The session's. */
const struct valve_certificate *
valve_tls_session_certificate(const struct valve_tls_session *session);

/*
 * Some bytes that have come; 0: the other side has said that there are no more. -EAGAIN; -EBUSY: to
 * go on the socket must take output first; -EPROTO: the stream is broken or cut off; or how the
 * socket failed.
 */
ssize_t valve_tls_session_read(struct valve_tls_session *session, void *data, size_t size);

/* Whether bytes have left the socket that were not read here, of which it will not tell. */
bool valve_tls_session_has_more(const struct valve_tls_session *session);

/*
 * Sends some of these bytes: how many. After -EAGAIN the same must be sent before any others; then
 * they may be elsewhere, and more.
 */
ssize_t valve_tls_session_write(struct valve_tls_session *session, const void *data, size_t size);

/* Whether the kernel encrypts what is sent on the socket by now, as if there were no TLS. */
bool valve_tls_session_kernel_sends(const struct valve_tls_session *session);

/* Why the last of these that gave -EPROTO did, in words; NULL: none has. */
const char *valve_tls_session_problem(const struct valve_tls_session *session);

/*
 * Tells the other side that no more will be written. 0; -EAGAIN: the socket has to take output
 * first, and this is to be called again. Where TLS is broken nobody can be told.
 */
int valve_tls_session_end(struct valve_tls_session *session);

#endif
