# SPDX-License-Identifier: MIT
"""Every path trick, through the wire: nothing but regular files beneath the root exists."""
import contextlib
import os
import pathlib
import select
import socket
import stat
import subprocess
import sys
import unittest

import support
from support import rows

CONTENT = b"the content"
SECRET = b"outside the root"

LONG_NAME = "n" * 255
LONG_DIRECTORY = "/".join(["d" * 255] * 15)
LONG_PATH = f"{LONG_DIRECTORY}/{'f' * 255}"
NOT_UTF8 = b"caf\xe9.txt"

SERVED = "served"
ABSENT = "absent"
BAD = "bad-path"

# A path, and what it is to a server that does not follow symbolic links, and to one that does.
PATHS = [
    ("file", "hello.txt", SERVED, SERVED),
    ("file as bytes", b"hello.txt", SERVED, SERVED),
    ("file in a directory", "dir/inner.txt", SERVED, SERVED),
    ("empty file", "empty", SERVED, SERVED),
    ("name of 255 bytes", LONG_NAME, SERVED, SERVED),
    ("name of 256 bytes", LONG_NAME + "n", BAD, BAD),
    ("name of 256 bytes in a directory", f"dir/{LONG_NAME}n", BAD, BAD),
    ("missing name of 255 bytes", "m" * 255, ABSENT, ABSENT),
    ("name of 255 bytes in two-byte characters", "é" * 127 + "n", ABSENT, ABSENT),
    ("name of 256 bytes in two-byte characters", "é" * 128, BAD, BAD),
    ("path of 4095 bytes", LONG_PATH, SERVED, SERVED),
    ("path of 4096 bytes", f"d/{LONG_PATH[1:]}", BAD, BAD),
    ("missing path of 4095 bytes", "x/" * 2047 + "x", ABSENT, ABSENT),
    ("missing path of 4096 bytes", "x/" * 2047 + "xx", BAD, BAD),
    ("name that is not UTF-8", NOT_UTF8, SERVED, SERVED),
    ("missing name that is not UTF-8", b"\xff\xfe", ABSENT, ABSENT),
    ("UTF-8 as text", "größe/文.txt", SERVED, SERVED),
    ("UTF-8 as bytes", "größe/文.txt".encode(), SERVED, SERVED),
    ("UTF-8 in another normal form", "gro\u0308ße/文.txt", ABSENT, ABSENT),
    ("name in other case", "Hello.txt", ABSENT, ABSENT),
    ("name with control characters", "a\x1b[31m\n\tb", SERVED, SERVED),
    ("name that begins with dots", "..hidden", SERVED, SERVED),
    ("name of three dots", "...", ABSENT, ABSENT),
    ("name with a backslash", "dir\\inner.txt", ABSENT, ABSENT),
    ("name with a percent escape", "%2e%2e/outside", ABSENT, ABSENT),
    ("missing", "nothing", ABSENT, ABSENT),
    ("missing directory", "nothing/inner.txt", ABSENT, ABSENT),
    ("file as a directory", "hello.txt/inner.txt", ABSENT, ABSENT),

    ("empty path", "", BAD, BAD),
    ("empty path as bytes", b"", BAD, BAD),
    ("slash", "/", BAD, BAD),
    ("absolute", "/hello.txt", BAD, BAD),
    ("absolute as bytes", b"/etc/passwd", BAD, BAD),
    ("trailing slash", "hello.txt/", BAD, BAD),
    ("trailing slash of a directory", "dir/", BAD, BAD),
    ("doubled slash", "dir//inner.txt", BAD, BAD),
    ("leading doubled slash", "//hello.txt", BAD, BAD),
    ("dot", ".", BAD, BAD),
    ("leading dot", "./hello.txt", BAD, BAD),
    ("dot inside", "dir/./inner.txt", BAD, BAD),
    ("trailing dot", "dir/.", BAD, BAD),
    ("dot dot", "..", BAD, BAD),
    ("leading dot dot", "../outside/secret", BAD, BAD),
    ("leading dot dot as bytes", b"../outside/secret", BAD, BAD),
    ("dot dot inside", "dir/../hello.txt", BAD, BAD),
    ("dot dot to the outside", "dir/../../outside/secret", BAD, BAD),
    ("trailing dot dot", "dir/..", BAD, BAD),
    ("NUL", "hello.txt\0", BAD, BAD),
    ("NUL inside", "hello\0.txt", BAD, BAD),
    ("NUL as bytes", b"hello.txt\0", BAD, BAD),

    ("directory", "dir", ABSENT, ABSENT),
    ("directory in a directory", "dir/sub", ABSENT, ABSENT),
    ("FIFO", "fifo", ABSENT, ABSENT),
    ("socket", "socket", ABSENT, ABSENT),
    ("device", "device", ABSENT, ABSENT),

    ("link to a file", "link", ABSENT, SERVED),
    ("link to a link", "link-to-link", ABSENT, SERVED),
    ("link through dot dot that stays inside", "dir/link-up", ABSENT, SERVED),
    ("file below a linked directory", "link-to-dir/inner.txt", ABSENT, SERVED),
    ("link below a linked directory", "link-to-dir/link-up", ABSENT, SERVED),
    ("link to a directory", "link-to-dir", ABSENT, ABSENT),
    ("link to the root", "link-to-root", ABSENT, ABSENT),
    ("link to a FIFO", "link-to-fifo", ABSENT, ABSENT),
    ("link to the outside", "link-outside", ABSENT, ABSENT),
    ("absolute link to the inside", "link-absolute", ABSENT, ABSENT),
    ("absolute link to the outside", "link-absolute-outside", ABSENT, ABSENT),
    ("file below a link to the outside", "link-to-outside-dir/secret", ABSENT, ABSENT),
    ("file below a link through the outside and back", "link-around/hello.txt", ABSENT, ABSENT),
    ("link through proc", "link-proc/hello.txt", ABSENT, ABSENT),
    ("dangling link", "link-dangling", ABSENT, ABSENT),
    ("link to itself", "link-loop", ABSENT, ABSENT),
    ("file below a link to itself", "link-loop/inner.txt", ABSENT, ABSENT),
]

LINKS = {
    "link": "hello.txt",
    "link-to-link": "link",
    "dir/link-up": "../hello.txt",
    "link-to-dir": "dir",
    "link-to-root": ".",
    "link-to-fifo": "fifo",
    "link-outside": "../outside/secret",
    "link-absolute": "{root}/hello.txt",
    "link-absolute-outside": "{outside}/secret",
    "link-to-outside-dir": "../outside",
    "link-around": "../root",
    "link-proc": "/proc/self/cwd",
    "link-dangling": "nowhere",
    "link-loop": "link-loop",
}


@contextlib.contextmanager
def parent_of(root, path):
    """The directory that a name is in, and the name: for paths too long for one system call."""
    *directories, name = os.fsencode(path).split(b"/")
    here = os.open(root, os.O_DIRECTORY)
    try:
        for directory in directories:
            above, here = here, os.open(directory, os.O_DIRECTORY, dir_fd=here)
            os.close(above)
        yield here, name
    finally:
        os.close(here)


@contextlib.contextmanager
def preserved(root, path):
    """Puts back the file or link of that name, which the test must have removed."""
    with parent_of(root, path) as (parent, name):
        path = pathlib.Path(f"/proc/self/fd/{parent}", os.fsdecode(name))
        link = path.is_symlink()
        old = os.readlink(path) if link else path.read_bytes()
        yield
        if link:
            os.symlink(old, name, dir_fd=parent)
        else:
            write_file(parent, name, old)


def write_file(parent, name, content):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=parent)
    os.write(file, content)
    os.close(file)


def write_deep(root, path):
    """Makes a file in new directories."""
    directories = path.split("/")[:-1]
    for depth in range(1, len(directories) + 1):
        with parent_of(root, "/".join(directories[:depth])) as (parent, name):
            os.mkdir(name, dir_fd=parent)
    with parent_of(root, path) as (parent, name):
        write_file(parent, name, CONTENT)


def make_tree(directory):
    root, outside = directory / "root", directory / "outside"
    for path in (root, outside, root / "dir", root / "dir/sub", root / "größe"):
        path.mkdir()
    (outside / "secret").write_bytes(SECRET)
    for name in ("hello.txt", "dir/inner.txt", LONG_NAME, "größe/文.txt", "a\x1b[31m\n\tb",
                 "..hidden"):
        (root / name).write_bytes(CONTENT)
    (root / os.fsdecode(NOT_UTF8)).write_bytes(CONTENT)
    (root / "empty").touch()
    write_deep(root, LONG_PATH)
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    if os.geteuid() == 0:
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    for name, target in LINKS.items():
        (root / name).symlink_to(target.format(root=root, outside=outside))
    return root


def state(root):
    """Every name beneath the directory, with what it is."""
    return subprocess.run(["find", root, "-printf", "%P %y %s %l\\0"], check=True,
                          capture_output=True).stdout


class Tricks(unittest.TestCase):
    """Each row asks for one path by all four calls that take one."""

    symlinks = None

    @classmethod
    def setUpClass(cls):
        cls.root = make_tree(support.scratch(cls))
        cls.server = cls.enterClassContext(support.Server(
            cls.root, settings={"files": {"symlinks": cls.symlinks}}))

    def setUp(self):
        self.wire = self.enterContext(self.server.connect())

    def ask(self, method, path):
        return self.wire.ask({method: path})

    def error(self, method, path):
        return support.error_code(self.ask(method, path))

    def expect_served(self, path):
        content = b"" if path == "empty" else CONTENT
        with preserved(self.root, path):
            self.assertEqual(self.ask("Exists", path), {"Exists": True})
            self.assertEqual(self.ask("Size", path), {"Size": len(content)})
            self.assertEqual(self.ask("Get", path), {"Content": content})
            self.assertEqual(self.ask("Del", path), "Ok")
            self.expect_absent(path)

    def expect_absent(self, path):
        before = state(self.root.parent)
        self.assertEqual(self.ask("Exists", path), {"Exists": False})
        for method in ("Size", "Get", "Del"):
            self.assertEqual(self.error(method, path), "not-found", method)
        self.assertEqual(state(self.root.parent), before)

    def expect_bad(self, path):
        before = state(self.root.parent)
        for method in ("Exists", "Size", "Get", "Del"):
            self.assertEqual(self.error(method, path), "bad-path", method)
        self.assertEqual(state(self.root.parent), before)

    def check(self, path, outcome):
        expect = {SERVED: self.expect_served, ABSENT: self.expect_absent, BAD: self.expect_bad}
        expect[outcome](path)
        self.assertEqual(self.ask("Exists", "hello.txt"), {"Exists": True})


@support.expand
class WithoutLinks(Tricks):
    symlinks = "no"

    @rows([(title, path, without) for title, path, without, _ in PATHS])
    def test(self, path, outcome):
        self.check(path, outcome)

    def test_list(self):
        """What is listed is what is served, under the same names."""
        names = {path for _, path, without, _ in PATHS if without == SERVED}
        names -= {b"hello.txt", "größe/文.txt".encode()}
        listed = [file["path"] for file in self.wire.ask("ListAll")["List"]]
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(listed), names)


@support.expand
class WithLinks(Tricks):
    symlinks = "yes"

    @rows([(title, path, with_links) for title, path, _, with_links in PATHS])
    def test(self, path, outcome):
        self.check(path, outcome)

    def test_list(self):
        """Links to files are listed under their own names, linked directories not descended."""
        names = {path for _, path, _, with_links in PATHS if with_links == SERVED}
        names -= {b"hello.txt", "größe/文.txt".encode()}
        names = {path for path in names if not str(path).startswith("link-to-dir/")}
        listed = self.wire.ask("ListAll")["List"]
        self.assertEqual({file["path"] for file in listed}, names)
        self.assertEqual(len(listed), len(names))
        target = (self.root / "hello.txt").stat()
        link = next(file for file in listed if file["path"] == "dir/link-up")
        self.assertEqual(link, {"path": "dir/link-up", "size": target.st_size,
                                "mtime": target.st_mtime_ns})

    def test_del_removes_the_link_only(self):
        with preserved(self.root, "link-to-link"):
            self.assertEqual(self.ask("Del", "link-to-link"), "Ok")
            self.assertFalse((self.root / "link-to-link").is_symlink())
        self.assertTrue((self.root / "link").is_symlink())
        self.assertEqual((self.root / "hello.txt").read_bytes(), CONTENT)


class Fifo(unittest.TestCase):
    def test_a_blocked_writer_is_not_disturbed(self):
        """Opening a FIFO for writing returns once somebody opens it for reading: nobody does."""
        server = self.enterContext(support.Server())
        fifo = server.root / "fifo"
        os.mkfifo(fifo)
        program = ("import os, sys; os.write(1, b'waiting'); "
                   "os.open(sys.argv[1], os.O_WRONLY); os.write(1, b'opened')")
        writer = subprocess.Popen([sys.executable, "-c", program, fifo], stdout=subprocess.PIPE)
        self.addCleanup(writer.stdout.close)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        self.assertEqual(os.read(writer.stdout.fileno(), 100), b"waiting")
        support.wait_until(lambda: self.blocked(writer.pid), "the writer waits in open()")
        with server.connect() as wire:
            self.assertEqual(wire.ask({"Exists": "fifo"}), {"Exists": False})
            for method in ("Size", "Get", "Del"):
                self.assertEqual(support.error_code(wire.ask({method: "fifo"})), "not-found")
            self.assertEqual(wire.ask("ListAll"), {"List": []})
        self.assertEqual(select.select([writer.stdout], [], [], 0.2)[0], [])
        os.close(os.open(fifo, os.O_RDONLY))
        self.assertEqual(os.read(writer.stdout.fileno(), 100), b"opened")

    @staticmethod
    def blocked(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"


class Permissions(unittest.TestCase):
    """A server without privileges; each test has its own tree."""

    def setUp(self):
        self.server = self.enterContext(support.Server(unprivileged=True))
        self.wire = self.enterContext(self.server.connect())
        self.addCleanup(self.open_up)

    def open_up(self):
        """Lets the tree be removed again."""
        for directory in [self.server.root, *self.server.root.glob("*/")]:
            directory.chmod(0o700)

    def error(self, method, path):
        return support.error_code(self.wire.ask({method: path}))

    def listed(self):
        return {file["path"] for file in self.wire.ask("ListAll")["List"]}

    def test_file_that_may_not_be_read(self):
        self.server.write("closed", b"12345").chmod(0)
        self.assertEqual(self.wire.ask({"Exists": "closed"}), {"Exists": True})
        self.assertEqual(self.wire.ask({"Size": "closed"}), {"Size": 5})
        self.assertEqual(self.listed(), {"closed"})
        self.assertEqual(self.error("Get", "closed"), "denied")
        self.assertEqual(self.wire.ask({"Del": "closed"}), "Ok")

    def test_directory_that_may_not_be_searched(self):
        """One that may be read even: it is left out with all its files."""
        self.server.write("open")
        self.server.write("dir/file").parent.chmod(0o600)
        for method in ("Exists", "Size", "Get", "Del"):
            self.assertEqual(self.error(method, "dir/file"), "denied")
        self.assertEqual(self.listed(), {"open"})

    def test_directory_that_may_be_searched_only(self):
        self.server.write("open")
        self.server.write("dir/file", b"abc").parent.chmod(0o100)
        self.assertEqual(self.wire.ask({"Get": "dir/file"}), {"Content": b"abc"})
        self.assertEqual(self.error("Get", "dir/none"), "not-found")
        self.assertEqual(self.listed(), {"open"})

    def test_directory_that_may_not_be_written(self):
        self.server.write("dir/file", b"abc").parent.chmod(0o500)
        self.assertEqual(self.error("Del", "dir/file"), "denied")
        self.assertEqual(self.error("Del", "dir/none"), "not-found")
        self.assertEqual(self.wire.ask({"Exists": "dir/file"}), {"Exists": True})

    def test_a_bad_path_is_judged_first(self):
        self.server.write("dir/file").parent.chmod(0)
        self.assertEqual(self.error("Get", "dir/"), "bad-path")
        self.assertEqual(self.error("Get", "dir/file"), "denied")


class Hidden(unittest.TestCase):
    def test_hidden_names_do_not_exist(self):
        server = self.enterContext(support.Server(settings={"files": {"hide": ".* *.part"}}))
        for name in (".hidden", "a.part", "dir/.hidden", ".git/config", "x.part/file"):
            server.write(name, CONTENT)
        for name in ("a.parts", "dir/a", "a.b", "part"):
            server.write(name, CONTENT)
        wire = self.enterContext(server.connect())
        for name in (".hidden", "a.part", "dir/.hidden", ".git/config", "x.part/file"):
            self.assertEqual(wire.ask({"Exists": name}), {"Exists": False}, name)
            for method in ("Size", "Get", "Del"):
                self.assertEqual(support.error_code(wire.ask({method: name})), "not-found", name)
            self.assertTrue((server.root / name).exists(), name)
        listed = {file["path"] for file in wire.ask("ListAll")["List"]}
        self.assertEqual(listed, {"a.parts", "dir/a", "a.b", "part"})


if __name__ == "__main__":
    unittest.main()
