# SPDX-License-Identifier: MIT
"""Torture of valvectl on a terminal."""
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
from torture import PATIENCE, each_fault
from torture_metrics import METRICS, metrics_of


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
        ended = self.status(lambda terminal: terminal.process.send_signal(signal.SIGTERM))
        self.assertEqual(ended, 0)  # it leaves the terminal as it was, and has done what it should

    def test_progress(self):
        """Of what takes longer than a second, which the late call sees to."""
        for number in range(1, 9):
            self.injector.arm(fault.DELAY, number, calls={"recv"}, delay=1.2)
            words = ["-H", self.server.address, "get", "-o", "/dev/null", "large"]
            self.assertIn(self.run_on_terminal(words), range(7))
            self.injector.disarm()
