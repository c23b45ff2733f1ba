# SPDX-License-Identifier: MIT
"""
A valved whose configuration changes while it serves, and one that is replaced by the next: nobody
notices but those who are meant.
"""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import fault
import support
from support import rows

TIMES = int(os.environ.get("VALVE_RESTARTS", "200" if os.environ.get("VALVE_TORTURE") else "20"))


class Reloaded(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        self.root = self.directory / "root"
        (self.root / "d").mkdir(parents=True)
        for name in "top", "d/file":
            (self.root / name).write_bytes(name.encode())
        self.configuration = self.directory / "valve.ini"
        self.reloads = 0

    def address(self, name):
        return f"unix:{self.directory}/{name}"

    def write(self, *listeners, server="", more=""):
        """Listeners are names, with what they allow behind a colon."""
        sections = ""
        for listener in listeners:
            name, _, allow = listener.partition(":")
            sections += f"[listen {name}]\naddress = {self.address(name)}\n"
            sections += f"allow = {allow}\n" if allow else ""
        self.configuration.write_text(
            f"[server]\nworkers = 2\n{server}\n[files]\nroot = {self.root}\n{sections}{more}\n")

    def start(self, environment=None):
        program = support.Program("-c", self.configuration, environment=environment)
        self.addCleanup(program.kill)
        program.wait_for_log(support.READY)
        self.program = program
        return program

    def reload(self, expected=r"reloaded .*valve\.ini"):
        self.reloads += 1
        before = len(re.findall("reloaded", self.program.log))
        self.program.signal(signal.SIGHUP)
        self.program.wait_for_log("reloaded", before + 1)
        last = [line for line in self.program.log.splitlines() if "reloaded" in line][-1]
        self.assertRegex(last, expected)

    def stop(self):
        self.program.signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(), 0)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.program.pid}/fd"))

    def listens(self, name):
        with contextlib.suppress(OSError):
            support.Wire(self.address(name)).close()
            return True
        return False

    def connect(self, name):
        return self.enterContext(support.Wire(self.address(name)))


@support.expand
class Reload(Reloaded):
    def test_listeners_come_and_go(self):
        self.write("one", "two")
        self.start()
        one, two = self.connect("one"), self.connect("two")
        self.write("two", "three")
        self.reload("2 listeners")
        self.assertFalse((self.directory / "one").exists())
        self.assertEqual(self.connect("three").ask({"Get": "top"}), {"Content": b"top"})
        for wire in one, two:  # that of the listener that is gone, too
            self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})
        with self.assertRaises(FileNotFoundError):
            self.connect("one")
        self.write("one")
        self.reload("1 listeners")
        self.assertEqual(self.connect("one").ask({"Get": "top"}), {"Content": b"top"})
        self.stop()
        self.assertEqual([path.name for path in self.directory.iterdir() if path.is_socket()], [])

    def test_what_a_listener_allows(self):
        """Of connections that are open, too."""
        self.write("one:get exists")
        self.start()
        wire = self.connect("one")
        self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})
        self.write("one:exists")
        self.reload()
        self.assertEqual(support.error_code(wire.ask({"Get": "top"})), "denied")
        self.assertEqual(wire.ask({"Exists": "top"}), {"Exists": True})
        self.write("one")
        self.reload()
        self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})

    def test_access_rules(self):
        """Of connections that are open, too; and what is being answered is answered."""
        rule = f"[access us]\npeer = uid:{os.geteuid()}\nallow = get list\npath = d\n"
        self.write("one")
        self.start()
        wire = self.connect("one")
        self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})
        self.write("one", more=rule)
        self.reload("1 access rules")
        self.assertEqual(support.error_code(wire.ask({"Get": "top"})), "denied")
        self.assertEqual(wire.ask({"Get": "d/file"}), {"Content": b"d/file"})
        self.assertEqual(len(wire.ask("ListAll")["List"]), 1)
        self.write("one", more=rule.replace("us]", "others]").replace(f"{os.geteuid()}", "12345"))
        self.reload("1 access rules")
        self.assertEqual(support.error_code(wire.ask({"Get": "d/file"})), "denied")
        self.assertEqual(support.error_code(wire.ask("ListAll")), "denied")
        self.write("one")
        self.reload("0 access rules")
        self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})

    def test_log_level(self):
        self.write("one")
        self.start()
        before = self.program.log
        for name in "two", "three":
            self.write("one", name, more="[log]\nlevel = warning")
            self.program.signal(signal.SIGHUP)
            support.wait_until(lambda name=name: self.listens(name), "it listens")
            self.assertEqual(self.connect(name).ask({"Get": "top"}), {"Content": b"top"})
        self.assertEqual(self.program.log, before)
        self.write("one")
        self.reload()

    @rows([("a key", "io_threads in [server]", {"server": "io_threads = 3"}),
           ("another section's", "max_request in [limits]", {"more": "[limits]\nmax_request = 9K"}),
           ("the mode of a socket", "mode in [listen one]", {"mode": "mode = 0600"})])
    def test_what_takes_a_restart(self, words, change):
        self.write("one")
        self.start()
        mode = change.pop("mode", None)
        self.write("one", **change, **({"more": mode} if mode else {}))
        self.reload()
        self.assertIn(f"{words} takes a restart", self.program.log)

    @rows([("a wrong line", "[server\n", ":11: malformed"),
           ("a wrong key", "[limits]\nio_timeout = 5 fortnights\n", "io_timeout"),
           ("a wrong rule", "[access x]\npeer = any\n", "has no allow"),
           ("a listener that cannot be", "[listen x]\naddress = unix:/proc/self/x\n",
            "unix:/proc/self/x")])
    def test_what_is_wrong(self, text, words):
        """Nothing of it is in force, whatever else it holds."""
        self.write("one")
        self.start()
        wire = self.connect("one")
        self.write("two", "one:exists", more=text)
        self.reload("not reloaded")
        self.assertIn(words, self.program.log)
        self.assertFalse((self.directory / "two").exists())
        self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})
        self.assertEqual(self.connect("one").ask({"Get": "top"}), {"Content": b"top"})
        self.configuration.unlink()
        self.reload("not reloaded")
        self.write("two")
        self.reload("1 listeners")
        self.assertEqual(self.connect("two").ask({"Get": "top"}), {"Content": b"top"})

    def test_without_a_file(self):
        self.program = support.Program("--root", self.root, "--listen", self.address("one"))
        self.addCleanup(self.program.kill)
        self.program.wait_for_log(support.READY)
        self.reload("not reloaded")
        self.assertIn("from the command line alone", self.program.log)
        self.assertEqual(self.connect("one").ask({"Get": "top"}), {"Content": b"top"})

    def test_many_under_load(self):
        """Broken ones among them; nothing is lost, and nothing grows."""
        self.write("one", "two")
        self.start()
        before = self.descriptors()
        with Load([self.address("one")]) as load:
            for number in range(TIMES):
                broken = number % 3 == 2
                self.write("one", *(["two"] if number % 2 else ["three", "four"]),
                           more="[nonsense]" if broken else
                           "[access x]\npeer = any\nallow = list get size exists del\n"
                           if number % 4 == 1 else "")
                self.reload("not reloaded" if broken else "reloaded .*valve.ini")
        self.assertGreater(load.answered, TIMES)
        self.assertEqual((load.wrong, load.refused, load.again), ([], 0, 0))
        self.write("one", "two")
        self.reload()
        # Besides what was open in the beginning: two files that the workers' caches keep.
        support.wait_until(lambda: self.descriptors() <= before + 2 * 2, "nothing else is open")
        self.stop()


class Load:
    """Clients that ask without end; what is not answered they ask again."""

    def __init__(self, addresses, clients=4):
        self.addresses = addresses
        self.answered = self.refused = self.again = 0
        self.wrong = []
        self.lock = threading.Lock()
        self.ending = False
        self.threads = [threading.Thread(target=self.run, args=(number,))
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join()

    def run(self, number):
        asked = {1: ({"Get": "d/file"}, {"Content": b"d/file"}), 2: ({"Size": "top"}, {"Size": 3}),
                 3: ({"Exists": "none"}, {"Exists": False}),
                 4: ({"Get": "top"}, {"Content": b"top"})}
        todo, count = {}, 0
        while not self.ending or todo:
            try:
                with support.Wire(self.addresses[number % len(self.addresses)]) as wire:
                    for _ in range(50):
                        todo = todo or dict(asked)
                        for id, (message, _) in todo.items():
                            wire.request(id, message)
                        while todo:
                            id, reply = wire.reply()
                            count += 1
                            if reply != todo.pop(id)[1]:
                                self.wrong.append(reply)
            except (ConnectionRefusedError, FileNotFoundError):  # nobody listens
                with self.lock:
                    self.refused += 1
            except (EOFError, OSError):  # unanswered: all that is left is asked again
                with self.lock:
                    self.again += 1
        with self.lock:
            self.answered += count


class Notified(Reloaded):
    """It was started by a stand-in for systemd."""

    def setUp(self):
        super().setUp()
        self.manager = self.enterContext(contextlib.closing(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        self.manager.bind(f"{self.directory}/notify")
        self.manager.settimeout(support.DEADLINE)
        self.environment = {"NOTIFY_SOCKET": f"{self.directory}/notify"}

    def heard(self, *, wait=None):
        """The next message, as a dictionary; {} if there is none within so many seconds."""
        self.manager.settimeout(support.DEADLINE if wait is None else wait)
        try:
            text = self.manager.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return {}
        return dict(line.split("=", 1) for line in text.splitlines())

    def expect(self, **fields):
        """A message that says this, whatever comes before."""
        while True:
            message = self.heard()
            if fields.items() <= message.items():
                return message


def has_systemd():
    return b"sd_notify" in support.VALVED.read_bytes()


@unittest.skipUnless(has_systemd(), "built without libsystemd")
class Manager(Notified):
    def test_from_start_to_stop(self):
        self.write("one")
        self.start(self.environment)
        self.expect(READY="1")
        self.assertEqual(self.connect("one").ask({"Get": "top"}), {"Content": b"top"})
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.reload()
        when = int(self.expect(RELOADING="1")["MONOTONIC_USEC"])
        self.assertLessEqual(before, when)
        self.assertLessEqual(when, time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        self.expect(READY="1")
        self.stop()
        self.expect(STOPPING="1")

    def watched(self, **server):
        self.write("one", server="".join(f"{key} = {value}\n" for key, value in server.items()))
        self.start(self.environment | {"WATCHDOG_USEC": "600000"})
        self.expect(WATCHDOG="1")

    def test_the_watchdog_is_fed(self):
        self.watched()
        self.connect("one").ask({"Get": "top"})
        for _ in range(5):
            self.assertTrue(self.heard(wait=support.DEADLINE))

    @unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer")
    def test_a_worker_that_is_stopped(self):
        """It hangs in a call that should not wait; the manager hears nothing until it goes on."""
        slow = fault.Fault(support.scratch(self), support.VALVED)
        self.addCleanup(slow.close)
        self.environment |= slow.environment
        self.watched()
        wire = self.connect("one")
        wire.ask({"Get": "top"})
        slow.arm(fault.DELAY, calls={"recv"}, delay=6)
        wire.request(1, {"Get": "top"})
        self.program.wait_for_log("worker . is stalled")
        while self.heard(wait=0.05):
            pass
        self.assertEqual(self.heard(wait=1), {})
        self.program.wait_for_log("worker . goes on")
        self.expect(WATCHDOG="1")
        self.assertEqual(wire.reply(), (1, {"Content": b"top"}))

    @unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer")
    def test_a_slow_disk(self):
        """Is no reason not to be alive."""
        slow = fault.Fault(support.scratch(self), support.VALVED)
        self.addCleanup(slow.close)
        self.environment |= slow.environment
        self.watched()
        wire = self.connect("one")
        slow.arm(fault.DELAY, calls={"unlinkat"}, delay=4)
        wire.request(1, {"Del": "top"})
        until = time.monotonic() + 3
        while time.monotonic() < until:
            self.expect(WATCHDOG="1")
        self.assertEqual(wire.reply(), (1, "Ok"))
        self.assertNotIn("stalled", self.program.log)


@unittest.skipUnless(has_systemd(), "built without libsystemd")
class Restart(Notified):
    """The sockets are somebody else's, who passes them to one valved after another."""

    def setUp(self):
        super().setUp()
        self.write("one", "tcp")
        self.local = self.enterContext(contextlib.closing(socket.socket(socket.AF_UNIX)))
        self.local.bind(f"{self.directory}/one")
        self.tcp = self.enterContext(contextlib.closing(socket.socket()))
        self.tcp.bind(("127.0.0.1", 0))
        for listening in self.local, self.tcp:
            listening.listen(1000)
        port = self.tcp.getsockname()[1]
        self.tcp_address = f"127.0.0.1:{port}"
        self.configuration.write_text(
            self.configuration.read_text().replace(self.address("tcp"), self.tcp_address))

    def start_next(self, names="one:tcp"):
        program = support.Program("-c", self.configuration, environment=self.environment,
                                  sockets=(self.local, self.tcp), names=names)
        self.addCleanup(program.kill)
        return program

    def end(self, program):
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(), 0, program.log)

    def test_sockets_are_taken_over(self):
        program = self.start_next()
        self.expect(READY="1")
        for address in self.address("one"), self.tcp_address:
            with support.Wire(address) as wire:
                self.assertEqual(wire.ask({"Get": "top"}), {"Content": b"top"})
        with support.Wire(self.tcp_address) as wire:  # by its section's rules
            self.assertEqual(support.error_code(wire.ask({"Del": "top"})), "denied")
        self.end(program)
        self.assertTrue((self.directory / "one").is_socket(), "it is not its own")
        self.assertNotIn("a socket named", program.log)

    def test_a_socket_for_nobody(self):
        program = self.start_next("one:other")
        program.wait_for_log("a socket named other was given")
        program.kill()

    def test_restarts_under_load(self):
        """Nobody is refused, and what was not answered is when it is asked again."""
        program = self.start_next()
        self.expect(READY="1")
        with Load([self.address("one"), self.tcp_address]) as load:
            for _ in range(TIMES):
                following = self.start_next()
                self.expect(READY="1")
                self.end(program)
                program = following
        self.end(program)
        print(f"{TIMES} restarts, {load.answered} answers, {load.refused} refused, "
              f"{load.again} connections asked again, {len(load.wrong)} wrong")
        self.assertGreater(load.answered, TIMES)
        self.assertEqual((load.wrong, load.refused), ([], 0))


if __name__ == "__main__":
    unittest.main()
