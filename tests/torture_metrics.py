# SPDX-License-Identifier: MIT
"""Torture of who measures: the part of tests/test_torture.py about metrics and a terminal."""
import contextlib
import os
import pty
import signal
import subprocess
import threading
import unittest

import fault
import support
import torture
from support import rows
from torture import PATIENCE, each_fault
from torture_server import SETTINGS, Living

METRICS = SETTINGS | {"metrics": {"address": "127.0.0.1:0"}}


def metrics_of(server):
    return server.program.wait_for_log(r"metrics on (\S+)$")[0][1]


class Scraped(Living):
    """The server, while its figures are asked for."""

    settings = METRICS

    def scrape(self, strict, question=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
        answer = b""
        try:
            with support.Wire(metrics_of(self.server)) as wire:
                wire.socket.settimeout(PATIENCE)
                wire.send(question)
                answer = wire.read(-1)
        except ConnectionError:
            if strict:
                raise
        head, _, body = answer.partition(b"\r\n\r\n")
        if strict or head.startswith(b"HTTP/1.1 200 ") and body:
            self.assertTrue(body.endswith(b"\n") and b"valve_" in body, answer[:200])

    def measure(self, *_):
        try:
            self.scrape(strict=False)
            self.injector.disarm()
            self.scrape(strict=True)
            torture.converse(self.address, torture.CONVERSATIONS["small"])
            self.server.expect_descriptors(self.descriptors)
        except Exception:
            self.restart()
            raise

    def test_one_call_fails(self):
        torture.converse(self.address, torture.CONVERSATIONS["small"])  # something to tell of
        each_fault(self.injector, self, self.measure)

    def test_one_call_fails_for_whom_it_does_not_understand(self):
        def attempt(*_):
            self.scrape(strict=False, question=b"nonsense\r\n\r\n")
            self.injector.disarm()
            self.scrape(strict=True)

        each_fault(self.injector, self, attempt)


@support.expand
class Status(unittest.TestCase):
    """valvectl status."""

    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVECTL)
        cls.server = cls.enterClassContext(support.Server(settings=METRICS))
        torture.fill(cls.server.root)

    @rows([("for_people", []), ("for_programs", ["--json"])])
    def test_one_call_fails(self, options):
        words = [support.VALVECTL, "-t", "2s", "-H", metrics_of(self.server), "status", *options]

        def attempt(*_):
            result = subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE,
                                    env=os.environ | self.injector.environment)
            problems = result.stderr.decode()
            self.assertNotRegex(problems, support.REPORT)
            self.assertIn(result.returncode, range(7), problems)
            last = self.injector.last
            self.assertTrue(result.returncode == 0 or problems or
                            last and last[1] in torture.WRITERS, "it says nothing")
            return result

        self.assertEqual(attempt().returncode, 0)
        each_fault(self.injector, self, attempt)


class Terminal:
    """A program on a terminal, whose output is read and kept."""

    def __init__(self, words, environment):
        self.terminal, end = pty.openpty()
        self.process = subprocess.Popen(words, stdin=end, stdout=end, stderr=end,
                                        env=os.environ | {"TERM": "xterm"} | environment)
        os.close(end)
        self.printed = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.terminal, 4096):
                self.printed += data

    def has_ended(self):
        return self.process.poll() is not None

    def finish(self):
        try:
            return self.process.wait(PATIENCE)
        finally:
            if not self.has_ended():
                self.process.kill()
                self.process.wait()
            self._reader.join()
            os.close(self.terminal)


class Live(unittest.TestCase):
    """valvectl on a terminal."""

    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVECTL)
        cls.server = cls.enterClassContext(support.Server(settings=METRICS))
        torture.fill(cls.server.root)

    def run_on_terminal(self, words, end=None):
        """end(terminal) makes it end, once it has shown something."""
        terminal = Terminal([support.VALVECTL, "-t", "2s", *words], self.injector.environment)
        try:
            if end:
                support.wait_until(lambda: terminal.has_ended() or b"connections" in
                                   terminal.printed, "it shows something or ends")
                end(terminal)
        finally:
            status = terminal.finish()
        self.assertNotRegex(terminal.printed.decode(errors="replace"), support.REPORT)
        return status

    def status(self, end):
        words = ["-H", metrics_of(self.server), "status", "-i", "50ms"]
        return self.run_on_terminal(words, end)

    def test_status_until_a_key(self):
        def press(terminal):
            os.write(terminal.terminal, b"xq")
            if self.no_key_comes():
                terminal.process.send_signal(signal.SIGTERM)

        self.assertEqual(self.status(press), 0)
        each_fault(self.injector, self, lambda *_: self.assertIn(self.status(press), range(7)))

    def no_key_comes(self):
        """Where the terminal could not be told to pass keys on at once."""
        return self.injector.last and self.injector.last[1] in ("tcgetattr", "tcsetattr")

    def test_status_until_a_signal(self):
        self.status(lambda terminal: terminal.process.send_signal(signal.SIGTERM))

    def test_progress(self):
        """Of what takes longer than a second, which the late call sees to."""
        for number in range(1, 5):
            self.injector.arm(fault.DELAY, number, calls={"recv"}, delay=1.2)
            words = ["-H", self.server.address, "get", "-o", "/dev/null", "large"]
            self.assertIn(self.run_on_terminal(words), range(7))
            self.injector.disarm()
