# SPDX-License-Identifier: MIT
"""The machine on which servers are compared: who runs where and before whom, and what it is."""
import contextlib
import os
import pathlib
import platform
import re
import subprocess
import tempfile

import support

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[-1]


def go_before_others():
    """Whatever else this machine does; among themselves those who measure are equals."""
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/autogroup").write_text("-20")
    os.setpriority(os.PRIO_PROCESS, 0, -15)


def description():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    filesystem = subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()],
                                stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    return {"cpu": model[1] if model else platform.machine(), "cpus": len(CPUS),
            "kernel": platform.release(), "filesystem": filesystem,
            "load": " ".join(f"{average:.1f}" for average in os.getloadavg())}


def warnings():
    """What keeps figures from being those of valve."""
    flags = support.makefile_variable("CFLAGS")
    optimised = re.findall(r"(?<!\S)-O\S*", flags)
    if not optimised or optimised[-1] == "-O0":
        yield f"built for debugging (CFLAGS {flags}): valved is faster than this"
    if support.SANITIZED:
        yield "built with a sanitizer: the figures say nothing"
    if SERVER_CPU == CLIENT_CPU:
        yield "one CPU only, which server and load share"
    if os.getloadavg()[0] > len(CPUS) / 2:
        yield "this machine is busy with something else: only ratios within a round mean anything"
