# SPDX-License-Identifier: MIT
"""valve_serve() as a program sees it: streams, one-way and later answers in bytes, log and stop."""
import os
import re
import signal
import stat
import subprocess
import unittest

import cbor2

import support


class OrderServer:
    """A running order_server, use it as a context; left, it must end in good order."""

    def __init__(self, address):
        self._asked = address

    def __enter__(self):
        self.process = subprocess.Popen(
            [*support.WRAPPER, str(support.BUILD / "tests/order_server"), self._asked],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()
        self.address = self.first_line.removeprefix("listening on ").rstrip("\n")
        return self

    def __exit__(self, kind, *_):
        if self.process.returncode is not None:
            return
        if kind is not None:
            self.process.kill()
            self.process.communicate()
        elif (status := self.stop()) != 0:
            raise AssertionError(f"exit status {status}\n{self.log}")

    def stop(self, number=signal.SIGTERM):
        """Its exit status, after a signal."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        self.out, self.log = self.process.communicate(timeout=support.DEADLINE)
        if support.REPORT.search(self.log):
            raise AssertionError(f"a report from order_server:\n{self.log}")
        return self.process.returncode

    def connect(self):
        return support.Wire(self.address)


class Serve(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        self.unix = f"unix:{self.directory}/socket"

    def serve(self, address=None):
        return self.enterContext(OrderServer(address or self.unix))

    def order(self, wire, id, text, *options):
        wire.request(id, {"Do": text}, *options)


class Bytes(Serve):
    def test_a_stream(self):
        """Written by hand, after PROTOCOL section 1."""
        wire = self.enterContext(self.serve().connect())
        wire.send(bytes.fromhex("82 07 a1 62 446f 67 636f756e742033"))
        wanted = bytes.fromhex("83 07 01 f5  83 07 02 f5  83 07 03 f5  82 07 a1 64 446f6e65 03")
        self.assertEqual(wire.read(len(wanted)).hex(), wanted.hex())
        wire.finish()
        wire.expect_end()

    def test_numbers_of_all_sizes_in_a_long_stream(self):
        wire = self.enterContext(self.serve().connect())
        count = 70000
        self.order(wire, 300, f"count {count}")
        wanted = b"".join(cbor2.dumps([300, number, True]) for number in range(1, count + 1))
        wanted += cbor2.dumps([300, {"Done": count}])
        self.assertEqual(wire.read(len(wanted)), wanted)
        wire.finish()
        wire.expect_end()

    def test_a_stream_is_cancelled(self):
        wire = self.enterContext(self.serve().connect())
        self.order(wire, 1, "count 1000000000")
        for number in range(1, 1000):
            self.assertEqual(wire.item(), [1, number, True])
        wire.request(1, None)
        while len(item := wire.item()) == 3:
            number += 1
            self.assertEqual(item, [1, number, True])
        self.assertEqual(item[0], 1)
        self.assertEqual(support.error_code(item[1]), "cancelled")

    def test_the_timeout_of_a_stream(self):
        wire = self.enterContext(self.serve().connect())
        self.order(wire, 1, "count 1000000000", {"timeout": 50})
        while len(item := wire.item()) == 3:
            pass
        self.assertEqual(support.error_code(item[1]), "timeout")

    def test_one_way(self):
        wire = self.enterContext(self.serve().connect())
        for id in range(1, 1001):
            self.order(wire, id, "note")
        self.order(wire, 7, "now 5")
        wire.request(8, {"Do": 5})  # what is refused is answered
        self.assertEqual(wire.reply(), (7, {"Done": 5}))
        id, refusal = wire.reply()
        self.assertEqual((id, support.error_code(refusal)), (8, "bad-request"))
        self.order(wire, 9, "note")
        wire.finish()
        wire.expect_end()

    def test_later(self):
        server = self.serve()
        wire, other = (self.enterContext(server.connect()) for _ in range(2))
        for id in (1, 2, 3):
            self.order(wire, id, f"keep {id}")
        self.order(wire, 4, "now 4")
        self.assertEqual(wire.reply(), (4, {"Done": 4}))
        for id in (2, 3, 1):
            self.assertEqual(other.ask({"Do": f"give {id} {id * 100}"}), {"Done": id})
            self.assertEqual(wire.reply(), (id, {"Done": id * 100}))


class Program(Serve):
    def test_it_says_where_it_listens(self):
        self.assertEqual(self.serve().first_line, f"listening on {self.unix}\n")
        tcp = self.serve("127.0.0.1:0")
        self.assertRegex(tcp.first_line, r"^listening on 127\.0\.0\.1:[1-9]\d*\n$")
        self.assertEqual(self.enterContext(tcp.connect()).ask({"Do": "now 1"}), {"Done": 1})

    def test_the_file_of_its_socket(self):
        server = self.serve()
        path = self.directory / "socket"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o660)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(path.exists())

    def test_addresses_that_it_cannot_have(self):
        self.serve()
        for address, words in ((self.unix, "somebody answers"), ("nowhere", "nowhere: ")):
            with OrderServer(address) as server:
                self.assertEqual(server.wait(), 1)
                self.assertEqual(server.first_line, "")
                self.assertRegex(server.log, rf"^order_server: .*{re.escape(words)}")

    def test_signals_stop_it(self):
        """What was asked is answered first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), OrderServer(self.unix) as server:
                wire = self.enterContext(server.connect())
                self.order(wire, 1, "keep 1")
                self.order(wire, 2, "now 2")
                self.assertEqual(wire.reply(), (2, {"Done": 2}))
                other = self.enterContext(server.connect())
                self.order(other, 1, "count 300000")  # more than the socket takes
                self.assertEqual(other.item(), [1, 1, True])
                server.process.send_signal(number)
                for expected in range(2, 300001):
                    self.assertEqual(other.item(), [1, expected, True])
                self.assertEqual(other.reply(), (1, {"Done": 300000}))
                other.expect_end()
                self.assertEqual(server.stop(number), 1)  # a second one ends what does not end
                self.assertIn("order_server: calls that had not ended were cut off\n", server.log)
                wire.expect_end()

    def test_the_faults_of_a_service_are_logged(self):
        server = self.serve()
        wire = self.enterContext(server.connect())
        self.assertEqual(wire.ask({"Do": "twice 1 2"}), {"Done": 1})
        self.order(wire, 1, "break")
        self.assertGreater(len(wire.read(200000)), 60000)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log.splitlines(), [
            "valve: error: service orders, Do: a handler answered twice: the first answer stands",
            "valve: warning: a reply was broken off, and its connection with it: io: a?b?[2J?"])

    def connected(self):
        try:
            return support.Wire(self.unix)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def test_a_stdout_that_cannot_be_written_does_no_harm(self):
        with open(os.devnull, "rb") as unwritable:
            process = subprocess.Popen(
                [*support.WRAPPER, str(support.BUILD / "tests/order_server"), self.unix],
                stdin=subprocess.DEVNULL, stdout=unwritable, stderr=subprocess.PIPE)
        with support.wait_until(self.connected, "a server that accepts") as wire:
            self.assertEqual(wire.ask({"Do": "now 1"}), {"Done": 1})
        process.terminate()
        process.communicate(timeout=support.DEADLINE)
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
