#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
valved beside what people use instead, on the same files and under the same load, with bare epoll
loops as the limit of what one core can do.

The server has one CPU, the load (tests/bench_load) the other. Within each round the servers take
turns, each started afresh and warmed up, so that whatever drifts on this machine hits all of them;
the table has medians over the rounds, and ratios are taken within a round before. CPU is that of
all processes of the server, divided by the requests that were answered; memory is what is resident
after the load. The files are in TMPDIR, or in /tmp.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bench_charts
import bench_machine
import bench_programs
import bench_table
import support

UNLINK = support.BUILD / "tests/bench_unlink"
OUTPUT = support.BUILD / "bench"
SMALL_FILES, MEDIUM_FILES, GONE_FILES = 1000, 64, 2000
WARM_UP = 0.3    # of the time that is measured
LARGE_TIMES = 3  # as long is measured where an answer takes longest
WINDOW = 64      # Dels that are under way at once
BARE = ("bare loop, memory", "bare loop, pread", "bare loop, open")
HTTP = ("nginx, open_file_cache", "nginx", "lighttpd", "h2o")
FILES = {
    "small": (SMALL_FILES, support.KIB),
    "medium": (MEDIUM_FILES, 64 * support.KIB),
    "large": (1, support.GIB),
}

# `servers` begins with the limit, to which the others are compared; `unit` is what is counted.
Scenario = collections.namedtuple("Scenario", "title files call connections depth servers unit")
SCENARIOS = {
    "get": Scenario("Get of 1 KiB, 64 connections", "small", "get", 64, 1,
                    (*BARE, "valved", "memcached", *HTTP), "request"),
    "get-pipelined": Scenario("Get of 1 KiB, 64 connections, 16 pipelined", "small", "get", 64, 16,
                              (*BARE, "valved", "memcached", *HTTP), "request"),
    "nocache": Scenario("Get of 1 KiB without a cache, 64 connections", "small", "get", 64, 1,
                        ("bare loop, open", "valved, cache = 0"), "request"),
    "nocache-pipelined": Scenario("Get of 1 KiB without a cache, 64 connections, 16 pipelined",
                                  "small", "get", 64, 16,
                                  ("bare loop, open", "valved, cache = 0"), "request"),
    "medium": Scenario("Get of 64 KiB, 16 connections", "medium", "get", 16, 1,
                       ("bare loop, pread", "bare loop, sendfile", "valved", "memcached",
                        *HTTP), "request"),
    "large": Scenario("Get of 1 GiB, one connection", "large", "get", 1, 1,
                      ("bare loop, sendfile", "valved", *HTTP), "GB"),
    "exists": Scenario("Exists, 64 connections, 16 pipelined", "small", "exists", 64, 16,
                       ("bare loop, memory", "bare loop, open", "valved"), "request"),
    "size": Scenario("Size, 64 connections, 16 pipelined", "small", "size", 64, 16,
                     ("bare loop, memory", "bare loop, open", "valved"), "request"),
    "del": Scenario("Del, one connection, 64 in flight", "gone", "del", 1, WINDOW,
                    ("bare unlink", "valved"), "request"),
}


def names_of(files):
    return [f"{files}/{number:04}" for number in range(FILES[files][0])]


def read_all(path):
    """Has the file in memory, so that the first server asked for it is not the one that pays."""
    with open(path, "rb", buffering=0) as file:
        while file.read(support.MIB):
            pass


def make_files(root, scenarios):
    for files in {scenario.files for scenario in scenarios} & set(FILES):
        size = FILES[files][1]
        (root / files).mkdir()
        for name in names_of(files):
            if size > support.MIB:
                support.sparse_file(root / name, size)
                read_all(root / name)
            else:
                (root / name).write_bytes((f"{name}\n".encode() * size)[:size])


# ---- One measurement ----------------------------------------------------------------------------

def measure(server, scenario, arguments):
    seconds = arguments.seconds * (LARGE_TIMES if scenario.files == "large" else 1)
    server.fill(server.setting.names)
    shape = scenario.call, scenario.connections, scenario.depth
    server.load(*shape, seconds * WARM_UP)
    before = server.cpu()
    sample = server.load(*shape, seconds)
    sample["cpu_us"] = (server.cpu() - before) / 1e3
    return sample


def make_gone(root):
    """Files to delete, anew each time."""
    (root / "gone").mkdir(exist_ok=True)
    names = [f"gone/{number:04}" for number in range(GONE_FILES)]
    for name in names:
        (root / name).touch()
    return names


def unlink(root):
    """The limit of Del: no server at all."""
    names = make_gone(root)
    output = subprocess.run(["taskset", "-c", str(bench_machine.SERVER_CPU), UNLINK, root, *names],
                            stdout=subprocess.PIPE, check=True, text=True).stdout
    passed, cpu = map(int, output.split())
    return {"requests": len(names), "seconds": passed / 1e9, "errors": 0,
            "per_second": len(names) * 1e9 / passed, "cpu_us": cpu / 1e3, "memory": 0}


def delete(server):
    """Deletes by pipelined requests, all ids of one length, so that all answers are, too."""
    names = make_gone(server.setting.root)
    requests = [b"\x82\x1a%s\xa1\x63Del%c%s" % ((0x10000 + id).to_bytes(4, "big"),
                                              0x60 + len(name), name.encode())
                for id, name in enumerate(names)]
    errors = 0
    with support.Wire(server.address) as wire:
        begin, before = time.monotonic(), server.cpu()
        for at in range(0, len(requests), WINDOW):
            part = requests[at:at + WINDOW]
            wire.send(b"".join(part))
            errors += len(part) - wire.read(len(part) * 9).count(b"\x62Ok")
        passed, cpu = time.monotonic() - begin, server.cpu() - before
    return {"requests": len(names), "seconds": passed, "errors": errors,
            "per_second": len(names) / passed, "cpu_us": cpu / 1e3}


def sample_of(title, scenario, directory, root, arguments):
    """One server in one scenario, from its start to its end."""
    if title == "bare unlink":
        return unlink(root)
    folder = pathlib.Path(tempfile.mkdtemp(dir=directory))
    address = (f"127.0.0.1:{bench_programs.free_port()}" if arguments.tcp else
               f"unix:{folder}/socket")
    names = names_of(scenario.files) if scenario.files in FILES else []
    setting = bench_programs.Setting(folder, root, address, names)
    with bench_programs.Server(bench_programs.KINDS[title], setting, arguments.first) as server:
        sample = (delete(server) if scenario.call == "del" else
                  measure(server, scenario, arguments))
        sample["memory"] = server.memory()
    shutil.rmtree(folder)
    return sample


# ---- All of them --------------------------------------------------------------------------------

def absence(title):
    """Why this server cannot take part, or None."""
    kind = bench_programs.KINDS.get(title)
    if kind and not bench_programs.program_of(kind):
        return "not installed"
    return None


def choose(arguments, scenarios):
    """The servers that take part, and {title: why not} of those that cannot."""
    every = dict.fromkeys(title for scenario in scenarios.values() for title in scenario.servers)
    wanted = [title for title in every if any(word in title for word in arguments.servers)]
    absent = {title: why for title in wanted if (why := absence(title))}
    return [title for title in wanted if title not in absent], absent


def measure_all(arguments, scenarios, servers, directory):
    root = directory / "root"
    root.mkdir()
    make_files(root, scenarios.values())
    for number in range(arguments.rounds):
        for name, scenario in scenarios.items():
            for title in filter(servers.__contains__, scenario.servers):
                print(f"round {number + 1}: {name}, {title}", file=sys.stderr, flush=True)
                yield {"round": number, "scenario": name, "server": title,
                       **sample_of(title, scenario, directory, root, arguments)}


def versions(samples):
    titles = {sample["server"] for sample in samples} & set(bench_programs.KINDS)
    kinds = [kind for title, kind in bench_programs.KINDS.items() if title in titles]
    return {pathlib.Path(kind.program).name: bench_programs.version_of(kind) for kind in kinds}


def measured(arguments, scenarios):
    """All that is kept of a run: the machine, the versions and every single sample."""
    machine, warnings = bench_machine.description(), list(bench_machine.warnings())
    servers, absent = choose(arguments, scenarios)
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        stack.callback(shutil.rmtree, directory)
        directory.chmod(0o755)
        samples = list(measure_all(arguments, scenarios, servers, directory))
    return {"machine": machine, "versions": versions(samples), "absent": absent,
            "warnings": warnings,
            "socket": "TCP" if arguments.tcp else "Unix", "rounds": arguments.rounds,
            "seconds": arguments.seconds, "samples": samples}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of one measurement (1)")
    parser.add_argument("--only", action="append", choices=SCENARIOS, metavar="SCENARIO",
                        help=f"may be repeated: {', '.join(SCENARIOS)}")
    parser.add_argument("--servers", type=lambda words: words.split(","), default=[""],
                        metavar="WORD,...",
                        help="only those whose title contains one of the words")
    parser.add_argument("--tcp", action="store_true", help="on 127.0.0.1, not on Unix sockets")
    parser.add_argument("--first", action="store_true",
                        help="before whatever else this machine does (takes root)")
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT, metavar="DIR",
                        help="for the raw figures, servers.json (bench/ in the build)")
    parser.add_argument("--charts", type=pathlib.Path, metavar="DIR",
                        help="for the charts (as --output)")
    parser.add_argument("--from", dest="figures", type=pathlib.Path, metavar="FILE",
                        help="measure nothing: table and charts of figures that were kept")
    result = parser.parse_args(arguments)
    if result.first and os.geteuid() != 0:
        parser.error("--first takes root")
    return result


def main():
    arguments = parse(sys.argv[1:])
    scenarios = {name: SCENARIOS[name] for name in arguments.only or SCENARIOS}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.sched_setaffinity(0, {bench_machine.CLIENT_CPU})
    if arguments.figures:
        figures = json.loads(arguments.figures.read_text())
    else:
        figures = measured(arguments, scenarios)
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "servers.json").write_text(json.dumps(figures, indent=1) + "\n")
    bench_table.show(figures, SCENARIOS)
    bench_charts.draw(figures, SCENARIOS, arguments.charts or arguments.output)
    return 1 if any(sample["errors"] for sample in figures["samples"]) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (AssertionError, subprocess.SubprocessError) as problem:
        sys.exit(f"bench_servers: {str(problem)[:500]}")
