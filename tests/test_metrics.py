# SPDX-License-Identifier: MIT
"""What valved counts, how it serves that to Prometheus, and how valvectl shows it."""
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import termios
import time
import unittest

import cbor2

import support

PROMTOOL = shutil.which("promtool")
TYPE = "text/plain; version=0.0.4; charset=utf-8"

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')


def read_labels(text):
    labels, end = {}, 0
    while end < len(text):
        match = LABEL.match(text, end)
        if not match or match[1] in labels:
            raise AssertionError(f"bad labels: {text}")
        labels[match[1]] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), match[2])
        end = match.end()
    return labels


class Exposition:
    """The text format 0.0.4, read strictly: whatever breaks its rules is an error."""

    def __init__(self, text):
        self.samples = {}  # (name, labels) -> value
        self.kinds = {}
        self._figure = None
        if not text.endswith("\n"):
            raise AssertionError("the last line has no end")
        for line in text.split("\n")[:-1]:
            self._read(line)
        self._check_histograms()

    def _read(self, line):
        if line.startswith("# HELP "):
            self._figure, _, words = line[7:].partition(" ")
            if self._figure in self.kinds or not words:
                raise AssertionError(f"a second time, or no words: {line}")
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            if name != self._figure or kind not in {"counter", "gauge", "histogram"}:
                raise AssertionError(f"out of place: {line}")
            self.kinds[name] = kind
        else:
            self._read_sample(line)

    def _read_sample(self, line):
        match = SAMPLE.fullmatch(line)
        if not match:
            raise AssertionError(f"no sample: {line!r}")
        name, labels, value = match[1], read_labels(match[3] or ""), float(match[4])
        kind = self.kinds.get(self._figure)
        suffixes = {"histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        if name not in {self._figure + suffix for suffix in suffixes}:
            raise AssertionError(f"under the heading of {self._figure}: {line}")
        if (kind == "counter") != self._figure.endswith("_total"):
            raise AssertionError(f"a {kind} of that name: {line}")
        key = (name, frozenset(labels.items()))
        if key in self.samples or (kind != "gauge" and value < 0):
            raise AssertionError(f"twice, or less than nothing: {line}")
        self.samples[key] = value

    def _check_histograms(self):
        series = {}
        for (name, labels), value in self.samples.items():
            figure = name.removesuffix("_bucket")
            if self.kinds.get(figure) == "histogram" and figure != name:
                bound = float(dict(labels)["le"])
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                series.setdefault((figure, rest), []).append((bound, value))
        for (figure, rest), buckets in series.items():
            if buckets != sorted(buckets) or buckets[-1][0] != float("inf"):
                raise AssertionError(f"bounds out of order: {figure} {set(rest)}")
            counts = [count for _, count in buckets]
            if counts != sorted(counts) or counts[-1] != self.samples[(figure + "_count", rest)]:
                raise AssertionError(f"counts that do not add up: {figure} {set(rest)}")
            if (figure + "_sum", rest) not in self.samples:
                raise AssertionError(f"no sum: {figure}")

    def get(self, name, **labels):
        return self.samples[(name, frozenset(labels.items()))]

    def sum(self, name, **labels):
        wanted = set(labels.items())
        return sum(value for (known, has), value in self.samples.items()
                   if known == name and wanted <= has)


def http(address, question, finish=False):
    """Status line, header fields and body of the answer to these bytes."""
    with support.Wire(address) as wire:
        wire.send(question)
        if finish:
            wire.finish()
        answer = wire.read(-1)
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return status, dict(field.split(": ", 1) for field in fields), body


class Metered(contextlib.ExitStack):
    """A valved with metrics."""

    def __init__(self, metrics="127.0.0.1:0", **settings):
        super().__init__()
        self._settings = {"metrics": {"address": metrics}} | settings

    def __enter__(self):
        super().__enter__()
        self.server = self.enter_context(support.Server(settings=self._settings))
        self.metrics = self.server.program.wait_for_log(r"metrics on (\S+)$")[0][1]
        return self

    def scrape(self):
        status, fields, body = http(self.metrics, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        if status != "HTTP/1.1 200 OK" or fields["Content-Type"] != TYPE:
            raise AssertionError(f"{status} {fields}")
        if int(fields["Content-Length"]) != len(body):
            raise AssertionError(f"{len(body)} bytes, not {fields['Content-Length']}")
        self.text = body.decode()
        return Exposition(self.text)

    def expect(self, value, name, **labels):
        """It comes to this. Some things are counted after the client has heard of them."""
        support.wait_until(lambda: self.scrape().sum(name, **labels) == value,
                           f"{name}{labels} = {value}")


@support.expand
class Http(unittest.TestCase):
    def start(self, *arguments, **settings):
        metered = self.enterContext(Metered(*arguments, **settings))
        self.server, self.metrics = metered.server, metered.metrics
        return metered

    @support.rows([
        ("GET", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ("GET of 1.0", b"GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("GET with bare line ends", b"GET /metrics HTTP/1.0\n\n", 200),
        ("GET with a query", b"GET /metrics?name=x HTTP/1.1\r\n\r\n", 200),
        ("HEAD", b"HEAD /metrics HTTP/1.1\r\n\r\n", 200),
        ("another path", b"GET / HTTP/1.1\r\n\r\n", 404),
        ("a longer path", b"GET /metrics/x HTTP/1.1\r\n\r\n", 404),
        ("POST", b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=1", 405),
        ("DELETE", b"DELETE /metrics HTTP/1.1\r\n\r\n", 405),
        ("no version", b"GET /metrics\r\n\r\n", 400),
        ("another version", b"GET /metrics HTTP/2.0\r\n\r\n", 400),
        ("too many words", b"GET /metrics x HTTP/1.1\r\n\r\n", 400),
        ("an empty word", b"GET  HTTP/1.1\r\n\r\n", 400),
        ("an empty line", b"\r\n\r\n", 400),
        ("zero bytes", b"\0\0\0\r\n\r\n", 400),
        ("an endless head", b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000, 431),
    ])
    def test_answers(self, question, expected):
        self.start()
        status, fields, body = http(self.metrics, question)
        self.assertEqual(status.split(" ")[:2], ["HTTP/1.1", str(expected)])
        self.assertEqual(fields["Connection"], "close")
        self.assertEqual(fields.get("Allow"), "GET, HEAD" if expected == 405 else None)
        if question.startswith(b"HEAD"):
            self.assertEqual(body, b"")
            self.assertGreater(int(fields["Content-Length"]), 1000)
        else:
            self.assertEqual(len(body), int(fields["Content-Length"]))
        if expected != 200:
            self.assertEqual(body.decode(), status.split(" ", 1)[1] + "\n")

    def test_byte_by_byte(self):
        self.start()
        with support.Wire(self.metrics) as wire:
            wire.send_bytewise(b"GET /metrics HTTP/1.1\r\n\r\n")
            self.assertTrue(wire.read(-1).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_half_closed(self):
        """A scraper that has asked may shut down its sending side."""
        self.start()
        status, _, _ = http(self.metrics, b"GET /metrics HTTP/1.1\r\n\r\n", finish=True)
        self.assertEqual(status, "HTTP/1.1 200 OK")

    def test_unix_socket(self):
        path = support.scratch(self) / "metrics"
        metered = self.start(f"unix:{path}")
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        metered.scrape()
        self.server.stop()
        self.assertFalse(path.exists())

    def test_silent_scrapers_keep_nobody_out(self):
        """Of fifty that say nothing the oldest make room, and none holds anything up."""
        metered = self.start()
        before = self.server.descriptors()
        silent = [self.enterContext(support.Wire(self.metrics)) for _ in range(50)]
        silent[-1].send(b"GET /met")
        metered.scrape()
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Exists": "a"}), {"Exists": False})
        silent[0].expect_end()
        self.assertLessEqual(self.server.descriptors(), before + 20)
        silent[-1].expect_end()  # some seconds later
        self.server.expect_descriptors(before)

    def test_scraper_that_does_not_read(self):
        metered = self.start()
        with support.Wire(self.metrics) as wire:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            wire.send(b"GET /metrics HTTP/1.1\r\n\r\n")
            for _ in range(20):
                metered.scrape()

    def test_while_no_connection_is_accepted(self):
        metered = self.start(server={"max_connections": 1})
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Exists": "a"}), {"Exists": False})
            metered.expect(0, "valve_accepting")
            self.assertEqual(metered.scrape().get("valve_accept_pauses_total",
                                                  reason="connections"), 1)
        metered.expect(1, "valve_accepting")

    def test_off_by_default(self):
        server = self.enterContext(support.Server())
        self.assertNotIn("metrics on", server.program.log)

    @unittest.skipUnless(PROMTOOL, "promtool is not installed (Debian: prometheus)")
    def test_promtool(self):
        metered = self.start()
        metered.scrape()
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=metered.text, text=True,
                                 capture_output=True, timeout=support.DEADLINE, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))


class Counts(unittest.TestCase):
    """Known traffic, and exactly these figures."""

    def test_each_kind_of_request(self):
        metered = self.enterContext(Metered(server={"workers": 2}))
        server = metered.server
        server.write("small", b"x" * 100)
        server.write("large", b"y" * 300000)
        for name in ("d1", "d2"):
            server.write(name)
        with server.connect() as wire:
            for _ in range(50):
                wire.ask({"Exists": "small"})
            for _ in range(20):
                wire.ask({"Size": "small"})
            for _ in range(3):
                support.error_code(wire.ask({"Size": "nothing"}))
            for _ in range(10):
                wire.ask({"Get": "small"})
            wire.ask({"Get": "large"})
            for _ in range(4):
                support.error_code(wire.ask({"Get": "../x"}))
            for name in ("d1", "d2", "d2"):
                wire.ask({"Del": name})
            for _ in range(2):
                wire.ask("ListAll")
            for _ in range(5):
                support.error_code(wire.ask({"Fly": "small"}))
        expected = {
            ("Exists", "ok"): 50, ("Size", "ok"): 20, ("Size", "not-found"): 3, ("Get", "ok"): 11,
            ("Get", "bad-path"): 4, ("Del", "ok"): 2, ("Del", "not-found"): 1,
            ("ListAll", "ok"): 2, ("unknown", "bad-request"): 5}
        figures = metered.scrape()
        counted = {(dict(labels)["method"], dict(labels)["outcome"]): value
                   for (name, labels), value in figures.samples.items()
                   if name == "valve_requests_total" and value != 0}
        self.assertEqual(counted, expected)
        for method, count in {"Exists": 50, "Size": 23, "Get": 15, "Del": 3, "ListAll": 2}.items():
            metered.expect(count, "valve_request_duration_seconds_count", method=method)

    def test_connections_and_bytes(self):
        metered = self.enterContext(Metered())
        server = metered.server
        server.write("a", b"a" * 1000)
        wires = [self.enterContext(server.connect(record=True)) for _ in range(7)]
        for wire in wires:
            for name in ("a", "b", "a"):
                wire.ask({"Get": name})
        sent = sum(len(wire.sent) for wire in wires)
        received = sum(len(wire.received) for wire in wires)
        listener = server.address
        metered.expect(7, "valve_connections", listener=listener)
        metered.expect(sent, "valve_received_bytes_total")
        metered.expect(received, "valve_sent_bytes_total")
        for wire in wires[:5]:
            wire.close()
        metered.expect(2, "valve_connections", listener=listener)
        figures = metered.scrape()
        self.assertEqual(figures.get("valve_connections_accepted_total", listener=listener), 7)
        self.assertEqual(figures.sum("valve_connections_broken_total"), 0)

    def test_protocol_errors_and_timeouts(self):
        metered = self.enterContext(
            Metered(limits={"idle_timeout": "100ms", "max_request": 256}))
        with metered.server.connect() as wire:
            wire.send(b"\xff")
            wire.reply()
        with metered.server.connect() as wire:
            wire.send(cbor2.dumps([1, {"Get": "x" * 300}]))
            wire.reply()
        with metered.server.connect() as wire:
            wire.expect_end()
        metered.expect(1, "valve_requests_total", outcome="malformed")
        metered.expect(1, "valve_requests_total", outcome="too-large")
        metered.expect(1, "valve_connections_timed_out_total", timeout="idle")

    def test_process(self):
        started = time.time()
        metered = self.enterContext(Metered())
        figures = metered.scrape()
        version = subprocess.run([support.VALVED, "-V"], capture_output=True, text=True,
                                 timeout=support.DEADLINE, check=True).stdout.split()[-1]
        self.assertEqual(figures.get("valve_build_info", version=version), 1)
        self.assertAlmostEqual(figures.get("process_start_time_seconds"), started,
                               delta=support.DEADLINE)
        support.wait_until(  # the connection of the scrape is closed behind its answer
            lambda: figures.get("process_open_fds") == metered.server.all_descriptors() + 1,
            "as many descriptors but one")
        self.assertAlmostEqual(figures.get("process_resident_memory_bytes"),
                               metered.server.resident(), delta=4 * support.MIB)
        self.assertGreater(figures.get("process_cpu_seconds_total"), 0)
        self.assertEqual(figures.get("valve_log_lines_lost_total"), 0)

    @unittest.skipUnless(support.KEEPS_FILES, "nothing is kept open")
    def test_cache(self):
        """A name is known when it is asked for the second time, and until it is changed."""
        metered = self.enterContext(Metered(server={"workers": 1}, files={"cache": 64}))
        path = metered.server.write("f", b"content")
        with metered.server.connect() as wire:
            for _ in range(5):
                wire.ask({"Size": "f"})
            metered.expect(2, "valve_cache_misses_total")
            metered.expect(3, "valve_cache_hits_total")
            metered.expect(1, "valve_cache_names")
            path.unlink()
            self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": False})
        metered.expect(0, "valve_cache_names")
        self.assertGreater(metered.scrape().get("valve_cache_forgotten_total"), 0)
        metered.expect(0, "valve_cache_lost_total")

    def lost_lines(self, address):
        _, _, body = http(address, b"GET /metrics HTTP/1.1\r\n\r\n")
        return Exposition(body.decode()).get("valve_log_lines_lost_total")

    def test_lost_log_lines(self):
        """Nobody reads the log any more: the service goes on, and counts what is missing."""
        directory = support.scratch(self)
        (directory / "valve.ini").write_text(
            f"[server]\nmax_connections = 1\n[files]\nroot = {directory}\n"
            f"[metrics]\naddress = unix:{directory}/m\n[listen a]\naddress = unix:{directory}/s\n")
        process = subprocess.Popen(
            [*support.WRAPPER, support.VALVED, *support.AS_ROOT, "-c",
             directory / "valve.ini"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while b"metrics on" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        process.stderr.close()
        with support.Wire(f"unix:{directory}/s") as wire:  # that no others fit is to be logged
            self.assertEqual(wire.ask({"Exists": "a"}), {"Exists": False})
            support.wait_until(lambda: self.lost_lines(f"unix:{directory}/m") > 0,
                               "the log's own thread has found nobody")
            self.assertEqual(self.lost_lines(f"unix:{directory}/m"), 1)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(support.DEADLINE), 0)


class Status(unittest.TestCase):
    def setUp(self):
        self.metered = self.enterContext(Metered())
        with self.metered.server.connect() as wire:
            for _ in range(12):
                wire.ask({"Exists": "a"})
            for _ in range(3):
                wire.ask({"Size": "a"})

    def run_status(self, *arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if name != "VALVE_METRICS"}
        return subprocess.run(
            [*support.WRAPPER, support.VALVECTL, *arguments], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=support.DEADLINE, check=False,
            env=clean | environment)

    def expect_table(self, text):
        self.assertRegex(text, r"requests +15\b.* 3 errors")
        if support.KEEPS_FILES:
            self.assertRegex(text, r"(?m)^cache +\d+ names, [1-9]\d*\.\d % of lookups found there")
        self.assertRegex(text, r"(?m)^Exists +12 .* 0 ")
        self.assertRegex(text, r"(?m)^Size +3 .* 3 ")
        self.assertRegex(text, r"(?m)^WORKER +TURNS")
        self.assertRegex(text, r"(?m)^0 +\d+ ")

    def test_table(self):
        done = self.run_status("status", "-H", self.metered.metrics)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.expect_table(done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_by_the_environment(self):
        done = self.run_status("status", VALVE_METRICS=self.metered.metrics, VALVE_HOST="unix:/x")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.expect_table(done.stdout)

    def test_json(self):
        done = self.run_status("-H", self.metered.metrics, "status", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        samples = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn({"name": "valve_requests_total",
                       "labels": {"method": "Exists", "outcome": "ok"}, "value": 12}, samples)
        scraped = self.metered.scrape()
        self.assertEqual({(sample["name"], frozenset(sample["labels"].items()))
                          for sample in samples}, set(scraped.samples))

    def test_off(self):
        done = self.run_status("-H", f"unix:{self.metered.server.directory}/none", "status")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("is their address set in [metrics] of valve.ini?", done.stderr)

    def test_where_requests_are_answered(self):
        done = self.run_status("-H", self.metered.server.address, "status")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("not the metrics of a valved", done.stderr)

    def test_names_are_refused(self):
        done = self.run_status("-H", self.metered.metrics, "status", "a")
        self.assertEqual(done.returncode, 2)

    @contextlib.contextmanager
    def live(self):
        """On a terminal, renewed ten times a second; and whether that is as it was."""
        parent, child = pty.openpty()
        before = termios.tcgetattr(child)
        process = subprocess.Popen(
            [*support.WRAPPER, support.VALVECTL, "-H", self.metered.metrics, "status", "-i",
             "100ms"], stdin=child, stdout=child, stderr=child,
            env=dict(os.environ, TERM="xterm"))
        try:
            yield parent, process, lambda: termios.tcgetattr(child) == before
        finally:
            process.kill()
            process.wait()
            os.close(parent)
            os.close(child)

    def read_until(self, terminal, pattern):
        text = ""
        while not re.search(pattern, text, re.DOTALL):
            text += os.read(terminal, 65536).decode()
        return text

    def expect_end_by(self, key):
        with self.live() as (terminal, process, is_as_before):
            self.read_until(terminal, r"q ends this")
            os.write(terminal, key)
            self.assertEqual(process.wait(support.DEADLINE), 0)
            self.assertTrue(is_as_before())

    def test_live(self):
        with self.live() as (terminal, _, _):
            page = self.read_until(terminal, r"q ends this")
            self.expect_table(re.sub(r"\x1b\[[0-9]*[A-Z]", "", page))
            with self.metered.server.connect() as wire:
                wire.ask({"Get": "live"})
            self.read_until(terminal, r"\nGet +1 .*q ends this")

    def test_live_ended_by_a_key(self):
        for key in (b"q", b"\x03", b"\x04"):
            with self.subTest(key=key):
                self.expect_end_by(key)

    def test_live_and_ended_by_a_signal(self):
        with self.live() as (terminal, process, is_as_before):
            self.read_until(terminal, r"q ends this")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(support.DEADLINE), 0)
            self.assertTrue(is_as_before())

    def test_live_until_the_server_ends(self):
        with self.live() as (terminal, process, _):
            self.read_until(terminal, r"q ends this")
            self.metered.server.stop()
            self.read_until(terminal, r"no metrics from")
            self.assertEqual(process.wait(support.DEADLINE), 3)


if __name__ == "__main__":
    unittest.main()
