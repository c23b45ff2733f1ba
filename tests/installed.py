# SPDX-License-Identifier: MIT
"""
libvalve as its users have it: installed, and found by pkg-config.

`make check` installs the build into a directory of its own, as one who makes packages would.
`make installcheck` says by VALVE_INSTALLED where the real installation has its valve.pc.
"""
import os
import pathlib
import re
import shlex
import subprocess

import support


def build_environment(**more):
    """Without what a make that runs these tests hands down to those that it starts."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "DESTDIR")}
    return kept | {"LC_ALL": "C.UTF-8"} | more


def declared_functions(header):
    """Those that a header declares and does not define, by its text alone."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    header = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", header, flags=re.M)
    header = header.replace('extern "C" {', "")
    while (flat := re.sub(r"\{[^{}]*\}", ";", header)) != header:
        header = flat
    return {name for declaration in header.split(";") if "static" not in declaration
            for name in re.findall(r"\b(valve_\w+)\s*\(", declaration)}


def install(stage):
    run = subprocess.run(["make", "-s", "-C", support.BUILD, "install", f"DESTDIR={stage}"],
                         env=build_environment(), capture_output=True, text=True,
                         timeout=support.DEADLINE)
    if run.returncode != 0:
        raise AssertionError(f"make install: {run.stdout}{run.stderr}")


class Installation:
    """One that is there, or is made for this test."""

    def __init__(self, test):
        found = os.environ.get("VALVE_INSTALLED")
        if found:
            self.environment = build_environment(PKG_CONFIG_PATH=found)
        else:
            stage = support.scratch(test, "valve-installed-")
            install(stage)
            package, = stage.rglob("valve.pc")
            self.environment = build_environment(PKG_CONFIG_PATH=str(package.parent),
                                                 PKG_CONFIG_SYSROOT_DIR=str(stage))
        self.compiler = shlex.split(support.makefile_variable("CC"))
        # Where the library is instrumented, the programs have to be.
        self.flags = support.makefile_variable("SANITIZER_CFLAGS").split()

    def pkg_config(self, *arguments):
        return subprocess.run(["pkg-config", *arguments, "valve"], env=self.environment,
                              capture_output=True, text=True, check=True).stdout.strip()

    def path(self, variable):
        """What a variable of valve.pc names."""
        return pathlib.Path(self.pkg_config(f"--variable={variable}"))

    def run(self, command, folder):
        return subprocess.run(command, cwd=folder, env=self.environment, capture_output=True,
                              text=True, timeout=support.DEADLINE)

    def make(self, folder, *arguments):
        return self.run(["make", f"CC={' '.join(self.compiler)}",
                         f"CFLAGS={' '.join(['-O1', '-g', '-Wall', '-Wextra', *self.flags])}",
                         *arguments], folder)
