# SPDX-License-Identifier: MIT
"""Torture of programs from start to end: the part of tests/test_torture.py about their lives."""
import contextlib
import errno
import fcntl
import os
import pathlib
import select
import signal
import socket
import stat
import subprocess
import unittest

import cbor2

import fault
import support
import tls
import torture
from support import rows
from torture import CONVERSATIONS, FULL, PATIENCE, converse, each_fault

# ---- Start and stop ----------------------------------------------------------------------------


def drain(receiver):
    with contextlib.suppress(BlockingIOError):
        while True:
            receiver.recv(4096)


@support.expand
class StartAndStop(unittest.TestCase):
    def setUp(self):
        self.injector = torture.make_fault(self, support.VALVED)
        self.directory = support.scratch(self)
        torture.fill(self.directory / "root")
        self.socket = self.directory / "socket"
        self.configuration = self.directory / "valve.ini"
        self.arguments = []
        self.sockets, self.names = (), ""
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
            [log]
            access = yes
            access_file = {self.directory}/access
            audit = required
            audit_file = {self.directory}/audit
            [listen local]
            address = unix:{self.socket}
            mode = 0600
            {f"group = {group}" if os.geteuid() == 0 else ""}
            [listen 4]
            address = 127.0.0.1:0
            [listen 6]
            address = [::1]:0
            [access others]
            peer = user:daemon group:daemon address:::/0
            allow = get
            path = d
            [access us]
            peer = uid:0-4294967294
            allow = list size get exists del
            """.replace("            ", ""))

    def start(self):
        environment = self.injector.environment | {
            "NOTIFY_SOCKET": f"{self.directory}/notify", "JOURNAL_STREAM": "1:2",
            "WATCHDOG_USEC": "3000"}
        return support.Program("-c", self.configuration, *self.arguments, environment=environment,
                               sockets=self.sockets, names=self.names)

    def wait_until_it_answers(self, program, starving=False):
        """Or has ended, or, if it is starving, listens: it can do no more."""
        def look():
            with contextlib.suppress(OSError, EOFError):
                if starving:
                    support.Wire(f"unix:{self.socket}").close()
                    return True
                return converse(f"unix:{self.socket}", CONVERSATIONS["small"], strict=False)
            return program.process.poll() is not None

        def look_at(wire):
            """Others have made it listen: that alone says nothing."""
            return select.select([wire.socket], [], [], 0.02)[0] or program.process.poll() is not None

        if not self.sockets:
            support.wait_until(look, "it answers or ends")
        else:
            with support.Wire(f"unix:{self.socket}") as wire:
                wire.request(1, {"Exists": "small"})
                support.wait_until(lambda: look_at(wire), "it answers or ends")

    def answers_well(self, program):
        """Or ends: it listens before all else is made, so a client may come and still be left."""
        try:
            converse(f"unix:{self.socket}", CONVERSATIONS["small"])
            return True
        except (OSError, EOFError):
            return False

    def run_once(self, *_, starving=False):
        """It starts, and then all is well and it stops; or it says what keeps it from starting."""
        program = self.start()
        try:
            self.wait_until_it_answers(program, starving)
            self.injector.disarm()
            if program.process.poll() is None and self.answers_well(program):
                program.signal(signal.SIGTERM)
                self.assertEqual(program.wait(), 0, program.log)
            else:
                self.assertIn(program.wait(), (1, 78), program.log)
                last = self.injector.last
                self.assertTrue("valved" in program.log or "valve.ini" in program.log
                                or last and last[1] in torture.WRITERS, "it says nothing")
        finally:
            program.kill()
            if not self.sockets:
                self.socket.unlink(missing_ok=True)

    def test_start(self):
        each_fault(self.injector, self, self.run_once,
                   calls=None if FULL else fault.ALLOCATIONS | torture.MAKERS)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another")
    def test_start_as_another(self):
        self.arguments = ["--user", "daemon"]
        each_fault(self.injector, self, self.run_once,
                   calls={"getpwnam_r", "initgroups", "setgid", "setuid", "landlock"})

    def test_start_on_a_stale_socket(self):
        def attempt(*_):
            with contextlib.closing(torture.unix_socket()) as stale:
                stale.bind(str(self.socket))
            self.run_once()

        each_fault(self.injector, self, attempt,
                   calls={"lstat", "socket", "connect", "close", "unlink", "bind", "listen"})

    def test_start_with_sockets(self):
        """Of others: they are used in place of its own, but for one that is for nobody."""
        def give(given, address):
            given.bind(address)
            given.listen()
            return given

        with contextlib.closing(torture.unix_socket()) as local, socket.socket() as tcp, \
                socket.socket() as useless:
            self.sockets = give(local, str(self.socket)), give(tcp, ("127.0.0.1", 0)), useless
            self.names = "local:4:nobody"
            each_fault(self.injector, self, self.run_once,
                       calls={"getsockopt", "getsockname", "fcntl", "close", "calloc", "setsockopt",
                              "sd_listen_fds_with_names"})

    def test_start_under_tls(self):
        """What OpenSSL allocates is not let fail: that it gets over it is its own affair."""
        authority = tls.Authority(self.directory / "tls")
        pair = authority.issue("server", alternatives="IP:127.0.0.1")
        self.configuration.write_text(
            self.configuration.read_text() + "[listen tls]\naddress = 127.0.0.1:0\n" + "".join(
                f"{key} = {value}\n" for key, value in authority.listener(pair).items()))
        each_fault(self.injector, self, self.run_once, calls={"calloc", "strdup", "fopen", "dlopen"})

    @rows([(str(first), first) for first in range(1, 300, 60)])
    def test_start_without_any_memory(self, first):
        for first in range(first, first + 60, 3 if FULL else 60):
            with self.subTest(first):
                self.injector.arm(fault.ALWAYS, first, calls=fault.ALLOCATIONS)
                self.run_once(starving=True)
                self.injector.disarm()

    def stop_once(self, _, variety):
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
                self.injector.arm(fault.NEW, variety=variety, most=torture.MOST_TIMES)
                program.signal(signal.SIGHUP)
                program.signal(signal.SIGTERM)
                with contextlib.suppress(ConnectionError, EOFError):
                    self.assertEqual(busy.reply()[1], {"Content": torture.LARGE})
            self.assertEqual(program.wait(), 0, program.log)
        finally:
            program.kill()
        last = self.injector.last
        self.assertTrue(last and last[1] in ("lstat", "unlink") or not self.socket.exists(),
                        "the socket's file is left")
        self.socket.unlink(missing_ok=True)

    def test_stop(self):
        each_fault(self.injector, self, self.stop_once)

    def test_start_beside_one_that_starts(self):
        """It has the folder of the socket for longer than anybody waits."""
        folder = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        each_fault(self.injector, self, self.run_once, calls={"flock", "nanosleep"})

    def test_start_on_an_old_kernel(self):
        """Which knows guards by mprotect only."""
        self.injector.break_calls({"madvise": errno.EINVAL})
        each_fault(self.injector, self, self.run_once, calls={"mprotect", "mmap"})

    @rows([
        ("dump", ["--dump-config", "-c", "valve.ini"]),
        ("test", ["-t", "-c", "valve.ini"]),
        ("access", ["-c", "valve.ini", "--check-access", "user:daemon,group:daemon", "get", "d/1"]),
        ("access_by_names", ["-c", "valve.ini", "--check-access", "cn:a,san:b,san:c", "get", "e"]),
        ("access_by_listener", ["--root", "root", "--listen", "unix:/a", "--check-access",
                                "uid:1", "get", "e"]),
        ("no_access_by_listener", ["--root", "root", "--listen", "unix:/a", "--allow", "get",
                                   "--check-access", "uid:1", "del", "e"]),
        ("no_listener_for_it", ["--root", "root", "--listen", "127.0.0.1:1", "--check-access",
                                "uid:1", "get", "e"]),
        ("no_deletes", ["-c", "kept.ini", "--check-access", "uid:1", "del", "e"]),
        ("half_a_question", ["--check-access", "uid:1", "get"]),
        ("no_access_by_tcp", ["-c", "valve.ini", "--check-access", "address:::1", "get", "e"]),
        ("no_access", ["-c", "valve.ini", "--check-access", "user:daemon", "get", "e"]),
        ("help", ["--help"]),
        ("version", ["--version"]),
        ("relative_socket", ["--root", "/nowhere", "--listen", "unix:x"]),
        ("test_of_options", ["-t", "--root", "root", "--listen", "unix:/a", "--listen", "unix:/b"]),
        ("bad_configuration", ["-t", "-c", "bad.ini"]),
        ("bad_option", ["--nonsense"]),
        ("superfluous", ["-t", "superfluous"]),
        ("no_file", ["-c"]),
        ("empty_file", ["-c", ""]),
        ("allow_without_listener", ["--allow", "all"]),
        ("no_listener", ["-t", "--allow", "get"]),
        ("dump_of_options", ["--dump-config", "--root", "root", "--listen", "unix:/a"]),
        ("missing_root", ["--root", "/nowhere", "--listen", "unix:/tmp/x"]),
    ])
    def test_other_ways_to_be_started(self, words):
        (self.directory / "bad.ini").write_text("[files]\nrooot = /\nhide = [\n")
        (self.directory / "kept.ini").write_text(
            f"[files]\nroot = {self.directory}\ndeletes = no\n[listen a]\naddress = unix:/a\n")
        each_fault(self.injector, self, lambda *_: self.run_program(words))

    def test_with_the_journal(self):
        """Which stderr is said to be."""
        (self.directory / "bad.ini").write_text("[files]\nrooot = /\n")
        log = self.enterContext(open(self.directory / "log", "w+b"))
        status = os.fstat(log.fileno())
        environment = os.environ | self.injector.environment | {
            "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}

        def attempt(*_):
            log.truncate(0)
            result = subprocess.run([support.VALVED, "-t", "-c", self.directory / "bad.ini"],
                                    stderr=log, check=False, timeout=PATIENCE, env=environment)
            self.assertIn(result.returncode, (1, 78))
            self.assertNotRegex((self.directory / "log").read_text(), support.REPORT)

        attempt()
        self.assertIn("<3>", (self.directory / "log").read_text())
        each_fault(self.injector, self, attempt)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(f"{self.directory}/journal")
            journal.setblocking(False)
            environment |= {"VALVE_TEST_JOURNAL": f"{self.directory}/journal", "LD_PRELOAD":
                            f"{environment['LD_PRELOAD']}:{support.BUILD}/tests/journal_preload.so"}
            attempt()
            self.assertIn(b"rooot", journal.recv(4096))
            each_fault(self.injector, self, lambda *_: (attempt(), drain(journal)))

    def run_program(self, words):
        result = subprocess.run([support.VALVED, *words], capture_output=True, check=False,
                                cwd=self.directory, timeout=PATIENCE,
                                env=os.environ | self.injector.environment)
        self.assertIn(result.returncode, (0, 1, 64, 78), result.stderr.decode())
        self.assertNotRegex(result.stderr.decode(), support.REPORT)


# ---- valvectl, and programs on libvalve ----------------------------------------------------------


def make_device(name):
    """What /dev/null is; to others than root the kernel gives none, who have a link to that."""
    try:
        os.mknod(name, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        os.symlink("/dev/null", name)


# In all their calls, even where there is little time.
THOROUGH = {"list", "get", "bench", "--help"}


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
        ("get_two_here", ["get", "small", "d/2"], b""),
        ("del", ["del", "victim"], b""),
        ("ping", ["ping", "-c", "2", "-i", "1ms"], None),
        ("files_from", ["get", "-o", "-", "--files-from", "names"], b"small22"),
        ("help", ["--help"], None),
        ("version", ["--version"], None),
        ("get_under_a_path", ["get", "-o", "sub/copy", "small"], None),
        ("get_into_what_is_no_file", ["get", "-o", "device", "small"], None),
        ("sizes_of_many", ["size", "--json", *["d/" + "x" * 200] * 3, *["small"] * 80], None),
        ("get_some_that_are_missing", ["get", "-o", "into/", "missing", "d/1", "d/e/deep"], None),
        ("bench", ["bench", "-n", "20", "-c", "2", "-d", "2", "small", "d/1"], None),
        ("bench_at_a_rate", ["bench", "--json", "-n", "10", "-r", "1000", "--mix", "get=2,size"],
         None),
        ("nobody_there", ["-H", "unix:nobody", "list"], None),
    ])
    def test_one_call_fails(self, words, printed):
        self.enterContext(contextlib.chdir(support.scratch(self)))
        pathlib.Path("names").write_bytes(b"small\nd/2\n")
        pathlib.Path("sub").mkdir()
        make_device("device")
        addresses = [self.server.address, self.server.tcp_address][:2 if FULL else 1]
        for address in addresses:
            host = [] if words[0] == "-H" else ["-H", address]
            self.injector.disarm()
            expected = self.run_once([*host, *words], None)
            each_fault(self.injector, self, lambda *_: self.run_once([*host, *words], expected),
                       calls=None if FULL or words[0] in THOROUGH else fault.ALLOCATIONS)

    def run_once(self, words, expected):
        """Status and output; as expected, or a failure that is explained."""
        (self.server.root / "victim").write_bytes(b"v")
        os.utime(self.server.root / "victim", (1, 1))
        result = subprocess.run([support.VALVECTL, "-t", "2s", *words],
                                capture_output=True, check=False,
                                timeout=PATIENCE, env=os.environ | self.injector.environment)
        problems = result.stderr.decode()
        self.assertNotRegex(problems, support.REPORT)
        self.assertIn(result.returncode, range(7), problems)
        if expected is None or "ping" in words or "bench" in words:
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
        self.assertFalse(pathlib.Path("device").is_file(), "a file took the name of a device")
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
        # What is asked by the other, and suffers nothing.
        self.port = int(self.serve("127.0.0.1:0", {})[1].rpartition(":")[2])
        self.begin()

    def serve(self, address, environment):
        process = subprocess.Popen(
            [self.PROGRAM, address], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=os.environ | environment)
        self.addCleanup(self.end, process)
        return process, process.stdout.readline().rstrip().removeprefix("listening on ")

    def begin(self):
        self.process, self.address = self.serve(f"unix:{self.directory}/socket",
                                                self.injector.environment)
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
            self.assertEqual((ended[1], ended[3], ended[6], ended[7]),
                             ({"Done": 2000}, {"Done": 5}, {"Done": 0}, {"Done": self.port}))

    def order(self, wire, strict):
        """The ends of all that were ordered."""
        ended, items = {}, 0
        for id, text in enumerate(["count 2000", "note", "keep 1", "give 1 5", "sleep", "relay",
                                   f"relay {self.port}"], 1):
            wire.request(4294967295 if text == "note" else id, {"Do": text})
        wire.request(5, None)
        while len(ended) < 6:
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
            self.injector.disarm()
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

    def is_listening(self, server):
        """Or has ended. That it says so may be what failed: nobody must wait for that line."""
        def look():
            with contextlib.suppress(OSError), support.Wire(self.address):
                return True
            return server.poll() is not None

        support.wait_until(look, "it listens or ends")
        return server.poll() is None

    @rows([("calc", "calc")])
    def test_server(self, name):
        injector = torture.make_fault(self, self.program(name, "server"))
        client = torture.make_fault(self, self.program(name, "client"))

        def attempt(*_):
            server = self.serve(name, injector)
            try:
                if self.is_listening(server):
                    self.ask(name, client)
                    injector.disarm()
                    if self.ask(name, client).stdout != "30\n":
                        server.wait(PATIENCE)  # it listens before all else is made
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
