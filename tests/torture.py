# SPDX-License-Identifier: MIT
"""
Torture: what tests/test_torture.py does to programs, and what it asks of them meanwhile.

A call is known by the calls that led to it, so that of ten thousand allocations in one loop the
first few fail, and not all, and no other thread's haste makes one be overlooked.

VALVE_TORTURE=full goes through all calls and all their errors.
"""
import collections
import contextlib
import itertools
import os
import socket
import subprocess
import ssl
import sys
import time

import cbor2

import call_sites
import fault
import support
from support import KIB

FULL = os.environ.get("VALVE_TORTURE") == "full"
VARIETIES = range(3) if FULL else range(1)
# How often a call fails that is reached in the same way: the first time it is, the second...
MOST_TIMES = 3 if FULL else 1
SLOW = 1  # seconds after which it is mentioned
# Seconds in which everything has an answer, whatever failed.
PATIENCE = 40 if support.SANITIZED else 10
MOST_FINDINGS = 5

SITES = call_sites.CallSites()
# What of the product runs at run time: all call sites are theirs.
PROGRAMS = [support.VALVED, support.VALVECTL, support.BUILD / "valve-cbor",
            support.BUILD / ".libs/libvalve.so"]
COUNT = collections.Counter()  # single: faults of one call; lasting: runs in which many failed

EXPECTED_ERRORS = {"busy", "io", "timeout", "cancelled", "denied"}
# What writes the line that would say what is wrong.
WRITERS = {"fprintf", "vfprintf", "fputs", "fputc", "putc", "fwrite", "write", "fflush", "puts",
           "printf"}
# What makes something that is needed to serve.
MAKERS = {"mmap", "mprotect", "madvise", "pthread_create", "eventfd", "socket", "bind", "listen",
          "open", "openat", "sem_init", "sigaltstack", "event_new", "event_add",
          "event_base_new_with_config", "event_config_new", "evconnlistener_new",
          "sched_getaffinity", "epoll_create1", "getrlimit", "setrlimit"}


def unix_socket():
    return socket.socket(socket.AF_UNIX)


def make_fault(test, program):
    made = fault.Fault(support.scratch(test), program)
    SITES.add_binary(program, made.call_names())
    SITES.add_binary(support.BUILD / ".libs/libvalve.so", made.call_names())

    def finish():
        SITES.add_run(made)
        made.close()

    (test.addClassCleanup if isinstance(test, type) else test.addCleanup)(finish)
    return made


class Findings(list):
    """What went wrong, each with the call that had failed."""

    def __init__(self, injector):
        super().__init__()
        self._injector = injector

    def add(self, number, variety, problem):
        self.append(f"{self.where()} (call {number}, error {variety}): {problem}")

    def where(self):
        """What has failed last."""
        last = self._injector.last
        return SITES.place(*last) if last else "nothing"

    @contextlib.contextmanager
    def of(self, number, variety):
        """Notes what the body complains of."""
        try:
            yield
        except (AssertionError, OSError, EOFError, cbor2.CBORDecodeError,
                subprocess.TimeoutExpired) as problem:
            self.add(number, variety, f"{type(problem).__name__}: {problem}"[:1500])


def each_fault(injector, test, attempt, **options):
    """
    Calls attempt(number, variety) again and again: each time one call fails that is reached in a
    way which has not been tried MOST times yet, until there is none. With the second error a call
    may give, and the third, likewise. What it complains of fails the test, together.
    """
    findings = Findings(injector)
    for variety in VARIETIES:
        injector.forget_ways()
        for number in itertools.count(1):
            if (len(findings) >= MOST_FINDINGS or
                    not single_fault(injector, findings, attempt, number, variety, options)):
                break
            COUNT["single"] += 1
    if findings:
        test.fail("\n\n".join(findings))


def single_fault(injector, findings, attempt, number, variety, options):
    """Returns whether there was one left."""
    injector.arm(fault.NEW, number, variety, most=MOST_TIMES, **options)
    start = time.monotonic()
    with findings.of(number, variety):
        attempt(number, variety)
    injector.disarm()
    if time.monotonic() - start > SLOW:
        print(f"{time.monotonic() - start:.1f} s: {findings.where()}", file=sys.stderr)
    return injector.injected > 0


# ---- Conversations ------------------------------------------------------------------------------


OK = "Ok"
LARGE = bytes(range(256)) * (300 * KIB // 256)

# Deeper than a walk keeps directories open, with a neighbour on the way back.
DEEPEST = "/".join(["d"] + ["e"] * 36)
LONG = "d/" + "long" * 20
FILES = {"small": b"small", "empty": b"", "large": LARGE, "d/e/deep": b"deep", "d/1": b"1",
         "d/2": b"22", f"{DEEPEST}/f": b"f", "d/e/e/g": b"g", "d/z/1": b"z", LONG: b"long"}

# What is sent down one connection at once, and what has to come back.
CONVERSATIONS = {
    "small": [({"Get": "small"}, {"Content": b"small"}), ({"Size": "small"}, {"Size": 5}),
              ({"Exists": "small"}, {"Exists": True}), ({"Get": "empty"}, {"Content": b""})],
    "large": [({"Get": "large"}, {"Content": LARGE})],
    "long": [({"Get": LONG}, {"Content": b"long"}), ({"Size": LONG}, {"Size": 4}),
             ({"Exists": LONG}, {"Exists": True}), ({"Get": LONG}, {"Content": b"long"})],
    "missing": [({"Get": "missing"}, "not-found"), ({"Size": "d/missing"}, "not-found"),
                ({"Exists": "missing"}, {"Exists": False}), ({"Del": "missing"}, "not-found"),
                ({"Get": "../small"}, "bad-path"), ("Nothing", "bad-request")],
    "list": [("ListAll", None)],
    "pipelined": [({"Get": "large"}, {"Content": LARGE}), ("ListAll", None),
                  ({"Get": "d/e/deep"}, {"Content": b"deep"}),
                  ({"Get": "large"}, {"Content": LARGE})]
                 + [({"Exists": "small"}, {"Exists": True})] * 20,
    "refused": [({"Size": "small"}, {"Size": 5}),
                ([[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]], "bad-request")],
    "del": [({"Del": "victim"}, OK), ({"Del": "d/victim"}, OK),
            ({"Exists": "small"}, {"Exists": True})],
}


def fill(root):
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def is_right(reply, expected):
    if expected is None:
        return "List" in reply and set(FILES) == {
            file["path"] for file in reply["List"] if "victim" not in file["path"]}
    if isinstance(reply, dict) and "Error" in reply:
        return support.error_code(reply) == expected
    return reply == expected


def receive(wire, conversation, strict):
    """Reads the answers. If not strict, each may be an error, and the connection may be closed."""
    waiting = {id: expected for id, (_, expected) in enumerate(conversation, 1)}
    answers = {}
    while waiting:
        try:
            id, reply = wire.reply()
        except (cbor2.CBORDecodeEOF, ConnectionError, ssl.SSLError):
            if strict:
                raise
            return answers
        expected = waiting.pop(id)
        answers[id] = reply
        failed = isinstance(reply, dict) and "Error" in reply
        excused = not strict and failed and support.error_code(reply) in EXPECTED_ERRORS
        if not excused and not is_right(reply, expected):
            raise AssertionError(f"{conversation[id - 1][0]} is answered {reply!r:.200}")
    return answers


def pieces(data, count):
    """So many, with time between them for each to be read by itself; if not, nothing is lost."""
    size = -(-len(data) // count)
    for start in range(0, len(data), size):
        if start > 0:
            time.sleep(0.002)
        yield data[start:start + size]


def converse(address, conversation, strict=True, patience=PATIENCE, count=1, tls=None):
    """Returns the answers that came. A time-out is an error in any case."""
    data = b"".join(cbor2.dumps([id, message])
                    for id, (message, _) in enumerate(conversation, 1))
    wire = connect(address, strict, tls)
    if not wire:
        return {}
    with wire:
        wire.socket.settimeout(patience)
        try:
            for piece in pieces(data, count):
                wire.send(piece)
            answers = receive(wire, conversation, strict)
            if strict and tls:
                wire.socket = wire.socket.unwrap()  # once the server has said that, too
                if wire.socket.recv(1):
                    raise AssertionError("more behind the end")
            elif strict:
                wire.finish()
                wire.expect_end()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            if strict:
                raise
            return {}
    return answers


def connect(address, strict, tls):
    """None: there is no handshake to be had, which may be."""
    try:
        return support.Wire(address, tls=tls, name="127.0.0.1")
    except (ConnectionResetError, ssl.SSLError):
        if strict or not tls:
            raise
        return None
