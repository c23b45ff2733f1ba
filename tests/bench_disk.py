#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What a slow disk costs those who do not need it: hot requests for a file of 1 KiB, alone and while
200 Gets wait for a FUSE filesystem whose reads take 500 ms, mounted below the root. The root is in
/tmp, on whatever that is, or on a tmpfs. valved with as many I/O threads as there are slow reads,
with as many as it has by itself, and without its I/O pool; nginx on the same files with `aio
threads` and without, where it is installed.

The lag is the longest that a probe waited which asks every few milliseconds; what valved counts of
itself is told beside it: turns of its worker, and those that took more than 10 ms.

The server has one CPU, clients and disk the other. Each figure is the median of several rounds,
which are taken in turn: server by server, without and with the slow reads. Needs root, in a mount
namespace of its own.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import bench_machine
import disk
import support
from bench_machine import CLIENT_CPU, SERVER_CPU

LOAD = support.BUILD / "tests/bench_disk_load"
INLINE = support.BUILD / "tests/bench_disk_inline"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
SLOW_READS = 200
DELAY = 500  # ms of a slow read
HOT_CONNECTIONS = 16

Request = collections.namedtuple("Request", "title kind http")
REQUESTS = [Request("Exists", "exists", "http-head"), Request("Get", "get", "http-get")]
Sample = collections.namedtuple("Sample", "rate cpu p50 p99 p999 longest lag turns late")

NGINX_CONFIGURATION = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr error;
thread_pool default threads={threads} max_queue=65536;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush off; {aio}
    keepalive_requests 1000000000; open_file_cache off; default_type text/plain;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen unix:{directory}/nginx; root {root}; }}
}}
"""


def on_server_cpu():
    """What a server does before it begins; everything else is where this program is."""
    os.sched_setaffinity(0, {SERVER_CPU})


class Server:
    def __init__(self, title, address, http, command, held, metrics=None):
        self.metrics = metrics
        self.title, self.address, self.http, self.held = title, address, http, held
        self.process = subprocess.Popen(command, preexec_fn=on_server_cpu,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        support.wait_until(lambda: os.path.exists(address.removeprefix("unix:")), "it serves")

    def processes(self):
        """nginx's worker is a child of the process that was started."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu(self):
        """Nanoseconds that all its threads have run."""
        return sum(int(thread.read_text().split()[0]) for pid in self.processes()
                   for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def turns(self):
        """How many turns valved's worker has had, and how many of them took more than 10 ms."""
        if not self.metrics:
            return 0, 0
        counts = dict(re.findall(r'^valve_worker_turn_duration_seconds_bucket{.*le="(.*)"} (\d+)$',
                                 support.scrape(self.metrics), re.MULTILINE))
        return int(counts["+Inf"]), int(counts["+Inf"]) - int(counts["0.01"])

    def stop(self):
        self.process.terminate()
        self.process.wait(support.DEADLINE)


def make_files(root, source):
    for path in root / "hot", *(source / str(i) for i in range(SLOW_READS)):
        path.write_bytes(b"valve" * 204 + b"1024")


def start_servers(stack, directory, root):
    def add(title, address, http, command, held, metrics=None):
        server = Server(title, f"unix:{directory}/{address}", http, command, held, metrics)
        stack.callback(server.stop)
        return server

    def valved(title, program, threads, held):
        name = f"valved-{len(list(directory.glob('*.ini')))}"
        path = directory / f"{name}.ini"
        path.write_text(f"[server]\nworkers = 1\npin = no\nio_threads = {threads}\n"
                        f"[files]\nroot = {root}\n[limits]\nio_timeout = 10min\n"
                        f"[listen all]\naddress = unix:{directory}/{name}\n"
                        f"[metrics]\naddress = unix:{directory}/{name}.metrics\n")
        return add(title, name, False, [program, *support.AS_ROOT, "-c", path], held,
                   directory / f"{name}.metrics")

    def nginx(title, aio, held):
        folder = directory / f"nginx-{aio or 'plain'}"
        folder.mkdir()
        path = folder / "conf"
        path.write_text(NGINX_CONFIGURATION.format(
            directory=folder, root=root, threads=256, aio=f"aio {aio};" if aio else ""))
        return add(title, f"{folder.name}/nginx", True,
                   [NGINX, "-e", "stderr", "-p", folder, "-c", path], held)

    yield valved("valved, 256 I/O threads", support.VALVED, 256, SLOW_READS // 2)
    yield valved("valved, its own choice", support.VALVED, "auto", 1)
    yield valved("valved without a pool", INLINE, 2, 1)
    if NGINX:
        yield nginx("nginx, aio threads", "threads", SLOW_READS // 2)
        yield nginx("nginx", None, 1)


@contextlib.contextmanager
def slow_reads(server, slow):
    """200 Gets wait for the disk as long as this lasts."""
    kind = "http-get" if server.http else "get"
    process = subprocess.Popen([LOAD, "cold", kind, server.address, "slow", str(SLOW_READS)])
    try:
        slow.wait_for_held(server.held)
        yield
        if process.poll() is not None:
            raise AssertionError("the slow reads have ended")
    finally:
        process.kill()
        process.wait()


def wait_for_quiet(slow):
    """A server without a pool reads on what was asked of it: the disk is told to hurry."""
    slow.clear()
    support.wait_until(lambda: slow.held() == 0, "the disk is idle")
    before = None
    while (now := slow.seen("read")) != before:
        before = now
        time.sleep(0.1)
    slow.delay("read", DELAY)


def measure(server, request, seconds):
    kind = request.http if server.http else request.kind
    before, turns = server.cpu(), server.turns()
    output = subprocess.run(
        [LOAD, "hot", kind, server.address, "hot", str(HOT_CONNECTIONS), str(seconds)],
        stdout=subprocess.PIPE, check=True, text=True).stdout
    cpu = server.cpu() - before
    counted = (now - then for now, then in zip(server.turns(), turns))
    requests, *times = map(int, output.split())
    return Sample(requests / seconds, cpu / requests if requests else float("nan"), *times,
                  *counted)


def median(samples):
    return Sample(*(statistics.median(column) for column in zip(*samples)))


def print_table(results):
    print(f"{'':43}{'requests':>10}{'CPU':>8}{'p50':>8}{'p99':>8}{'p99.9':>8}{'max':>9}"
          f"{'lag':>9}{'turns':>8}{'late':>5}{'p99':>7}\n"
          f"{'':43}{'/s':>10}{'us each':>8}{'us':>8}{'us':>8}{'us':>8}{'ms':>9}{'ms':>9}"
          f"{'':8}{'':5}{'times':>7}")
    for (server, request), (alone, beside) in results.items():
        for title, sample in ("alone", median(alone)), ("slow reads", median(beside)):
            cpu = f"{sample.cpu / 1e3:8.1f}" if sample.rate > 100 else f"{'-':>8}"
            times = (f"{sample.p99 / median(alone).p99:7.2f}" if title != "alone" else "")
            print(f"{server if title == 'alone' else '':25}{request:8}{title:10}"
                  f"{sample.rate:10.0f}{cpu}{sample.p50 / 1e3:8.0f}{sample.p99 / 1e3:8.0f}"
                  f"{sample.p999 / 1e3:8.0f}{sample.longest / 1e6:9.1f}{sample.lag / 1e6:9.1f}"
                  f"{sample.turns:8.0f}{sample.late:5.0f}{times}")


def run(arguments, stack, directory):
    root = directory / "root"
    root.mkdir()
    if arguments.tmpfs:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], check=True)
        stack.callback(subprocess.run, ["umount", "-l", root], check=False)
    slow = stack.enter_context(disk.Disk(directory / "source", root / "slow"))
    make_files(root, directory / "source")
    slow.delay("read", DELAY)
    servers = [server for server in start_servers(stack, directory, root)
               if arguments.only in server.title]
    results = collections.defaultdict(lambda: ([], []))
    for _ in range(arguments.rounds):
        for server in servers:
            for request in REQUESTS:
                alone, beside = results[server.title, request.title]
                alone.append(measure(server, request, arguments.seconds))
                with slow_reads(server, slow):
                    beside.append(measure(server, request, arguments.seconds))
                wait_for_quiet(slow)
    print_table(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement")
    parser.add_argument("--tmpfs", action="store_true", help="the root is on a tmpfs")
    parser.add_argument("--only", default="", help="servers whose title contains this")
    arguments = parser.parse_args()
    why = disk.problem() or (os.geteuid() != 0 and "it takes root to mount and to pin")
    if why:
        sys.exit(f"bench_disk: {why}")
    if support.SANITIZED:
        print("WARNING: built with a sanitizer; the figures say nothing")
    if SERVER_CPU == CLIENT_CPU:
        print("WARNING: one CPU only, which server and clients share")
    if "VALVE_BENCH_PRIVATE" not in os.environ:
        os.execvpe("setsid", ["setsid", "--wait", "unshare", "--mount", sys.executable, "-B",
                              *sys.argv], dict(os.environ, VALVE_BENCH_PRIVATE="1"))
    os.sched_setaffinity(0, {CLIENT_CPU})
    bench_machine.go_before_others()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-disk-"))
    os.chmod(directory, 0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        run(arguments, stack, directory)


if __name__ == "__main__":
    main()
