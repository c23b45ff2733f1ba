# SPDX-License-Identifier: MIT
"""Torture of a valved that lives on: the part of tests/test_torture.py about its answers."""
import contextlib
import errno
import itertools
import os
import signal
import subprocess
import time
import unittest

import fault
import support
import tls
import torture
from support import KIB, rows
from torture import CONVERSATIONS, FULL, OK, PATIENCE, converse, each_fault

VICTIMS = ("victim", "d/victim")  # as the conversations have them
SHORT_PATIENCE = 0.2  # seconds, where nothing needs to be answered

SETTINGS = {
    "listen 1": {"address": "127.0.0.1:0", "allow": "list size get exists del"},
    "server": {"workers": 1, "io_threads": 2},
    "limits": {"io_timeout": "3s", "drain_timeout": "2s"},
    "log": {"audit": "yes", "access": "yes"},
}


class Living(unittest.TestCase):
    """One server, hit by one fault after another, must answer as ever after each."""

    broken = {}
    settings = SETTINGS
    conversations = CONVERSATIONS
    tcp = False
    tls = None  # an ssl.SSLContext, where its clients have one
    victims = ()
    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVED)
        cls.injector.break_calls(cls.broken)
        cls.stack = cls.enterClassContext(contextlib.ExitStack())
        cls.begin()

    @classmethod
    def begin(cls):
        cls.server = cls.stack.enter_context(support.Server(
            tcp=True, settings=cls.settings, environment=cls.injector.environment))
        cls.address = cls.server.tcp_address if cls.tcp else cls.server.address
        torture.fill(cls.server.root)
        for conversation in cls.conversations.values():
            cls.prepare()
            cls.converse(conversation)
        cls.descriptors = cls.server.descriptors()
        cls.resident = cls.server.resident()

    @classmethod
    def prepare(cls):
        """New victims: what was asked of others may be done even after its client has gone."""
        for name in cls.victims:
            (cls.server.root / name).unlink(missing_ok=True)
        cls.victims = [f"{directory}victim-{next(cls.numbers):07}" for directory in ("", "d/")]
        for name in cls.victims:
            (cls.server.root / name).write_bytes(b"v" * 1000)

    @classmethod
    def converse(cls, conversation, **options):
        """About the victims that there are now."""
        names = dict(zip(VICTIMS, cls.victims))
        return converse(cls.address, [
            ({"Del": names[request["Del"]]} if request in ({"Del": name} for name in VICTIMS)
             else request, expected) for request, expected in conversation],
            tls=cls.tls, **options)

    @classmethod
    def restart(cls):
        """After a finding: what follows shall not suffer from it. Says whether it had ended."""
        status = cls.server.program.process.poll()
        cls.server.program.kill()
        log = cls.server.program.log
        cls.begin()
        if status is not None or support.REPORT.search(log):
            raise AssertionError(f"valved ended with status {status}: {log[-3000:]}")

    def check_victims(self, answers):
        """A file is wholly there or gone, and gone if that was answered."""
        for id, name in enumerate(self.victims, 1):
            victim = self.server.root / name
            if victim.exists():
                self.assertEqual(victim.read_bytes(), b"v" * 1000)
                self.assertNotEqual(answers.get(id), OK)

    def expect_recovered(self, conversation):
        self.prepare()
        self.converse(conversation)
        self.server.expect_descriptors(self.descriptors)

    def hit(self, conversation, may_hang=False):
        """The conversation while faults are armed, and again when they are not."""
        patience = SHORT_PATIENCE if may_hang else PATIENCE
        answers = {}
        try:
            self.prepare()
            try:
                answers = self.converse(conversation, strict=False, patience=patience)
            except TimeoutError:
                if not may_hang:
                    raise
            self.injector.disarm()
            # What had begun has ended, then, even if it was to be accepted still.
            converse(self.address, CONVERSATIONS["small"], tls=self.tls)
            self.server.expect_descriptors(self.descriptors)
            if "Del" in conversation[0][0]:
                self.check_victims(answers)
            self.expect_recovered(conversation)
        except Exception:
            self.restart()
            raise

    def tearDown(self):
        if not support.INSTRUMENTED:
            self.assertLess(self.server.resident() - self.resident, 1024 * KIB)


@support.expand
class Faults(Living):
    @rows([(name, name) for name in CONVERSATIONS])
    def test_one_call_fails(self, name):
        each_fault(self.injector, self,
                   lambda *_: self.hit(CONVERSATIONS[name]))

    @rows([(name, name) for name in CONVERSATIONS])
    def test_all_calls_fail_from_one_on(self, name):
        """Until told otherwise; then what had begun is given up, and all is well again."""
        self.endure(CONVERSATIONS[name], range(1, 60, 1 if FULL else 25))

    def test_no_memory_until_told_otherwise(self):
        for conversation in CONVERSATIONS.values():
            self.endure(conversation, range(1, 20, 1 if FULL else 3), calls=fault.ALLOCATIONS)

    def test_no_stack_can_be_mapped(self):
        for calls in ({"mmap"}, {"madvise", "mprotect"}):
            self.endure(CONVERSATIONS["pipelined"], [1], calls=calls)

    def endure(self, conversation, numbers, **options):
        findings = torture.Findings(self.injector)
        for variety in torture.VARIETIES:
            for number in numbers:
                self.injector.arm(fault.ALWAYS, number, variety, **options)
                with findings.of(number, variety):
                    self.hit(conversation, may_hang=True)
                torture.COUNT["lasting"] += 1
        if findings:
            self.fail("\n\n".join(findings))


class OldKernel(Living):
    """The same where openat2 and guards without mprotect are unknown, and nothing is in memory."""

    broken = {"openat2": errno.ENOSYS, "madvise": errno.EINVAL, "preadv2": errno.EOPNOTSUPP}
    settings = SETTINGS | {"files": {"symlinks": "yes"}}
    tcp = True

    def test_one_call_fails_behind_a_link(self):
        (self.server.root / "link").symlink_to("d/e/../e")
        self.addCleanup((self.server.root / "link").unlink)
        conversation = [({"Get": "link/deep"}, {"Content": b"deep"})]
        each_fault(self.injector, self, lambda *_: self.hit(conversation))

    def test_one_call_fails(self):
        for name in ["small", "large", "missing", "del"] if FULL else ["small"]:
            with self.subTest(name):
                each_fault(self.injector, self, lambda *_: self.hit(CONVERSATIONS[name]))


class Denied(Living):
    """What the audit is told of."""

    settings = SETTINGS | {"listen 1": {"address": "127.0.0.1:0", "allow": "list size get exists"}}
    conversations = {"denied": [({"Del": "small"}, "denied"), ({"Size": "small"}, {"Size": 5})]}
    tcp = True

    def test_one_call_fails(self):
        each_fault(self.injector, self, lambda *_: self.hit(self.conversations["denied"]))


class Secured(Living):
    """Under TLS. Most of what OpenSSL allocates is not let fail."""

    tcp = True

    @classmethod
    def setUpClass(cls):
        authority = tls.Authority(support.scratch(cls) / "tls")
        pair = authority.issue("server", alternatives="IP:127.0.0.1")
        cls.tls = authority.client(authority.issue("client", alternatives="DNS:client.example"))
        cls.settings = SETTINGS | {"listen 1": SETTINGS["listen 1"] | authority.listener(pair)}
        super().setUpClass()

    def test_one_call_fails(self):
        for name in "small", "large", "del":
            with self.subTest(name):
                each_fault(self.injector, self, lambda *_: self.hit(CONVERSATIONS[name]),
                           calls={"calloc", "strdup", "preadv2", "pread", "openat2", "read",
                                  "getpeername"} & set(self.injector.call_names()))


class Storms(Living):
    """What slows valved down, and is not to be noticed otherwise: no time may run out by it."""

    settings = SETTINGS | {"limits": SETTINGS["limits"] | {"io_timeout": "60s"}}
    tcp = True

    def test_every_other_call_is_interrupted(self):
        self.weather(fault.INTERRUPT)

    def test_sockets_and_files_take_and_give_one_byte(self):
        """Not files that are sent by the kernel: 300 KiB would be as many calls."""
        self.weather(fault.SHORT, calls={"recv", "send", "sendmsg", "pread", "preadv2", "read"})

    def test_signals_without_end(self):
        with Interrupting(self.server.program.pid):
            self.talk()
        self.talk()

    def talk(self):
        for conversation in CONVERSATIONS.values():
            self.prepare()
            self.converse(conversation, count=3)

    def weather(self, mode, **options):
        """Nothing of it is to be noticed, but for the time."""
        for first in (1, 2):
            with self.injector.armed(mode, first, **options):
                self.talk()
            self.assertGreater(self.injector.injected, 0)
        self.server.expect_descriptors(self.descriptors)


class Interrupting:
    """Stops and continues a process as long as it lasts: what waits is interrupted by that."""

    def __init__(self, pid):
        self._pid = pid
        self._process = subprocess.Popen(
            ["sh", "-c", f"while kill -STOP {pid} && kill -CONT {pid}; do :; done"],
            stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        os.kill(self._pid, signal.SIGCONT)


class Killed(Living):
    """SIGKILL in the middle of a Del: the file is wholly there or gone."""

    def test_before_and_after_it_is_unlinked(self):
        for calls, remains in (({"unlinkat"}, True), ({"send", "sendmsg"}, False)):
            with self.subTest(calls):
                self.prepare()
                with support.Wire(self.server.address) as wire:
                    self.injector.arm(fault.DELAY, calls=calls, delay=60)
                    wire.request(1, {"Del": self.victims[0]})
                    support.wait_until(lambda: self.injector.counted, f"{calls} are called")
                    self.kill()
                self.assertEqual((self.server.root / self.victims[0]).exists(), remains)
                self.start_again()

    def test_at_any_time(self):
        for number in range(100 if FULL else 10):
            self.prepare()
            with support.Wire(self.server.address) as wire:
                wire.request(1, {"Del": self.victims[0]})
                time.sleep(number * 0.00002)
                self.kill()
            victim = self.server.root / self.victims[0]
            self.assertIn(victim.exists() and victim.read_bytes(), (False, b"v" * 1000))
            self.start_again()

    def kill(self):
        self.server.program.signal(signal.SIGKILL)
        self.server.program.process.wait()

    def start_again(self):
        """On the same root and the same socket, whose file is still there."""
        self.injector.disarm()
        self.server.program.kill()
        start = time.monotonic()
        self.server._start()
        support.wait_until(self.is_answering, "it answers again")
        if not support.INSTRUMENTED:
            self.assertLess(time.monotonic() - start, 1)
        self.prepare()
        self.converse(CONVERSATIONS["del"])

    def is_answering(self):
        with contextlib.suppress(OSError):
            return converse(self.server.address, CONVERSATIONS["small"])


class Ends(Living):
    """What happens to a connection, a listener or the process once only."""

    settings = SETTINGS | {"limits": SETTINGS["limits"] | {"send_timeout": "300ms"}}

    def test_a_listener_that_is_broken(self):
        """It is given up and that is logged; the other one serves on."""
        self.injector.break_calls({"accept4": errno.ENOTSOCK})
        with contextlib.suppress(OSError), support.Wire(self.server.address):
            self.server.program.wait_for_log("accepts no longer")
        self.injector.break_calls({})
        converse(self.server.tcp_address, CONVERSATIONS["small"])
        self.restart()

    def test_connections_that_cannot_be_watched(self):
        """They are closed and counted as accept's failures are; libevent's words are in the log."""
        start = len(self.server.program.log)
        with self.injector.armed(fault.ALWAYS, calls={"epoll_ctl"}):
            for _ in range(3):
                with contextlib.suppress(ConnectionError), support.Wire(self.address) as wire:
                    wire.expect_end()
        self.server.program.wait_for_log("warning: libevent: Epoll ADD")
        self.server.program.wait_for_log("warning: closed a connection that cannot be attended to")
        log = self.server.program.log[start:]
        self.assertEqual(log.count("warning: closed a connection that cannot be attended to"), 1)
        self.assertNotIn("[warn]", log)
        converse(self.address, CONVERSATIONS["small"])
        self.server.expect_descriptors(self.descriptors)

    def test_a_reader_that_stops(self):
        def attempt(*_):
            (self.server.root / "huge").write_bytes(bytes(8 * 1024 * KIB))
            with support.Wire(self.server.address) as wire:
                wire.request(1, {"Get": "huge"})
                wire.read(1)
                support.wait_until(self.is_cut, "it is cut off")
            self.injector.disarm()
            converse(self.address, CONVERSATIONS["small"])
            self.server.expect_descriptors(self.descriptors)

        each_fault(self.injector, self, attempt, calls={"setsockopt", "event_del"})

    def is_cut(self):
        return self.server.descriptors() == self.descriptors

    def test_a_root_that_is_gone(self):
        """For as long as its file system says so; then it is opened again."""
        def attempt(*_):
            self.injector.break_calls({"openat2": errno.ENOTCONN,
                                       "statx": errno.ENOTCONN, "fstatat": errno.ENOTCONN})
            converse(self.address, CONVERSATIONS["small"], strict=False)
            self.injector.disarm()
            self.injector.break_calls({})
            converse(self.address, CONVERSATIONS["small"])
            self.server.expect_descriptors(self.descriptors)

        each_fault(self.injector, self, attempt)

    def test_the_process_is_ended_by_a_signal(self):
        self.server.program.signal(signal.SIGSEGV)
        status = self.server.program.process.wait(PATIENCE)
        self.assertTrue(status in (-signal.SIGSEGV, 99) or support.SANITIZED, status)
        self.server.program.kill()
        self.begin()
