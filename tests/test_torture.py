# SPDX-License-Identifier: MIT
"""
Torture: each call that may fail does so once, in each of these scenarios, and then all calls do.

Whatever fails, nothing crashes, hangs, leaks, loses a descriptor or gives a wrong answer; and when
it is over, the same conversation is answered as ever. VALVE_TORTURE=full goes through all of it;
else each test goes through the allocations, or as many other calls as a minute allows.
"""
import contextlib
import errno
import os
import pathlib
import signal
import subprocess
import time
import unittest

import cbor2

import fault
import support
import torture
from support import KIB, rows
from torture import CONVERSATIONS, FULL, OK, converse, each_fault

PATIENCE = torture.PATIENCE
SHORT_PATIENCE = 0.2  # seconds, where nothing needs to be answered


# ---- A server that lives on -----------------------------------------------------------------------


SETTINGS = {
    "listen 1": {"address": "127.0.0.1:0", "allow": "list size get exists del"},
    "server": {"workers": 1, "io_threads": 2},
    "limits": {"io_timeout": "300ms", "drain_timeout": "2s"},
}


def setUpModule():
    """What cannot be tortured."""
    if support.WRAPPER or b"__tsan_init" in support.VALVED.read_bytes():
        raise unittest.SkipTest("nothing can be preloaded before TSan or Valgrind")


class Living(unittest.TestCase):
    """One server, hit by one fault after another, must answer as ever after each."""

    broken = {}
    tcp = False

    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVED)
        cls.injector.break_calls(cls.broken)
        cls.stack = cls.enterClassContext(contextlib.ExitStack())
        cls.begin()

    @classmethod
    def begin(cls):
        cls.server = cls.stack.enter_context(support.Server(
            tcp=True, settings=SETTINGS, environment=cls.injector.environment))
        cls.address = cls.server.tcp_address if cls.tcp else cls.server.address
        torture.fill(cls.server.root)
        for conversation in CONVERSATIONS.values():
            cls.prepare()
            converse(cls.address, conversation)
        cls.descriptors = cls.server.descriptors()
        cls.resident = cls.server.resident()

    @classmethod
    def prepare(cls):
        (cls.server.root / "victim").write_bytes(b"v" * 1000)

    @classmethod
    def restart(cls):
        """After a finding: what follows shall not suffer from it."""
        cls.server.program.kill()
        cls.begin()

    def check_victim(self, answers):
        """A file is wholly there or gone, and gone if that was answered."""
        victim = self.server.root / "victim"
        if victim.exists():
            self.assertEqual(victim.read_bytes(), b"v" * 1000)
        self.assertFalse(victim.exists() and answers.get(1) == OK)

    def expect_recovered(self, conversation):
        self.injector.disarm()
        self.prepare()
        converse(self.address, conversation)
        self.server.expect_descriptors(self.descriptors)

    def hit(self, conversation, may_hang=False):
        """The conversation while faults are armed, and again when they are not."""
        patience = SHORT_PATIENCE if may_hang else PATIENCE
        try:
            self.prepare()
            try:
                answers = converse(self.address, conversation, strict=False, patience=patience)
                if "Del" in conversation[0][0]:
                    self.check_victim(answers)
            except TimeoutError:
                if not may_hang:
                    raise
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
        self.endure(CONVERSATIONS[name], range(1, 60, 1 if FULL else 7))

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
                torture.COUNT["runs"] += 1
                torture.COUNT["injected"] += self.injector.injected
        if findings:
            self.fail("\n\n".join(findings))


class OldKernel(Living):
    """The same where openat2 and guards without mprotect are unknown, and nothing is in memory."""

    broken = {"openat2": errno.ENOSYS, "madvise": errno.EINVAL, "preadv2": errno.EOPNOTSUPP}
    tcp = True

    def test_one_call_fails(self):
        for name in CONVERSATIONS if FULL else ["small"]:
            with self.subTest(name):
                each_fault(self.injector, self, lambda *_: self.hit(CONVERSATIONS[name]))


class Storms(Living):
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
            converse(self.address, conversation, count=3)

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
        self._process = subprocess.Popen(
            ["sh", "-c", f"while kill -STOP {pid} && kill -CONT {pid}; do :; done"],
            stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


class Killed(Living):
    """SIGKILL in the middle of a Del: the file is wholly there or gone."""

    def test_before_and_after_it_is_unlinked(self):
        for call, remains in (("unlinkat", True), ("sendmsg", False)):
            with self.subTest(call):
                self.prepare()
                with support.Wire(self.server.address) as wire:
                    self.injector.arm(fault.DELAY, calls={call}, delay=60)
                    wire.request(1, {"Del": "victim"})
                    support.wait_until(lambda: self.injector.counted, f"{call} was called")
                    self.kill()
                self.assertEqual((self.server.root / "victim").exists(), remains)
                self.start_again()

    def test_at_any_time(self):
        for number in range(100 if FULL else 10):
            self.prepare()
            with support.Wire(self.server.address) as wire:
                wire.request(1, {"Del": "victim"})
                time.sleep(number * 0.00002)
                self.kill()
            victim = self.server.root / "victim"
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
        converse(self.server.address, CONVERSATIONS["del"])

    def is_answering(self):
        with contextlib.suppress(OSError):
            return converse(self.server.address, CONVERSATIONS["small"])


# ---- Start and stop ----------------------------------------------------------------------------


class StartAndStop(unittest.TestCase):
    def setUp(self):
        self.injector = torture.make_fault(self, support.VALVED)
        self.directory = support.scratch(self)
        torture.fill(self.directory / "root")
        self.socket = self.directory / "socket"
        self.configuration = self.directory / "valve.ini"
        group = "daemon"
        self.configuration.write_text(f"""
            [server]
            workers = 1
            io_threads = 2
            max_connections = 100
            [files]
            root = {self.directory}/root
            hide = *.part .*
            [limits]
            drain_timeout = 2s
            [listen local]
            address = unix:{self.socket}
            mode = 0600
            {f"group = {group}" if os.geteuid() == 0 else ""}
            [listen 4]
            address = 127.0.0.1:0
            [listen 6]
            address = [::1]:0
            """.replace("            ", ""))

    def start(self):
        return support.Program("-c", self.configuration, environment=self.injector.environment | {
            "NOTIFY_SOCKET": f"{self.directory}/notify", "JOURNAL_STREAM": "1:2"})

    def wait_until_it_answers(self, program):
        """Or has ended."""
        def look():
            with contextlib.suppress(OSError, EOFError):
                return converse(f"unix:{self.socket}", CONVERSATIONS["small"], strict=False)
            return program.process.poll() is not None

        support.wait_until(look, "it answers or ends")

    def run_once(self, *_):
        """It starts, and then all is well and it stops; or it says what keeps it from starting."""
        program = self.start()
        try:
            self.wait_until_it_answers(program)
            self.injector.disarm()
            if program.process.poll() is None:
                converse(f"unix:{self.socket}", CONVERSATIONS["small"])
                program.signal(signal.SIGTERM)
                self.assertEqual(program.wait(), 0, program.log)
            else:
                self.assertIn(program.wait(), (1, 78), program.log)
                last = self.injector.last
                self.assertTrue("valved" in program.log or "valve.ini" in program.log
                                or last and last[1] in torture.WRITERS, "it says nothing")
        finally:
            program.kill()
            self.socket.unlink(missing_ok=True)

    def test_start(self):
        each_fault(self.injector, self, self.run_once,
                   calls=None if FULL else fault.ALLOCATIONS | torture.MAKERS)

    def test_start_on_a_stale_socket(self):
        def attempt(*_):
            with contextlib.closing(torture.unix_socket()) as stale:
                stale.bind(str(self.socket))
            self.run_once()

        each_fault(self.injector, self, attempt,
                   calls={"lstat", "socket", "connect", "close", "unlink", "bind", "listen"})

    def test_start_without_any_memory(self):
        for first in range(1, 300, 3 if FULL else 60):
            with self.subTest(first):
                self.injector.arm(fault.ALWAYS, first, calls=fault.ALLOCATIONS)
                self.run_once()
                self.injector.disarm()

    def stop_once(self, *_):
        first, variety = self.injector.chosen
        self.injector.disarm()
        program = self.start()
        try:
            self.wait_until_it_answers(program)
            with support.Wire(f"unix:{self.socket}") as idle, \
                    support.Wire(f"unix:{self.socket}") as partial, \
                    support.Wire(f"unix:{self.socket}") as busy:
                self.assertEqual(idle.ask({"Size": "small"}), {"Size": 5})
                partial.send(cbor2.dumps([1, {"Get": "small"}])[:6])
                busy.request(1, {"Get": "large"})
                self.injector.arm(fault.ONCE, first, variety)
                program.signal(signal.SIGTERM)
                with contextlib.suppress(ConnectionError, EOFError):
                    self.assertEqual(busy.reply()[1], {"Content": torture.LARGE})
            self.assertEqual(program.wait(), 0, program.log)
        finally:
            program.kill()
        self.assertFalse(self.socket.exists() and self.injector.last[1] not in (
            "lstat", "unlink"), "the socket's file is left")
        self.socket.unlink(missing_ok=True)

    def test_stop(self):
        each_fault(self.injector, self, self.stop_once)

    def test_other_ways_to_be_started(self):
        for words in (["--dump-config", "-c", self.configuration], ["-t", "-c", self.configuration],
                      ["--help"], ["--version"], ["--root", "/nowhere", "--listen", "unix:x"]):
            with self.subTest(words[0]):
                each_fault(self.injector, self, lambda *_: self.run_program(words))

    def run_program(self, words):
        result = subprocess.run([support.VALVED, *words], capture_output=True, check=False,
                                cwd=self.directory, timeout=PATIENCE,
                                env=os.environ | self.injector.environment)
        self.assertIn(result.returncode, (0, 1, 64, 78), result.stderr.decode())
        self.assertNotRegex(result.stderr.decode(), support.REPORT)


# ---- valvectl, and programs on libvalve ----------------------------------------------------------


@support.expand
class Valvectl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVECTL)
        cls.server = cls.enterClassContext(support.Server(tcp=True))
        torture.fill(cls.server.root)

    @rows([
        ("list", ["list", "-l"], None),
        ("list_for_programs", ["list", "--json"], None),
        ("size", ["size", "small", "large"], b"5\tsmall"),
        ("exists", ["exists", "small", "d/1"], b""),
        ("missing", ["exists", "missing"], None),
        ("get", ["get", "-o", "-", "small", "d/2"], b"small22"),
        ("get_into", ["get", "-o", "into/", "d/e/deep", "large"], None),
        ("get_here", ["get", "small"], b""),
        ("del", ["del", "victim"], b""),
        ("ping", ["ping", "-c", "2", "-i", "1ms"], None),
        ("files_from", ["get", "-o", "-", "--files-from", "names"], b"small22"),
        ("help", ["--help"], None),
        ("nobody_there", ["-H", "unix:nobody", "list"], None),
    ])
    def test_one_call_fails(self, words, printed):
        names = self.enterContext(contextlib.chdir(support.scratch(self)))
        pathlib.Path("names").write_bytes(b"small\nd/2\n")
        addresses = [self.server.address, self.server.tcp_address][:2 if FULL else 1]
        for address in addresses:
            host = [] if words[0] == "-H" else ["-H", address]
            self.injector.disarm()
            expected = self.run_once([*host, *words], None)
            each_fault(self.injector, self, lambda *_: self.run_once([*host, *words], expected))

    def run_once(self, words, expected):
        """Status and output; as expected, or a failure that is explained."""
        (self.server.root / "victim").write_bytes(b"v")
        os.utime(self.server.root / "victim", (1, 1))
        result = subprocess.run([support.VALVECTL, "-t", "2s", *words], capture_output=True, check=False,
                                timeout=PATIENCE, env=os.environ | self.injector.environment)
        problems = result.stderr.decode()
        self.assertNotRegex(problems, support.REPORT)
        self.assertIn(result.returncode, range(7), problems)
        if expected is None or "ping" in words:
            return result
        called = self.injector.last and self.injector.last[1]
        if result.returncode == expected.returncode:
            if called != "localtime_r":  # then the time is printed in another form
                self.assertEqual(result.stdout, expected.stdout, problems)
        else:
            self.assertTrue("valvectl: " in problems or called in torture.WRITERS,
                            f"ends with {result.returncode} and without a word")
        if result.returncode == 0:
            self.check_saved()
        return result

    def check_saved(self):
        """What is there under its name is whole."""
        for name in ("small", "into/large", "into/d/e/deep"):
            path = pathlib.Path(name)
            if path.exists():
                self.assertEqual(path.read_bytes(), (self.server.root / name.removeprefix(
                    "into/")).read_bytes())


class Orders(unittest.TestCase):
    """A service with streams, one-way calls and answers that come later."""

    PROGRAM = support.BUILD / "tests/order_server"

    def setUp(self):
        self.injector = torture.make_fault(self, self.PROGRAM)
        self.directory = support.scratch(self)
        self.begin()

    def begin(self):
        self.process = subprocess.Popen(
            [self.PROGRAM, f"unix:{self.directory}/socket"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | self.injector.environment)
        self.addCleanup(self.end, self.process)
        self.address = self.process.stdout.readline().rstrip().removeprefix("listening on ")
        self.talk(strict=True)

    def end(self, process):
        if process.poll() is None:
            process.terminate()
        _, problems = process.communicate(timeout=support.DEADLINE)
        self.assertNotRegex(problems, support.REPORT)
        self.assertIn(process.returncode, (0, -signal.SIGKILL), problems)

    def talk(self, strict):
        """A stream, a note, a promise that is kept, and a call that is cancelled."""
        try:
            with support.Wire(self.address) as wire:
                wire.socket.settimeout(PATIENCE)
                ended = self.order(wire, strict)
        except (cbor2.CBORDecodeEOF, ConnectionError):
            if strict:
                raise
            return
        if strict:
            self.assertEqual((ended[1], ended[3]), ({"Done": 2000}, {"Done": 5}))

    def order(self, wire, strict):
        """The ends of all that were ordered."""
        ended, items = {}, 0
        for id, text in enumerate(["count 2000", "note", "keep 1", "give 1 5", "sleep"], 1):
            wire.request(4294967295 if text == "note" else id, {"Do": text})
        wire.request(5, None)
        while len(ended) < 4:
            item = wire.item()
            if len(item) == 3:
                items += 1
                self.assertEqual(item, [1, items, True])
            else:
                ended[item[0]] = item[1]
            if not strict and 4 in ended and 3 not in ended and "Error" in ended[4]:
                wire.request(3, None)  # nobody will keep that promise now
        self.assertTrue(items == 2000 or "Error" in ended[1])
        return ended

    def hit(self, *_):
        try:
            self.talk(strict=False)
            self.injector.disarm()
            self.talk(strict=True)
        except Exception:
            self.process.kill()
            self.begin()
            raise

    def test_one_call_fails(self):
        each_fault(self.injector, self, self.hit)


@support.expand
class Examples(unittest.TestCase):
    """Programs on the shared library: the server, and then the client, are hit all their life."""

    WORDS = {"calc": "let x 5 mul add x 1 x".split(" "), "graph": ["1-2", "2-3"]}

    def setUp(self):
        self.address = f"unix:{support.scratch(self)}/socket"

    def program(self, name, side):
        return support.BUILD / "examples" / name / f"{name}_{side}"

    def environment(self, injector):
        return os.environ | injector.environment

    def serve(self, name, injector):
        return subprocess.Popen([self.program(name, "server"), self.address],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.environment(injector), text=True)

    def ask(self, name, injector):
        result = subprocess.run([self.program(name, "client"), self.address, *self.WORDS[name]],
                                capture_output=True, env=self.environment(injector), text=True,
                                timeout=PATIENCE, check=False)
        self.assertNotRegex(result.stderr, support.REPORT)
        self.assertIn(result.returncode, range(99), result.stderr)
        return result

    @rows([("calc", "calc"), ("graph", "graph")])
    def test_client(self, name):
        server = self.serve(name, torture.make_fault(self, self.program(name, "server")))
        self.assertIn("listening", server.stdout.readline())
        injector = torture.make_fault(self, self.program(name, "client"))
        expected = self.ask(name, injector)

        def attempt(*_):
            result = self.ask(name, injector)
            if result.returncode == 0 and injector.last and injector.last[1] not in torture.WRITERS:
                self.assertEqual(result.stdout, expected.stdout)

        each_fault(injector, self, attempt)
        server.terminate()
        self.assertEqual(server.communicate()[1], "")

    @rows([("calc", "calc")])
    def test_server(self, name):
        injector = torture.make_fault(self, self.program(name, "server"))
        client = torture.make_fault(self, self.program(name, "client"))

        def attempt(*_):
            server = self.serve(name, injector)
            try:
                if "listening" in server.stdout.readline():
                    self.ask(name, client)
                    injector.disarm()
                    self.assertEqual(self.ask(name, client).stdout, "30\n")
                server.terminate()
                _, problems = server.communicate(timeout=PATIENCE)
            finally:
                server.kill()
                server.communicate()
            self.assertNotRegex(problems, support.REPORT)
            self.assertIn(server.returncode, (0, 1, -signal.SIGTERM), problems)
            self.assertTrue(server.returncode != 1 or problems, "it says nothing")

        each_fault(injector, self, attempt,
                   calls=None if FULL else fault.ALLOCATIONS | torture.MAKERS)


# ---- What all of this has reached ----------------------------------------------------------------


class CallSites(unittest.TestCase):
    """Last of all."""

    def test_reached(self):
        sites = torture.SITES
        every = sites.all(support.VALVED, support.VALVECTL, support.BUILD / ".libs/libvalve.so")
        missed = sorted(every - set(+sites.reached))
        failed = every & set(+sites.failed)
        print(f"\n{torture.COUNT['injected']} failures injected in {torture.COUNT['runs']} runs")
        print(f"{len(every)} call sites, {len(every) - len(missed)} reached, {len(failed)} let fail")
        print("not reached:", *missed, sep="\n  ")
        if FULL:
            self.assertGreaterEqual(len(every) - len(missed), 0.95 * len(every))


def load_tests(loader, _tests, _pattern):
    """In this order."""
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, [
        Faults, OldKernel, Storms, Killed, StartAndStop, Valvectl, Orders, Examples, CallSites]))


if __name__ == "__main__":
    unittest.main()
