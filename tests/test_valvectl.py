# SPDX-License-Identifier: MIT
"""valvectl against valved, on a copy of real files; and against servers that misbehave."""
import base64
import contextlib
import filecmp
import json
import os
import pathlib
import pty
import re
import shutil
import socket
import subprocess
import threading
import unittest

import cbor2

import support
from support import MIB, rows

REAL_TREES = [pathlib.Path("/usr/share/doc"), pathlib.Path("/usr/include")]
REAL_FILES = 100 if support.INSTRUMENTED else 1500

DONE, SOME, USAGE, CONNECTION, PROTOCOL, DENIED, LOCAL = range(7)


def copy_real_tree(root):
    """Copies so many regular files, of whatever is installed here, with their directories."""
    copied = 0
    for tree in REAL_TREES:
        for path in sorted(tree.rglob("*")):
            if copied < REAL_FILES and path.is_file() and not path.is_symlink():
                target = root / path.relative_to(tree.parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
                copied += 1


def files_below(directory):
    return {str(path.relative_to(directory)): path for path in directory.rglob("*")
            if path.is_file() and not path.is_symlink()}


class Case(unittest.TestCase):
    def setUp(self):
        self.above = support.scratch(self)
        self.here = self.above / "here"
        self.here.mkdir()

    def valvectl(self, address, *arguments, status=DONE, stdin=b"", environment=None, stdout=None):
        """Runs it in a directory of its own; returns what it printed."""
        host = ["-H", address] if address else []
        result = subprocess.run(
            [*support.WRAPPER, support.VALVECTL, *host, *arguments], input=stdin, cwd=self.here,
            stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            timeout=support.DEADLINE, env=dict(os.environ, **(environment or {})))
        self.complaint = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, status, self.complaint)
        self.assertNotRegex(self.complaint, support.REPORT)
        if status != DONE and status != SOME:
            self.assertIn("valvectl: ", self.complaint)
        return result.stdout

    def left_here(self):
        return sorted(os.listdir(self.here))


class RealFiles(Case):
    """A copy of what is installed on this machine; the tests read it only."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server(tcp=True))
        copy_real_tree(cls.server.root)
        cls.files = files_below(cls.server.root)
        if not cls.files:
            raise unittest.SkipTest("nothing is installed on this machine")

    def both(self):
        return (self.server.address, self.server.tcp_address)

    def test_list_equals_find(self):
        for address in self.both():
            listed = self.valvectl(address, "list").decode().splitlines()
            self.assertEqual(sorted(listed), sorted(self.files))

    def test_sizes_equal_stat(self):
        names = sorted(self.files)
        for address in self.both():
            printed = self.valvectl(address, "size", "--json", "--files-from", "-",
                                    stdin="\n".join(names).encode())
            sizes = [json.loads(line) for line in printed.decode().splitlines()]
            self.assertEqual([size["path"] for size in sizes], names)
            self.assertEqual([size["size"] for size in sizes],
                             [self.files[name].stat().st_size for name in names])

    def test_every_file_is_identical(self):
        for number, address in enumerate(self.both()):
            self.valvectl(address, "get", "-o", f"copy{number}", "--files-from", "-", "-0",
                          stdin="\0".join(self.files).encode())
            copies = files_below(self.here / f"copy{number}")
            self.assertEqual(set(copies), set(self.files))
            for name, path in self.files.items():
                self.assertTrue(filecmp.cmp(path, copies[name], shallow=False), name)

    def test_all_of_them_exist(self):
        self.valvectl(self.server.address, "exists", "--files-from", "-",
                      stdin="\n".join(self.files).encode())


class Deleting(Case):
    def test_removes_exactly_those(self):
        server = self.enterContext(support.Server())
        for number in range(1200):
            server.write(f"{number % 7}/file {number}", b"x")
        names = [f"{number % 7}/file {number}" for number in range(1000)]
        self.valvectl(server.address, "del", "--files-from", "-", stdin="\n".join(names).encode())
        self.assertEqual(set(files_below(server.root)),
                         {f"{number % 7}/file {number}" for number in range(1000, 1200)})

    def test_is_denied_over_tcp(self):
        server = self.enterContext(support.Server(tcp=True))
        path = server.write("keep", b"x")
        self.valvectl(server.tcp_address, "del", "keep", status=DENIED)
        self.assertIn("denied", self.complaint)
        self.assertTrue(path.exists())
        self.valvectl(server.address, "rm", "keep")
        self.assertFalse(path.exists())


@support.expand
class Commands(Case):
    """A few files of its own, and the five calls in their variants."""

    NAMES = ["hello.txt", "dir/inner.txt", "dir/sub/deep", "empty", "größe", "with blank"]

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server())
        for name in cls.NAMES:
            cls.server.write(name, b"" if name == "empty" else name.encode() * 3)
        support.sparse_file(cls.server.root / "large", 5 * MIB + 3)
        cls.address = cls.server.address
        cls.all = sorted([*cls.NAMES, "large"])

    def content(self, name):
        return (self.server.root / name).read_bytes()

    def run_it(self, *arguments, **keywords):
        return self.valvectl(self.address, *arguments, **keywords)

    def test_list(self):
        self.assertEqual(sorted(self.run_it("list").decode().splitlines()), self.all)
        self.assertEqual(sorted(self.run_it("ls").decode().splitlines()), self.all)

    def test_list_with_zeroes(self):
        printed = self.run_it("list", "-0").decode()
        self.assertTrue(printed.endswith("\0"))
        self.assertEqual(sorted(printed.split("\0")[:-1]), self.all)

    def test_list_in_long_form(self):
        lines = self.run_it("list", "-l").decode().splitlines()
        self.assertEqual(len(lines), len(self.all))
        for line in lines:
            name = next(name for name in sorted(self.all, key=len, reverse=True)
                        if line.endswith(f" {name}"))
            self.assertRegex(line, rf"\b{(self.server.root / name).stat().st_size}\b")

    def test_list_as_json(self):
        files = [json.loads(line) for line in self.run_it("list", "--json").splitlines()]
        expected = []
        for name in self.all:
            status = (self.server.root / name).stat()
            expected.append({"path": name, "size": status.st_size, "mtime": status.st_mtime_ns})
        self.assertEqual(sorted(files, key=lambda file: file["path"]), expected)

    def test_size(self):
        self.assertRegex(self.run_it("size", "hello.txt").decode(), r"\b27\b")
        lines = self.run_it("size", *self.NAMES).decode().splitlines()
        self.assertEqual(len(lines), len(self.NAMES))
        for name, line in zip(self.NAMES, lines):
            self.assertIn(name, line)
            self.assertRegex(line, rf"\b{len(self.content(name))}\b")

    def test_exists(self):
        self.run_it("exists", "hello.txt")
        self.run_it("exists", *self.NAMES)
        self.run_it("exists", "hello.txt", "nothing", status=SOME)
        self.run_it("exists", "dir", status=SOME)

    def test_ping(self):
        self.run_it("ping", "-c", "1")

    def test_host_from_the_environment(self):
        printed = self.valvectl(None, "size", "hello.txt", environment={"VALVE_HOST": self.address})
        self.assertIn(b"27", printed)
        self.valvectl(self.address, "size", "hello.txt",
                      environment={"VALVE_HOST": "unix:/nowhere"})

    def test_get_to_standard_output(self):
        for name in [*self.NAMES, "large"]:
            self.assertTrue(self.run_it("get", "-o", "-", name) == self.content(name), name)
        together = self.run_it("get", "-o", "-", *self.NAMES)
        self.assertEqual(together, b"".join(self.content(name) for name in self.NAMES))
        self.assertEqual(self.left_here(), [])

    def test_get_into_the_working_directory(self):
        self.run_it("get", "dir/inner.txt")
        self.assertEqual(self.left_here(), ["inner.txt"])
        self.assertEqual((self.here / "inner.txt").read_bytes(), self.content("dir/inner.txt"))

    def test_get_to_a_file(self):
        (self.here / "target").write_bytes(b"what was there before, and longer than what comes")
        self.run_it("get", "-o", "target", "hello.txt")
        self.assertEqual((self.here / "target").read_bytes(), self.content("hello.txt"))
        self.assertEqual(self.left_here(), ["target"])

    def test_get_into_a_directory(self):
        (self.here / "there").mkdir()
        self.run_it("get", "-o", "there", *self.NAMES, "large")
        copies = files_below(self.here / "there")
        self.assertEqual(sorted(copies), self.all)
        for name, path in copies.items():
            self.assertTrue(path.read_bytes() == self.content(name), name)

    def test_two_files_into_one(self):
        (self.here / "target").write_bytes(b"before")
        self.run_it("get", "-o", "target", "hello.txt", "empty", status=USAGE)
        self.assertEqual((self.here / "target").read_bytes(), b"before")

    def test_a_missing_file_leaves_what_was_there(self):
        (self.here / "target").write_bytes(b"before")
        self.run_it("get", "-o", "target", "nothing", status=SOME)
        self.assertIn("not-found", self.complaint)
        self.assertEqual((self.here / "target").read_bytes(), b"before")
        self.assertEqual(self.left_here(), ["target"])

    def test_some_fail_and_the_others_are_done(self):
        (self.here / "there").mkdir()
        self.run_it("get", "-o", "there", "hello.txt", "nothing", "empty", status=SOME)
        self.assertEqual(sorted(files_below(self.here / "there")), ["empty", "hello.txt"])
        self.assertIn("nothing", self.complaint)

    def test_output_keeps_the_order_of_the_names(self):
        """However long each answer takes."""
        names = ["large", "hello.txt"] * 20
        printed = self.run_it("size", "--json", *names).splitlines()
        self.assertEqual([json.loads(line)["path"] for line in printed], names)

    def test_names_that_come_one_by_one(self):
        """Each is asked about when it comes, half a line is waited for, and no end of line is needed."""
        with subprocess.Popen([*support.WRAPPER, support.VALVECTL, "-H", self.address, "exists",
                               "--files-from", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            for pieces in (b"hello.txt\n",), (b"not", b"hing\nhello.txt\n"), (b"x" * 5000, b"\n"):
                for piece in pieces:
                    process.stdin.write(piece)
                    process.stdin.flush()
                for name in b"".join(pieces).splitlines():
                    if len(name) < 4096:
                        answer = b"yes" if name == b"hello.txt" else b"no"
                        self.assertEqual(process.stdout.readline(), answer + b"\t" + name + b"\n")
            process.stdin.write(b"hello.txt")
            process.stdin.close()
            self.assertEqual(process.stdout.readline(), b"yes\thello.txt\n")
        self.assertEqual(process.returncode, SOME)

    def test_files_from(self):
        (self.here / "names").write_text("hello.txt\nwith blank\n")
        for arguments, stdin in [(["names"], b""), (["-"], b"hello.txt\nwith blank\n"),
                                 (["-"], b"hello.txt\nwith blank"),
                                 (["-", "-0"], b"hello.txt\0with blank\0"),
                                 (["-", "-0"], b"hello.txt\0with blank")]:
            printed = self.run_it("size", "--json", "--files-from", *arguments, stdin=stdin)
            paths = [json.loads(line)["path"] for line in re.split(rb"[\n\0]", printed) if line]
            self.assertEqual(paths, ["hello.txt", "with blank"])
        self.run_it("size", "--files-from", "missing", status=LOCAL)

    @rows([
        ("nothing", []),
        ("unknown command", ["fetch", "hello.txt"]),
        ("unknown option", ["list", "--nonsense"]),
        ("no name", ["size"]),
        ("no name to get", ["get"]),
        ("no name to delete", ["del"]),
        ("name for list", ["list", "hello.txt"]),
        ("option without its value", ["get", "hello.txt", "-o"]),
        ("option with an empty value", ["get", "-o", "", "hello.txt"]),
    ])
    def test_wrong_usage(self, arguments):
        self.run_it(*arguments, status=USAGE)

    def test_an_unknown_option_is_named(self):
        """Wherever it stands; names that look like one have a place of their own."""
        self.run_it("size", "hello.txt", "-xyz", status=USAGE)
        self.assertIn("no option -x; names that begin with a hyphen stand behind --",
                      self.complaint)
        self.run_it("size", "--nonsense", "hello.txt", status=USAGE)
        self.assertIn("no option --nonsense;", self.complaint)

    def test_a_failure_names_the_file_once(self):
        self.run_it("size", "nothing", status=SOME)
        self.assertEqual(self.complaint, "valvectl: nothing: not-found: no such file\n")
        printed = self.run_it("size", "--json", "nothing", status=SOME)
        self.assertEqual(json.loads(printed), {
            "path": "nothing", "error": {"code": "not-found", "message": "no such file"}})

    @unittest.skipIf(support.WRAPPER, "a wrapper needs its standard streams")
    def test_closed_standard_streams(self):
        """The connection does not take their place."""
        def run_closed(closed, *arguments):
            result = subprocess.run(
                ["sh", "-c", f'exec "$@" {closed}', "sh", support.VALVECTL, "-H",
                 self.server.address, *arguments], cwd=self.here, capture_output=True,
                timeout=support.DEADLINE, check=False)
            return result.returncode, result.stderr.decode()

        for closed, arguments in [("<&-", ["size", "--files-from", "-"]), (">&-", ["list"]),
                                  (">&-", ["get", "-o", "-", "large"])]:
            status, complaint = run_closed(closed, *arguments)
            self.assertEqual(status, LOCAL, arguments)
            self.assertIn("Bad file descriptor", complaint)
        status, complaint = run_closed("2>&-", "get", "nothing", "hello.txt")
        self.assertEqual(status, SOME, complaint)
        self.assertEqual((self.here / "hello.txt").read_bytes(), self.content("hello.txt"))

    def test_wrong_address(self):
        self.valvectl("nonsense", "list", status=USAGE)

    def test_nobody_listens(self):
        self.valvectl(f"unix:{self.here}/none", "list", status=CONNECTION)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            address = f"127.0.0.1:{unused.getsockname()[1]}"
        self.valvectl(address, "list", status=CONNECTION)

    def test_local_trouble(self):
        """What cannot be written here; nothing half-written stays."""
        (self.here / "file").write_bytes(b"")
        self.run_it("get", "-o", "no/such/directory/file", "hello.txt", status=LOCAL)
        self.run_it("get", "-o", "file/below", "hello.txt", status=LOCAL)
        self.assertEqual(self.left_here(), ["file"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_standard_output_is_full(self):
        for arguments in (["list"], ["get", "-o", "-", "large"], ["size", "hello.txt"]):
            with open("/dev/full", "wb") as full:
                self.run_it(*arguments, status=LOCAL, stdout=full)

    def test_help_and_version(self):
        self.assertIn(b"list", self.valvectl(None, "-h"))
        self.assertRegex(self.valvectl(None, "-V").decode(), r"^valvectl (\S+ )?\d+\.\d+\.\d+")


class UnusualNames(Case):
    NAMES = [b"caf\xe9", b"a\x1b[31mred", b"new\nline", b"back\\slash", b'quo"te']

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(support.Server())
        for name in self.NAMES:
            self.server.write(os.fsdecode(name), b"content of " + name)

    def test_raw_in_a_pipe(self):
        printed = self.valvectl(self.server.address, "list", "-0")
        self.assertEqual(set(printed.split(b"\0")[:-1]), set(self.NAMES))

    def test_escaped_on_a_terminal(self):
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        result = self.valvectl(self.server.address, "list", stdout=end)
        os.close(end)
        self.assertIsNone(result)
        printed = b""
        with contextlib.suppress(OSError):
            while data := os.read(terminal, 4096):
                printed += data
        self.assertEqual(len(printed.splitlines()), len(self.NAMES))
        self.assertNotIn(b"\x1b", printed)
        self.assertNotIn(b"\xe9", printed)

    def test_json(self):
        paths = set()
        for line in self.valvectl(self.server.address, "list", "--json").splitlines():
            file = json.loads(line)
            self.assertEqual(len(file), 3)
            paths.add(base64.b64decode(file["path_base64"]) if "path_base64" in file
                      else file["path"].encode())
        self.assertEqual(paths, set(self.NAMES))

    def test_get(self):
        (self.here / "there").mkdir()
        self.valvectl(self.server.address, "get", "-o", "there", *self.NAMES)
        for name in self.NAMES:
            self.assertEqual((self.here / "there" / os.fsdecode(name)).read_bytes(),
                             b"content of " + name)

    def test_pipeline_of_list_and_del(self):
        listed = self.valvectl(self.server.address, "list", "-0")
        self.valvectl(self.server.address, "del", "-0", "--files-from", "-", stdin=listed)
        self.assertEqual(self.valvectl(self.server.address, "list"), b"")


class FakeServer:
    """Answers so many requests of each connection with the bytes that a function makes of them."""

    def __init__(self, address, answer, answers):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address.removeprefix("unix:"))
        self._listener.listen()
        self._answer = answer
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError, EOFError, cbor2.CBORDecodeError):
                    self._talk(connection)

    def _talk(self, connection):
        with connection.makefile("rb") as stream:
            for _ in range(self._answers):
                id, request = cbor2.load(stream)[:2]
                connection.sendall(self._answer(id, request))

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@support.expand
class Misbehaving(Case):
    def serve(self, answer, answers=100):
        address = f"unix:{self.here}/fake"
        self.addCleanup(FakeServer(address, answer, answers).close)
        self.there = self.here / "there"
        self.there.mkdir()
        return address

    @rows([
        ("no CBOR", lambda id: b"\xff"),
        ("HTTP", lambda id: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("a reply of another call", lambda id: cbor2.dumps([id, {"Size": 3}])),
        ("a reply of no call", lambda id: cbor2.dumps([id, {"Nope": 3}])),
        ("another id", lambda id: cbor2.dumps([id + 1, {"Content": b"x"}])),
        ("no array", lambda id: cbor2.dumps({"Content": b"x"})),
        ("content as text", lambda id: cbor2.dumps([id, {"Content": "x"}])),
        ("one element", lambda id: cbor2.dumps([id])),
        ("a tag", lambda id: cbor2.dumps(cbor2.CBORTag(55799, [id, {"Content": b"x"}]))),
        ("the end inside an item", lambda id: cbor2.dumps([id, {"Content": b"abc"}])[:-1]),
        ("a length beyond all bounds", lambda id: cbor2.dumps([id, {"Content": b""}])[:-1] +
         b"\x5b" + b"\xff" * 8 + b"abc"),
    ])
    def test_broken_protocol(self, answer):
        """After the first answer the stream ends."""
        address = self.serve(lambda id, request: answer(id), answers=1)
        self.valvectl(address, "get", "-o", "there/file", "name", status=PROTOCOL)
        self.assertEqual(os.listdir(self.there), [])

    def test_end_without_an_answer(self):
        address = self.serve(None, answers=0)
        self.valvectl(address, "get", "-o", "there/file", "name", status=CONNECTION)
        self.assertEqual(os.listdir(self.there), [])

    def test_an_error_is_an_error(self):
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Error": "io: no luck"}]))
        self.valvectl(address, "get", "-o", "there/file", "name", status=SOME)
        self.assertIn("no luck", self.complaint)
        self.assertEqual(os.listdir(self.there), [])

    def test_an_unknown_code_is_an_error(self):
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Error": "novel: thing"}]))
        self.valvectl(address, "size", "name", status=SOME)

    def test_a_denied_ping_is_an_answer(self):
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Error": "denied: no"}]))
        self.assertIn(b"answer from", self.valvectl(address, "ping", "-c", "1"))
        self.assertEqual(self.complaint, "")

    def test_all_denied(self):
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Error": "denied: no"}]))
        self.valvectl(address, "size", "a", "b", status=DENIED)

    def test_keys_of_later_versions_are_ignored(self):
        file = {"path": "a", "size": 1, "mtime": 2, "owner": {"name": [1, None, 2.5]}}
        address = self.serve(lambda id, request: cbor2.dumps([id, {"List": [file]}]))
        self.assertEqual(self.valvectl(address, "list"), b"a\n")

    @rows([
        ("parent", "../escaped"), ("absolute", "/escaped"), ("parent inside", "a/../../escaped"),
    ])
    def test_names_are_not_trusted(self, name):
        """Whatever one asks for, what is written stays below the directory."""
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Content": b"evil"}]))
        before = files_below(self.above)
        result = subprocess.run([*support.WRAPPER, support.VALVECTL, "-H", address, "get", "-o",
                                 "there", name], cwd=self.here, capture_output=True,
                                timeout=support.DEADLINE, check=False)
        self.assertNotEqual(result.returncode, DONE)
        self.assertEqual(files_below(self.above), before)
        self.assertFalse(pathlib.Path("/escaped").exists())

    def test_a_link_below_the_directory_is_not_followed_out_of_it(self):
        address = self.serve(lambda id, request: cbor2.dumps([id, {"Content": b"evil"}]))
        outside = self.here / "outside"
        outside.mkdir()
        (self.there / "link").symlink_to(outside)
        result = subprocess.run([*support.WRAPPER, support.VALVECTL, "-H", address, "get", "-o",
                                 "there", "link/file"], cwd=self.here, capture_output=True,
                                timeout=support.DEADLINE, check=False)
        self.assertNotEqual(result.returncode, DONE)
        self.assertEqual(os.listdir(outside), [])


if __name__ == "__main__":
    unittest.main()
