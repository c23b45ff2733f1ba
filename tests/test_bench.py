# SPDX-License-Identifier: MIT
"""That tests/bench_servers.py measures and reports, in moments; its figures are not looked at."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

import bench_servers
import bench_table
import support

PROGRAM = support.SOURCE / "tests/bench_servers.py"
MEASURED = {
    "get": {"bare loop, memory", "bare loop, pread", "bare loop, open", "valved"},
    "get-pipelined": {"bare loop, memory", "bare loop, pread", "bare loop, open", "valved"},
    "nocache": {"bare loop, open", "valved, cache = 0"},
    "medium": {"bare loop, pread", "valved"},
    "size": {"bare loop, memory", "bare loop, open", "valved"},
    "del": {"bare unlink", "valved"},
}


def sample(round, server, cpu):
    return {"round": round, "scenario": "get", "server": server, "requests": 100, "seconds": 2,
            "errors": 0, "bytes": 5000, "cpu_us": cpu, "memory": support.MIB,
            "p50_us": 1, "p99_us": 2, "p999_us": 3}


class TestTable(unittest.TestCase):
    def rows(self, *samples):
        return bench_table.rows({"samples": samples}, bench_servers.SCENARIOS)["get"]

    def test_medians_and_ratios_within_a_round(self):
        """The machine is ten times slower in the second round, and four times in the third."""
        samples = [sample(round, server, cpu * slower) for round, slower in enumerate((1, 10, 4))
                   for server, cpu in (("bare loop, memory", 500), ("valved", 600), ("h2o", 1200))]
        rows = self.rows(*samples)
        self.assertEqual(rows["valved"].rate, 50)
        self.assertEqual(rows["valved"].cpu, 24)
        self.assertEqual([rows["h2o"].to_limit, rows["h2o"].to_valved], [2.4, 2])
        self.assertEqual(rows["valved"].to_limit, 1.2)
        self.assertEqual(rows["valved"].busy, 0.0012)

    def test_nothing_to_compare_with(self):
        row = self.rows(sample(0, "h2o", 1200))["h2o"]
        self.assertEqual([row.cpu, row.to_limit, row.to_valved], [12, None, None])

    def test_nothing_answered(self):
        row = self.rows(dict(sample(0, "valved", 1200), requests=0, errors=7))["valved"]
        self.assertEqual([row.rate, row.cpu, row.to_limit, row.errors], [0, None, None, 7])


class TestBench(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)

    def start(self, *arguments, **files):
        environment = {"VALVE_BUILD": str(support.BUILD), "PATH": "/usr/bin:/bin",
                       "TMPDIR": str(self.directory)}
        # What runs in the background of a shell has been told to ignore interrupts.
        return subprocess.Popen(
            [sys.executable, "-B", PROGRAM, "--servers", "valved,bare", "--output", self.directory,
             *arguments], text=True, env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **files)

    def test_a_short_round(self):
        only = [option for name in MEASURED for option in ("--only", name)]
        bench = self.start("--rounds", "1", "--seconds", "0.2", *only, stdout=subprocess.PIPE)
        output, _ = bench.communicate(timeout=10 * support.DEADLINE)
        print(output)
        self.assertEqual(bench.returncode, 0)
        figures = json.loads((self.directory / "servers.json").read_text())
        self.expect_samples(figures["samples"])
        for name in MEASURED:
            self.assertIn(f"({name})", output)
        self.assertEqual("WARNING: built with a sanitizer" in output, support.SANITIZED)
        if shutil.which("gnuplot"):
            self.expect_charts()

    def expect_samples(self, samples):
        """On a busy machine a server may not run at all for a moment, but not all of them."""
        for name, servers in MEASURED.items():
            self.assertLessEqual(servers, {sample["server"] for sample in samples
                                           if sample["scenario"] == name})
        self.assertGreater(sum(sample["requests"] for sample in samples), 0)
        for sample in samples:
            with self.subTest(sample=sample):
                self.assertEqual(sample["errors"], 0)
                if sample["requests"] > 0:
                    self.assertGreater(sample["cpu_us"], 0)
                if sample["server"] != "bare unlink":
                    self.assertGreater(sample["memory"], 100 * support.KIB)

    def expect_charts(self):
        for name in "cpu", "rate", "latency":
            text = " ".join(xml.parse(self.directory / f"bench-{name}.svg").getroot().itertext())
            self.assertRegex(re.sub(r"\s+", " ", text), "Get of 1 KiB, 64 connections")
            self.assertIn("valved", text)

    def test_an_interrupt_ends_everything(self):
        bench = self.start("--rounds", "1", "--seconds", "60", "--only", "get",
                           stderr=subprocess.PIPE)
        self.addCleanup(bench.stderr.close)
        self.addCleanup(bench.kill)
        bench.stderr.readline()
        support.wait_until(lambda: len(self.processes()) > 1, "a server and its load are running")
        bench.send_signal(signal.SIGINT)
        self.assertEqual(bench.wait(support.DEADLINE), 130)
        support.wait_until(lambda: not self.processes(), "nothing is left running")
        self.assertEqual(list(self.directory.iterdir()), [])

    def processes(self):
        """Those whose command line names what is measured here, but for bench_servers itself."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().decode(errors="replace")
            except OSError:
                continue  # it has ended
            if f"{self.directory}/bench-" in line:
                found.append(line)
        return found


if __name__ == "__main__":
    unittest.main()
