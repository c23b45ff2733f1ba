# SPDX-License-Identifier: MIT
"""A service that stands on libvalve, running on a socket of its own."""
import signal
import subprocess

import support


class Service:
    """
    Starts PROGRAM ADDRESS; use it as a context. When the context is left it is stopped by SIGTERM,
    and must end with status 0 and without a word on stderr.
    """

    def __init__(self, program, address, wrapper=support.WRAPPER):
        self._command = [*wrapper, program, address]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        words, _, self.address = self._process.stdout.readline().rstrip("\n").rpartition(" ")
        if words != "listening on":
            self._process.kill()
            raise AssertionError(f"it does not listen: {self._process.communicate()[1]}")
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            output, problems = self._process.communicate(timeout=support.DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, problems = self._process.communicate()  # killed: that is not status 0
        if (self._process.returncode, output, problems) != (0, "", ""):
            raise AssertionError(f"exit status {self._process.returncode}\n{output}{problems}")

    def connect(self):
        return support.Wire(self.address)
