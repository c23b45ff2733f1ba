#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What TLS costs valved, beside nginx with the same certificate (P-256) and cipher: CPU of the server
for a request of 1 KiB on 64 connections that stay open, and for 1 GiB on one. Server and load are
those of bench_servers.py, each with a CPU of its own; each figure is the median of some rounds,
which are taken in turn, and ratios are taken within a round before.
"""
import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile

import bench_machine
import bench_programs
import tls
from support import GIB, KIB, MIB

CONNECTIONS = 64
SERVERS = {"valved": "valved", "nginx": "nginx, open_file_cache"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement (2)")
    arguments = parser.parse_args()
    if bench_programs.program_of(bench_programs.KINDS[SERVERS["nginx"]]) is None:
        sys.exit("bench_tls: not installed: nginx")
    for warning in bench_machine.warnings():
        print(f"bench_tls: {warning}", file=sys.stderr)
    os.sched_setaffinity(0, {bench_machine.CLIENT_CPU})
    with tempfile.TemporaryDirectory(prefix="valve-tls-") as temporary:
        os.chmod(temporary, 0o755)  # nginx's worker may be somebody else
        report(measure(pathlib.Path(temporary), arguments))


def make_files(root):
    root.mkdir()
    (root / "small").write_bytes(os.urandom(KIB))
    with open(root / "large", "wb") as file:
        for _ in range(GIB // MIB):
            file.write(bytes(MIB))  # which has it in memory


def start(stack, directory):
    """Both servers, on the same files, with the same certificate."""
    root = directory / "root"
    make_files(root)
    authority = tls.Authority(directory / "tls")
    own = bench_programs.Tls(*authority.issue("server", alternatives="IP:127.0.0.1"),
                             authority.certificate)
    servers = {}
    for title, kind in SERVERS.items():
        folder = directory / title
        folder.mkdir()
        setting = bench_programs.Setting(
            folder, root, f"127.0.0.1:{bench_programs.free_port()}", [], own)
        servers[title] = stack.enter_context(
            bench_programs.Server(bench_programs.KINDS[kind], setting, first=True))
    return servers


def costs_of(server, seconds):
    """Microseconds of CPU for a small request, and seconds for a GiB."""
    before = server.cpu()
    requests = server.load("get", CONNECTIONS, 1, seconds, ["small"])["requests"]
    between = server.cpu()
    size = server.load("get", 1, 1, seconds, ["large"])["bytes"]
    return (between - before) / 1e3 / requests, (server.cpu() - between) / 1e9 / size * GIB


def measure(directory, arguments):
    """What requests and a GiB cost each server in each round."""
    with contextlib.ExitStack() as stack:
        servers = start(stack, directory)
        return [{title: costs_of(server, arguments.seconds) for title, server in servers.items()}
                for _ in range(arguments.rounds)]


def report(rounds):
    def medians(figures):
        return [statistics.median(column) for column in zip(*figures)]

    print("CPU of the server            1 KiB         1 GiB")
    for title in rounds[0]:
        small, large = medians(costs[title] for costs in rounds)
        print(f"  {title:20} {small:10.2f} us {large:10.2f} s")
    small, large = medians([mine / theirs for mine, theirs in zip(costs["valved"], costs["nginx"])]
                           for costs in rounds)
    print(f"  valved beside nginx  {small:10.2f} x  {large:10.2f} x")


if __name__ == "__main__":
    main()
