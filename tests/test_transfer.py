# SPDX-License-Identifier: MIT
"""Replies that are larger than any buffer: their content, and the memory that they take."""
import collections
import hashlib
import itertools
import os
import subprocess
import threading
import unittest

import cbor2

import support
from support import GIB, MIB

SIZE = 64 * MIB if support.SMALL else GIB
FILES = 20_000 if support.SMALL else 200_000
GROWTH = 4 * MIB


class LargeContent(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(support.Server(tcp=True))
        self.path = self.server.root / "large"
        support.sparse_file(self.path, SIZE)
        with self.server.connect() as wire:
            wire.ask({"Exists": "large"})

    def begin(self, wire, id=1):
        """Asks for the file; what remains to be read is its content."""
        wire.request(id, {"Get": "large"})
        head = b"\x82" + bytes([id]) + b"\xa1\x67Content"
        head += (b"\x5a" + SIZE.to_bytes(4, "big"))
        self.assertEqual(wire.read(len(head)), head)

    def check_content(self, wire):
        received = hashlib.blake2b()
        for _ in range(SIZE // MIB):
            received.update(wire.read(MIB))
        with open(self.path, "rb") as file:
            expected = hashlib.file_digest(file, hashlib.blake2b)
        self.assertEqual(received.hexdigest(), expected.hexdigest())

    def check_whole(self, tcp):
        with self.server.connect(tcp) as wire, self.server.memory_bound(GROWTH):
            self.begin(wire)
            self.check_content(wire)
            self.assertEqual(wire.ask({"Size": "large"}), {"Size": SIZE})

    def test_over_a_unix_socket(self):
        self.check_whole(tcp=False)

    def test_over_tcp(self):
        self.check_whole(tcp=True)

    def test_a_file_that_is_removed_meanwhile_is_sent_whole(self):
        with self.server.connect() as wire, self.server.connect() as other:
            self.begin(wire)
            copy = self.server.directory / "copy"
            os.link(self.path, copy)
            self.assertEqual(other.ask({"Del": "large"}), "Ok")
            self.assertEqual(other.ask({"Exists": "large"}), {"Exists": False})
            self.path = copy
            self.check_content(wire)

    def test_a_file_that_grows_is_sent_as_long_as_it_was(self):
        with self.server.connect() as wire:
            self.begin(wire)
            with open(self.path, "ab") as file:
                file.write(b"more" * 1000)
            for _ in range(SIZE // MIB):
                self.assertEqual(len(wire.read(MIB)), MIB)
            self.assertEqual(wire.ask({"Size": "large"}), {"Size": SIZE + 4000})

    def test_a_file_that_shrinks_breaks_the_connection(self):
        """Nothing is made up to fill the gap; the server logs the name and goes on."""
        with self.server.connect() as wire:
            self.begin(wire)
            self.assertEqual(len(wire.read(MIB)), MIB)
            os.truncate(self.path, 2 * MIB)
            received = MIB
            while piece := wire.read(MIB):
                received += len(piece)
            self.assertLess(received, SIZE)
        self.server.program.wait_for_log("large")
        with self.server.connect() as wire:
            self.assertEqual(wire.ask({"Size": "large"}), {"Size": 2 * MIB})


class LongList(unittest.TestCase):
    def make_files(self, root):
        """Hard links, most of them, because those are made fast."""
        for directory in range(FILES // 1000):
            first = root / f"{directory:03}" / "file-0"
            first.parent.mkdir()
            first.write_bytes(b"x" * directory)
            for number in range(1, 1000):
                os.link(first, first.with_name(f"file-{number}"))

    def test_equals_find(self):
        server = self.enterContext(support.Server())
        self.make_files(server.root)
        wire = self.enterContext(server.connect())
        wire.ask({"Exists": "x"})
        with server.memory_bound(GROWTH):
            files = wire.ask("ListAll")["List"]
        self.assertEqual(len(files), FILES)
        listed = sorted(f"{file['path']} {file['size']} {file['mtime']}" for file in files)
        found = subprocess.run(["find", server.root, "-type", "f", "-printf", "%P %s %T@\n"],
                               check=True, capture_output=True, text=True).stdout
        # find writes seconds with ten digits of a fraction, the last of which is always 0.
        found = sorted(line.replace(".", "")[:-1] for line in found.splitlines())
        self.assertTrue(listed == found)


@support.expand
class ListOfAShrinkingDirectory(unittest.TestCase):
    """What is drained while it is listed."""

    COUNT = 20_000

    @support.rows([("here", None), ("where offsets only count entries", "ramfs")])
    def test_what_stays_is_listed_once(self, kind):
        root = support.scratch(self) / "root"
        root.mkdir()
        if kind:
            if subprocess.run(["mount", "-t", kind, "none", root], check=False,
                              stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest("nothing can be mounted")
            self.addCleanup(subprocess.run, ["umount", root], check=True)
        (root / "d").mkdir()
        names = [f"d/{'long' * 25}{number}" for number in range(self.COUNT)]
        for name in names:
            (root / name).touch()
        with support.Server(root) as server, server.connect() as wire:
            wire.request(1, "ListAll")
            begin = wire.read(64 * 1024)  # much more is behind it than buffers hold
            for name in names[::2]:
                (root / name).unlink()
            wire.finish()
            reply = cbor2.loads(begin + wire.read(GIB))
        listed = collections.Counter(file["path"] for file in reply[1]["List"])
        self.assertEqual([name for name in names[1::2] if listed[name] != 1], [])
        self.assertEqual(max(listed.values()), 1)


class ListOfAMovingTree(unittest.TestCase):
    def test_files_come_and_go(self):
        """What stays is listed exactly once, what comes and goes at most once; no error."""
        server = self.enterContext(support.Server())
        for number in range(2000):
            server.write(f"{number % 20}/stays-{number}", b"s")
        stop = threading.Event()
        turns = []

        def churn():
            for turn in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
                turns.append(turn)
                path = server.write(f"{turn % 20}/comes-{turn % 1000}", b"c")
                renamed = path.rename(path.with_name(f"renamed-{turn % 1000}"))
                os.mkdir(server.root / f"new-{turn}")
                os.rmdir(server.root / f"new-{turn}")
                renamed.unlink()

        churner = threading.Thread(target=churn)
        churner.start()
        self.addCleanup(churner.join)
        self.addCleanup(stop.set)
        stays = {f"{number % 20}/stays-{number}" for number in range(2000)}
        with server.connect() as wire:
            while len(turns) < 500:
                listed = [file["path"] for file in wire.ask("ListAll")["List"]]
                self.assertEqual({path for path in listed if "stays" in path}, stays)
                self.assertEqual(sum("stays" in path for path in listed), len(stays))
                others = set(listed) - stays
                self.assertTrue(all("/comes-" in path or "/renamed-" in path for path in others))


if __name__ == "__main__":
    unittest.main()
