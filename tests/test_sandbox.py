# SPDX-License-Identifier: MIT
"""
What the process cannot do, whatever it is made to try: valved's own checks and the sandbox, each
without the other.
"""
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import threading
import unittest

import support
from support import rows

UNCHECKED = support.BUILD / "tests/valved_unchecked"
# Of each of the two pairs that change places while clients ask; the whole number takes minutes.
SWAPS = int(os.environ.get("VALVE_SWAPS", "20000"))

SECRET = b"outside the root"
NOBODY = ("65534", "nobody")


def has_landlock():
    """By the system call that asks for the version: 444, with no attributes and the flag 1."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


class Outside(unittest.TestCase):
    """A root with neighbours that nobody may reach."""

    program = support.VALVED

    def setUp(self):
        self.directory = support.scratch(self)
        for name in "root/dir", "outside/dir":
            (self.directory / name).mkdir(parents=True)
        (self.directory / "root/dir/file").write_bytes(b"inside")
        (self.directory / "outside/dir/file").write_bytes(SECRET)
        (self.directory / "outside/secret").write_bytes(SECRET)
        (self.directory / "root/link").symlink_to("../outside")
        self.address = f"unix:{self.directory}/socket"
        self.configuration = self.directory / "valve.ini"

    def start(self, server="", files="", more=""):
        self.configuration.write_text(
            f"[server]\nworkers = 2\n{server}\n[files]\nroot = {self.directory}/root\n{files}\n"
            f"[listen a]\naddress = {self.address}\n{more}\n")
        program = support.Program("-c", self.configuration, program=self.program)
        self.addCleanup(program.kill)
        program.wait_for_log(support.READY)
        return program

    def stop(self, program):
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(), 0)

    def ask(self, message):
        with support.Wire(self.address) as wire:
            return wire.ask(message)


# Who asks for these leaves the root, unless somebody keeps him from it.
ESCAPES = ["../outside/secret", "dir/../../outside/secret", "link/secret", "link/dir/file",
           "{directory}/outside/secret", "/proc/self/root{directory}/outside/secret", "/etc/passwd"]


@support.expand
@unittest.skipIf(support.WRAPPER, "a wrapper does not know the calls of the sandbox")
class Unchecked(Outside):
    """The checks are gone: paths lead wherever they can."""

    program = UNCHECKED

    @rows([(path, path) for path in ESCAPES])
    def test_without_a_sandbox_it_escapes(self, path):
        """Or the tests below would show nothing."""
        path = path.format(directory=self.directory)
        self.start("sandbox = no", "cache = 0")
        content = self.ask({"Get": path})["Content"]
        self.assertIn(SECRET if "outside" in path or "link" in path else b"root:", content)

    @rows([(f"{path} cache {cache}", path, cache) for path in ESCAPES for cache in ("0", "auto")])
    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_the_sandbox_holds(self, path, cache):
        path = path.format(directory=self.directory)
        self.start("sandbox = required", f"cache = {cache}")
        self.assertEqual(self.ask({"Get": "dir/file"}), {"Content": b"inside"})
        for _ in range(3):  # by then a cache would know it
            self.assertEqual(support.error_code(self.ask({"Get": path})), "denied")
        self.assertEqual(support.error_code(self.ask({"Del": path})), "denied")
        self.assertEqual((self.directory / "outside/secret").read_bytes(), SECRET)
        self.assertEqual((self.directory / "outside/dir/file").read_bytes(), SECRET)

    @rows([("without a sandbox", "no", {"../outside/secret", "../outside/dir/file"}),
           ("in the sandbox", "auto", set())])
    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_list(self, sandbox, expected):
        """A rule for what is outside lists it, if nothing keeps it from that."""
        self.start(f"sandbox = {sandbox}", more="[access all]\npeer = any\nallow = list\n"
                   "path = ../outside")
        listed = self.ask("ListAll")["List"]
        self.assertEqual({file["path"] for file in listed}, expected)

    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_deletes_no(self):
        """Not even what may be read, nor its own socket."""
        program = self.start("sandbox = required", "deletes = no")
        self.assertEqual(support.error_code(self.ask({"Del": "dir/file"})), "denied")
        self.stop(program)
        self.assertTrue((self.directory / "socket").is_socket())
        self.stop(self.start("sandbox = required", "deletes = yes"))
        self.assertFalse((self.directory / "socket").exists())

    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_swaps(self):
        check_swaps(self, "required")


class Checked(Outside):
    """There is no sandbox: the checks do alone."""

    def test_swaps(self):
        check_swaps(self, "no")


def check_swaps(test, sandbox):
    """
    A directory and a link to what is outside change places, as do a file and a link, while clients
    read, list and delete. Nothing of what is outside is told, or gone.
    """
    root, outside = test.directory / "root", test.directory / "outside"
    (root / "one").write_bytes(b"inside")
    (root / "two").symlink_to("../outside/secret")
    (outside / "dir/victim").write_bytes(SECRET)
    test.start(f"sandbox = {sandbox}")
    swapper = subprocess.Popen(
        [support.BUILD / "tests/swap", str(2 * SWAPS), root / "dir", root / "link", root / "one",
         root / "two"], stdout=subprocess.PIPE, text=True)
    test.addCleanup(swapper.stdout.close)
    test.addCleanup(swapper.wait)
    test.addCleanup(swapper.kill)
    asked, found = [0], []

    def ask_on(messages):
        with support.Wire(test.address) as wire:
            while swapper.poll() is None:
                for message in messages:
                    wire.request(1, message)
                for message in messages:
                    reply = wire.reply()[1]
                    if isinstance(reply, dict) and SECRET in reply.get("Content", b""):
                        found.append(message)
                    if message == "ListAll":
                        found.extend(file["path"] for file in reply.get("List", [])
                                     if "secret" in file["path"] or "victim" in file["path"])
                asked[0] += len(messages)

    threads = [threading.Thread(target=ask_on, args=(messages,)) for messages in (
        [{"Get": path} for path in ("dir/dir/file", "link/dir/file", "one", "two", "link/secret",
                                    "dir/secret")] * 4,
        [{"Get": "two"}, {"Get": "one"}] * 8,
        [{"Del": "dir/dir/victim"}, {"Del": "link/dir/victim"}] * 4 + ["ListAll"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    test.assertEqual(found, [])
    test.assertEqual(swapper.wait(), 0)
    test.assertEqual(int(swapper.stdout.read()), 2 * SWAPS)
    test.assertGreater(asked[0], 10)
    test.assertEqual((outside / "dir/victim").read_bytes(), SECRET)
    test.assertEqual((outside / "secret").read_bytes(), SECRET)
    print(f"{2 * SWAPS} swaps, {asked[0]} requests, sandbox = {sandbox}")


@unittest.skipUnless(os.geteuid() == 0, "only root can become others")
class User(Outside):
    def run_valved(self, *arguments):
        return subprocess.run(
            [*support.WRAPPER, support.VALVED, "-c", self.configuration, *arguments],
            capture_output=True, text=True, check=False, timeout=support.DEADLINE)

    def configure(self, server=""):
        self.configuration.write_text(
            f"[server]\n{server}\n[files]\nroot = {self.directory}/root\n"
            f"[listen a]\naddress = {self.address}\n")

    def test_root_has_to_be_named(self):
        self.configure()
        result = self.run_valved()
        self.assertEqual(result.returncode, 78)
        self.assertIn("name a user in [server], or by --user", result.stderr)
        self.assertFalse((self.directory / "socket").exists())
        self.assertEqual(self.run_valved("-t").returncode, 0)

    def test_a_user_is_become(self):
        (self.directory / "root/private").write_bytes(SECRET)
        (self.directory / "root/private").chmod(0o600)
        self.directory.chmod(0o755)
        program = support.Program("--user", NOBODY[1], "--root", self.directory / "root",
                                  "--listen", self.address, "--listen", "127.0.0.1:0")
        self.addCleanup(program.kill)
        program.wait_for_log(support.READY, 2)
        self.assertEqual((self.directory / "socket").stat().st_gid, int(NOBODY[0]))
        self.assertEqual(self.ask({"Get": "dir/file"}), {"Content": b"inside"})
        self.assertEqual(support.error_code(self.ask({"Get": "private"})), "denied")
        for status in pathlib.Path(f"/proc/{program.pid}/task").glob("*/status"):
            text = status.read_text()
            for field in "Uid", "Gid":
                self.assertEqual(set(re.search(rf"^{field}:\s+(.*)$", text, re.M)[1].split()),
                                 {NOBODY[0]})
            self.assertEqual(re.search(r"^CapEff:\s+(.*)$", text, re.M)[1].strip("0"), "")
            self.assertEqual(re.search(r"^NoNewPrivs:\s+(.*)$", text, re.M)[1], "1")
        self.stop(program)


if __name__ == "__main__":
    unittest.main()
