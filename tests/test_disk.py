# SPDX-License-Identifier: MIT
"""Every fault that a disk can have, and what is then seen on the wire."""
import concurrent.futures
import os
import select
import shutil
import signal
import subprocess
import time
import unittest

import cbor2

import disk
import support
from support import KIB, MIB

CONTENT = bytes(range(256)) * 4
LARGE = bytes(range(251)) * (4 * MIB // 251)
QUEUE = 1024  # accesses of a kind that one worker may have under way
IO_TIMEOUT = 0.3  # seconds, where a test waits for it


@unittest.skipIf(support.WRAPPER, "Valgrind holds up all threads while a close() hangs")
@unittest.skipIf(disk.problem(), disk.problem())
class DiskTest(unittest.TestCase):
    """
    A valved with one worker on a root with a good file, `hot`, and a disk mounted at `disk`, which
    mirrors self.source.
    """

    # Storage that waits for io_timeout waits so long; other tests are not to meet it.
    io_timeout = "30s"
    settings = {}

    environment = None  # of the server

    def start(self, direct_io=False, **limits):
        self.directory = support.scratch(self)
        self.root = self.directory / "root"
        self.source = self.directory / "source"
        self.disk = self.enterContext(disk.Disk(self.source, self.root / "disk",
                                                direct_io=direct_io))
        (self.root / "hot").write_bytes(CONTENT)
        (self.source / "small").write_bytes(CONTENT)
        (self.source / "large").write_bytes(LARGE)
        self.serve(self.root, **limits)

    def serve(self, root, unprivileged=False, **limits):
        limits = {"io_timeout": self.io_timeout} | limits
        self.server = self.enterContext(support.Server(
            root, unprivileged=unprivileged, environment=self.environment,
            settings={"server": {"workers": 1}, "limits": limits, **self.settings}))
        self.addCleanup(self.disk.clear)
        self.wire = self.enterContext(self.server.connect())
        self.hot = self.enterContext(self.server.connect())
        if root == self.root:
            self.check_hot(self.hot)

    def check_hot(self, wire):
        self.assertEqual(wire.ask({"Exists": "hot"}), {"Exists": True})
        self.assertEqual(wire.ask({"Get": "hot"}), {"Content": CONTENT})

    def check_recovered(self):
        """Everything is as if nothing had been."""
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Get": "disk/small"}), {"Content": CONTENT})
            self.assertEqual(wire.ask({"Size": "disk/large"}), {"Size": len(LARGE)})
            self.assertEqual(wire.ask({"Get": "disk/large"}), {"Content": LARGE})
            self.check_hot(wire)

    def expect(self, code, message):
        reply = self.wire.ask(message)
        self.assertEqual(support.error_code(reply), code, reply)
        return reply["Error"]

    def is_waiting(self, wire):
        """No reply has come."""
        return not select.select([wire.socket], [], [], 0)[0]

    def read_head_and(self, count, size):
        """The first `count` bytes of request 1's content, whose length must be `size`."""
        head = b"\x82\x01\xa1\x67Content\x5a" + size.to_bytes(4, "big")
        self.assertEqual(self.wire.read(len(head)), head)
        return self.wire.read(count)

    def expect_broken(self, size, why):
        """Request 1 breaks off inside its content: what came is right, and the log says why."""
        got = self.read_head_and(size, size)
        self.assertLess(len(got), size)
        self.assertEqual(got, LARGE[:len(got)])
        self.server.program.wait_for_log(why)
        return len(got)


class Slow(DiskTest):
    def test_a_read_of_half_a_second(self):
        self.start()
        self.disk.delay("read", 500, "small")
        begin = time.monotonic()
        self.wire.request(1, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        for _ in range(100):
            self.check_hot(self.hot)
        self.assertEqual(self.wire.reply(), (1, {"Content": CONTENT}))
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)


@support.expand
class Hang(DiskTest):
    """A disk that does not answer, until it is told to."""

    # Whoever looks for leaks stops all threads first, and those that the disk holds do not stop.
    environment = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"}

    OPERATIONS = [
        ("lookup", "lookup", {"Exists": "disk/small"}),
        ("lookup for get", "lookup", {"Get": "disk/small"}),
        ("getattr", "getattr", {"Size": "disk/small"}),
        ("open", "open", {"Get": "disk/small"}),
        ("read", "read", {"Get": "disk/small"}),
        ("unlink", "unlink", {"Del": "disk/small"}),
        ("opendir", "opendir", "ListAll"),
        ("readdir", "readdir", "ListAll"),
    ]

    @support.rows(OPERATIONS)
    def test_timeout(self, operation, message):
        """`timeout` when io_timeout is over; others do not wait, on this connection or another."""
        self.start(io_timeout="300ms")
        self.disk.hang(operation)
        begin = time.monotonic()
        self.wire.request(1, message)
        self.disk.wait_for_held(1)
        self.check_hot(self.hot)
        self.assertEqual(self.wire.ask({"Get": "hot"}, id=2), {"Content": CONTENT})
        id, reply = self.wire.reply()
        self.assertEqual((id, support.error_code(reply)), (1, "timeout"))
        self.assertGreaterEqual(time.monotonic() - begin, IO_TIMEOUT)
        self.check_hot(self.wire)
        self.disk.clear()
        support.wait_until(lambda: self.disk.held() == 0, "the disk works")
        if operation == "unlink":
            small = self.source / "small"
            support.wait_until(lambda: not small.exists(), "the disk has done it nevertheless")
            small.write_bytes(CONTENT)
        self.check_recovered()

    @support.rows(OPERATIONS)
    def test_end(self, operation, message):
        """SIGTERM ends the daemon in its drain_timeout, whatever the disk holds."""
        self.start(drain_timeout="300ms")
        self.disk.hang(operation)
        self.wire.request(1, message)
        self.disk.wait_for_held(1)
        begin = time.monotonic()
        self.server.stop()
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        self.assertLess(time.monotonic() - begin, support.DEADLINE / 4)
        self.assertEqual(self.wire.read(1), b"")

    def test_more_requests_than_threads(self):
        self.start(io_timeout="300ms")
        self.disk.hang("read")
        for id in range(1, 51):
            self.wire.request(id, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        for _ in range(100):
            self.check_hot(self.hot)
        answers = dict(self.wire.reply() for _ in range(50))
        self.assertEqual({support.error_code(reply) for reply in answers.values()}, {"timeout"})
        self.assertEqual(set(answers), set(range(1, 51)))
        self.disk.clear()
        self.check_recovered()

    def test_everything_is_stuck(self):
        """
        No thread is left and the queue is full: who comes then is `busy`, after io_timeout and not
        before. What needs no storage is answered all along, and all is well once the disk is.
        """
        timeout = 2
        self.start(io_timeout=f"{timeout}s", max_in_flight=2 * QUEUE)
        before = self.server.descriptors()
        self.disk.hang("lookup")
        begin = time.monotonic()
        count = QUEUE + 20  # the last find the queue full
        self.wire.send(b"".join(cbor2.dumps([id, {"Size": "disk/small"}])
                                for id in range(1, count + 1)))
        while self.is_waiting(self.wire):
            self.check_hot(self.hot)
            self.assertLess(time.monotonic() - begin, support.DEADLINE)
        self.assertGreaterEqual(time.monotonic() - begin, timeout)
        answers = {}
        for _ in range(count):
            id, reply = self.wire.reply()
            answers[id] = support.error_code(reply)
        self.assertEqual({id for id, code in answers.items() if code == "busy"},
                         set(range(QUEUE + 1, count + 1)))
        self.assertEqual(set(answers.values()), {"busy", "timeout"})
        begin = time.monotonic()
        self.expect("busy", {"Size": "disk/small"})  # those that timed out are the kernel's still
        self.assertGreaterEqual(time.monotonic() - begin, timeout)
        self.disk.clear()
        self.check_recovered()
        self.server.expect_descriptors(before)

    def test_in_the_middle_of_a_get(self):
        """It cannot be taken back: the connection ends inside the reply, and the log says why."""
        self.start(io_timeout="300ms")
        self.disk.hang("read", "large", start=2 * MIB)
        self.wire.request(1, {"Get": "disk/large"})
        with concurrent.futures.ThreadPoolExecutor() as readers:
            end = readers.submit(self.expect_broken, len(LARGE), "disk/large: timeout")
            self.disk.wait_for_held(1)
            self.check_hot(self.hot)
            self.assertLessEqual(end.result(), 2 * MIB)
        self.check_hot(self.hot)
        self.disk.clear()
        self.check_recovered()

    def test_a_client_that_goes_away(self):
        """Its requests are forgotten at once; the jobs end when the disk lets them."""
        self.start()
        self.disk.hang("read")
        before = self.server.descriptors()
        for id in range(1, 11):
            self.wire.request(id, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        self.wire.close()
        self.check_hot(self.hot)
        self.disk.clear()
        self.server.expect_descriptors(before - 1)
        self.check_recovered()

    def test_close(self):
        """A file that cannot be closed holds up nobody else; its own request at most io_timeout."""
        self.start(io_timeout="300ms", drain_timeout="300ms")
        self.disk.hang("flush")
        self.wire.request(1, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        for _ in range(10):
            self.check_hot(self.hot)
        id, reply = self.wire.reply()
        if reply != {"Content": CONTENT}:
            self.assertEqual(support.error_code(reply), "timeout")
        self.check_hot(self.wire)

    def test_release(self):
        """The kernel does not wait for that, nor does anybody else."""
        self.start(drain_timeout="300ms")
        self.disk.hang("release")
        for name, content in ("small", CONTENT), ("large", LARGE):
            self.assertEqual(self.wire.ask({"Get": f"disk/{name}"}), {"Content": content})
            self.disk.wait_for_held(1)
            self.check_hot(self.hot)

    def test_process_that_cannot_die(self):
        """
        The kernel waits for a disk that answers nothing, not even for a killed process. By then
        nobody waits for valved any more: clients are cut, and another one can take its place.
        """
        self.start(drain_timeout="300ms")
        self.disk.stick("read")
        self.wire.request(1, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        self.server.program.signal(signal.SIGTERM)
        self.assertEqual(self.wire.read(1), b"")
        self.server.program.wait_for_log("stopped, cutting connections")
        support.wait_until(lambda: not os.path.exists(self.server.address.removeprefix("unix:")),
                           "the socket is gone")
        self.disk.clear()
        self.assertEqual(self.server.program.wait(), 0)


@support.expand
class Failure(DiskTest):
    """A disk that answers with an error."""

    ERRORS = [
        ("EIO", "EIO", "io"),
        ("ENODEV", "ENODEV", "io"),
        ("ENOTCONN", "ENOTCONN", "io"),
        ("ESTALE", "ESTALE", "not-found"),
        ("ENOSPC", "ENOSPC", "io"),
        ("EDQUOT", "EDQUOT", "io"),
        ("ENOMEM", "ENOMEM", "busy"),
        ("EACCES", "EACCES", "denied"),
        ("ETIMEDOUT", "ETIMEDOUT", "timeout"),
        ("EINVAL", "EINVAL", "io"),
        ("EFBIG", "EFBIG", "io"),
        ("ECANCELED", "ECANCELED", "io"),
        ("EBUSY", "EBUSY", "busy"),
    ]

    def check_failure(self, operation, error, code, *messages):
        self.start(io_timeout="300ms")
        self.disk.fail(operation, error)
        for message in messages:
            with self.subTest(message=message):
                self.expect(code, message)
        self.check_hot(self.wire)
        self.disk.clear()
        self.check_recovered()

    @support.rows(ERRORS)
    def test_lookup(self, error, code):
        self.check_failure("lookup", error, code, {"Size": "disk/small"}, {"Get": "disk/small"},
                           {"Del": "disk/small"})

    @support.rows(ERRORS)
    def test_open(self, error, code):
        self.check_failure("open", error, code, {"Get": "disk/small"}, {"Get": "disk/large"})

    @support.rows(ERRORS)
    def test_read(self, error, code):
        """Before the first byte of a small file."""
        self.check_failure("read", error, code, {"Get": "disk/small"})

    @support.rows(ERRORS)
    def test_unlink(self, error, code):
        self.check_failure("unlink", error, code, {"Del": "disk/small"})
        self.assertTrue((self.source / "small").exists())

    def test_exists(self):
        """That a disk fails does not mean that the file is not there."""
        self.check_failure("lookup", "EIO", "io", {"Exists": "disk/small"})

    def test_before_the_first_byte_of_a_large_file(self):
        self.check_failure("read", "EIO", "io", {"Get": "disk/large"})

    @support.rows([("cached", False), ("direct", True)])
    def test_in_the_middle_of_a_get(self, direct_io):
        self.start(direct_io=direct_io)
        self.disk.fail("read", "EIO", "large", start=2 * MIB)
        self.wire.request(1, {"Get": "disk/large"})
        got = self.expect_broken(len(LARGE), "disk/large: io")
        self.assertLessEqual(got, 2 * MIB)
        self.check_hot(self.hot)
        self.disk.clear()
        self.check_recovered()

    @support.rows([("flush", "flush"), ("release", "release")])
    def test_close(self, operation):
        """What was read was right, whatever comes after it."""
        self.start()
        self.disk.fail(operation, "EIO")
        self.assertEqual(self.wire.ask({"Get": "disk/small"}), {"Content": CONTENT})
        self.assertEqual(self.wire.ask({"Get": "disk/large"}), {"Content": LARGE})

    def test_stale_once(self):
        """A file that was replaced by another machine is asked for once more."""
        self.start(direct_io=True)
        self.disk.fail("read", "ESTALE", "small")
        before = self.disk.seen("read")
        self.expect("not-found", {"Get": "disk/small"})
        self.assertEqual(self.disk.seen("read") - before, 2)

    def test_a_disk_that_died(self):
        self.start()
        self.disk.kill()
        for message in {"Exists": "disk/small"}, {"Get": "disk/large"}, {"Del": "disk/small"}:
            self.expect("io", message)
        self.check_hot(self.wire)
        disk.unmount(self.disk.mountpoint)
        self.assertEqual(self.wire.ask({"Exists": "disk/small"}), {"Exists": False})
        self.disk.mount()
        self.check_recovered()

    def test_a_disk_that_died_with_requests(self):
        self.start()
        self.disk.hang("read")
        for id in range(1, 11):
            self.wire.request(id, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        self.disk.kill()
        answers = dict(self.wire.reply() for _ in range(10))
        self.assertEqual({support.error_code(reply) for reply in answers.values()}, {"io"})
        self.check_hot(self.wire)


class Change(DiskTest):
    """What other programs do to a file while it is read."""

    def setUp(self):
        self.readers = self.enterContext(concurrent.futures.ThreadPoolExecutor())

    def begin(self, direct_io):
        """A Get of the large file, of whose second half the disk holds back what is read."""
        self.start(direct_io=direct_io)
        self.disk.hang("read", "large", start=2 * MIB)
        self.disk_path = self.source / "large"
        self.wire.request(1, {"Get": "disk/large"})
        self.content = self.readers.submit(self.read_head_and, len(LARGE), len(LARGE))
        self.disk.wait_for_held(1)

    def finish(self):
        """How much came; all of it must be right."""
        self.disk.clear()
        content = self.content.result()
        self.assertEqual(content, LARGE[:len(content)])
        return len(content)

    def check_truncated(self, direct_io):
        self.begin(direct_io)
        os.truncate(self.disk_path, 3 * MIB)
        self.assertLessEqual(self.finish(), 3 * MIB)
        self.server.program.wait_for_log("disk/large: io: the file ended")
        self.check_hot(self.hot)
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Get": "disk/large"}), {"Content": LARGE[:3 * MIB]})

    def test_truncated(self):
        self.check_truncated(direct_io=False)

    def test_truncated_direct(self):
        self.check_truncated(direct_io=True)

    def check_deleted(self, direct_io):
        """Its content is there until it is closed."""
        self.begin(direct_io)
        self.disk_path.unlink()
        self.assertEqual(self.hot.ask({"Exists": "disk/large"}), {"Exists": False})
        self.assertEqual(self.finish(), len(LARGE))
        self.check_hot(self.wire)

    def test_deleted(self):
        self.check_deleted(direct_io=False)

    def test_deleted_direct(self):
        self.check_deleted(direct_io=True)

    def test_deleted_by_a_client(self):
        self.begin(direct_io=False)
        self.assertEqual(self.hot.ask({"Del": "disk/large"}), "Ok")
        self.assertEqual(self.finish(), len(LARGE))

    def check_grown(self, direct_io):
        """It is as long as it was announced."""
        self.begin(direct_io)
        with open(self.disk_path, "ab") as file:
            file.write(LARGE)
        self.assertEqual(self.finish(), len(LARGE))
        self.assertEqual(self.wire.ask({"Size": "disk/large"}), {"Size": 2 * len(LARGE)})

    def test_grown(self):
        self.check_grown(direct_io=False)

    def test_grown_direct(self):
        self.check_grown(direct_io=True)

    def test_small_file_that_shrinks(self):
        """It is read again, and has one of its lengths."""
        self.start(direct_io=True)
        self.disk.hang("read", "small")
        self.wire.request(1, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        os.truncate(self.source / "small", 100)
        self.disk.clear()
        self.assertEqual(self.wire.reply(), (1, {"Content": CONTENT[:100]}))

    def test_small_file_that_is_deleted(self):
        self.start()
        self.disk.hang("read", "small")
        self.wire.request(1, {"Get": "disk/small"})
        self.disk.wait_for_held(1)
        (self.source / "small").unlink()
        self.disk.clear()
        self.assertEqual(self.wire.reply(), (1, {"Content": CONTENT}))

    def test_directory_that_is_renamed(self):
        self.begin(direct_io=False)
        os.rename(self.source, self.directory / "renamed")
        self.assertEqual(self.finish(), len(LARGE))


class Listing(DiskTest):
    """A walk that meets faults: a list is complete, or none."""

    def start(self):
        super().start()
        for number in range(5):
            path = self.source / f"deep/{number}/file"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"f")
        self.everything = {"hot", "disk/small", "disk/large",
                           *(f"disk/deep/{number}/file" for number in range(5))}

    def list_all(self, wire):
        reply = wire.ask("ListAll")
        self.assertEqual(list(reply), ["List"], reply)
        return [file["path"] for file in reply["List"]]

    def check_complete(self):
        self.disk.clear()
        with self.server.connect() as wire:
            self.assertEqual(sorted(self.list_all(wire)), sorted(self.everything))

    def check_failure(self, operation, where):
        """Less than a buffer of the list was there: an error comes in its place."""
        self.start()
        self.disk.fail(operation, "EIO", where)
        reply = self.expect("io", "ListAll")
        self.assertIn("disk" if where == "." else f"disk/{where}", reply)
        self.check_hot(self.wire)
        self.check_complete()

    def test_opendir_fails_in_the_root(self):
        self.check_failure("opendir", ".")

    def test_opendir_fails(self):
        self.check_failure("opendir", "deep/3")

    def test_readdir_fails_in_the_root(self):
        self.check_failure("readdir", ".")

    def test_readdir_fails(self):
        self.check_failure("readdir", "deep/3")

    def test_an_entry_that_cannot_be_looked_at(self):
        self.check_failure("lookup", "deep/3/file")

    def test_failure_after_the_list_has_begun(self):
        """No end is made up for it: the connection breaks inside the list."""
        self.start()
        for number in range(5000):
            (self.source / f"deep/{number:0200}").write_bytes(b"")
        self.wire.request(1, "ListAll")
        received = self.wire.read(100)
        self.disk.fail("lookup", "EIO", "deep/*")
        received += self.wire.read(100 * MIB)
        with self.assertRaises(cbor2.CBORDecodeEOF):
            cbor2.loads(received)
        self.server.program.wait_for_log("disk/deep.*(Input/output error|io)")
        self.check_hot(self.hot)

    def test_an_entry_that_vanishes(self):
        """It was among the entries that were read, and is gone when it is looked at."""
        self.start()
        self.disk.hang("lookup", "deep/3/file")
        self.wire.request(1, "ListAll")
        self.disk.wait_for_held(1)
        (self.source / "deep/3/file").unlink()
        self.disk.clear()
        id, reply = self.wire.reply()
        self.everything.remove("disk/deep/3/file")
        self.assertEqual({file["path"] for file in reply["List"]}, self.everything)

    def test_a_directory_that_vanishes(self):
        self.start()
        self.disk.hang("lookup", "deep/3")
        self.wire.request(1, "ListAll")
        self.disk.wait_for_held(1)
        shutil.rmtree(self.source / "deep/3")
        self.disk.clear()
        id, reply = self.wire.reply()
        self.everything.remove("disk/deep/3/file")
        self.assertEqual({file["path"] for file in reply["List"]}, self.everything)

    def test_a_directory_that_is_renamed(self):
        """What stayed where it was is listed once, what moved at most once by each name."""
        self.start()
        self.disk.hang("readdir", "deep/3")
        self.wire.request(1, "ListAll")
        self.disk.wait_for_held(1)
        (self.source / "deep").rename(self.source / "moved")
        self.disk.clear()
        id, reply = self.wire.reply()
        listed = [file["path"] for file in reply["List"]]
        self.assertEqual(len(listed), len(set(listed)))
        self.assertLessEqual({"hot", "disk/small", "disk/large"}, set(listed))
        moved = {path.replace("/deep/", "/moved/") for path in self.everything}
        self.assertLessEqual(set(listed), self.everything | moved)

    def test_slow_directories(self):
        self.start()
        self.disk.delay("readdir", 50)
        self.assertEqual(sorted(self.list_all(self.wire)), sorted(self.everything))


class Root(DiskTest):
    """The disk is all there is: it is the root itself."""

    def setUp(self):
        self.directory = support.scratch(self)
        self.root = None
        self.source, self.mountpoint = self.directory / "source", self.directory / "mnt"
        self.disk = self.enterContext(disk.Disk(self.source, self.mountpoint))
        (self.source / "dir").mkdir()
        (self.source / "dir/small").write_bytes(CONTENT)

    def check_served(self):
        self.assertEqual(self.wire.ask({"Exists": "dir/small"}), {"Exists": True})
        self.assertEqual(self.wire.ask({"Get": "dir/small"}), {"Content": CONTENT})
        self.assertEqual([file["path"] for file in self.wire.ask("ListAll")["List"]],
                         ["dir/small"])

    def expect_all(self, code):
        for message in ({"Exists": "dir/small"}, {"Size": "dir/small"}, {"Get": "dir/small"},
                        {"Del": "dir/small"}, "ListAll"):
            self.expect(code, message)

    def test_died_and_mounted_again(self):
        """While it is away nothing of it is told, above all not that there are no files."""
        self.serve(self.mountpoint)
        self.check_served()
        self.disk.kill()
        self.expect_all("io")
        disk.unmount(self.mountpoint)
        self.expect_all("io")
        self.disk.mount()
        self.check_served()

    def test_unmounted_by_force(self):
        """What waits is answered; the kernel has cut the disk off, although it is in use."""
        self.serve(self.mountpoint)
        self.disk.hang("read")
        self.wire.request(1, {"Get": "dir/small"})
        self.disk.wait_for_held(1)
        subprocess.run(["umount", "-f", self.mountpoint], check=False, capture_output=True)
        id, reply = self.wire.reply()
        self.assertEqual((id, support.error_code(reply)), (1, "io"))
        self.expect_all("io")
        self.disk.stop()
        self.disk.mount()
        self.check_served()

    def test_unmounted_lazily(self):
        """It is served on: it is only its name that is gone, and what is mounted there then."""
        self.serve(self.mountpoint)
        self.check_served()
        disk.unmount(self.mountpoint)
        self.check_served()
        self.disk.kill()
        self.expect_all("io")
        self.disk.mount()
        self.check_served()

    def test_replaced_by_another_file_system(self):
        """A directory that is there by chance is not what the administrator has named."""
        self.serve(self.mountpoint)
        self.disk.stop()
        (self.mountpoint / "other").write_bytes(CONTENT)
        self.expect("io", {"Exists": "other"})
        (self.mountpoint / "other").unlink()
        self.disk.mount()
        self.check_served()

    def test_permission_taken_away(self):
        """From a file, a directory and the root, of what was served before."""
        self.serve(self.mountpoint, unprivileged=True)
        self.addCleanup(os.chmod, self.source, 0o700)
        self.check_served()
        small, directory = self.source / "dir/small", self.source / "dir"
        small.chmod(0)
        self.expect("denied", {"Get": "dir/small"})
        self.assertEqual(self.wire.ask({"Size": "dir/small"}), {"Size": len(CONTENT)})
        small.chmod(0o600)
        self.addCleanup(os.chmod, directory, 0o700)
        directory.chmod(0)
        for method in "Exists", "Size", "Get", "Del":
            self.expect("denied", {method: "dir/small"})
        self.assertEqual(self.wire.ask("ListAll"), {"List": []})
        directory.chmod(0o700)
        self.source.chmod(0)
        self.expect_all("denied")
        self.source.chmod(0o700)
        self.check_served()

    @unittest.skipIf(os.geteuid() != 0, "it takes root to mount")
    def test_read_only(self):
        self.serve(self.mountpoint)
        subprocess.run(["mount", "-o", "remount,bind,ro", self.mountpoint], check=True)
        self.expect("denied", {"Del": "dir/small"})
        self.check_served()
        subprocess.run(["mount", "-o", "remount,bind,rw", self.mountpoint], check=True)
        self.assertEqual(self.wire.ask({"Del": "dir/small"}), "Ok")


if __name__ == "__main__":
    unittest.main()
