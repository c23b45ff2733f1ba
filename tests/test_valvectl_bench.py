# SPDX-License-Identifier: MIT
"""valvectl bench: what it counts and reports, against valved and against servers that misbehave."""
import contextlib
import json
import os
import pty
import signal
import subprocess
import threading
import time
import unittest

import cbor2

import support
import test_valvectl
from support import rows
from test_valvectl import CONNECTION, DENIED, DONE, PROTOCOL, SOME, USAGE

LATENCIES = ["min", "p50", "p90", "p99", "p999", "max"]


class Case(test_valvectl.Case):
    def bench(self, address, *arguments, status=DONE):
        """What --json prints, as an object that has been looked over."""
        printed = self.valvectl(address, "bench", "--json", *arguments, status=status)
        return self.checked(printed)

    def checked(self, printed):
        self.assertEqual(printed.count(b"\n"), 1)
        figures = json.loads(printed)
        latencies = [figures["latency_us"][key] for key in LATENCIES]
        self.assertEqual(latencies, sorted(latencies))
        self.assertEqual(figures["errors"], sum(figures["errors_by_code"].values()))
        self.assertGreaterEqual(figures["backlog_most"], figures["backlog"])
        return figures


@support.expand
class Figures(Case):
    CONTENT = b"x" * 1000

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server(tcp=True))
        for number in range(7):
            cls.server.write(f"dir/{number}", cls.CONTENT)
        cls.answer = len(cbor2.dumps([1, {"Content": cls.CONTENT}]))

    def test_closed_loop(self):
        for address in (self.server.address, self.server.tcp_address):
            figures = self.bench(address, "-n", "500", "-c", "4", "-d", "8", "dir/1", "dir/2")
            self.assertEqual(figures["answers"], 500)
            self.assertEqual(figures["bytes"], 500 * self.answer)  # ids up to 8 take one byte
            self.assertEqual(figures["errors"], 0)
            self.assertEqual(figures["in_flight"], 0)
            self.assertEqual((figures["names"], figures["connections"], figures["depth"]),
                             (2, 4, 8))
            self.assertGreater(figures["latency_us"]["min"], 0)

    def test_large_files(self):
        size = 3 * support.MIB + 1
        support.sparse_file(self.server.root / "large", size)
        self.addCleanup(os.unlink, self.server.root / "large")
        for address in (self.server.address, self.server.tcp_address):
            figures = self.bench(address, "-n", "20", "-c", "2", "-d", "2", "large", "dir/1")
            self.assertEqual((figures["answers"], figures["errors"]), (20, 0))
            self.assertEqual(figures["bytes"], 10 * (self.answer + size + 16))

    def test_for_a_time(self):
        begun = time.monotonic()
        figures = self.bench(self.server.address, "--duration", "300ms", "--warm-up", "200ms",
                             "-c", "2", "dir/1")
        self.assertGreaterEqual(time.monotonic() - begun, 0.5)
        self.assertAlmostEqual(figures["seconds"], 0.3, delta=0.01)
        self.assertGreater(figures["answers"], 0)
        self.assertLessEqual(figures["in_flight"], 2)
        self.assertAlmostEqual(figures["answers_per_second"],
                               figures["answers"] / figures["seconds"], delta=0.1)

    def test_without_names_all_files(self):
        self.assertEqual(self.bench(self.server.address, "-n", "20")["names"], 7)

    def test_names_from_a_file(self):
        (self.here / "names").write_bytes(b"dir/1\0dir/2\0dir/3")
        figures = self.bench(self.server.address, "-n", "20", "-0", "--files-from", "names")
        self.assertEqual((figures["names"], figures["errors"]), (3, 0))

    def test_mix(self):
        """Get is told from the others by its bytes: 3 of 10 calls."""
        figures = self.bench(self.server.address, "-n", "4000", "-d", "20", "-c", "2",
                             "--mix", "get=3,size=4,exists=3", "dir/1")
        self.assertEqual((figures["answers"], figures["errors"]), (4000, 0))
        self.assertAlmostEqual(figures["bytes"] / (4000 * self.answer), 0.3, delta=0.05)

    def test_each_answer_to_a_single_call(self):
        for call, answer in (("size", {"Size": 1000}), ("exists", {"Exists": True})):
            figures = self.bench(self.server.address, "-n", "100", "--mix", call, "dir/1")
            self.assertEqual(figures["bytes"], 100 * len(cbor2.dumps([1, answer])))

    def test_missing_names(self):
        figures = self.bench(self.server.address, "-n", "100", "dir/1", "nobody", status=SOME)
        self.assertEqual(figures["errors_by_code"], {"not-found": 50})
        self.assertEqual(figures["answers"], 100)

    def test_denied(self):
        figures = self.bench(self.server.tcp_address, "--mix", "del", "dir/1", status=DENIED)
        self.assertEqual(figures["errors_by_code"], {"denied": 1})

    def test_open_loop(self):
        figures = self.bench(self.server.address, "--rate", "200", "-n", "60", "-c", "3", "dir/1")
        self.assertEqual((figures["answers"], figures["rate"]), (60, 200))
        self.assertGreaterEqual(figures["seconds"], 59 / 200)
        self.assertEqual((figures["backlog"], figures["in_flight"]), (0, 0))

    def test_for_people(self):
        printed = self.valvectl(self.server.address, "bench", "-n", "10", "dir/1", "nobody",
                                status=SOME).decode()
        self.assertRegex(printed, r"(?m)^answers +10 in ")
        self.assertRegex(printed, r"(?m)^errors +5\n +not-found +5$")
        self.assertRegex(printed, r"(?m)^latency +min +mean +50 % +90 % +99 % +99\.9 % +max$")

    @rows([
        ("no such call", ["--mix", "put"]),
        ("nothing of a call", ["--mix", "get=0"]),
        ("a call twice", ["--mix", "get=1,get=1"]),
        ("half a share", ["--mix", "get=1x"]),
        ("an empty mix", ["--mix", ""]),
        ("a list", ["--mix", "list"]),
        ("no connection", ["-c", "0"]),
        ("too many connections", ["--connections", "1000001"]),
        ("depth", ["-d", "x"]),
        ("rate", ["--rate", "0"]),
        ("duration", ["--duration", "0"]),
        ("names twice", ["--files-from", "x", "name"]),
        ("an option of others", ["-l"]),
    ])
    def test_wrong_usage(self, arguments):
        self.valvectl(self.server.address, "bench", *arguments, status=USAGE)

    def test_on_a_terminal(self):
        parent, child = pty.openpty()
        self.addCleanup(os.close, parent)
        process = subprocess.Popen(
            [*support.WRAPPER, support.VALVECTL, "-H", self.server.address, "bench", "-c", "1",
             "-i", "100ms", "--duration", "1h", "dir/1"],
            stdin=child, stdout=child, stderr=child, env=dict(os.environ, TERM="xterm"))
        self.addCleanup(process.kill)
        os.close(child)
        shown = b""
        while b"\nq ends this" not in shown:
            shown += os.read(parent, 65536)
        self.assertIn(b"warming up", shown)
        os.write(parent, b"q")
        shown = b""
        with contextlib.suppress(OSError):
            while data := os.read(parent, 65536):
                shown += data
        self.assertIn(b"max\x1b[K", shown)
        self.assertEqual(process.wait(support.DEADLINE), DONE)


class Deleting(Case):
    def test_each_name_once(self):
        server = self.enterContext(support.Server())
        for number in range(300):
            server.write(str(number), b"x")
        figures = self.bench(server.address, "-d", "4", "--mix", "del")
        self.assertEqual((figures["answers"], figures["errors"]), (300, 0))
        self.assertEqual(os.listdir(server.root), [])

    def test_nothing_to_ask_for(self):
        server = self.enterContext(support.Server())
        self.assertEqual(self.valvectl(server.address, "bench", status=SOME), b"")
        self.assertIn("no file", self.complaint)


@support.expand
class Misbehaving(Case):
    def serve(self, answer, answers=1000000):
        address = f"unix:{self.here}/fake"
        self.addCleanup(test_valvectl.FakeServer(address, answer, answers).close)
        return address

    def test_nobody_listens(self):
        self.valvectl(f"unix:{self.here}/none", "bench", "x", status=CONNECTION)

    def test_goes_away(self):
        """What was measured until then is printed; the request that is left has no answer."""
        address = self.serve(lambda id, _: cbor2.dumps([id, {"Content": b"abc"}]), 50)
        figures = self.bench(address, "-c", "1", "--warm-up", "0", "x", status=CONNECTION)
        self.assertEqual((figures["answers"], figures["errors_by_code"]), (50, {"unanswered": 1}))
        self.assertRegex(self.complaint, "ended the connection|reset by peer")

    @rows([
        ("no CBOR", lambda id: b"\xff"),
        ("HTTP", lambda id: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("a reply of no call", lambda id: cbor2.dumps([id, {"Nope": 3}])),
        ("another id", lambda id: cbor2.dumps([id + 1, {"Content": b"x"}])),
        ("an id of 0", lambda id: cbor2.dumps([0, {"Error": "malformed: no"}])),
        ("an id that is too large", lambda id: cbor2.dumps([2**40, {"Content": b"x"}])),
        ("no array", lambda id: cbor2.dumps({"Content": b"x"})),
        ("content as text", lambda id: cbor2.dumps([id, {"Content": "x"}])),
        ("one element", lambda id: cbor2.dumps([id])),
        ("two answers", lambda id: 2 * cbor2.dumps([id, {"Content": b"x"}])),
        ("a text without end", lambda id: b"\x82\x01\xa1\x7b" + b"\x7f" * 5000),
    ])
    def test_breaks_the_protocol(self, answer):
        address = self.serve(lambda id, _: answer(id))
        figures = self.bench(address, "-c", "1", "--warm-up", "0", "x", status=PROTOCOL)
        self.assertLessEqual(figures["answers"], 1)

    def test_breaks_off_within_an_answer(self):
        address = self.serve(lambda id, _: cbor2.dumps([id, {"Content": b"abc"}])[:-1], 1)
        figures = self.bench(address, "-c", "1", "--warm-up", "0", "x", status=PROTOCOL)
        self.assertEqual(figures["answers"], 0)
        self.assertIn("middle of an answer", self.complaint)

    def test_answers_in_pieces(self):
        """Cut anywhere: what is kept back comes before the next answer."""
        count, number, kept = 400, 0, b""

        def answer(id, _):
            nonlocal number, kept
            number += 1
            kept += cbor2.dumps([id, {"Content": b"x" * (number % 30)}])
            size = len(kept) if number == count else len(kept) - number % 14
            sent, kept = kept[:size], kept[size:]
            return sent

        figures = self.bench(self.serve(answer), "-c", "1", "-d", "2", "-n", str(count), "x")
        self.assertEqual((figures["answers"], figures["errors"]), (count, 0))

    def test_answers_of_another_kind(self):
        address = self.serve(lambda id, _: cbor2.dumps([id, {"Size": 3}]))
        figures = self.bench(address, "-c", "1", "-n", "20", "x", status=PROTOCOL)
        self.assertEqual(figures["errors_by_code"], {"wrong-reply": 20})

    def test_codes_of_errors(self):
        words = iter(["busy: wait", "io: broken", "new-code: words", "not-found:", "no colon"])
        address = self.serve(lambda id, _: cbor2.dumps([id, {"Error": next(words)}]))
        figures = self.bench(address, "-c", "1", "-n", "5", "x", status=SOME)
        self.assertEqual(figures["errors_by_code"],
                         {"busy": 1, "io": 1, "other": 2, "not-found": 1})

    def test_never_answers(self):
        silence = threading.Event()
        address = self.serve(lambda id, _: b"" if silence.wait() else b"")
        self.addCleanup(silence.set)
        printed = self.valvectl(None, "-H", address, "-t", "300ms", "bench", "--json", "-c", "1",
                                "-d", "3", "--warm-up", "0", "x", status=CONNECTION)
        figures = self.checked(printed)
        self.assertEqual((figures["answers"], figures["in_flight"]), (0, 3))
        self.assertGreaterEqual(figures["latency_us"]["max"], 300_000)

    def test_a_pause_is_counted_for_all_who_were_to_ask(self):
        """A closed loop would have one slow answer; here half of all were due in the pause."""
        pause = 0.5
        answered = []

        def answer(id, _):
            if not answered:
                time.sleep(pause)
            answered.append(id)
            return cbor2.dumps([id, {"Content": b"x"}])

        figures = self.bench(self.serve(answer), "-c", "1", "--rate", "100", "-n", "60", "x")
        self.assertEqual(figures["answers"], 60)
        self.assertGreaterEqual(figures["latency_us"]["max"], pause * 1e6)
        self.assertGreaterEqual(figures["latency_us"]["p50"], 0.15e6)
        self.assertGreaterEqual(figures["backlog_most"], 40)

    def test_too_slow_for_the_rate(self):
        """What was due and not begun is reported, and has waited."""
        silence = threading.Event()
        address = self.serve(lambda id, _: b"" if silence.wait() else b"")
        self.addCleanup(silence.set)
        figures = self.bench(address, "-c", "1", "--rate", "100", "--warm-up", "0",
                             "--duration", "500ms", "x")
        self.assertEqual((figures["answers"], figures["in_flight"]), (0, 1))
        self.assertAlmostEqual(figures["backlog"], 49, delta=2)
        self.assertAlmostEqual(figures["latency_us"]["p50"], 250_000, delta=30_000)

    def test_interrupted(self):
        begun = threading.Event()

        def answer(id, _):
            begun.set()
            return cbor2.dumps([id, {"Content": b"x"}])

        process = subprocess.Popen(
            [*support.WRAPPER, support.VALVECTL, "-H", self.serve(answer), "bench", "--json", "-c",
             "1", "--warm-up", "0", "--duration", "1h", "x"], stdout=subprocess.PIPE)
        self.addCleanup(process.kill)
        self.assertTrue(begun.wait(support.DEADLINE))
        process.send_signal(signal.SIGINT)
        try:
            printed, _ = process.communicate(timeout=2 if support.INSTRUMENTED else support.DEADLINE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # TSan may hold one back until the next comes
            printed, _ = process.communicate(timeout=support.DEADLINE)
        self.assertEqual(process.returncode, DONE)
        self.assertGreater(self.checked(printed)["answers"], 0)


if __name__ == "__main__":
    unittest.main()
