# SPDX-License-Identifier: MIT
"""Torture of who measures: the part of tests/test_torture.py about metrics."""
import os
import subprocess
import unittest

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
