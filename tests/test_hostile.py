# SPDX-License-Identifier: MIT
"""Clients that never read or never stay, and a clock that is set back."""
import contextlib
import datetime
import itertools
import select
import socket
import struct
import threading
import time
import unittest

import cbor2

import support
from support import MIB

PIPELINED = 100_000 if support.SMALL else 1_000_000
STORM = 2_000 if support.SMALL else 20_000
PRELOAD = support.BUILD / "tests/clock_preload.so"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: at once


@support.expand
class NeverReading(unittest.TestCase):
    """A million requests on one connection, whose client reads nothing."""

    @support.rows([("small replies", {"Get": "small"}), ("lists", "ListAll"),
                   ("errors", {"Get": "../.."}), ("cancels", None)])
    def test_pipelined(self, request):
        server = self.enterContext(support.Server(settings={"limits": {"send_timeout": "2s"}}))
        server.write("small", b"s" * 1000)
        for number in range(300):
            server.write(f"d{number % 10}/{'n' * 100}{number}")
        descriptors = server.descriptors()
        other = self.enterContext(server.connect())
        self.assertEqual(other.ask({"Exists": "small"}), {"Exists": True})
        with server.memory_bound(4 * MIB):
            sent = self.send_a_million(server, request, other)
        if request is None:  # these are never answered: there is nothing to be read
            self.assertEqual(sent, PIPELINED)
        else:
            self.assertLess(sent, PIPELINED)
        server.expect_descriptors(descriptors + 1)

    @support.rows([("one directory", 1), ("several", 8)])
    def test_a_deep_list(self, directories):
        """The walks hold no directory while their client does not read, and lose nothing by that."""
        server = self.enterContext(support.Server())
        deep = "/".join(f"{number}{'d' * 60}" for number in range(20))
        names = {f"{deep}/{number % directories}/{'n' * 200}{number}" for number in range(1200)}
        for name in names:
            server.write(name)
        with server.connect() as wire:
            wire.ask({"Exists": "nothing"})
            descriptors = server.descriptors()
            wire.request(1, "ListAll")
            support.wait_until(lambda: select.select([wire.socket], [], [], 0)[0], "a reply")
            server.expect_descriptors(descriptors)
            id, reply = wire.reply()
        self.assertEqual({file["path"] for file in reply["List"]}, names)

    def send_a_million(self, server, request, other):
        """Until all is sent or the server has closed the connection. How many were."""
        ids = itertools.cycle(range(1, 50))  # used again and again
        sent = 0
        with server.connect() as wire:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while sent < PIPELINED:
                    wire.send(b"".join(cbor2.dumps([next(ids), request]) for _ in range(500)))
                    sent += 500
                    self.assertEqual(other.ask({"Exists": "small"}), {"Exists": True})
        return sent


@support.expand
class Storm(unittest.TestCase):
    """Connections that are closed as soon as they are made."""

    @support.rows([("closed on unix", False, False), ("closed on tcp", True, False),
                   ("reset on tcp", True, True)])
    def test_accept_storm(self, tcp, resets):
        server = self.enterContext(support.Server(tcp=True))
        server.write("f")
        descriptors = server.descriptors()
        with server.connect() as wire:
            wire.ask({"Exists": "f"})
            with server.memory_bound(8 * MIB):
                for number in range(STORM):
                    with server.connect(tcp) as short:
                        if resets:
                            short.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        if number % 3 == 0:
                            short.request(1, {"Exists": "f"})
                    if number % 100 == 0:
                        self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": True})
            self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": True})
        server.expect_descriptors(descriptors)

    def test_a_storm_does_not_keep_it_from_stopping(self):
        server = self.enterContext(support.Server())
        ending = threading.Event()

        def connect_and_close():
            with contextlib.suppress(OSError):
                while not ending.is_set():
                    server.connect().close()

        storms = [threading.Thread(target=connect_and_close) for _ in range(4)]
        for storm in storms:
            storm.start()
        try:
            begin = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - begin, support.DEADLINE / 3)
        finally:
            ending.set()
            for storm in storms:
                storm.join()


@unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer or Valgrind")
class ClockSetBack(unittest.TestCase):
    """By an hour, while requests and timeouts are under way: nothing depends on the wall clock."""

    def setUp(self):
        self.mark = support.scratch(self) / "an hour behind"
        self.server = self.enterContext(support.Server(
            settings={"limits": {"idle_timeout": "1s", "request_timeout": "500ms"}},
            environment={"LD_PRELOAD": str(PRELOAD), "VALVE_TEST_CLOCK": str(self.mark)}))
        self.server.write("f", b"content")

    def close_time(self, wire):
        begin = time.monotonic()
        wire.expect_end()
        return time.monotonic() - begin

    def test_requests_and_timeouts(self):
        before = self.enterContext(self.server.connect())
        self.assertEqual(before.ask({"Get": "f"}), {"Content": b"content"})
        self.mark.touch()
        begin = time.monotonic()
        half = self.enterContext(self.server.connect())
        half.send(b"\x82")
        self.assertEqual(before.ask({"Get": "f"}), {"Content": b"content"})
        self.assertLess(self.close_time(half), 5)
        self.assertGreater(time.monotonic() - begin, 0.45)
        self.assertLess(self.close_time(before), 5)
        self.mark.unlink()
        with self.server.connect() as after:
            self.assertEqual(after.ask({"Size": "f"}), {"Size": 7})

    def test_it_stops_in_time(self):
        self.mark.touch()
        with self.server.connect() as wire:
            wire.ask({"Exists": "f"})
            self.server.stop()
            wire.expect_end()

    def test_log(self):
        """It goes on, and its stamps follow the wall clock, wherever that goes."""
        self.mark.touch()
        self.server.stop()
        stamps = [datetime.datetime.fromisoformat(line.split()[0])
                  for line in self.server.program.log.splitlines()]
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs(now - stamps[0]), datetime.timedelta(minutes=5))
        self.assertLess(abs(now - datetime.timedelta(hours=1) - stamps[-1]),
                        datetime.timedelta(minutes=5))


if __name__ == "__main__":
    unittest.main()
