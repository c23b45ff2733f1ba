# SPDX-License-Identifier: MIT
"""
Whether valved ever tells something stale: tests/fresh_load makes changes of every kind and asks at
once, on file systems and with caches of different kinds.

    fresh.py [--checks N] [--seconds S] [--seed N] [--only WORD]

The checks are shared out among the runs; the seconds are for each. It fails on one wrong answer.
"""
import argparse
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import support

LOAD = support.BUILD / "tests/fresh_load"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
TMPFS = "/dev/shm"

# Of all names that are looked up, so many must be known: else it is not the cache that is checked.
HITS_LEAST = 0.3


class Setting(NamedTuple):
    """What a run is made on."""
    title: str
    place: str  # a directory
    cache: str
    share: float  # of all checks
    hits_least: float


# What 64 names leave to each of two workers is less than all that are asked for.
SETTINGS = [
    Setting("/tmp", tempfile.gettempdir(), "4096", 0.3, HITS_LEAST),
    Setting("tmpfs", TMPFS, "4096", 0.3, HITS_LEAST),
    Setting("/tmp, few names", tempfile.gettempdir(), "64", 0.15, 0.01),
    Setting("tmpfs, few names", TMPFS, "64", 0.15, 0.01),
    Setting("/tmp, no cache", tempfile.gettempdir(), "0", 0.1, 0),
]


class Result(NamedTuple):
    numbers: dict  # what fresh_load counted
    kinds: dict  # name -> [changes, checks, wrong]
    wrong: list  # the first answers that were
    cache: dict  # what valved counted of its caches


def is_tmpfs(place):
    return os.path.isdir(place) and subprocess.run(
        ["stat", "-f", "-c", "%T", place], capture_output=True, text=True,
        check=False).stdout.strip() == "tmpfs"


def have_private_mounts():
    """From now on what this process mounts is seen by it and its children only. Whether it can."""
    libc = ctypes.CDLL(None, use_errno=True)
    return (os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0 and
            libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0)


def unmount_below(top):
    """What is left when fresh_load ends early."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        if (place := line.split()[4]).startswith(f"{top}/"):
            subprocess.run(["umount", "-l", place], check=True)


def figures(address):
    """All samples of valved that have no labels, and the turns of each worker."""
    found = re.findall(r"^(valve_cache_\w+|valve_worker_turns_total\{\S+\}) (\S+)$",
                       support.scrape(address.removeprefix("unix:")), re.MULTILINE)
    return {name: float(value) for name, value in found}


def read_output(output):
    numbers, kinds, wrong = {}, {}, []
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "WRONG":
            wrong.append(rest)
        elif word == "kind":
            *counts, name = rest.split(" ", 3)
            kinds[name] = [int(count) for count in counts]
        else:
            numbers[word] = float(rest)
    return numbers, kinds, wrong


def run(setting, seed, *, checks=None, seconds=60, mounts=False, writers=4, scanned=2000):
    """One run of fresh_load on a valved with two workers."""
    with contextlib.ExitStack() as stack:
        top = pathlib.Path(tempfile.mkdtemp(prefix="fresh-", dir=setting.place))
        stack.callback(shutil.rmtree, top)
        stack.callback(unmount_below, top)
        for name in ("root", "outside"):
            (top / name).mkdir()
        metrics = f"unix:{top}/metrics"
        server = stack.enter_context(support.Server(
            top / "root", unprivileged=True,
            settings={"server": {"workers": 2, "pin": "no"}, "files": {"cache": setting.cache},
                      "metrics": {"address": metrics}}))
        command = [LOAD, f"--seed={seed}", f"--seconds={seconds}", f"--writers={writers}",
                   f"--scanned={scanned}"]
        command += [f"--checks={checks}"] * (checks is not None) + ["--mounts"] * mounts
        done = subprocess.run([*command, server.address, top], stdout=subprocess.PIPE, text=True,
                              timeout=seconds + support.DEADLINE, check=True)
        counted = figures(metrics)
    return Result(*read_output(done.stdout), counted)


def hit_ratio(result):
    hits = result.cache["valve_cache_hits_total"]
    return hits / max(1, hits + result.cache["valve_cache_misses_total"])


def problems(setting, result):
    """Why a run proves nothing, or the contrary of what it should."""
    turns = [value for name, value in result.cache.items() if name.startswith("valve_worker")]
    if result.numbers["wrong"] > 0:
        yield f"{result.numbers['wrong']:.0f} wrong answers"
    if hit_ratio(result) < setting.hits_least:
        yield f"only {hit_ratio(result):.0%} of all names were known"
    if setting.cache == "0" and hit_ratio(result) > 0:
        yield "names were known without a cache"
    if len(turns) != 2 or min(turns) < 0.01 * max(turns):
        yield f"the work was not shared out: {turns}"


def report(setting, result):
    numbers, cache = result.numbers, result.cache
    print(f"{setting.title}: {numbers['checks']:.0f} checks after {numbers['changes']:.0f} changes"
          f" in {numbers['seconds']:.1f} s ({numbers['checks'] / numbers['seconds']:.0f}/s),"
          f" beside {numbers['load']:.0f} other answers; {hit_ratio(result):.1%} of names known,"
          f" {cache['valve_cache_forgotten_total']:.0f} forgotten,"
          f" {cache['valve_cache_lost_total']:.0f} times all;"
          f" a mount was not seen for {numbers.get('mount-unseen', 0) * 1000:.0f} ms;"
          f" wrong: {numbers['wrong']:.0f}")
    for line in result.wrong:
        print("   ", line)
    sys.stdout.flush()


def report_kinds(results):
    print(f"\n{'changes':>10} {'checks':>10} {'wrong':>8}")
    for name in results[0].kinds:
        sums = [sum(column) for column in zip(*(result.kinds[name] for result in results))]
        print(f"{sums[0]:>10} {sums[1]:>10} {sums[2]:>8}  {name}")


def main():
    parser = argparse.ArgumentParser(description="Looks for stale answers of valved.")
    parser.add_argument("--checks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=24 * 3600, help="at most, for each run")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", default="", help="settings whose title contains this")
    arguments = parser.parse_args()
    mounts = have_private_mounts()
    print(f"seed {arguments.seed}" + ("" if mounts else "; nothing is mounted: that takes root"))
    chosen = [setting for setting in SETTINGS if arguments.only in setting.title]
    chosen = [setting for setting in chosen if setting.place != TMPFS or is_tmpfs(TMPFS)]
    shares = sum(setting.share for setting in chosen)
    results, failures = [], []
    for setting in chosen:
        result = run(setting, arguments.seed, seconds=arguments.seconds, mounts=mounts,
                     checks=int(arguments.checks * setting.share / shares))
        report(setting, result)
        results.append(result)
        failures += [f"{setting.title}: {problem}" for problem in problems(setting, result)]
    report_kinds(results)
    print(f"{sum(result.numbers['checks'] for result in results):.0f} checks,",
          f"{sum(result.numbers['wrong'] for result in results):.0f} wrong answers")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
