# SPDX-License-Identifier: MIT
"""A conversation that is reset, half closed, or left alone at each of its bytes."""
import contextlib
import subprocess
import unittest

import cbor2

import support
from support import KIB

CUT_CLIENT = support.BUILD / "tests/cut_client"

LARGE = 65 * KIB + 1  # more than a small reply may have

# All five calls, an error, a large reply, more after it, and what is not alone in its segment.
CONVERSATION = [
    [1, {"Size": "f"}],
    [2, {"Get": "small"}],
    [3, {"Get": "large"}],
    [4, "ListAll"],
    [5, {"Exists": "f"}],
    [6, {"Del": "nothing"}],
    [7, {"Get": "../out"}],
    [8, {"Exists": "nothing"}, {"timeout": 60_000}],
    [9, {"Nope": 1}],
]


class Recorded:
    """The conversation as it travels: what is sent, and what is owed for how much of it."""

    def __init__(self, server, tcp):
        self.requests = b"".join(map(cbor2.dumps, CONVERSATION))
        owed = [(0, 0)]
        with server.connect(tcp) as wire:
            sent = received = 0
            for request in CONVERSATION:
                size = len(self.answer(wire, request))
                sent, received = sent + len(cbor2.dumps(request)), received + size
                owed.append((sent, received))
            self.size = received
        folder = server.directory / ("tcp" if tcp else "unix")
        folder.mkdir(exist_ok=True)
        self.files = folder / "requests", folder / "owed"
        self.files[0].write_bytes(self.requests)
        self.files[1].write_text("".join(f"{sent} {received}\n" for sent, received in owed))

    @staticmethod
    def answer(wire, request):
        wire.received = bytearray()
        wire.send(cbor2.dumps(request))
        wire.reply()
        return wire.received


@support.expand
class Cuts(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(support.Server(tcp=True))
        self.server.write("f", b"f")
        self.server.write("small", b"s" * 100)
        self.server.write("large", bytes(range(256)) * (LARGE // 256) + b"!")
        for number in range(20):
            self.server.write(f"d/{number}", b"x" * number)
        self.descriptors = self.server.descriptors()

    def cut(self, direction, how, tcp, first, last, step):
        address = self.server.tcp_address if tcp else self.server.address
        result = subprocess.run(
            [*support.WRAPPER, CUT_CLIENT, address, *self.recorded.files, direction, how,
             str(first), str(last), str(step)],
            capture_output=True, text=True, timeout=support.DEADLINE * 10)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    @contextlib.contextmanager
    def nothing_left(self, how, tcp):
        """The first round warms up; nothing of what follows may be left."""
        self.cut("send", how, tcp, 0, len(self.recorded.requests), 10)
        self.server.expect_descriptors(self.descriptors)
        with self.server.memory_bound(8 * support.MIB):
            yield
            self.server.expect_descriptors(self.descriptors)

    @support.rows([(f"{how} {transport}", how, transport == "tcp")
                   for how in ("reset", "end", "stop") for transport in ("unix", "tcp")])
    def test_what_is_sent(self, how, tcp):
        """At every byte of the requests."""
        self.recorded = Recorded(self.server, tcp)
        with self.nothing_left(how, tcp):
            self.cut("send", how, tcp, 0, len(self.recorded.requests), 1)

    @support.rows([("reset", "reset", 2), ("end", "end", 2), ("stop", "stop", 106)])
    def test_what_is_received(self, how, step):
        """
        At every byte of the answers: over both transports, but within the contents of the large
        file by turns; who only stops reading does so at some bytes of them.
        """
        # A peer over TCP may not delete: the answers differ.
        recorded = [Recorded(self.server, tcp) for tcp in (False, True)]
        edge = 1500  # more than what is not of that file
        if support.SMALL:
            edge, step = 300, 202
        self.recorded = recorded[False]
        with self.nothing_left(how, False):
            for tcp, self.recorded in enumerate(recorded):
                size = self.recorded.size
                self.cut("receive", how, tcp, 0, edge, 1)
                self.cut("receive", how, tcp, edge + 1 + tcp * step // 2, size - edge, step)
                self.cut("receive", how, tcp, size - edge + 1, size, 1)


if __name__ == "__main__":
    unittest.main()
