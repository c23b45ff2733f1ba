# SPDX-License-Identifier: MIT
"""Many connections, many requests, and clients that take and never give."""
import contextlib
import itertools
import threading
import unittest

import cbor2

import support
from support import KIB, MIB

CONNECTIONS = 200 if support.SMALL else 1000
PIPELINED = 5_000 if support.SMALL else 100_000
STALLED = 64 if support.SMALL else 256
HUGE = 64 * MIB


class Load(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(support.Server(tcp=True))
        for number in range(100):
            self.server.write(f"files/{number}", b"c" * number)
        self.descriptors = self.server.descriptors()
        with self.server.connect() as wire:
            wire.ask({"Exists": "files/1"})

    def expected(self, id):
        """The request with this id, and its reply."""
        number = id % 100
        return [
            ({"Size": f"files/{number}"}, {"Size": number}),
            ({"Get": f"files/{number}"}, {"Content": b"c" * number}),
            ({"Exists": f"files/{number}"}, {"Exists": True}),
            ({"Exists": f"files/x{number}"}, {"Exists": False}),
            ({"Get": f"files/x{number}"}, "not-found"),
            ({"Size": f"/files/{number}"}, "bad-path"),
            ({"Del": f"files/x{number}"}, "not-found"),
            ({"Nope": number}, "bad-request"),
            ({"Get": "large"}, "large") if id % 999 == 8 else
            ("ListAll", "list") if id % 999 == 17 else
            ({"Size": "large"}, {"Size": 300_000}),
        ][id % 9]

    def check(self, reply, expected):
        if isinstance(expected, dict):
            self.assertEqual(reply, expected)
        elif expected == "large":
            self.assertTrue(reply == {"Content": self.large})
        elif expected == "list":
            sizes = {file["path"]: file["size"] for file in reply["List"]}
            self.assertEqual(sizes.pop("large"), len(self.large))
            self.assertEqual(sizes.pop("huge", HUGE), HUGE)
            self.assertEqual(sizes, {f"files/{number}": number for number in range(100)})
        else:
            self.assertEqual(support.error_code(reply), expected)

    def test_connections_at_once(self):
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(self.server.connect(tcp=number % 2 == 1))
                     for number in range(CONNECTIONS)]
            for id, wire in enumerate(wires, 1):
                wire.request(id, {"Get": f"files/{id % 100}"})
            for id, wire in enumerate(wires, 1):
                self.assertEqual(wire.reply(), (id, {"Content": b"c" * (id % 100)}))
            self.assertGreaterEqual(self.server.descriptors(), self.descriptors + CONNECTIONS)
            for id, wire in enumerate(reversed(wires), 1):
                self.assertEqual(wire.ask({"Size": f"files/{id % 100}"}), {"Size": id % 100})
        self.server.expect_descriptors(self.descriptors)

    def test_one_connection_with_many_requests(self):
        """Written as fast as the server takes them, by a thread, while the answers are read."""
        self.large = bytes(range(250)) * 1200
        self.server.write("large", self.large)
        wire = self.enterContext(self.server.connect())

        def write():
            ids = iter(range(1, PIPELINED + 1))
            while batch := list(itertools.islice(ids, 500)):
                wire.send(b"".join(cbor2.dumps([id, self.expected(id)[0]]) for id in batch))

        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        answered = bytearray(PIPELINED + 1)
        for _ in range(PIPELINED):
            id, reply = wire.reply()
            answered[id] += 1
            self.check(reply, self.expected(id)[1])
        self.assertEqual(answered, b"\0" + b"\1" * PIPELINED)
        wire.finish()
        wire.expect_end()

    def stall(self, stack, request):
        """Connections that ask for a lot and never read."""
        wires = [stack.enter_context(self.server.connect(tcp=number % 2 == 1))
                 for number in range(STALLED)]
        for wire in wires:
            for id in range(1, 11):
                wire.request(id, request)
        return wires

    def serve_another(self):
        """One more connection is served as if alone: it gets all its answers by the deadline."""
        with self.server.connect() as wire:
            for id in range(900):
                self.check(wire.ask(self.expected(id)[0], id + 1), self.expected(id)[1])

    def check_stalled(self, request):
        self.large = b"L" * 300_000
        self.server.write("large", self.large)
        with contextlib.ExitStack() as stack, self.server.memory_bound(STALLED * 192 * KIB):
            self.stall(stack, request)
            self.serve_another()
        self.server.expect_descriptors(self.descriptors)
        self.serve_another()

    def test_clients_that_never_read_large_files(self):
        support.sparse_file(self.server.root / "huge", HUGE)
        self.check_stalled({"Get": "huge"})

    def test_clients_that_never_read_lists(self):
        self.check_stalled("ListAll")

    def test_a_client_that_never_reads_many_replies(self):
        """What waits for it is bounded: then its requests are no longer read."""
        self.server.write("block", b"b" * 60 * KIB)
        with self.server.connect() as wire, self.server.memory_bound(12 * MIB):
            wire.socket.settimeout(1)
            with self.assertRaises(TimeoutError):
                for id in range(1, 1_000_000):
                    wire.request(id, {"Get": "block"})
            self.assertGreater(id, 64)
            wire.socket.settimeout(support.DEADLINE)
            for _ in range(64):
                self.assertEqual(len(wire.reply()[1]["Content"]), 60 * KIB)


if __name__ == "__main__":
    unittest.main()
