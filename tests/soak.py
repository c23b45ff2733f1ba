#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
A soak: valved serves a directory that changes, to clients whose connections go through fault
proxies; an oracle (tests/soak_load) judges every answer, and memory and descriptors of valved are
watched. Under load memory follows what is in flight: whether it grows is seen when, every five
minutes, all clients are gone for a while.

    soak.py [--rate N] [DURATION [SEED]]

DURATION is 20s, 30min or 2h (default: 30min). It ends with status 0 if every answer was right,
memory flat and no descriptor lost. VALVE_BUILD is where valve was built (default: the current
directory): the samples are written there, to soak-SEED.csv, and the evidence of a failure, to
soak-SEED.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

import support

# How its clients reach it and it the server; whether all that is sent arrives; what it does.
Proxy = collections.namedtuple("Proxy", "name listen target faithful options")
PROXIES = (
    Proxy("splits", "unix", "unix", True, ("--split-random=16384",)),
    Proxy("crumbs", "tcp", "unix", True, ("--split-random=1000",)),
    Proxy("delays", "unix", "tcp", True, ("--split-random=4096", "--delay-random=3")),
    Proxy("throttles", "tcp", "tcp", True, ("--split=1400", "--rate=500000")),
    Proxy("resets", "tcp", "tcp", False, ("--split-random=8192", "--reset=0.9",
                                          "--span=262144")),
    Proxy("half-closes", "unix", "unix", False, ("--split-random=8192", "--half-close=0.9",
                                                 "--reset=0.1", "--span=262144")),
)

FLAT = 0.01  # of memory, from one rest to a later one: see Growth
CACHED = 16 * 1024  # bytes that the heap's caches of the threads may come to hold
REST = 300  # seconds between two
QUIET = 35  # seconds without a change: a worker looks at what it need not keep every ten, thrice
DEADLINE = 60

Sample = collections.namedtuple("Sample", "time own pss resident sockets files others")


class Failed(Exception):
    """What the soak found."""


def seconds_of(text):
    match = re.fullmatch(r"(\d+)(s|min|h|)", text)
    if not match or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"a duration is 20s, 30min or 2h, not {text}")
    return int(match[1]) * {"": 1, "s": 1, "min": 60, "h": 3600}[match[2]]


# ---- What runs ---------------------------------------------------------------------------------

class FaultProxy:
    """A running fault proxy; what it did is known once it has ended."""

    def __init__(self, program, listen, target, options):
        self.process = subprocess.Popen([program, *options, listen, target], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.settings = self.process.stdout.readline().removeprefix("settings ").strip()
        words, _, self.address = self.process.stdout.readline().strip().rpartition(" ")
        if words != "listening on":
            self.process.kill()
            raise Failed(f"the fault proxy did not start: {self.process.communicate()[0]}")

    def stop(self):
        """{count: number} of what it did."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=DEADLINE)
        if self.process.returncode != 0:
            raise Failed(f"a fault proxy ended with status {self.process.returncode}")
        return {name: int(number) for name, number in map(str.split, output.splitlines())}

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Load:
    """A running soak_load; its output is read as it comes."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines = []
        self._more = threading.Condition()
        self._errors = ""
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._hear)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._more:
                self._lines.append(line.strip())
                self._more.notify_all()
        with self._more:
            self._lines.append(None)
            self._more.notify_all()

    def _hear(self):
        self._errors = self.process.stderr.read()

    def next_line(self, seconds):
        """What it says next, or None if that takes longer."""
        with self._more:
            self._more.wait_for(lambda: self._lines, seconds)
            if not self._lines:
                return None
            if self._lines[0] is None:
                raise Failed(self.failure())
            return self._lines.pop(0)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def failure(self):
        self.process.wait()
        for reader in self._readers:
            reader.join()
        return f"the load ended with status {self.process.returncode}\n{self._errors}"

    def finish(self):
        """Lets it compare the tree; {count: number}."""
        self.go_on()
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        if self.process.returncode != 0:
            raise Failed(self.failure())
        for reader in self._readers:
            reader.join()
        found = (re.fullmatch(r"count (.*) (\d+)", line or "") for line in self._lines)
        return {match[1]: int(match[2]) for match in found if match}

    def kill(self):
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


# ---- What is watched ---------------------------------------------------------------------------

def descriptors(pid):
    kinds = collections.Counter()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            link = os.readlink(entry.path)
            kinds["sockets" if link.startswith("socket:") else
                  "files" if link.startswith("/") and not link.startswith("/dev/") else
                  "others"] += 1
    return kinds


def take_sample(pid, start):
    memory = {key: int(number) * 1024 for key, number in re.findall(
        r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)}
    kinds = descriptors(pid)
    return Sample(time.monotonic() - start, memory["Pss_Anon"], memory["Pss"], memory["Rss"],
                  kinds["sockets"], kinds["files"], kinds["others"])


class Growth:
    """
    What became of the memory until the last rest: of all that is resident since the first, and of
    what is its own since the middle one, for until then each kind of load has had its turn. Of that
    there is so little at rest that a hundredth are two pages; the heap keeps up to seven blocks of
    each size for each thread, and it can take an hour until the last thread has had so many at once.
    """

    def __init__(self, rests):
        self.is_known = len(rests) > 1 and rests[-1].time >= rests[0].time + 240
        if not self.is_known:
            return
        middle = rests[(len(rests) - 1) // 2]
        self.kinds = {"own": [middle.own, rests[-1].own],
                      "resident": [rests[0].resident, rests[-1].resident]}

    @property
    def is_flat(self):
        own, resident = self.kinds["own"], self.kinds["resident"]
        return resident[1] <= resident[0] * (1 + FLAT) and own[1] <= own[0] * (1 + FLAT) + CACHED


# ---- The soak ----------------------------------------------------------------------------------

class Soak:
    """
    `meddle` is called with the server once the load has begun, `options` are the load's,
    `environment` is the server's.
    """

    def __init__(self, seconds, seed, rate, *, evidence=None, proxies=PROXIES, options=(),
                 environment=None, rest=REST, quiet=QUIET, say=print, meddle=lambda server: None):
        self.seconds, self.seed, self.rate = seconds, seed, rate
        self.proxies, self.options, self.environment = proxies, options, environment
        self.rest, self.quiet, self.say, self.meddle = rest, quiet, say, meddle
        self.evidence = evidence or support.BUILD / f"soak-{seed}"
        self.samples = []
        self.rests = []
        self.done = {}
        self.counts = {}

    def run(self):
        """Raises Failed when something is wrong; the evidence is kept then."""
        settings = {
            "files": {"hide": ".*"},
            "listen 1": {"address": "127.0.0.1:0", "allow": "list size get exists del"},
        }
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(support.Server(
                tcp=True, settings=settings, environment=self.environment))
            try:
                self._run(server, stack)
            except (Failed, AssertionError, OSError, subprocess.TimeoutExpired) as failure:
                self._keep(server, failure)
                raise Failed(str(failure)) from failure

    def _keep(self, server, failure):
        self.evidence.mkdir(exist_ok=True)
        self.write_samples(self.evidence / "samples.csv")
        (self.evidence / "failure.txt").write_text(f"{failure}\n")
        (self.evidence / "valved.log").write_text(server.program.log + "\n")
        subprocess.run(["cp", "-a", server.directory, self.evidence], check=False,
                       stderr=subprocess.DEVNULL)

    def _start_proxies(self, server, stack):
        addresses = {"unix": server.address, "tcp": server.tcp_address}
        running = {}
        for number, proxy in enumerate(self.proxies):
            listen = (f"unix:{server.directory}/{proxy.name}" if proxy.listen == "unix"
                      else "127.0.0.1:0")
            running[proxy] = FaultProxy(
                support.BUILD / "tests/fault_proxy", listen, addresses[proxy.target],
                [f"--seed={self.seed + number}", *proxy.options])
            stack.callback(running[proxy].kill)
            self.say(f"  {proxy.name}: {running[proxy].settings}")
        return running

    def _run(self, server, stack):
        self.say(f"soak: seed {self.seed}, {self.seconds} s, {self.rate} requests a second")
        spare = server.directory / "spare"
        spare.mkdir()
        running = self._start_proxies(server, stack)
        targets = [f"--{'faithful' if proxy.faithful else 'faulty'}={run.address}"
                   for proxy, run in running.items()]
        self.least_descriptors = server.descriptors()
        load = Load([str(support.BUILD / "tests/soak_load"), f"--root={server.root}",
                     f"--spare={spare}", f"--seed={self.seed}", f"--seconds={self.seconds}",
                     f"--rate={self.rate}", f"--rest={self.rest}",
                     f"--changes={max(1, self.rate // 5)}", *self.options, *targets,
                     f"--evidence={server.directory}/evidence.txt"])
        stack.callback(load.kill)
        self._watch(server, load)
        server.stop()
        self.counts = load.finish()
        self.done = {proxy.name: run.stop() for proxy, run in running.items()}

    def _watch(self, server, load):
        if load.next_line(DEADLINE) != "begun":
            raise Failed("the load does not begin")
        start = time.monotonic()
        end = start + self.seconds + 300
        self.meddle(server)
        while (said := load.next_line(min(10, self.seconds / 10))) != "settled":
            if said == "resting":
                began = time.monotonic()
                self._rest(server, start)
                load.go_on()
                end += time.monotonic() - began
            self.samples.append(take_sample(server.program.pid, start))
            if time.monotonic() > end:
                raise Failed("the load does not end")
        self._rest(server, start)

    def _rest(self, server, start):
        """Takes a sample when nothing changes any more, and no name is known."""
        server.root.chmod(stat.S_IMODE(server.root.stat().st_mode))  # by this all are forgotten
        server.expect_descriptors(self.least_descriptors)
        rest = take_sample(server.program.pid, start)
        end = rest.time + 10 * self.quiet
        while (now := take_sample(server.program.pid, start)).time < rest.time + self.quiet:
            if now.time > end:
                raise Failed("the memory of a server without clients does not come to rest")
            if now.own != rest.own:
                rest = now
            time.sleep(1)
        self.rests.append(rest)

    def write_samples(self, path):
        rows = [Sample._fields, *sorted(self.samples + self.rests)]
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))

    # ---- The report ----

    def report(self):
        counts = self.counts
        answers = {name: number for name, number in counts.items() if " " in name and
                   not name.startswith(("lost ", "ending "))}
        total = counts.get("answers", 0)
        self.say(f"{total} answers checked, {total / self.seconds:.0f} a second, 0 wrong:")
        for name, number in sorted(answers.items()):
            self.say(f"  {name:<20} {number:>10}")
        self.say("lost with their connections: " + ", ".join(
            f"{name.removeprefix('lost ')} {number}" for name, number in sorted(counts.items())
            if name.startswith("lost ")))
        self.say(f"Dels of unknown outcome: {counts.get('dels-lost', 0)}, resolved by looking: "
                 f"{counts.get('dels-resolved', 0)}; files compared at the end: "
                 f"{counts['files-compared']}")
        self.say(f"connections: {counts['connections']}, ended completely "
                 f"{counts.get('ends-complete', 0)}, broken {counts.get('ends-broken', 0)}; "
                 f"cancels {counts.get('cancels', 0)}; directories moved away and back "
                 f"{counts.get('directories-moved', 0)}")
        for name, done in self.done.items():
            self.say(f"  {name}: " + ", ".join(f"{key} {number}" for key, number in done.items()))
        self._report_memory()

    def _report_memory(self):
        for kind in ("sockets", "files", "others"):
            numbers = [getattr(sample, kind) for sample in self.samples]
            self.say(f"descriptors, {kind}: {min(numbers)} to {max(numbers)}")
        self.say(f"descriptors when all clients had gone: {self.least_descriptors}, as before the "
                 "first came")
        for rest in self.rests:
            self.say(f"at rest after {rest.time / 60:.1f} min: own memory {rest.own // 1024} KiB, "
                     f"resident {rest.resident // 1024} KiB")
        growth = Growth(self.rests)
        if not growth.is_known:
            self.say("too short to say anything of memory")
            return
        for kind, (first, last) in growth.kinds.items():
            self.say(f"memory at rest, {kind}: {first / 1024:.0f} KiB, then {last / 1024:.0f} KiB "
                     f"({last / first - 1:+.2%})")
        if not growth.is_flat:
            raise Failed(f"memory grew by more than {FLAT:.0%}")


def main():
    parser = argparse.ArgumentParser(description="Soaks valved in faults and judges its answers.")
    parser.add_argument("--rate", type=int, default=1000, metavar="N")
    parser.add_argument("duration", nargs="?", type=seconds_of, default="30min")
    parser.add_argument("seed", nargs="?", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    soak = Soak(options.duration, options.seed, options.rate)
    shutil.rmtree(soak.evidence, ignore_errors=True)
    try:
        soak.run()
    except Failed as failure:
        print(f"FAILED: {failure}\nevidence: {soak.evidence}", file=sys.stderr)
        return 1
    samples = support.BUILD / f"soak-{soak.seed}.csv"
    soak.write_samples(samples)
    try:
        soak.report()
    except Failed as failure:
        print(f"FAILED: {failure}\nsamples: {samples}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
