#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What a second worker costs: CPU for a request with two beside one, and how connections are shared.

Both servers, and the load (tests/bench_load), may run on both CPUs, and take turns; the ratio is
taken within a round.
"""
import argparse
import pathlib
import re
import shutil
import statistics
import tempfile
import threading

import bench_machine
import bench_programs
import support

FILES = 1000
CONNECTIONS = 64
CONFIGURATION = """
[server]
workers = {workers}
[files]
root = {root}
cache = {cache}
[listen all]
address = {address}
[metrics]
address = unix:{directory}/metrics
"""


def kind(workers):
    def make(setting):
        path = setting.directory / "configuration"
        path.write_text(CONFIGURATION.format(workers=workers, cache=2 * FILES * workers,
                                             directory=setting.directory, root=setting.root,
                                             address=setting.address))
        return [support.VALVED, *support.AS_ROOT, "-c", path]

    return bench_programs.Kind(f"valved, workers = {workers}", "valve", support.VALVED, make)


def connections_of_workers(directory):
    found = re.findall(r'^valve_worker_connections{worker="\d+"} (\d+)$',
                       support.scrape(directory / "metrics"), re.MULTILINE)
    return [int(count) for count in found]


class Run:
    """One server under the load, from its start to its end."""

    def __init__(self, workers, root, depth, arguments):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=root.parent))
        names = [f"{number:04}" for number in range(FILES)]
        setting = bench_programs.Setting(self.directory, root, f"unix:{self.directory}/socket",
                                         names)
        with bench_programs.Server(kind(workers), setting, arguments.first,
                                   bench_machine.CPUS) as server:
            server.load("get", CONNECTIONS, depth, arguments.seconds / 3)
            support.wait_until(lambda: self._connected(0), "the clients are gone")
            before = server.cpu()
            look = threading.Thread(target=self._look)
            look.start()
            figures = server.load("get", CONNECTIONS, depth, arguments.seconds)
            self.cpu = (server.cpu() - before) / 1e3 / figures["requests"]
            self.rate = figures["per_second"]
            look.join()
        shutil.rmtree(self.directory)

    def _connected(self, count):
        """What each worker has of so many connections; None as long as it is another number."""
        connections = connections_of_workers(self.directory)
        return connections if sum(connections) == count else None

    def _look(self):
        self.connections = support.wait_until(lambda: self._connected(CONNECTIONS),
                                              "all clients are connected")


def compare(depth, root, arguments):
    rounds = [(Run(1, root, depth, arguments), Run(2, root, depth, arguments))
              for _ in range(arguments.rounds)]
    ones, twos = zip(*rounds)
    ratio = statistics.median(two.cpu / one.cpu for one, two in rounds)
    least = min(min(two.connections) / sum(two.connections) for two in twos)
    print(f"{CONNECTIONS} connections, {depth} in flight on each: "
          f"{statistics.median(run.cpu for run in ones):.2f} us of CPU for a Get of 1 KiB with one "
          f"worker ({statistics.median(run.rate for run in ones):.0f}/s), "
          f"{statistics.median(run.cpu for run in twos):.2f} with two "
          f"({statistics.median(run.rate for run in twos):.0f}/s): {ratio:.2f} times; "
          f"connections of the worker with fewer: at least {least:.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of one measurement (1)")
    parser.add_argument("--first", action="store_true",
                        help="before whatever else this machine does (takes root)")
    arguments = parser.parse_args()
    for warning in bench_machine.warnings():
        print(f"WARNING: {warning}")
    with tempfile.TemporaryDirectory(prefix="bench-cores-") as directory:
        root = pathlib.Path(directory, "root")
        root.mkdir()
        for number in range(FILES):
            (root / f"{number:04}").write_bytes(b"v" * support.KIB)
        for depth in 1, 16:
            compare(depth, root, arguments)


if __name__ == "__main__":
    main()
