# SPDX-License-Identifier: MIT
"""valved as a process: its limits and threads, how it starts, and how it stops."""
import contextlib
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import subprocess
import unittest

import support
from support import MIB

IN_FLIGHT = 100
WORKER = "valve-w-"  # what the names of the workers' threads begin with


class Resources(unittest.TestCase):
    def limits(self, server):
        text = pathlib.Path(f"/proc/{server.program.pid}/limits").read_text()
        return tuple(map(int, re.search(r"^Max open files\s+(\d+)\s+(\d+)", text, re.M).groups()))

    def threads(self, server):
        """Of each thread: its name, and the CPUs it may use."""
        for status in pathlib.Path(f"/proc/{server.program.pid}/task").glob("*/status"):
            text = status.read_text()
            yield (re.search(r"^Name:\s+(.*)", text)[1],
                   re.search(r"^Cpus_allowed_list:\s+(.*)", text, re.M)[1])

    def pinned(self, server):
        """The CPUs that some thread has for its own place of work."""
        return sorted(int(cpus) for name, cpus in self.threads(server) if cpus.isdigit()
                      and name.startswith(WORKER))

    @unittest.skipIf(support.WRAPPER, "a wrapper has limits of its own")
    def test_descriptor_limit_is_raised_to_the_hard_one(self):
        old = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, old[1]), old[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, old)
        server = self.enterContext(support.Server())
        self.assertEqual(self.limits(server), (min(old[1], 1048576), old[1]))

    @unittest.skipIf(support.WRAPPER, "a wrapper has limits of its own")
    def test_max_descriptors_bounds_the_limit(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        server = self.enterContext(support.Server(settings={"server": {"max_descriptors": 1500}}))
        self.assertEqual(self.limits(server), (1500, hard))

    @unittest.skipIf(support.WRAPPER, "Valgrind runs one thread at a time")
    def test_each_worker_has_its_own_cpu(self):
        server = self.enterContext(support.Server())
        self.assertEqual(self.pinned(server), sorted(os.sched_getaffinity(0)))

    @unittest.skipIf(support.WRAPPER, "Valgrind runs one thread at a time")
    def test_fewer_cpus_allowed(self):
        old = os.sched_getaffinity(0)
        one = max(old)
        os.sched_setaffinity(0, {one})
        self.addCleanup(os.sched_setaffinity, 0, old)
        server = self.enterContext(support.Server())
        self.assertEqual(self.pinned(server), [one])
        with server.connect() as wire:
            self.assertEqual(wire.ask("ListAll"), {"List": []})

    def test_unpinned(self):
        server = self.enterContext(support.Server(settings={"server": {"pin": "no",
                                                                       "workers": 3}}))
        threads = list(self.threads(server))
        workers = [cpus for name, cpus in threads if name.startswith(WORKER)]
        everywhere = next(cpus for name, cpus in threads if not name.startswith(WORKER))
        self.assertEqual(workers, [everywhere] * 3)

    def test_connections_beyond_the_limit_wait(self):
        """They are not refused: they are served once others have gone."""
        server = self.enterContext(support.Server(settings={"server": {"max_connections": 10}}))
        server.write("f")
        with contextlib.ExitStack() as stack:
            first = [stack.enter_context(server.connect()) for _ in range(10)]
            for wire in first:
                self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": True})
            late = [self.enterContext(server.connect()) for _ in range(5)]
            for wire in late:
                wire.request(1, {"Exists": "f"})
            late[0].expect_silence(0.2)
            for wire in first:
                self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": True})
        for wire in late:
            self.assertEqual(wire.reply(), (1, {"Exists": True}))


class Stopping(unittest.TestCase):
    def start(self, **limits):
        self.server = self.enterContext(support.Server(
            tcp=True, settings={"limits": {"drain_timeout": "60s", **limits}}))
        self.content = bytes(range(256)) * (2 * MIB // 256)
        self.server.write("large", self.content)

    def begin(self):
        """Connections whose replies have begun, and cannot end before somebody reads."""
        wires = [self.enterContext(self.server.connect()) for _ in range(IN_FLIGHT)]
        for wire in wires:
            wire.request(1, {"Get": "large"})
        for wire in wires:
            head = b"\x82\x01\xa1\x67Content\x5a" + (2 * MIB).to_bytes(4, "big")
            self.assertEqual(wire.read(len(head)), head)
        return wires

    def refused(self):
        """Whether new connections are refused, on all listeners."""
        for address in (self.server.address, self.server.tcp_address):
            try:
                support.Wire(address).close()
                return False
            except (ConnectionRefusedError, FileNotFoundError):
                continue
        return True

    def check_drain(self, number):
        self.start()
        wires = self.begin()
        self.server.program.signal(number)
        support.wait_until(self.refused, "new connections are refused")
        for wire in wires:
            self.assertTrue(wire.read(2 * MIB) == self.content)
            wire.expect_end()
            wire.close()
        self.assertEqual(self.server.program.wait(), 0)

    def test_sigterm_with_requests_in_flight(self):
        self.check_drain(signal.SIGTERM)

    def test_sigint_with_requests_in_flight(self):
        self.check_drain(signal.SIGINT)

    def test_requests_that_were_sent_before_are_answered(self):
        self.start()
        wires = self.begin()
        for wire in wires:
            wire.request(2, {"Size": "large"})
            wire.request(3, {"Exists": "large"})
        # A reply on another connection of each listener shows that the workers have come by since.
        for wire in wires:
            self.assertTrue(wire.read(2 * MIB) == self.content)
            self.assertEqual(dict([wire.reply(), wire.reply()]),
                             {2: {"Size": 2 * MIB}, 3: {"Exists": True}})

    def test_idle_connections_are_closed(self):
        self.start()
        wires = [self.enterContext(self.server.connect()) for _ in range(20)]
        wires += [self.enterContext(self.server.connect(tcp=True)) for _ in range(20)]
        for wire in wires:
            wire.ask({"Exists": "large"})
        self.server.program.signal(signal.SIGTERM)
        for wire in wires:
            wire.expect_end()
            wire.close()
        self.assertEqual(self.server.program.wait(), 0)

    def test_second_sigterm_ends_it_at_once(self):
        """Long before the drain timeout; no reply is made to look whole."""
        self.start(drain_timeout="1h", send_timeout="1h")
        wires = self.begin()
        self.server.program.signal(signal.SIGTERM)
        support.wait_until(self.refused, "new connections are refused")
        self.assertIsNone(self.server.program.process.poll())
        self.server.program.signal(signal.SIGTERM)
        self.assertEqual(self.server.program.wait(), 0)
        for wire in wires:
            with contextlib.suppress(ConnectionResetError):
                self.assertLess(len(wire.read(2 * MIB)), 2 * MIB)

    def test_drain_timeout_cuts_what_is_left(self):
        self.start(drain_timeout="300ms")
        self.begin()
        self.server.program.signal(signal.SIGTERM)
        self.assertEqual(self.server.program.wait(), 0)

    def test_a_file_that_is_removed_behind_a_worker_that_has_ended(self):
        """It was kept open by that worker, and is closed by whoever is left."""
        self.server = self.enterContext(support.Server(settings={
            "server": {"workers": "2"}, "limits": {"drain_timeout": "60s"}}))
        self.server.write("large", bytes(2 * MIB))
        path = self.server.write("kept", b"k")
        wires = [self.server.connect() for _ in range(8)]
        for wire in wires:
            with wire:
                for _ in range(5):  # with the second one or so it is kept
                    self.assertEqual(wire.ask({"Get": "kept"}), {"Content": b"k"})
        last = self.enterContext(self.server.connect())
        last.request(1, {"Get": "large"})
        self.assertEqual(last.read(1), b"\x82")
        self.server.program.signal(signal.SIGTERM)
        support.wait_until(lambda: self.server.workers() == 1, "one worker has ended")
        path.unlink()
        last.read(3 * MIB)
        last.close()
        self.assertEqual(self.server.program.wait(), 0)

    def test_sighup_does_not_end_it(self):
        """Whoever sends it wants the configuration read again."""
        self.start()
        self.server.program.signal(signal.SIGHUP)
        self.server.program.wait_for_log("reloaded")
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Exists": "large"}), {"Exists": True})

    def test_the_unix_socket_is_removed(self):
        self.start()
        path = pathlib.Path(self.server.address.removeprefix("unix:"))
        self.assertTrue(path.is_socket())
        self.server.stop()
        self.assertFalse(path.exists())


class Starting(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        self.root = self.directory / "root"
        self.root.mkdir()
        self.socket = self.directory / "socket"

    def run_program(self, *arguments):
        """Runs valved with options that make it end by itself."""
        return subprocess.run([*support.WRAPPER, support.VALVED, *support.AS_ROOT,
                               *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=support.DEADLINE, check=False)

    def serve(self, *arguments):
        return self.run_program("--root", self.root, "--listen", f"unix:{self.socket}", *arguments)

    def started(self, *arguments):
        """A valved that must come up on the socket; it is ended with the test."""
        program = support.Program("--root", self.root, "--listen", f"unix:{self.socket}",
                                  *arguments)
        self.addCleanup(program.kill)
        program.wait_for_log(support.READY)
        return program

    def expect_service(self):
        with support.Wire(f"unix:{self.socket}") as wire:
            self.assertEqual(wire.ask("ListAll"), {"List": []})

    def test_a_stale_socket_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.socket))
            stale.listen()
        program = self.started()
        self.expect_service()
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(), 0)

    def test_the_socket_of_one_that_was_killed_is_replaced(self):
        self.started().kill()
        self.assertTrue(self.socket.is_socket())
        self.started()
        self.expect_service()

    def test_a_live_socket_is_not_replaced(self):
        self.started()
        second = self.serve()
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(str(self.socket), second.stderr)
        self.expect_service()

    def test_a_file_is_not_replaced(self):
        self.socket.write_text("not a socket")
        result = self.serve()
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(self.socket.read_text(), "not a socket")

    def test_what_is_no_socket_is_not_replaced(self):
        for kind, make in {"folder": self.socket.mkdir,
                           "dangling link": lambda: self.socket.symlink_to("nowhere")}.items():
            with self.subTest(kind):
                make()
                result = self.serve()
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn("is no socket", result.stderr)
                self.assertTrue(self.socket.is_symlink() or self.socket.is_dir())
                self.socket.unlink() if self.socket.is_symlink() else self.socket.rmdir()

    def test_a_link_to_a_stale_socket_is_not_replaced(self):
        other = self.directory / "other"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(other))
        self.socket.symlink_to(other)
        self.assertEqual(self.serve().returncode, 1)
        self.assertTrue(self.socket.is_symlink())
        self.assertTrue(other.is_socket())

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_a_stale_socket_of_somebody_else(self):
        folder = self.directory / "sticky"
        folder.mkdir()
        self.directory.chmod(0o755)
        path = folder / "socket"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        for owner, mode, words in ((1, 0o666, "cannot remove"), (1, 0o600, "cannot find out")):
            os.chown(path, owner, owner)
            path.chmod(mode)
            os.chown(folder, owner, owner)
            folder.chmod(0o1777)
            program = support.Program("--root", self.root, "--listen", f"unix:{path}",
                                      unprivileged=True)
            self.assertEqual(program.wait(), 1)
            self.assertIn(words, program.log)
            self.assertTrue(path.is_socket())

    def test_many_start_at_once_on_a_stale_socket(self):
        """One of them takes it over, and the others do not take it away from that one."""
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(str(self.socket))
            programs = [support.Program("--root", self.root, "--listen", f"unix:{self.socket}")
                        for _ in range(6)]
            for program in programs:
                self.addCleanup(program.kill)
            running = [program for program in programs if not self.has_failed(program)]
            self.assertEqual(len(running), 1)
            self.expect_service()
            running[0].signal(signal.SIGTERM)
            self.assertEqual(running[0].wait(), 0)

    @staticmethod
    def has_failed(program):
        """Whether it ends by itself, as one that cannot listen does."""
        support.wait_until(lambda: program.process.poll() is not None
                           or re.search(support.READY, program.log, re.M), "a start or an end")
        return program.process.poll() is not None

    @unittest.skipIf(support.WRAPPER, "a wrapper has limits of its own")
    def test_fewer_descriptors_than_asked_for(self):
        """It serves with what there is, and says that it is not what was asked for."""
        old = resource.getrlimit(resource.RLIMIT_NOFILE)
        for setting, words in (
                ("max_connections = 5000", r"5000 connections were asked for, (\d+) is the most"),
                ("max_descriptors = 20000", r"only (\d+) descriptors: raise the hard limit")):
            file = self.directory / "valve.ini"
            file.write_text(f"[server]\n{setting}\n[files]\nroot = {self.root}\n"
                            f"[listen a]\naddress = unix:{self.socket}\n[log]\nlevel = notice\n")
            program = subprocess.Popen(
                [support.VALVED, *support.AS_ROOT, "-c", file], stderr=subprocess.PIPE, text=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600)))
            self.addCleanup(program.stderr.close)
            self.addCleanup(program.kill)
            warning = program.stderr.readline()
            self.assertRegex(warning, words)
            self.assertLessEqual(int(re.search(words, warning)[1]), 600)
            support.wait_until(self.socket.exists, "the socket")
            support.wait_until(lambda: "serving" in program.stderr.readline(), "the listener")
            self.expect_service()
            program.terminate()
            self.assertEqual(program.wait(support.DEADLINE), 0)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), old)

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            result = self.run_program("--root", self.root, "--listen", address)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(address, result.stderr)

    def test_sighup_of_a_terminal_that_closes_ends_it(self):
        ours, terminal = pty.openpty()
        process = subprocess.Popen(
            [*support.WRAPPER, support.VALVED, *support.AS_ROOT, "--root", self.root, "--listen",
             f"unix:{self.socket}"], stdin=subprocess.DEVNULL, stderr=terminal)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(terminal)
        log = b""
        while b"serving" not in log:
            log += os.read(ours, 1000)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(support.DEADLINE), 0)
        self.assertFalse(self.socket.exists())

    @unittest.skipIf(support.WRAPPER, "a wrapper needs a standard error")
    def test_nothing_takes_the_place_of_a_closed_standard_error(self):
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", support.VALVED, *support.AS_ROOT,
             "--root", self.root, "--listen", f"unix:{self.socket}"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        support.wait_until(self.answers, "it answers")
        for number in range(3):
            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{number}"), "/dev/null")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(support.DEADLINE), 0)

    def answers(self):
        with contextlib.suppress(OSError):
            self.expect_service()
            return True

    def test_allow(self):
        self.started("--allow", "size,exists")
        (self.root / "f").write_bytes(b"123")
        with support.Wire(f"unix:{self.socket}") as wire:
            self.assertEqual(wire.ask({"Size": "f"}), {"Size": 3})
            self.assertEqual(wire.ask({"Exists": "f"}), {"Exists": True})
            for request in ("ListAll", {"Get": "f"}, {"Del": "f"}, {"Get": ""}):
                self.assertEqual(support.error_code(wire.ask(request)), "denied")

    def test_mode_of_the_socket(self):
        ini = self.directory / "valve.ini"
        for mode in ("0600", "0660", "0666"):
            ini.write_text(f"[files]\nroot = {self.root}\n"
                           f"[listen local]\naddress = unix:{self.socket}\nmode = {mode}\n")
            program = support.Program("-c", ini)
            self.addCleanup(program.kill)
            program.wait_for_log(support.READY)
            self.assertEqual(self.socket.stat().st_mode & 0o7777, int(mode, 8))
            program.signal(signal.SIGTERM)
            self.assertEqual(program.wait(), 0)

    def test_abstract_socket(self):
        address = f"unix:@valve-test-{os.getpid()}"
        program = support.Program("--root", self.root, "--listen", address)
        self.addCleanup(program.kill)
        program.wait_for_log(support.READY)
        with support.Wire(address) as wire:
            self.assertEqual(wire.ask("ListAll"), {"List": []})

    def test_usage_errors(self):
        for arguments in (["--nonsense"], ["-x"], ["operand"], ["--listen"], ["--root"],
                          ["--listen", "nonsense"], ["--listen", "localhost:1"],
                          ["--allow", "everything", "--listen", "127.0.0.1:0"]):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, 64, arguments)
            self.assertNotEqual(result.stderr, "", arguments)
            self.assertEqual(result.stdout, "", arguments)

    def test_version_and_help(self):
        version = self.run_program("-V")
        self.assertEqual((version.returncode, version.stderr), (0, ""))
        self.assertRegex(version.stdout, r"^valved (\S+ )?\d+\.\d+\.\d+\S*\n")
        usage = self.run_program("-h")
        self.assertEqual((usage.returncode, usage.stderr), (0, ""))
        for option in ("-c", "--root", "--listen", "--allow", "--check-config", "--dump-config"):
            self.assertIn(option, usage.stdout)


if __name__ == "__main__":
    unittest.main()
