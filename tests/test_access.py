# SPDX-License-Identifier: MIT
"""Access rules: who may do what to which files, by whom the kernel says has connected."""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import support
from support import rows

ALL = "list size get exists del"
FILES = ("top", "inbox/1", "inbox/sub/2", "inboxes/3", "a/x", "ab/y", "a/b/c.txt", "a/bc")
PATHS = FILES + ("none", "inbox/none", "a/b/c.txt/none", "inbox", "INBOX/1")

RULES = {
    "access owner": {"peer": "uid:1001", "allow": ALL, "path": "inbox"},
    "access readers": {"peer": "group:2001", "allow": "list get, exists", "path": "a"},
    "access inner": {"peer": "group:2001", "allow": "list size", "path": "a/b"},
    "access range": {"peer": "uid:3000-3009", "allow": "list exists"},
    "access net": {"peer": "address:127.0.0.0/24 address:::1", "allow": "get size",
                   "path": "a/b"},
    "access mixed": {"peer": "uid:1002 address:127.0.0.2", "allow": "list del",
                     "path": "a/b/c.txt"},
    "access greedy": {"peer": "user:1004", "allow": ALL},
}

# Who connects: user, group and other groups over a Unix socket, an address over TCP; and, for each
# call, beneath what he may make it. TCP is not allowed to list, nor does a listener's `allow` go
# beyond a rule.
PEERS = {
    "owner": ((1001, 1001, []), {"list": ["inbox"], "size": ["inbox"], "get": ["inbox"],
                                 "exists": ["inbox"], "del": ["inbox"]}),
    "reader": ((1002, 2001, []), {"list": ["a"], "get": ["a"], "exists": ["a"], "size": ["a/b"],
                                  "del": ["a/b/c.txt"]}),
    "reader by another group": ((1003, 1003, [77, 2001, 78]),
                                {"list": ["a"], "get": ["a"], "exists": ["a"], "size": ["a/b"]}),
    "first of a range": ((3000, 1, []), {"list": [""], "exists": [""]}),
    "last of a range": ((3009, 1, []), {"list": [""], "exists": [""]}),
    "behind a range": ((3010, 1, []), {}),
    "before a range": ((2999, 1, []), {}),
    "owner's group": ((1005, 1001, [1001]), {}),
    "root": ((0, 0, []), {}),
    "greedy": ((1004, 1004, []), {call: [""] for call in ALL.split()}),
    "first of a network": ("127.0.0.0", {"get": ["a/b"], "size": ["a/b"]}),
    "host": ("127.0.0.1", {"get": ["a/b"], "size": ["a/b"]}),
    "host with another rule": ("127.0.0.2", {"get": ["a/b"], "size": ["a/b"],
                                             "del": ["a/b/c.txt"]}),
    "host of another network": ("127.0.1.1", {}),
}

CALLS = {"size": "Size", "get": "Get", "exists": "Exists", "del": "Del"}


def is_under(path, prefixes):
    parts = path.split("/")
    return any(not prefix or parts[:prefix.count("/") + 1] == prefix.split("/")
               for prefix in prefixes)


TABLE = [(f"{call} {path} by {peer}", peer, call, path, is_under(path, grants.get(call, [])))
         for peer, (_, grants) in PEERS.items() for call in CALLS for path in PATHS]
LISTS = [(peer, peer, grants.get("list")) for peer, (_, grants) in PEERS.items()]


@contextlib.contextmanager
def acting_as(user, group, groups):
    """What connects meanwhile is this user's, but finds its way to the socket as root does."""
    had = os.getgroups()
    os.setgroups(groups)
    os.setegid(group)
    os.seteuid(user)
    ctypes.CDLL(None).setfsuid(0)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(had)


@support.expand
@unittest.skipUnless(os.geteuid() == 0, "only root can be others")
class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = support.Server(settings=RULES | {
            "listen 0": {"mode": "0666"}, "listen 1": {"allow": "size get exists del"},
            "server": {"workers": 2}}, tcp=True)
        cls.enterClassContext(cls.server)

    def setUp(self):
        for name in FILES:
            if not (self.server.root / name).exists():
                self.server.write(name, name.encode())

    def connect(self, peer):
        who = PEERS[peer][0]
        if isinstance(who, str):
            return support.Wire(self.server.tcp_address, source=who)
        with acting_as(*who):
            return self.server.connect()

    @rows(TABLE)
    def test_verdict(self, peer, call, path, granted):
        with self.connect(peer) as wire:
            reply = wire.ask({CALLS[call]: path})
        there = path in FILES
        if not granted:
            self.assertEqual(support.error_code(reply), "denied")
            self.assertIn("no access rule grants it", reply["Error"])
        elif call == "exists":
            self.assertEqual(reply, {"Exists": there})
        elif not there:
            self.assertEqual(support.error_code(reply), "not-found")
        elif call == "get":
            self.assertEqual(reply, {"Content": path.encode()})
        elif call == "size":
            self.assertEqual(reply, {"Size": len(path)})
        else:
            self.assertEqual(reply, "Ok")
        self.assertEqual((self.server.root / path).is_file(),
                         there and not (granted and call == "del"))

    @rows(LISTS)
    def test_list(self, peer, prefixes):
        with self.connect(peer) as wire:
            reply = wire.ask("ListAll")
        if prefixes is None:
            self.assertEqual(support.error_code(reply), "denied")
        else:
            self.assertEqual(sorted(file["path"] for file in reply["List"]),
                             sorted(path for path in FILES if is_under(path, prefixes)))

    @rows([("not there", "none/none"), ("there", "top"), ("longer than a name", "x" * 256)])
    def test_a_path_is_not_told_from_another(self, path):
        """That a path breaks the rules is no secret; all the rest is."""
        with self.connect("behind a range") as wire:
            reply = wire.ask({"Exists": path})
        self.assertEqual(support.error_code(reply), "denied")
        self.assertIn("no access rule grants it", reply["Error"])

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipIf(support.WRAPPER, "without openat2 paths are walked by their components")
    def test_no_file_is_looked_at_before_the_verdict(self):
        denied = [(call, path) for call in CALLS.values() for path in ("top", "inbox/1", "none/x")]
        with self.connect("behind a range") as outsider, self.connect("owner") as owner:
            self.assertEqual(owner.ask({"Get": "inbox/sub/2"}), {"Content": b"inbox/sub/2"})
            with self.traced() as trace:
                for call, path in denied:
                    self.assertEqual(support.error_code(outsider.ask({call: path})), "denied")
                self.assertEqual(support.error_code(outsider.ask("ListAll")), "denied")
            self.assertNotRegex(trace.read_text(), r"(top|inbox|none|getdents|statx?\()")
            with self.traced() as trace:
                self.assertEqual(owner.ask({"Size": "inbox/1"}), {"Size": 7})
                self.assertEqual(support.error_code(owner.ask({"Size": "top"})), "denied")
                listed = owner.ask("ListAll")["List"]
            self.assertEqual(len(listed), 2)
            seen = trace.read_text()
            self.assertIn('"inbox/1"', seen)
            self.assertIn("getdents64", seen)
            self.assertNotRegex(seen, r'"(top|inboxes|ab)["/]')

    @contextlib.contextmanager
    def traced(self):
        """The calls of all threads that are about files, in a file once it is left."""
        path = self.server.directory / "trace"
        with subprocess.Popen(
                ["strace", "-f", "-e", "trace=%file,getdents64,fstat,pread64,preadv2", "-o", path,
                 "-p", str(self.server.program.pid)], stderr=subprocess.PIPE, text=True) as strace:
            self.assertRegex(strace.stderr.readline(), "attached")
            support.wait_until(self.is_traced, "all threads are traced")
            try:
                yield path
            finally:
                strace.terminate()

    def is_traced(self):
        tasks = pathlib.Path(f"/proc/{self.server.program.pid}/task")
        statuses = (status.read_text() for status in tasks.glob("*/status"))
        return all(re.search(r"^TracerPid:\s*[1-9]", status, re.MULTILINE) for status in statuses)

    def check(self, *question):
        done = subprocess.run(
            [*support.WRAPPER, support.VALVED, "-c", self.server.directory / "valve.ini",
             "--check-access", *question], capture_output=True, text=True, check=False,
            timeout=support.DEADLINE)
        return done.returncode, done.stdout, done.stderr

    @rows([("by a user id", ("uid:1001", "get", "inbox/1"), "[listen 0]", "[access owner]"),
           ("by one of several groups", ("uid:9,group:78,group:2001", "exists", "a/x"),
            "[listen 0]", "[access readers]"),
           ("by a user's group", ("user:root,group:2001", "get", "a"), "[listen 0]",
            "[access readers]"),
           ("by an address", ("address:127.0.0.9", "size", "a/b/c"), "[listen 1]",
            "[access net]"),
           ("by an address of IPv6", ("address:::1", "size", "a/b/c"), "[listen 1]",
            "[access net]")])
    def test_check_granted(self, question, listener, rule):
        status, answer, problem = self.check(*question)
        self.assertEqual((status, problem), (0, ""))
        self.assertIn(listener, answer)
        self.assertRegex(answer, rf"granted by {re.escape(rule)} \(.*valve.ini:\d+\)$")
        self.assertEqual(answer.count("\n"), 1)

    @rows([("for want of a rule", ("uid:1001", "get", "top"), "no access rule grants it",
            "[access owner]"),
           ("for want of whole components", ("uid:1001", "get", "inboxes/3"),
            "no access rule grants it", "grants list size get exists del of inbox"),
           ("to nobody", ("uid:5", "get", "top"), "no access rule grants it", ""),
           ("by the listener", ("address:127.0.0.2", "list", "a/b/c.txt"),
            "this listener allows size get exists del", "")])
    def test_check_denied(self, question, why, more):
        status, answer, problem = self.check(*question)
        self.assertEqual((status, problem), (1, ""))
        self.assertIn(f": denied: {why}\n", answer)
        self.assertIn(more, answer)
        self.assertEqual(answer.count("\n"), 2 if more else 1)

    @rows([("without a call", ("uid:5",), "PEER CALL PATH"),
           ("with more behind it", ("uid:5", "get", "a", "b"), "PEER CALL PATH"),
           ("about anybody", ("any", "get", "a"), "'any'"),
           ("about many", ("uid:5-6", "get", "a"), "a range"),
           ("about a network", ("address:10.0.0.0/8", "get", "a"), "a network"),
           ("about a user with an address", ("uid:5,address:10.0.0.1", "get", "a"), "either"),
           ("about nobody", ("", "get", "a"), "either"),
           ("about a user that is not there", ("user:no-such", "get", "a"), "'no-such'"),
           ("about no call", ("uid:5", "fly", "a"), "'fly'"),
           ("about two calls", ("uid:5", "get,del", "a"), "one call"),
           ("about no path", ("uid:5", "get", "a/../b"), 'component ".."')])
    def test_check_makes_no_sense(self, question, words):
        status, answer, problem = self.check(*question)
        self.assertEqual((status, answer), (64, ""))
        self.assertIn(words, problem)


if __name__ == "__main__":
    unittest.main()
