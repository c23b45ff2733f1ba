# SPDX-License-Identifier: MIT
"""Certificates for tests, made by openssl(1), and what shows them."""
import ctypes
import os
import socket
import ssl
import subprocess

import support

ALPN = "valve/1"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
DAYS = ("-days", "2")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=support.DEADLINE)


class Authority:
    """Signs certificates. Those of one NAME are NAME.pem and NAME.key in its directory."""

    def __init__(self, directory, name="authority"):
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.certificate, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        openssl("req", "-x509", *CURVE, "-keyout", self.key, "-out", self.certificate,
                "-subj", f"/CN={name}", *DAYS)

    def issue(self, name, subject=None, alternatives="", usage="", validity=DAYS):
        """`subject` as in -subj, with a common name only by default; the others as extensions."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        openssl("req", *CURVE, "-keyout", key, "-out", request, "-subj",
                f"/CN={name}" if subject is None else subject)
        extensions.write_text("".join(
            f"{kind}={value}\n" for kind, value in
            (("subjectAltName", alternatives), ("extendedKeyUsage", usage)) if value))
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-extfile", extensions, "-out", certificate, *validity)
        return certificate, key

    def client(self, pair=None, alpn=(ALPN,)):
        """A context for clients that believe this authority and show such a certificate."""
        context = ssl.create_default_context(cafile=self.certificate)
        if pair:
            context.load_cert_chain(*pair)
        if alpn:
            context.set_alpn_protocols(alpn)
        return context

    def listener(self, pair, clients=True, **keys):
        """The keys of a listener that shows such a certificate."""
        return ({"tls_cert": pair[0], "tls_key": pair[1]} |
                ({"tls_client_ca": self.certificate} if clients else {}) | keys)


class Renewing:
    """A client that changes its keys when it is told to, and sends only when it is told to."""

    def __init__(self, address, authority, pair):
        self._ssl = ctypes.CDLL("libssl.so.3")
        self._crypto = ctypes.CDLL("libcrypto.so.3")
        for library, name in ((self._ssl, "TLS_client_method"), (self._ssl, "SSL_CTX_new"),
                              (self._ssl, "SSL_new"), (self._crypto, "BIO_s_mem"),
                              (self._crypto, "BIO_new")):
            getattr(library, name).restype = ctypes.c_void_p
        context = self._pointer(self._ssl.SSL_CTX_new(self._pointer(self._ssl.TLS_client_method())))
        alpn = bytes([len(ALPN)]) + ALPN.encode()
        self._ssl.SSL_CTX_load_verify_file(context, os.fsencode(authority.certificate))
        self._ssl.SSL_CTX_set_verify(context, 1, None)
        self._ssl.SSL_CTX_use_certificate_chain_file(context, os.fsencode(pair[0]))
        self._ssl.SSL_CTX_use_PrivateKey_file(context, os.fsencode(pair[1]), 1)
        self._ssl.SSL_CTX_set_alpn_protos(context, alpn, len(alpn))
        self._session = self._pointer(self._ssl.SSL_new(context))
        self._ssl.SSL_CTX_free(context)
        self._incoming, self._outgoing = (
            self._pointer(self._crypto.BIO_new(self._pointer(self._crypto.BIO_s_mem())))
            for _ in range(2))
        self._ssl.SSL_set_bio(self._session, self._incoming, self._outgoing)
        self._ssl.SSL_set_connect_state(self._session)
        self._socket = socket.create_connection(address.rsplit(":", 1), timeout=30)
        while self._ssl.SSL_do_handshake(self._session) != 1:
            self.flush()
            self._receive()
        self.flush()

    _pointer = ctypes.c_void_p

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._ssl.SSL_free(self._session)

    def _receive(self):
        """False: nothing more will come."""
        data = self._socket.recv(65536)
        self._crypto.BIO_write(self._incoming, data, len(data))
        return bool(data)

    def flush(self):
        """Sends all that there is to be sent, at once."""
        size = self._crypto.BIO_ctrl_pending(self._outgoing)
        data = ctypes.create_string_buffer(size)
        self._crypto.BIO_read(self._outgoing, data, size)
        self._socket.sendall(data.raw)

    def renew(self, both=False):
        """Its own keys; both: the server is to do the same."""
        self._ssl.SSL_key_update(self._session, int(both))
        self._ssl.SSL_do_handshake(self._session)

    def write(self, data):
        self._ssl.SSL_write(self._session, data, len(data))

    def read(self, size):
        """So many bytes, or less at the end."""
        data, piece = b"", ctypes.create_string_buffer(size)
        while len(data) < size:
            taken = self._ssl.SSL_read(self._session, piece, size - len(data))
            if taken > 0:
                data += piece.raw[:taken]
            elif not self._receive():
                break
        return data
