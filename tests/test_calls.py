# SPDX-License-Identifier: MIT
"""The five calls and the envelope: golden bytes, the schema, pipelining, options, ways to end."""
import contextlib
import io
import os
import random
import select
import unittest

import cbor2

import cddl
import support
import valve_client
from support import rows

MTIME = 1700000000123456789
GOLDEN = (support.SOURCE / "tests/golden/files.txt").read_text()


def golden_pairs():
    """The titles, requests and replies of the golden file, in its order."""
    pairs, title = [], None
    for line in GOLDEN.splitlines():
        if line.startswith("#"):
            title = line.removeprefix("# ")
        elif line.startswith(">"):
            request = bytes.fromhex(line[1:])
        elif line.startswith("<"):
            pairs.append((title, request, bytes.fromhex(line[1:])))
    return pairs


class Golden(unittest.TestCase):
    def test_every_byte(self):
        """In the file's order, on one connection: the last ones see what Del did."""
        server = self.enterContext(support.Server())
        os.utime(server.write("a/b.txt", b"hello"), ns=(MTIME, MTIME))
        wire = self.enterContext(server.connect())
        pairs = golden_pairs()
        self.assertGreater(len(pairs), 10)
        for title, request, reply in pairs:
            wire.send(request)
            self.assertEqual(wire.read(len(reply)).hex(), reply.hex(), title)
        self.assertFalse((server.root / "a/b.txt").exists())


class Shared(unittest.TestCase):
    """Tests that use one server; none changes what another one reads."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server(tcp=True))
        cls.descriptors = cls.server.descriptors()
        cls.server.write("hello.txt", b"hello")
        cls.server.write("dir/inner.txt", b"inner" * 1000)
        cls.server.write("dir/empty")
        support.sparse_file(cls.server.root / "large", 3 * support.MIB + 17)
        for number in range(100):
            cls.server.write(f"many/{number}", b"m" * number)

    def setUp(self):
        self.wire = self.enterContext(self.server.connect())


class FiveCalls(Shared):
    def check(self, address):
        """All five, by the client that the manual prints."""
        client = valve_client.Valve(address)
        self.addCleanup(client.close)
        path = self.server.write("delete/me", b"bye")
        os.utime(path, ns=(MTIME, MTIME))
        self.assertIs(client.exists("delete/me"), True)
        self.assertEqual(client.size("delete/me"), 3)
        self.assertEqual(client.get("delete/me"), b"bye")
        self.assertIn({"path": "delete/me", "size": 3, "mtime": MTIME}, client.list())
        self.assertEqual(client.delete("delete/me"), "Ok")
        self.assertIs(client.exists("delete/me"), False)
        self.assertFalse(path.exists())
        with self.assertRaisesRegex(valve_client.ValveError, "^not-found: "):
            client.size("delete/me")

    def test_on_a_unix_socket(self):
        self.check(self.server.address)

    def test_over_tcp_all_but_del(self):
        client = valve_client.Valve(self.server.tcp_address)
        self.addCleanup(client.close)
        self.assertEqual(client.get("hello.txt"), b"hello")
        self.assertEqual(client.size("dir/inner.txt"), 5000)
        self.assertIs(client.exists("dir"), False)
        self.assertEqual(len(client.list()), 104)
        for path in ("hello.txt", "nothing", "", "../x"):
            with self.assertRaisesRegex(valve_client.ValveError, "^denied: "):
                client.delete(path)
        self.assertEqual(client.get("hello.txt"), b"hello")

    def test_sizes_of_content(self):
        """Around the sizes where heads grow, replies stop being small, and buffers end."""
        for size in (0, 1, 23, 24, 255, 256, 4095, 4096, 16383, 16384, 65535, 65536, 65537,
                     131072, 1000000):
            content = random.Random(size).randbytes(size)
            self.server.write("sized/file", content)
            self.assertEqual(self.wire.ask({"Get": "sized/file"}), {"Content": content}, size)
            self.assertEqual(self.wire.ask({"Size": "sized/file"}), {"Size": size})
        (self.server.root / "sized/file").unlink()

    def test_mtimes(self):
        """Before 1970, at it, and with a nanosecond."""
        for mtime in (-1, -10**18, 0, 1, 10**9 - 1, MTIME):
            os.utime(self.server.write("timed/file"), ns=(0, mtime))
            listed = self.wire.ask("ListAll")["List"]
            self.assertIn({"path": "timed/file", "size": 0, "mtime": mtime}, listed)
        (self.server.root / "timed/file").unlink()


class Fresh(Shared):
    """A reply reflects every change that was complete before its request was sent."""

    def test_what_others_write(self):
        for number in range(200):
            self.server.write("fresh/file", b"x" * number)
            self.assertEqual(self.wire.ask({"Size": "fresh/file"}), {"Size": number})
            path = self.server.write("fresh/new", b"new %d" % number)
            path.rename(self.server.root / "fresh/file")
            self.assertEqual(self.wire.ask({"Get": "fresh/file"}), {"Content": b"new %d" % number})
            (self.server.root / "fresh/file").unlink()
            self.assertEqual(self.wire.ask({"Exists": "fresh/file"}), {"Exists": False})

    def test_renamed_directories(self):
        for number in range(100):
            self.server.write("moved/file", b"%d" % number)
            self.assertEqual(self.wire.ask({"Get": "moved/file"}), {"Content": b"%d" % number})
            (self.server.root / "moved").rename(self.server.root / "away")
            self.assertEqual(self.wire.ask({"Exists": "moved/file"}), {"Exists": False})
            self.assertEqual(self.wire.ask({"Del": "away/file"}), "Ok")
            (self.server.root / "away").rmdir()


class AgainstTheSchema(Shared):
    """Recorded traffic is judged by the schemas themselves."""

    REQUESTS = [
        "ListAll", {"Size": "hello.txt"}, {"Get": "dir/inner.txt"}, {"Exists": "dir"},
        {"Exists": b"\xff"}, {"Size": "nothing"}, {"Get": ""}, {"Del": "nothing"}, {"Del": "gone"},
        {"Get": "large"},
    ]

    @staticmethod
    def items(data):
        stream = io.BytesIO(data)
        while stream.tell() < len(data):
            yield cbor2.load(stream)

    def test_recorded_traffic(self):
        schemas = {name: cddl.Schema((support.SOURCE / f"schema/{name}.cddl").read_text())
                   for name in ("envelope", "files")}
        self.server.write("gone")
        wire = self.enterContext(self.server.connect(record=True))
        for id, request in enumerate(self.REQUESTS, 1):
            options = [{"timeout": 600000}] if id % 2 else []
            wire.request(id, request, *options)
        wire.request(99, None)
        for _ in self.REQUESTS:
            wire.reply()
        wire.finish()
        wire.expect_end()

        sent, received = list(self.items(wire.sent)), list(self.items(wire.received))
        for item in sent:
            self.assertTrue(schemas["envelope"].is_valid("to-server", item), item)
        requests = {item[0]: item[1] for item in sent}
        for item in received:
            self.assertTrue(schemas["envelope"].is_valid("to-client", item), item)
            self.assertFalse(schemas["envelope"].is_valid("item", item), item)
            transcript = [requests[item[0]], item[1]]
            self.assertTrue(schemas["files"].is_valid("files", transcript), f"{transcript!r:.200}")
        self.assertEqual(len(received), len(self.REQUESTS))

    def test_what_was_sent_is_the_deterministic_encoding(self):
        """Encoding it again gives the same bytes, but for the array in List."""
        wire = self.enterContext(self.server.connect(record=True))
        for request in self.REQUESTS[1:]:
            wire.received.clear()
            reply = wire.ask(request, id=70000)
            again = cbor2.dumps([70000, reply], canonical=True)
            self.assertEqual(bytes(wire.received), again, request)


class Pipelined(Shared):
    def test_answers_in_any_order(self):
        expected = {}
        requests = b""
        for id in range(1, 1001):
            number = id % 100
            request, reply = [
                ({"Size": f"many/{number}"}, {"Size": number}),
                ({"Get": f"many/{number}"}, {"Content": b"m" * number}),
                ({"Exists": f"many/x{number}"}, {"Exists": False}),
            ][id % 3]
            requests += cbor2.dumps([id, request])
            expected[id] = reply
        self.wire.send(requests)
        for _ in range(1000):
            id, reply = self.wire.reply()
            self.assertEqual(reply, expected.pop(id))
        self.assertEqual(expected, {})

    def test_ids_need_not_be_unique(self):
        for _ in range(50):
            self.wire.request(7, {"Size": "hello.txt"})
        for _ in range(50):
            self.assertEqual(self.wire.reply(), (7, {"Size": 5}))

    def test_large_replies_among_small_ones(self):
        content = (self.server.root / "large").read_bytes()
        for id in range(1, 31):
            self.wire.request(id, {"Get": "large"} if id % 3 == 0 else
                              "ListAll" if id % 3 == 1 else {"Size": "large"})
        answered = set()
        for _ in range(30):
            id, reply = self.wire.reply()
            answered.add(id)
            if id % 3 == 0:
                self.assertTrue(reply == {"Content": content}, id)
            elif id % 3 == 1:
                self.assertLessEqual({"hello.txt", "large", "many/99"},
                                     {file["path"] for file in reply["List"]})
            else:
                self.assertEqual(reply, {"Size": len(content)})
        self.assertEqual(answered, set(range(1, 31)))

    def test_requests_cut_anywhere(self):
        """Two requests, sent in two pieces, for every place where the pieces can meet."""
        data = cbor2.dumps([1, {"Size": "hello.txt"}]) + cbor2.dumps([2, {"Exists": "hello.txt"}])
        for cut in range(1, len(data)):
            self.wire.send(data[:cut])
            self.wire.send(data[cut:])
            self.assertEqual(dict([self.wire.reply(), self.wire.reply()]),
                             {1: {"Size": 5}, 2: {"Exists": True}}, cut)


@support.expand
class Options(Shared):
    @rows([
        ("of a minute", {"timeout": 60000}),
        ("of 2^64-1 ms", {"timeout": 2**64 - 1}),
        ("absent", {}),
    ])
    def test_timeout(self, options):
        self.wire.request(1, {"Get": "hello.txt"}, options)
        self.assertEqual(self.wire.reply(), (1, {"Content": b"hello"}))

    def test_timeout_of_zero(self):
        """Answered if the answer is at hand, else refused; never both, never neither."""
        for id in range(1, 101):
            self.wire.request(id, {"Get": "hello.txt"}, {"timeout": 0})
            answered, reply = self.wire.reply()
            self.assertEqual(answered, id)
            if reply != {"Content": b"hello"}:
                self.assertEqual(support.error_code(reply), "timeout")
        self.assertEqual(self.wire.ask({"Size": "hello.txt"}), {"Size": 5})

    def test_timeout_does_not_cut_a_reply_that_has_begun(self):
        content = (self.server.root / "large").read_bytes()
        self.wire.request(1, {"Get": "large"}, {"timeout": 1000 * support.DEADLINE})
        self.assertTrue(self.wire.reply() == (1, {"Content": content}))

    def test_cancel_of_nothing(self):
        self.wire.request(1, None)
        self.wire.request(2**32 - 1, None)
        self.wire.request(5, {"Size": "hello.txt"})
        self.assertEqual(self.wire.reply(), (5, {"Size": 5}))
        self.wire.finish()
        self.wire.expect_end()

    def test_cancel_in_flight(self):
        """Each one is answered once, normally or as cancelled, and nothing else is touched."""
        content = (self.server.root / "large").read_bytes()
        for id in range(1, 11):
            self.wire.request(id, {"Get": "large"})
        for id in range(2, 11, 2):
            self.wire.request(id, None)
        answers = [self.wire.reply() for _ in range(10)]
        self.assertEqual(sorted(id for id, _ in answers), list(range(1, 11)))
        for id, reply in answers:
            if id % 2 or reply != {"Content": content}:
                self.assertTrue(reply == {"Content": content} or
                                (id % 2 == 0 and support.error_code(reply) == "cancelled"), id)
        self.assertEqual(self.wire.ask({"Size": "hello.txt"}), {"Size": 5})


class Ending(Shared):
    """The client shuts down its sending side: what was complete is answered, then it ends."""

    def test_at_once(self):
        self.wire.finish()
        self.wire.expect_end()

    def test_after_requests(self):
        # In one piece: whoever writes on and on without reading is stalled by flow control.
        self.wire.send(b"".join(cbor2.dumps([id, {"Get": "dir/inner.txt"}])
                                for id in range(1, 201)))
        self.wire.finish()
        answers = [self.wire.reply() for _ in range(200)]
        self.assertEqual(sorted(id for id, _ in answers), list(range(1, 201)))
        self.assertTrue(all(reply == {"Content": b"inner" * 1000} for _, reply in answers))
        self.wire.expect_end()

    def test_inside_a_request(self):
        self.wire.request(1, {"Size": "hello.txt"})
        self.wire.send(cbor2.dumps([2, {"Size": "hello.txt"}])[:-1])
        self.wire.finish()
        self.assertEqual(self.wire.reply(), (1, {"Size": 5}))
        self.wire.expect_end()

    def test_inside_a_large_reply(self):
        content = (self.server.root / "large").read_bytes()
        self.wire.request(1, {"Get": "large"})
        self.wire.finish()
        self.assertTrue(self.wire.reply() == (1, {"Content": content}))
        self.wire.expect_end()

    def test_over_tcp(self):
        wire = self.enterContext(self.server.connect(tcp=True))
        wire.request(1, "ListAll")
        wire.finish()
        id, reply = wire.reply()
        self.assertEqual((id, list(reply)), (1, ["List"]))
        wire.expect_end()

    def test_a_client_that_goes_away(self):
        """Whatever it left behind: the server closes its side and goes on."""
        for count in range(20):
            with self.server.connect() as wire:
                wire.send(b"".join(
                    cbor2.dumps([id + 1, {"Get": "large"} if id % 2 else "ListAll"])
                    for id in range(count * 10)))
                if count % 2:
                    wire.read(10)
        self.assertEqual(self.wire.ask({"Size": "hello.txt"}), {"Size": 5})
        self.server.expect_descriptors(self.descriptors + 1)


class Timeouts(unittest.TestCase):
    """Connections that the server ends: without a reply, because nothing had begun."""

    UNIT = 0.4 if support.INSTRUMENTED else 0.1  # seconds; the shortest time that is told apart

    @classmethod
    def setUpClass(cls):
        milliseconds = int(cls.UNIT * 1000)
        cls.server = cls.enterClassContext(support.Server(settings={"limits": {
            "idle_timeout": f"{15 * milliseconds}ms",
            "request_timeout": f"{7 * milliseconds}ms",
            "send_timeout": f"{7 * milliseconds}ms"}}))
        cls.server.write("hello.txt", b"hello")
        support.sparse_file(cls.server.root / "large", 16 * support.MIB)

    def setUp(self):
        self.wire = self.enterContext(self.server.connect())

    def ended(self, units):
        """Whether the server ends its side within this time; what it sent stays unread."""
        poll = select.poll()
        poll.register(self.wire.socket, select.POLLRDHUP)
        return bool(poll.poll(units * self.UNIT * 1000))

    def test_idle(self):
        self.assertFalse(self.ended(5))
        self.wire.expect_end()

    def test_idle_after_a_request(self):
        self.wire.ask({"Size": "hello.txt"})
        self.assertFalse(self.ended(5))
        self.wire.expect_end()

    def test_requests_keep_it_from_being_idle(self):
        for _ in range(6):
            self.assertFalse(self.ended(4))
            self.assertEqual(self.wire.ask({"Size": "hello.txt"}), {"Size": 5})

    def test_part_of_a_request(self):
        self.wire.send(b"\x82\x01")
        self.assertFalse(self.ended(3))
        self.wire.expect_end()

    def test_a_request_that_trickles(self):
        """The time runs from the first byte: later ones do not extend it."""
        self.wire.send(b"\x82\x01\x79\x1f\x00")
        for _ in range(100):
            if self.ended(1):
                break
            self.wire.send(b"a")
        self.wire.expect_end()

    def test_a_client_that_does_not_read(self):
        self.wire.request(1, {"Get": "large"})
        self.assertFalse(self.ended(3))
        self.assertTrue(self.ended(support.DEADLINE / self.UNIT))
        with contextlib.suppress(ConnectionResetError):
            self.assertLess(len(self.wire.read(16 * support.MIB)), 16 * support.MIB)

    def test_a_client_that_reads_slowly(self):
        """For longer than the timeout in all, but never that long without taking something."""
        self.wire.request(1, {"Get": "large"})
        for _ in range(6):
            self.assertEqual(len(self.wire.read(support.MIB)), support.MIB)
            self.assertFalse(self.ended(3))


if __name__ == "__main__":
    unittest.main()
