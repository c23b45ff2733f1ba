# SPDX-License-Identifier: MIT
"""TLS: who is let in, what travels, what is refused and how, and what a reload changes."""
import contextlib
import functools
import io
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest

import cbor2

import support
import tls
from support import KIB, MIB, rows

HALF_OPEN = 200 if support.SMALL else 1500  # more than are let in at once
LARGE = os.urandom(MIB) * 3 + b"the end"
MANY = 3000


def setUpModule():
    """One authority, and what it has signed, for all of the tests."""
    global CA, OTHERS, STRANGERS, SERVER, ALICE, DIRECTORY
    DIRECTORY = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    CA = tls.Authority(DIRECTORY / "ours")
    OTHERS = tls.Authority(DIRECTORY / "others")  # of the same name as ours
    STRANGERS = tls.Authority(DIRECTORY / "strangers", "stranger")
    SERVER = CA.issue("server", alternatives="IP:127.0.0.1,DNS:files.example")
    ALICE = CA.issue("alice", alternatives="DNS:alice.example,email:alice@example.org")


class Secured(support.Server):
    """One that is under TLS on TCP."""

    def __init__(self, listener=None, settings=None, **arguments):
        keys = {"allow": "list size get exists del"} | (listener or CA.listener(SERVER))
        super().__init__(tcp=True, settings={"listen 1": keys} | (settings or {}), **arguments)

    def connect_tls(self, context=None):
        return support.Wire(self.tcp_address, tls=context or CA.client(ALICE), name="127.0.0.1")

    def valvectl(self, *words, authority=None, pair=None):
        shown = pair if pair is not None else ALICE
        return subprocess.run(
            [support.BUILD / "valvectl", "-H", self.tcp_address, "--ca",
             (authority or CA).certificate,
             *(("--cert", shown[0], "--key", shown[1]) if shown else ()), *words],
            capture_output=True, check=False, timeout=support.DEADLINE)


@support.expand
class Clients(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Secured())
        self.server.write("small", b"small")
        self.server.write("d/large", LARGE)

    def test_all_calls(self):
        with self.server.connect_tls() as wire:
            self.assertEqual(wire.ask({"Exists": "small"}), {"Exists": True})
            self.assertEqual(wire.ask({"Size": "d/large"}), {"Size": len(LARGE)})
            self.assertEqual(wire.ask({"Get": "small"}), {"Content": b"small"})
            self.assertEqual(wire.ask({"Get": "d/large"}), {"Content": LARGE})
            self.assertEqual({each["path"] for each in wire.ask("ListAll")["List"]},
                             {"small", "d/large"})
            self.assertEqual(wire.ask({"Del": "small"}), "Ok")
            self.assertEqual(support.error_code(wire.ask({"Get": "small"})), "not-found")
            self.assertEqual(wire.socket.version(), "TLSv1.3")
            self.assertEqual(wire.socket.selected_alpn_protocol(), tls.ALPN)

    def test_many_at_once(self):
        """More than a record of requests in one piece, whose replies are more than a buffer."""
        requests = b"".join(cbor2.dumps([id, {"Get": "small"}]) for id in range(1, MANY + 1))
        with self.server.connect_tls() as wire:
            replies = io.BytesIO(self.exchange(wire.socket, requests))
        answered = {cbor2.load(replies)[0] for _ in range(MANY)}
        self.assertEqual(answered, set(range(1, MANY + 1)))
        self.assertEqual(replies.read(), b"")

    def exchange(self, socket, data):
        """Sends and receives at once, until all is answered; by one thread: TLS has one state."""
        received = bytearray()
        socket.setblocking(False)
        while data or received.count(b"small") < MANY:
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                data = data[socket.send(data):] if data else data
            try:
                piece = socket.recv(65536)
                self.assertTrue(piece, "the end")
                received += piece
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([socket], [socket] if data else [], [], support.DEADLINE)
        return received

    def test_many_large(self):
        """Whose clients read little by little."""
        with self.server.connect_tls() as one, self.server.connect_tls() as other:
            for id in range(1, 5):
                one.request(id, {"Get": "d/large"})
                other.request(id, {"Get": "d/large"})
            for wire in other, one:
                for _ in range(4):
                    self.assertEqual(wire.reply()[1], {"Content": LARGE})

    def test_in_pieces(self):
        """Of a byte each, in both directions."""
        with subprocess.Popen(
                [support.BUILD / "tests/fault_proxy", "--split=1", "127.0.0.1:0",
                 self.server.tcp_address], stdout=subprocess.PIPE, text=True) as proxy:
            proxy.stdout.readline()
            address = proxy.stdout.readline().split()[-1]
            with support.Wire(address, tls=CA.client(ALICE), name="127.0.0.1") as wire:
                self.assertEqual(wire.ask({"Get": "small"}), {"Content": b"small"})
                self.assertEqual(wire.ask({"Size": "d/large"}), {"Size": len(LARGE)})
            proxy.terminate()
            proxy.communicate()

    def test_valvectl(self):
        result = self.server.valvectl("ls")
        self.assertEqual((result.returncode, sorted(result.stdout.split())),
                         (0, [b"d/large", b"small"]))
        result = self.server.valvectl("get", "-o", "-", "d/large")
        self.assertEqual((result.returncode, result.stdout), (0, LARGE))
        result = self.server.valvectl("--server-name", "files.example", "exists", "small")
        self.assertEqual((result.returncode, result.stdout), (0, b"yes\tsmall\n"))
        result = self.server.valvectl("bench", "-n", "1000", "-d", "4", "small", "d/large")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_openssl(self):
        """What a person has at hand to look."""
        program = subprocess.Popen(
            ["openssl", "s_client", "-connect", self.server.tcp_address, "-CAfile", CA.certificate,
             "-cert", ALICE[0], "-key", ALICE[1], "-alpn", tls.ALPN, "-quiet",
             "-verify_return_error"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        with program:
            program.stdin.write(cbor2.dumps([1, {"Get": "small"}]))
            program.stdin.flush()
            self.assertEqual(cbor2.load(program.stdout), [1, {"Content": b"small"}])
            program.terminate()

    @rows([("before a request", 1, False), ("on both sides", 1, True), ("some", 30, False)])
    def test_new_keys(self, count, both):
        """KeyUpdate and a request in one piece: what is behind it is seen."""
        request, reply = cbor2.dumps([1, {"Get": "small"}]), cbor2.dumps([1, {"Content": b"small"}])
        with tls.Renewing(self.server.tcp_address, CA, ALICE) as client:
            for _ in range(3):
                for _ in range(count):
                    client.renew(both)
                client.write(request)
                client.flush()
                self.assertEqual(client.read(len(reply)), reply)

    def test_nothing_but_new_keys(self):
        """Whoever sends these without end has them end; others are served meanwhile."""
        with tls.Renewing(self.server.tcp_address, CA, ALICE) as client, \
                self.server.connect_tls() as other, contextlib.suppress(ConnectionError):
            for _ in range(100):
                for _ in range(100):
                    client.renew()
                client.flush()
                self.assertEqual(other.ask({"Get": "small"}), {"Content": b"small"})
            self.assertEqual(client.read(1), b"")

    def test_a_client_that_does_not_read(self):
        with Secured(settings={"limits": {"send_timeout": "1s"}}) as server:
            server.write("large", LARGE)
            with server.connect_tls() as wire:
                for id in range(1, 20):
                    wire.request(id, {"Get": "large"})
                server.program.wait_for_log("takes none of its replies")

    def test_the_end_is_said(self):
        """An idle connection ends with a notice of TLS's own: nothing can have been cut off."""
        with Secured(settings={"limits": {"idle_timeout": "200ms"}}) as server, \
                server.connect_tls() as wire:
            self.assertEqual(wire.socket.recv(1), b"")

    def test_a_client_that_says_the_end(self):
        """What it has asked before is still answered, and then the server says its own."""
        context, incoming, outgoing = CA.client(ALICE), ssl.MemoryBIO(), ssl.MemoryBIO()
        side = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        reply = cbor2.dumps([1, {"Content": LARGE}])

        def until_done(act, connection):
            while True:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    data = connection.recv(64 * KIB)
                    incoming.write(data) if data else incoming.write_eof()

        with socket.create_connection(self.server.tcp_address.rsplit(":", 1)) as connection:
            until_done(side.do_handshake, connection)
            side.write(cbor2.dumps([1, {"Get": "d/large"}]))
            with contextlib.suppress(ssl.SSLWantReadError):
                side.unwrap()
            connection.sendall(outgoing.read())
            received = bytearray()
            while len(received) < len(reply):
                received += until_done(lambda: side.read(64 * KIB), connection)
            self.assertEqual(received, reply)
            # Without the notice it would be an EOF that breaks the protocol.
            with self.assertRaises(ssl.SSLZeroReturnError):
                until_done(lambda: side.read(1), connection)


class OneWay(unittest.TestCase):
    def test_no_certificate_is_asked_for(self):
        with Secured(CA.listener(SERVER, clients=False)) as server:
            server.write("f", b"f")
            with server.connect_tls(CA.client()) as wire:
                self.assertEqual(wire.ask({"Get": "f"}), {"Content": b"f"})
            result = server.valvectl("get", "-o", "-", "f", pair=())
            self.assertEqual((result.returncode, result.stdout), (0, b"f"))

    def test_1_2_when_asked(self):
        with Secured(CA.listener(SERVER, tls_1_2="yes")) as server:
            context = CA.client(ALICE)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with server.connect_tls(context) as wire:
                self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": False})
                self.assertEqual(wire.socket.version(), "TLSv1.2")


def only_1_2():
    context = CA.client(ALICE)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@support.expand
class Refused(unittest.TestCase):
    """Nothing is answered, others are, and the log says why."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Secured())
        cls.server.write("f", b"f")

    def expect_refusal(self, act, log):
        with self.assertRaises((OSError, EOFError)):
            act()
        self.server.program.wait_for_log(log)
        with self.server.connect_tls() as wire:
            self.assertEqual(wire.ask({"Get": "f"}), {"Content": b"f"})

    def ask(self, context):
        with self.server.connect_tls(context) as wire:
            wire.ask({"Get": "f"})

    @rows([
        ("no certificate", lambda: CA.client(), "did not return a certificate"),
        ("of another authority", lambda: CA.client(OTHERS.issue("mallory")),
         "certificate is refused: certificate signature failure"),
        ("for servers only", lambda: CA.client(CA.issue("other", usage="serverAuth")),
         "certificate is refused: unsuitable certificate purpose|unsupported certificate purpose"),
        ("expired", lambda: CA.client(expired()), "certificate is refused: certificate has expired"),
        ("an older version", only_1_2, "unsupported protocol"),
        ("no protocol", lambda: CA.client(ALICE, alpn=()), "does not speak valve/1"),
        ("another protocol", lambda: CA.client(ALICE, alpn=["http/1.1"]), "no application protocol"),
    ])
    def test_client(self, make_context, log):
        self.expect_refusal(lambda: self.ask(make_context()), log)

    @rows([
        ("a request", cbor2.dumps([1, {"Get": "f"}]), "TLS handshake failed"),
        ("garbage", bytes(range(256)) * 100, "TLS handshake failed"),
        ("http", b"GET / HTTP/1.1\r\n\r\n", "http request"),
        ("zeroes", bytes(20000), "TLS handshake failed"),
    ])
    def test_bytes(self, data, log):
        def send():
            with support.Wire(self.server.tcp_address) as wire:
                wire.send(data)
                wire.socket.shutdown(socket.SHUT_WR)
                while data_back := wire.socket.recv(1000):
                    self.assertIn(data_back[:1], (b"\x15",), "anything but an alert")
            raise EOFError

        self.expect_refusal(send, log)

    def test_counted(self):
        figures = support.scratch(self) / "metrics"
        with Secured(settings={"metrics": {"address": f"unix:{figures}"},
                               "limits": {"request_timeout": "200ms"}}) as server:
            with server.connect_tls() as wire, support.Wire(server.tcp_address) as late:
                wire.ask({"Exists": "f"})
                self.assertEqual(late.socket.recv(1), b"")
            with support.Wire(server.tcp_address) as plain, \
                    contextlib.suppress(ConnectionError):
                plain.request(1, "ListAll")
                plain.socket.recv(1000)
            for outcome in "ok", "failed", "timeout":
                line = f'valve_tls_handshakes_total{{outcome="{outcome}"}} 1\n'
                support.wait_until(lambda line=line: line in support.scrape(figures), line)


@functools.cache
def expired():
    """openssl x509 signs nothing for the past; its ca does, with a directory of its own."""
    folder = DIRECTORY / "expired"
    folder.mkdir(exist_ok=True)
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=c\n[c]\nnew_certs_dir={folder}\ndatabase={folder}/index.txt\n"
        f"serial={folder}/serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    certificate, key = folder / "old.pem", folder / "old.key"
    tls.openssl("req", *tls.CURVE, "-keyout", key, "-out", folder / "old.csr", "-subj", "/CN=old")
    tls.openssl("ca", "-batch", "-config", folder / "ca.cnf", "-in", folder / "old.csr", "-out",
                certificate, "-cert", CA.certificate, "-keyfile", CA.key, "-notext",
                "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    return certificate, key


@support.expand
class Doubted(unittest.TestCase):
    """What valvectl does not believe."""

    @rows([
        ("another authority", lambda: SERVER, lambda: OTHERS, (), "signature failure|self-signed"),
        ("an unknown authority", lambda: SERVER, lambda: STRANGERS, (), "self-signed certificate"),
        ("another name", lambda: SERVER, lambda: CA, ("--server-name", "other.example"),
         "hostname mismatch"),
        ("another address", lambda: CA.issue("elsewhere", alternatives="IP:192.0.2.1"),
         lambda: CA, (), "IP address mismatch"),
        ("a name only", lambda: CA.issue("127.0.0.1"), lambda: CA, (), "mismatch"),
        ("expired", expired, lambda: CA, ("--server-name", "old"), "expired"),
        ("for clients only", lambda: CA.issue("client", alternatives="IP:127.0.0.1",
                                              usage="clientAuth"), lambda: CA, (), "purpose"),
    ])
    def test_server(self, pair, authority, words, problem):
        with Secured(CA.listener(pair())) as server:
            result = server.valvectl(*words, "ls", authority=authority())
        self.assertEqual((result.returncode, result.stdout), (3, b""))
        self.assertRegex(result.stderr.decode(), f"refused.*({problem})")

    def test_no_tls_there(self):
        with support.Server(tcp=True) as server:
            result = Secured.valvectl(server, "ls")
        self.assertEqual((result.returncode, result.stdout), (3, b""))
        self.assertIn("TLS handshake failed", result.stderr.decode())

    def test_the_certificate_is_refused_there(self):
        with Secured() as server:
            result = server.valvectl("ls", pair=())
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("certificate required", result.stderr.decode())

    @rows([
        ("a key alone", ("--key", "x", "ls"), 2, "belong together"),
        ("a Unix socket", ("-H", "unix:/x", "--tls", "ls"), 2, "TLS is for TCP"),
        ("of metrics", ("--tls", "status"), 2, "speaks no TLS"),
        ("no such file", ("-H", "127.0.0.1:1", "--ca", "/nowhere", "ls"), 6, "No such file"),
        ("no certificate", ("-H", "127.0.0.1:1", "--ca", "/etc/hostname", "ls"), 6, "PEM"),
    ])
    def test_wrong_words(self, words, status, problem):
        result = subprocess.run([support.BUILD / "valvectl", *words], capture_output=True,
                                check=False, timeout=support.DEADLINE)
        self.assertEqual(result.returncode, status)
        self.assertIn(problem, result.stderr.decode())


class HalfWay(unittest.TestCase):
    """Handshakes that never end."""

    def test_others_are_served(self):
        server = self.enterContext(Secured(settings={"limits": {"request_timeout": "5s"}}))
        server.write("f", b"f")
        hello = self.hello()
        before = server.descriptors()
        with contextlib.ExitStack() as stack, server.memory_bound(HALF_OPEN * 64 * KIB):
            old = stack.enter_context(server.connect_tls())
            halves = [stack.enter_context(support.Wire(server.tcp_address))
                      for _ in range(HALF_OPEN)]
            for half in halves:
                half.send(hello[:len(hello) // 2])
            for _ in range(100):
                self.assertEqual(old.ask({"Get": "f"}), {"Content": b"f"})
            with server.connect_tls() as new:  # once there is a place for it
                self.assertEqual(new.ask({"Get": "f"}), {"Content": b"f"})
            server.expect_rest()
            for half in halves:
                self.assertEqual(half.socket.recv(1), b"")
        server.expect_descriptors(before)

    def test_the_server_stops(self):
        server = self.enterContext(Secured())
        half = self.enterContext(support.Wire(server.tcp_address))
        half.send(self.hello()[:100])
        whole = self.enterContext(server.connect_tls())
        whole.ask({"Exists": "f"})
        server.stop()

    @staticmethod
    def hello():
        """What a client says first."""
        outgoing = ssl.MemoryBIO()
        side = CA.client().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
        return outgoing.read()


CALLS = ("Get", "Size", "Exists", "Del")
PATHS = ("a", "ab", "a/b", "b", "c", "nothing")
# Whom the rules know, and what they may do: call by prefix.
GRANTS = {
    "alice": {"Get": ["a"], "Size": ["a"], "Exists": ["a", "b"]},  # by her common name and e-mail
    "bob": {"Get": ["b"], "Del": ["b", "c"]},  # by a name of a machine
    "carol": {"Exists": [""]},  # by a URI
    "dave": {},  # whose name is an alternative name of none
    "two": {},  # who has two common names: neither counts
}


def is_granted(person, call, path):
    return any(prefix in ("", path) or path.startswith(f"{prefix}/")
               for prefix in GRANTS[person].get(call, []))


@support.expand
class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.people = {
            "alice": ALICE,
            "bob": CA.issue("robert", alternatives="DNS:bob.example,DNS:other.example"),
            "carol": CA.issue("carol", subject="/O=nobody",
                              alternatives="URI:spiffe://example/carol"),
            "dave": CA.issue("bob.example", alternatives="DNS:alice"),
            "two": CA.issue("two", subject="/CN=mallory/CN=alice"),
        }
        cls.server = cls.enterClassContext(Secured(settings={
            "access one": {"peer": "cn:alice", "allow": "get size", "path": "a"},
            "access two": {"peer": "san:alice@example.org", "allow": "exists", "path": "a"},
            "access three": {"peer": "san:alice.example", "allow": "exists", "path": "b"},
            "access four": {"peer": "san:bob.example", "allow": "get del", "path": "b"},
            "access five": {"peer": "san:bob.example", "allow": "del", "path": "c"},
            "access six": {"peer": "san:spiffe://example/carol", "allow": "exists"},
        }))

    def setUp(self):
        for path in "ab", "a/b", "b", "c":
            self.server.write(path)

    @rows([(f"{person} {call} {path}", person, call, path)
           for person in GRANTS for call in CALLS for path in PATHS])
    def test_verdict(self, person, call, path):
        with self.server.connect_tls(CA.client(self.people[person])) as wire:
            reply = wire.ask({call: path})
        denied = isinstance(reply, dict) and "Error" in reply and \
            support.error_code(reply) == "denied"
        # A directory is not to be had, which is another error.
        self.assertEqual(denied, not is_granted(person, call, path), reply)

    @rows([("alice", "cn:alice,san:alice.example", "get", "a/b", 0),
           ("alice elsewhere", "cn:alice", "get", "ab", 1),
           ("bob", "san:bob.example,address:127.0.0.1", "del", "c", 0),
           ("no certificate", "address:127.0.0.1", "get", "a", 1),
           ("two names", "cn:alice,cn:bob", "get", "a", 64),
           ("both kinds", "uid:0,cn:bob", "get", "a", 64)])
    def test_explained(self, peer, call, path, status):
        result = subprocess.run(
            [support.VALVED, "-c", self.server.directory / "valve.ini", "--check-access", peer,
             call, path], capture_output=True, check=False, timeout=support.DEADLINE)
        self.assertEqual(result.returncode, status, (result.stdout, result.stderr))


@support.expand
class Files(unittest.TestCase):
    """What `valved -t` says of them, and a start."""

    def setUp(self):
        self.directory = support.scratch(self)
        (self.directory / "root").mkdir()

    def check(self, keys, environment=None):
        configuration = self.directory / "valve.ini"
        configuration.write_text(
            f"[files]\nroot = {self.directory}/root\n[listen a]\naddress = 192.0.2.1:8258\n" +
            "".join(f"{key} = {value}\n" for key, value in keys.items()))
        return subprocess.run([support.VALVED, "-t", "-c", configuration], capture_output=True,
                              text=True, check=False, timeout=support.DEADLINE,
                              env=os.environ | (environment or {}))

    def test_good(self):
        result = self.check(CA.listener(SERVER))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def write(self, name, text):
        (self.directory / name).write_text(text)
        return self.directory / name

    def encrypted(self):
        key = self.directory / "encrypted.key"
        tls.openssl("ec", "-in", SERVER[1], "-aes256", "-passout", "pass:x", "-out", key)
        return key

    @rows([
        ("no key", lambda self: {"tls_cert": SERVER[0], "tls_client_ca": CA.certificate},
         "needs its tls_key"),
        ("no certificate", lambda self: {"tls_key": SERVER[1], "insecure": "yes"},
         "tls_key: means nothing without a tls_cert"),
        ("clients of nobody", lambda self: {"tls_client_ca": CA.certificate, "insecure": "yes"},
         "tls_client_ca: means nothing without a tls_cert"),
        ("anybody from anywhere", lambda self: CA.listener(SERVER, clients=False),
         "can be reached from other machines"),
        ("no such file", lambda self: CA.listener(("/nowhere/cert.pem", SERVER[1])),
         "certificate /nowhere/cert.pem: No such file"),
        ("no such key", lambda self: CA.listener((SERVER[0], "/nowhere/key.pem")),
         "key /nowhere/key.pem: No such file"),
        ("no PEM", lambda self: CA.listener((self.write("junk", "junk\n"), SERVER[1])),
         "is no certificate in PEM"),
        ("an empty file", lambda self: CA.listener((SERVER[0], self.write("junk", ""))),
         "is no key in PEM"),
        ("another's key", lambda self: CA.listener((SERVER[0], ALICE[1])), "fits the certificate"),
        ("a key under a password", lambda self: CA.listener((SERVER[0], self.encrypted())),
         "without a password"),
        ("authorities of junk",
         lambda self: CA.listener(SERVER, tls_client_ca=self.write("junk", "x")),
         "authorities .*junk: is no certificate"),
        ("a relative path", lambda self: CA.listener(("cert.pem", SERVER[1])),
         "'cert.pem' is not an absolute path"),
        ("a credential elsewhere", lambda self: CA.listener(("credential:../cert", SERVER[1])),
         "is no name of a credential"),
    ])
    def test_bad(self, make_keys, problem):
        result = self.check(make_keys(self))
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertRegex(result.stderr, problem)

    def test_credentials(self):
        keys = {"tls_cert": "credential:server.pem", "tls_key": "credential:server.key",
                "tls_client_ca": "credential:authority.pem"}
        result = self.check(keys, {"CREDENTIALS_DIRECTORY": str(CA.directory)})
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_credentials_that_only_the_service_has(self):
        """They are no mistake in what is checked, but without them nothing is served."""
        keys = CA.listener(("credential:cert", SERVER[1]))
        result = self.check(keys, {"CREDENTIALS_DIRECTORY": "/nowhere"})
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"\[listen a\]: its credentials are for the service alone")
        with self.assertRaisesRegex(AssertionError, "LoadCredential="), Secured(keys):
            pass


class Reload(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        for suffix, source in zip((".pem", ".key"), SERVER):
            (self.directory / f"server{suffix}").write_bytes(source.read_bytes())
        self.pair = self.directory / "server.pem", self.directory / "server.key"
        self.server = self.enterContext(Secured(CA.listener(self.pair)))

    def subject(self, wire):
        return dict(part for parts in wire.socket.getpeercert()["subject"] for part in parts)

    def reload(self, log):
        count = len(re.findall(log, self.server.program.log, re.MULTILINE))
        self.server.program.signal(signal.SIGHUP)
        self.server.program.wait_for_log(log, count + 1)

    def test_another_certificate(self):
        """Open connections stay; from the next on the new one is shown."""
        old = self.enterContext(self.server.connect_tls())
        following = CA.issue("following", alternatives="IP:127.0.0.1")
        for here, source in zip(self.pair, following):
            here.with_suffix(".new").write_bytes(source.read_bytes())
            here.with_suffix(".new").rename(here)
        self.reload("reloaded")
        with self.server.connect_tls() as new:
            self.assertEqual(self.subject(new)["commonName"], "following")
            self.assertEqual(new.ask({"Exists": "f"}), {"Exists": False})
        self.assertEqual(self.subject(old)["commonName"], "server")
        self.assertEqual(old.ask({"Exists": "f"}), {"Exists": False})

    def test_a_broken_certificate(self):
        self.pair[0].write_text("junk")
        self.reload("not reloaded")
        with self.server.connect_tls() as wire:
            self.assertEqual(self.subject(wire)["commonName"], "server")

    def test_no_tls_any_more(self):
        old = self.enterContext(self.server.connect_tls())
        configuration = self.server.directory / "valve.ini"
        before = configuration.read_text()
        configuration.write_text(re.sub(r"^tls_.*\n", "", before, flags=re.MULTILINE))
        self.reload("reloaded")
        with support.Wire(self.server.tcp_address) as wire:
            self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": False})
        self.assertEqual(old.ask({"Exists": "f"}), {"Exists": False})
        configuration.write_text(before)
        self.reload("reloaded")
        with self.server.connect_tls() as wire:
            self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": False})


if __name__ == "__main__":
    unittest.main()
