# SPDX-License-Identifier: MIT
"""The fault proxy: what it passes on, and what it breaks."""
import contextlib
import itertools
import random
import signal
import socket
import subprocess
import threading
import time
import unittest

import soak
import support

PROGRAM = support.BUILD / "tests/fault_proxy"


@support.expand
class TestFaultProxy(unittest.TestCase):
    def listen(self, kind):
        """A socket that the proxy connects to, and its address."""
        if kind == "unix":
            listener, place = socket.socket(socket.AF_UNIX), str(support.scratch(self) / "target")
        else:
            listener, place = socket.socket(), ("127.0.0.1", 0)
        self.addCleanup(listener.close)
        listener.settimeout(support.DEADLINE)
        listener.bind(place)
        listener.listen()
        return listener, (f"unix:{place}" if kind == "unix" else
                          f"127.0.0.1:{listener.getsockname()[1]}")

    def start(self, *options, inside="tcp", outside="tcp"):
        self.listener, target = self.listen(inside)
        listen = "127.0.0.1:0" if outside == "tcp" else f"unix:{support.scratch(self)}/proxy"
        self.proxy = soak.FaultProxy(PROGRAM, listen, target, options)
        self.addCleanup(self.proxy.kill)

    def connect(self):
        """Both ends of a connection through the proxy."""
        client = support.Wire(self.proxy.address).socket
        self.addCleanup(client.close)
        server, _ = self.listener.accept()
        self.addCleanup(server.close)
        server.settimeout(support.DEADLINE)
        return client, server

    def receive(self, end):
        """All that comes, and whether the connection was reset after it."""
        data = bytearray()
        while True:
            try:
                part = end.recv(65536)
            except ConnectionResetError:
                return bytes(data), True
            if not part:
                return bytes(data), False
            data += part

    def exchange(self, sender, receiver, data):
        """What arrives of the data, which is the last that is sent that way."""
        def send():
            try:
                sender.sendall(data)
                sender.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the proxy has reset the connection

        thread = threading.Thread(target=send)
        thread.start()
        try:
            return self.receive(receiver)
        finally:
            thread.join()

    @support.rows([(f"{outside} to {inside}, {' '.join(options) or 'as it comes'}", outside,
                    inside, options)
                   for outside, inside in itertools.product(("tcp", "unix"), repeat=2)
                   for options in ((), ("--split=7",), ("--split-random=1000",))])
    def test_everything_arrives(self, outside, inside, options):
        self.start(*options, outside=outside, inside=inside)
        client, server = self.connect()
        data = random.Random(1).randbytes(100_000)
        self.assertEqual(self.exchange(client, server, data), (data, False))
        self.assertEqual(self.exchange(server, client, data), (data, False))
        done = self.proxy.stop()
        self.assertEqual((done["bytes-up"], done["bytes-down"]), (len(data), len(data)))
        if options == ("--split=7",):
            self.assertGreaterEqual(done["pieces"], 2 * len(data) // 7)

    def test_a_reader_that_stops_costs_bounded_memory(self):
        self.start()
        client, server = self.connect()
        data = bytes(20_000_000)
        thread = threading.Thread(target=client.sendall, args=(data,))
        thread.start()
        support.wait_until(lambda: server.recv(1, socket.MSG_PEEK), "a first byte")
        resident = self.resident()
        got = 0
        while got < len(data):
            got += len(server.recv(65536))
            resident = max(resident, self.resident())
        thread.join()
        self.assertEqual(got, len(data))
        if not support.INSTRUMENTED:
            self.assertLess(resident, 16 * support.MIB)

    def resident(self):
        with open(f"/proc/{self.proxy.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096

    @support.rows([(f"{way} {place}", way, place)
                   for way in ("up", "down") for place in (1, 1000, 70_000)])
    def test_a_reset_at_a_byte(self, way, place):
        self.start(f"--reset-at={way}:{place}")
        client, server = self.connect()
        sender, receiver = (client, server) if way == "up" else (server, client)
        arrived, reset = self.exchange(sender, receiver, bytes(100_000))
        self.assertEqual((len(arrived), reset), (place, True))
        self.assertEqual(self.receive(sender), (b"", True))
        self.assertEqual(self.proxy.stop()["reset"], 1)

    def test_a_reset_before_the_first_byte(self):
        self.start("--reset-at=up:0")
        with contextlib.suppress(ConnectionResetError):  # it may come before connect() returns
            client = support.Wire(self.proxy.address).socket
            self.addCleanup(client.close)
            self.assertEqual(self.receive(client)[0], b"")
        self.assertEqual(self.proxy.stop()["reset"], 1)

    @support.rows([(str(place), place) for place in (0, 1, 1000, 70_000)])
    def test_a_half_close_at_a_byte(self, place):
        self.start(f"--half-close-at=up:{place}")
        client, server = self.connect()
        self.assertEqual(self.exchange(client, server, bytes(100_000)), (bytes(place), False))
        self.assertEqual(self.exchange(server, client, b"the answer"), (b"the answer", False))
        self.assertEqual(self.proxy.stop()["half-close"], 1)

    def test_a_bit_of_a_byte_is_flipped(self):
        self.start("--flip-at=down:12345", "--split-random=100")
        client, server = self.connect()
        arrived, _ = self.exchange(server, client, bytes(20_000))
        self.assertEqual({place: byte for place, byte in enumerate(arrived) if byte},
                         {12345: 0x10})
        self.assertEqual(self.proxy.stop()["flip"], 1)

    def test_a_delay(self):
        self.start("--delay=80")
        client, server = self.connect()
        start = time.monotonic()
        self.assertEqual(self.exchange(client, server, b"late"), (b"late", False))
        self.assertGreaterEqual(time.monotonic() - start, 0.08)

    def test_a_rate(self):
        self.start("--rate=10000", "--split=500")
        client, server = self.connect()
        start = time.monotonic()
        self.exchange(client, server, bytes(3000))
        self.assertGreaterEqual(time.monotonic() - start, 0.25)

    def places(self, seed):
        """How much of 1000 bytes gets through, on each of some connections."""
        self.start(f"--seed={seed}", "--reset=0.5", "--half-close=0.5", "--span=1000",
                   "--split-random=50", outside="tcp")
        found = []
        for _ in range(30):
            client, server = self.connect()
            arrived, reset = self.exchange(client, server, bytes(1000))
            found.append((len(arrived), reset))
            client.close()
            server.close()
        self.proxy.stop()
        self.listener.close()
        return found

    def test_all_follows_from_the_seed(self):
        first = self.places(1)
        self.assertEqual(self.places(1), first)
        self.assertNotEqual(self.places(2), first)
        self.assertGreater(len(set(first)), 5)

    def test_a_target_that_refuses(self):
        self.start()
        self.listener.close()
        client = support.Wire(self.proxy.address).socket
        self.addCleanup(client.close)
        self.assertEqual(self.receive(client)[0], b"")
        self.assertEqual(self.proxy.stop()["refused"], 1)

    def test_settings_are_printed(self):
        self.start("--seed=7", "--split=3", "--reset-at=up:9", "--flip=0.25")
        for words in ("seed=7", "split=3", "reset-at=up:9", "flip=0.25"):
            self.assertIn(words, self.proxy.settings)

    @support.rows([(" ".join(arguments) or "none", arguments) for arguments in (
        (), ("unix:/a",), ("nonsense", "unix:/b"), ("--reset=2", "unix:/a", "unix:/b"),
        ("--split=-1", "unix:/a", "unix:/b"), ("--reset-at=3", "unix:/a", "unix:/b"),
        ("--span=0", "unix:/a", "unix:/b"))])
    def test_wrong_usage(self, arguments):
        run = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False,
                             timeout=support.DEADLINE)
        self.assertEqual(run.returncode, 64)
        self.assertIn("usage:", run.stderr)

    def test_it_ends_in_the_middle(self):
        self.start("--delay=10000")
        client, server = self.connect()
        client.sendall(b"on the way")
        self.proxy.process.send_signal(signal.SIGINT)
        self.proxy.stop()
        self.assertEqual(self.receive(server)[0], b"")


if __name__ == "__main__":
    unittest.main()
