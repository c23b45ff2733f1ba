# SPDX-License-Identifier: MIT
"""Where programs call functions of other libraries, by their machine code and line tables."""
import collections
import os
import pathlib
import re
import subprocess

import support

# "  4f2a:\te8 31 ...\tcall   3c40 <malloc@plt>", and the address of what follows.
INSTRUCTION = re.compile(r"^ +([0-9a-f]+):\t")
CALL = re.compile(r"\t(call|jmp) +(?:[0-9a-f]+ <(\w+)@plt>|\*0x[0-9a-f]+\(%rip\) .*<(\w+)@)")

# The first argument of syscall(), in x86-64's calling convention.
NUMBER = re.compile(r"\tmov +\$0x([0-9a-f]+),%edi")
SYSTEM_CALLS = {437: "openat2", 451: "cachestat"}


def find_calls(binary, names):
    """
    {(name, return address)} of all calls of these functions, and how many there are that a
    function ends with: optimized to jumps, these return elsewhere and cannot be told apart.
    """
    lines = subprocess.run(["objdump", "-d", "--no-show-raw-insn", binary], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    found, jumps = set(), 0
    called = number = None
    for line in lines:
        instruction = INSTRUCTION.match(line)
        if not instruction:
            number = None  # of another function
            continue
        if called:
            found.add((called, int(instruction[1], 16)))
            called = None
        if argument := NUMBER.search(line):
            number = int(argument[1], 16)
        if not (call := CALL.search(line)):
            continue
        name = call[2] or call[3]
        name = SYSTEM_CALLS.get(number) if name == "syscall" else name
        if name in names and call[1] == "call":
            called = name
        elif name in names and "@plt>" in line:
            jumps += 1
    return found, jumps


def locate(binary, addresses):
    """{return address: "lib/fiber/stacks.c:68"}."""
    addresses = sorted(addresses)
    lines = subprocess.run(
        ["addr2line", "-e", binary], check=True, text=True, stdout=subprocess.PIPE,
        input="".join(f"{address - 1:#x}\n" for address in addresses)).stdout.splitlines()
    return {address: _from_source(line) for address, line in zip(addresses, lines)}


def _from_source(line):
    name, _, number = line.split(" ")[0].rpartition(":")
    path = pathlib.Path(os.path.normpath(support.BUILD / name))  # clang tells it from there
    for top in (support.BUILD, support.SOURCE):
        if path.is_relative_to(top):
            return f"{path.relative_to(top)}:{number}"
    return f"{name}:{number}"


class CallSites:
    """Places in the source that call something which may fail, and what became of them."""

    def __init__(self):
        self._known = {}  # {binary: {(call, address): place}}
        self.jumps = 0  # calls that cannot be told apart
        self.reached = collections.Counter()
        self.failed = collections.Counter()

    def add_binary(self, binary, names):
        binary = str(pathlib.Path(binary).resolve())
        if binary not in self._known:
            calls, jumps = find_calls(binary, names)
            self.jumps += jumps
            places = locate(binary, {address for _, address in calls})
            self._known[binary] = {(call, address): f"{places[address]} {call}"
                                   for call, address in calls}
        return self._known[binary]

    def add_run(self, fault):
        """What has happened to the program of a Fault."""
        for (binary, call, address), (reached, failed) in fault.sites().items():
            if place := self._known.get(binary, {}).get((call, address)):
                self.reached[place] += reached
                self.failed[place] += failed

    def place(self, binary, call, address):
        known = self._known.get(binary, {}).get((call, address))
        return known or f"{pathlib.Path(binary).name}+{address:#x} {call}"

    def all(self, *binaries):
        return {place for binary in binaries
                for place in self._known[str(pathlib.Path(binary).resolve())].values()}
