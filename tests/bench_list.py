#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
ListAll of a million files in a thousand directories, beside `find` with a stat of each: how long
they take from a warm cache, what valved grows by, and what hot Gets wait meanwhile.

The list is read from the socket by this program, which only counts the bytes, and, separately, by
`valvectl list`. find's output goes to /dev/null. Figures are medians of several rounds, in which
all take turns.
The files are made once, in --tree, and kept there.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import bench_machine
import support

LOAD = support.BUILD / "tests/bench_disk_load"
VALVECTL = support.BUILD / "valvectl"
HOT_CONNECTIONS = 4
SECONDS = 4  # of hot Gets


def make_tree(tree, directories, files):
    done = tree / f"whole.{directories}x{files}"  # within: it goes with the tree
    if done.exists():
        return
    for directory in range(directories):
        path = tree / f"d{directory:04}"
        path.mkdir(parents=True, exist_ok=True)
        for file in range(files):
            os.close(os.open(path / f"f{file:04}.dat", os.O_CREAT | os.O_WRONLY, 0o644))
    (tree / "hot").write_bytes(b"valve" * 204 + b"1024")
    done.touch()


class Server:
    def __init__(self, directory, tree):
        self.address, self.metrics = directory / "socket", directory / "metrics"
        path = directory / "valve.ini"
        path.write_text(f"[files]\nroot = {tree}\n"
                        f"[listen all]\naddress = unix:{self.address}\n"
                        f"[metrics]\naddress = unix:{self.metrics}\n"
                        "[log]\nlevel = error\n")
        self.process = subprocess.Popen([support.VALVED, *support.AS_ROOT, "-c", path],
                                        stdin=subprocess.DEVNULL)
        support.wait_until(lambda: self.metrics.exists() or self.process.poll() is not None,
                           "it serves")
        if self.process.returncode is not None:
            sys.exit("bench_list: valved did not start")

    def resident(self, which):
        """KiB: VmRSS now, VmHWM at most since it was last cleared."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s*(\d+)", status).group(1))

    def clear_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu(self):
        """Seconds that all its threads have run."""
        return sum(int(thread.read_text().split()[0]) for thread in
                   pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")) / 1e9

    def late_turns(self):
        """How many turns of a worker took more than 10 ms."""
        counts = re.findall(r'^valve_worker_turn_duration_seconds_bucket{.*le="(.*)"} (\d+)$',
                            support.scrape(self.metrics), re.MULTILINE)
        return sum(int(count) * {"+Inf": 1, "0.01": -1}.get(bound, 0) for bound, count in counts)

    def stop(self):
        self.process.terminate()
        self.process.wait(support.DEADLINE)


def list_raw(server, buffer=bytearray(1 << 20)):
    """The bytes of one whole list. Its last byte is the break that no file's last byte is."""
    total = 0
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(server.address))
        wire.sendall(b"\x82\x01\x67ListAll")
        wire.shutdown(socket.SHUT_WR)
        while size := wire.recv_into(buffer):
            total += size
    return total


def list_by_client(server):
    subprocess.run([VALVECTL, "-H", f"unix:{server.address}", "list"], check=True,
                   stdout=subprocess.DEVNULL)


def find(tree):
    subprocess.run(["find", tree, "-type", "f", "-printf", "%s %T@ %P\\n"], check=True,
                   stdout=subprocess.DEVNULL)


def seconds(function, *arguments):
    begin = time.monotonic()
    function(*arguments)
    return time.monotonic() - begin


class Hot:
    """Hot Gets, while something else goes on again and again."""

    def __init__(self, server):
        self.command = [LOAD, "hot", "get", f"unix:{server.address}", "hot",
                        str(HOT_CONNECTIONS), str(SECONDS)]

    def p99_beside(self, function, *arguments):
        """ns"""
        stop = threading.Event()

        def repeat():
            while not stop.is_set():
                function(*arguments)

        other = threading.Thread(target=repeat)
        other.start()
        try:
            output = subprocess.run(self.command, check=True, stdout=subprocess.PIPE,
                                    text=True).stdout
        finally:
            stop.set()
            other.join()
        return int(output.split()[2])


def measure(server, tree, rounds):
    samples = {}

    def add(name, value):
        samples.setdefault(name, []).append(value)

    hot = Hot(server)
    find(tree)
    list_raw(server)
    for _ in range(rounds):
        add("find", seconds(find, tree))
        before, cpu = server.resident("VmRSS"), server.cpu()
        server.clear_peak()
        add("raw", seconds(list_raw, server))
        add("growth", server.resident("VmHWM") - before)
        add("cpu", server.cpu() - cpu)
        add("client", seconds(list_by_client, server))
        add("beside find", hot.p99_beside(find, tree) / 1e3)
        add("beside list", hot.p99_beside(list_raw, server) / 1e3)
    return {name: statistics.median(values) for name, values in samples.items()}


def report(result, late):
    print(f"find                        {result['find']:8.3f} s\n"
          f"ListAll, bytes counted      {result['raw']:8.3f} s   "
          f"{result['raw'] / result['find']:.2f} times that; valved's CPU {result['cpu']:.3f} s\n"
          f"valvectl list               {result['client']:8.3f} s   "
          f"{result['client'] / result['find']:.2f} times that\n"
          f"most that valved grew by    {result['growth']:8.0f} KiB\n"
          f"p99 of hot Gets beside find {result['beside find']:8.0f} us\n"
          f"                beside list {result['beside list']:8.0f} us  "
          f"{result['beside list'] / result['beside find']:.2f} times that\n"
          f"turns of more than 10 ms    {late:8}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tree", type=pathlib.Path, default="/tmp/valve-bench-list")
    parser.add_argument("--directories", type=int, default=1000)
    parser.add_argument("--files", type=int, default=1000, help="in each directory")
    arguments = parser.parse_args()
    if support.SANITIZED:
        print("WARNING: built with a sanitizer; the figures say nothing")
    make_tree(arguments.tree, arguments.directories, arguments.files)
    bench_machine.go_before_others()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-list-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = Server(directory, arguments.tree)
        stack.callback(server.stop)
        result = measure(server, arguments.tree, arguments.rounds)
        report(result, server.late_turns())


if __name__ == "__main__":
    main()
