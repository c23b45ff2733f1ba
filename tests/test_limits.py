# SPDX-License-Identifier: MIT
"""What runs short makes those wait who need it, wakes them when it is there, and harms no others."""
import os
import resource
import select
import time
import unittest

import support
from support import KIB, MIB

ENFILE = support.BUILD / "tests/enfile_preload.so"
HUGE = 64 * MIB
PROMPT = 2.0 * (10 if support.INSTRUMENTED else 1)  # seconds; much less than the timeouts here


def has_word(wire, seconds=0):
    """Whether something has come, or does so soon."""
    return bool(select.select([wire.socket], [], [], seconds)[0])


class Limits(unittest.TestCase):
    def start(self, *, limits=None, environment=None, **settings):
        # Files that are kept open come to be after others are closed, which leaves numbers free.
        self.server = self.enterContext(support.Server(
            settings={"server": {"workers": 1, **settings}, "limits": limits or {},
                      "files": {"cache": 0}},
            environment=environment))
        self.server.write("small", b"small")

    def connect(self):
        return self.enterContext(self.server.connect())

    def expect_service(self, wire):
        self.assertEqual(wire.ask({"Exists": "small"}), {"Exists": True})
        self.assertEqual(wire.ask({"Get": "small"}), {"Content": b"small"})

    def expect_prompt(self, action, *arguments):
        """It is done as soon as it can be, not when some time is up."""
        begin = time.monotonic()
        result = action(*arguments)
        self.assertLess(time.monotonic() - begin, PROMPT)
        return result

    def limit(self, kind, soft):
        pid = self.server.program.pid
        hard = resource.prlimit(pid, kind)[1]
        resource.prlimit(pid, kind, (soft, hard))

    def stall(self, count, request):
        """Connections whose replies have begun and are not read."""
        wires = [self.connect() for _ in range(count)]
        for id, wire in enumerate(wires, 1):
            wire.request(id, request)
        for wire in wires:
            self.assertTrue(has_word(wire, support.DEADLINE))
        return wires


@unittest.skipIf(support.WRAPPER, "a wrapper has limits and descriptors of its own")
class Descriptors(Limits):
    def lowest(self):
        """A limit that leaves no descriptor free."""
        return max(int(name) for name in os.listdir(f"/proc/{self.server.program.pid}/fd")) + 1

    def fill(self):
        """Connections until no number below the limit is free."""
        self.start(limits={"io_timeout": "60s"})
        old = self.connect()
        self.expect_service(old)
        self.limit(resource.RLIMIT_NOFILE, self.lowest())
        return old

    def test_accept_without_descriptors(self):
        """Nobody is let in, nobody is turned away, and nothing spins."""
        self.fill()
        late = [self.connect() for _ in range(20)]
        for wire in late:
            wire.request(1, {"Exists": "small"})
        self.server.program.wait_for_log("no new connections are accepted: Too many open files")
        self.server.expect_rest()
        self.assertFalse(any(has_word(wire) for wire in late))
        self.limit(resource.RLIMIT_NOFILE, 1000)
        for wire in late:
            self.assertEqual(self.expect_prompt(wire.reply), (1, {"Exists": True}))

    def test_accept_goes_on_when_a_connection_ends(self):
        """Somebody waits for nothing but a descriptor: that of another connection is one."""
        old = self.fill()
        late = self.connect()
        late.request(1, {"Size": "/"})  # is answered without any descriptor
        self.server.program.wait_for_log("no new connections are accepted")
        old.close()
        self.assertEqual(self.expect_prompt(late.reply)[0], 1)

    def test_a_request_without_descriptors(self):
        """It waits, without spinning, and is answered when there is one."""
        old = self.fill()
        old.request(1, {"Get": "small"})
        self.server.expect_rest()
        self.assertFalse(has_word(old))
        self.limit(resource.RLIMIT_NOFILE, 1000)
        self.assertEqual(self.expect_prompt(old.reply), (1, {"Content": b"small"}))

    def test_a_request_is_busy_after_the_io_timeout(self):
        self.start(limits={"io_timeout": "300ms"})
        wire = self.connect()
        self.expect_service(wire)
        self.limit(resource.RLIMIT_NOFILE, self.lowest())
        begin = time.monotonic()
        self.assertEqual(support.error_code(wire.ask({"Size": "small"})), "busy")
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)  # clocks differ a little
        self.limit(resource.RLIMIT_NOFILE, 1000)
        self.expect_service(wire)

    @unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer")
    def test_accept_while_the_system_has_no_files(self):
        mark = support.scratch(self) / "full"
        # What is preloaded writes to the mark.
        self.start(sandbox="no",
                   environment={"LD_PRELOAD": str(ENFILE), "VALVE_TEST_ENFILE": str(mark)})
        old = self.connect()
        self.expect_service(old)
        mark.touch()
        late = self.connect()
        late.request(1, {"Exists": "small"})
        self.server.program.wait_for_log("accepted: Too many open files in system")
        self.server.expect_rest()
        self.expect_service(old)
        self.assertLess(mark.stat().st_size, 30)  # tries in more than a second
        mark.unlink()
        self.assertEqual(self.expect_prompt(late.reply), (1, {"Exists": True}))


@unittest.skipIf(support.WRAPPER, "a wrapper has limits and descriptors of its own")
class Files(Limits):
    """Descriptors of files have a budget of their own."""

    def start_with_few(self, **limits):
        self.start(max_files=8, limits={"io_timeout": "60s", "send_timeout": "60s", **limits})
        support.sparse_file(self.server.root / "huge", HUGE)
        self.descriptors = self.server.descriptors()

    def test_large_files_wait_for_others(self):
        """Four are sent at once, two descriptors each; others wait, but not who needs none."""
        self.start_with_few()
        stalled = self.stall(4, {"Get": "huge"})
        late = [self.connect() for _ in range(3)]
        for wire in late:
            wire.request(1, {"Get": "huge"})
        for _ in range(10):
            self.expect_service(self.connect())
        self.server.expect_rest(0.5)
        self.assertFalse(any(has_word(wire) for wire in late))
        for count, gone in enumerate(stalled[:3], 1):
            gone.close()
            self.expect_prompt(support.wait_until,
                               lambda: sum(map(has_word, late)) == count, "one more has its turn")

    def test_busy_after_the_io_timeout(self):
        self.start_with_few(io_timeout="200ms")
        self.stall(4, {"Get": "huge"})
        late = self.connect()
        begin = time.monotonic()
        self.assertEqual(support.error_code(late.ask({"Get": "huge"})), "busy")
        self.assertGreaterEqual(time.monotonic() - begin, 0.2)
        self.expect_service(late)

    def test_a_deadline_of_the_request_comes_first(self):
        self.start_with_few()
        self.stall(4, {"Get": "huge"})
        late = self.connect()
        late.request(1, {"Get": "huge"}, {"timeout": 100})
        late.request(2, {"Get": "huge"})
        late.request(2, None)
        answers = dict(late.reply() for _ in range(2))
        self.assertEqual({id: support.error_code(reply) for id, reply in answers.items()},
                         {1: "timeout", 2: "cancelled"})

    def test_places_come_back(self):
        """From whoever was answered, was cancelled, or left."""
        self.start_with_few()
        for _ in range(3):
            for wire in self.stall(4, {"Get": "huge"}):
                wire.close()
        self.server.expect_descriptors(self.descriptors)
        wire = self.connect()
        for id in range(1, 20):
            self.server.write("middle", b"m" * 100 * KIB)
            self.assertEqual(len(wire.ask({"Get": "middle"}, id)["Content"]), 100 * KIB)

    def test_small_files_are_closed_while_their_client_does_not_read(self):
        """They wait for room in its output, and have no place; then they are opened afresh."""
        count, old, new = 100, b"o" * 15 * KIB, b"n" * 300 * KIB
        self.start_with_few(max_in_flight=count)
        self.server.write("middle", old)
        wire = self.connect()
        for id in range(1, count + 1):
            wire.request(id, {"Get": "middle"})
        self.assertTrue(has_word(wire, support.DEADLINE))
        self.server.expect_rest(0.5)
        self.server.expect_descriptors(self.descriptors + 1)
        self.expect_service(self.connect())
        os.rename(self.server.write("next", new), self.server.root / "middle")
        answers = dict(wire.reply() for _ in range(count))
        self.assertEqual(len(answers), count)
        contents = [reply["Content"] for reply in answers.values()]
        self.assertTrue(all(content in (old, new) for content in contents))
        self.assertIn(old, contents)
        self.assertIn(new, contents)

    def deep(self):
        """A tree as deep as a walk may have directories open, and a little more."""
        path = "/".join(["d"] * 40)
        for number in range(3000):
            self.server.write(f"{path}/{'n' * 100}{number}")

    def test_many_lists_that_nobody_reads(self):
        """Walks keep half of the places at most, and no descriptor of a connection."""
        count = 60 if support.SMALL else 300
        self.start(max_files=64, limits={"send_timeout": "60s"})
        self.deep()
        before = self.server.descriptors()
        wires = self.stall(count, "ListAll")
        self.assertLessEqual(self.server.descriptors(), before + count + 64)
        self.expect_prompt(self.expect_service, self.connect())
        for wire in wires[1:]:
            wire.close()
        self.assertEqual(len(wires[0].reply()[1]["List"]), 3001)

    def test_a_list_without_places(self):
        self.start_with_few()
        self.deep()
        self.stall(4, {"Get": "huge"})
        listed = self.connect().ask("ListAll")["List"]
        self.assertEqual(len({file["path"] for file in listed}), 3002)
        self.assertEqual(len(listed), 3002)


class Connections(Limits):
    def test_all_are_taken(self):
        self.start(max_connections=5)
        first = [self.connect() for _ in range(5)]
        for wire in first:
            self.expect_service(wire)
        late = [self.connect() for _ in range(20)]
        for wire in late:
            wire.request(1, {"Exists": "small"})
        self.server.expect_rest()
        self.assertFalse(any(has_word(wire) for wire in late))
        for wire in first:
            self.expect_service(wire)
        for wire in first:
            wire.close()
        for wire in late:
            self.assertEqual(self.expect_prompt(wire.reply), (1, {"Exists": True}))
            wire.close()


class Fibers(Limits):
    def test_all_are_taken(self):
        """Who holds none has one of those that are kept; then others wait, and are `busy` in time."""
        self.start(max_fibers=16, max_files=1000,
                   limits={"io_timeout": "500ms", "send_timeout": "60s"})
        support.sparse_file(self.server.root / "huge", HUGE)
        stalled = self.stall(16, {"Get": "huge"})
        late = self.connect()
        late.request(1, {"Exists": "small"})
        self.server.expect_rest(0.3)
        self.assertEqual(support.error_code(late.reply()[1]), "busy")
        late.request(2, {"Exists": "small"})
        stalled[3].close()
        self.assertEqual(self.expect_prompt(late.reply), (2, {"Exists": True}))


@unittest.skipIf(support.INSTRUMENTED, "sanitizers and Valgrind need memory of their own")
class Memory(Limits):
    def size(self):
        with open(f"/proc/{self.server.program.pid}/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()

    def test_no_memory_for_stacks(self):
        """Those that have none wait without spinning, and go on by themselves when there is some."""
        self.start(max_connections=1000, limits={"io_timeout": "60s", "send_timeout": "60s"})
        support.sparse_file(self.server.root / "huge", HUGE)
        first = self.stall(4, {"Get": "huge"})
        self.limit(resource.RLIMIT_AS, self.size() + 64 * KIB)
        late = [self.connect() for _ in range(300)]
        for wire in late:
            wire.request(1, {"Get": "huge"})
        self.server.expect_rest()
        waiting = [wire for wire in late if not has_word(wire)]
        self.assertGreater(len(waiting), 50)
        self.limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        for wire in waiting:
            self.assertTrue(self.expect_prompt(has_word, wire, support.DEADLINE))
        for wire in first + late:
            wire.close()
        self.expect_service(self.connect())


if __name__ == "__main__":
    unittest.main()
