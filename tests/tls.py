# SPDX-License-Identifier: MIT
"""Certificates for tests, made by openssl(1), and what shows them."""
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
