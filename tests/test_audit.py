# SPDX-License-Identifier: MIT
"""The audit: a line for each Del and each denial, before it is answered."""
import os
import re
import signal
import unittest

import cbor2

import support
import tls

LINE = re.compile(r'^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) audit: call=(\w+) result=([\w-]+)'
                  r'(?: size=(\d+))? peer=(\S+) path="(.*)"$')


class Audited(unittest.TestCase):
    MODE = "yes"

    def setUp(self):
        self.directory = support.scratch(self)
        self.file = self.directory / "audit.log"
        self.server = self.enterContext(support.Server(settings=self.settings()))
        self.wire = self.enterContext(self.server.connect())

    def settings(self):
        return {"log": {"audit": self.MODE, "audit_file": self.file},
                "metrics": {"address": f"unix:{self.directory}/metrics"}}

    def lines(self, path=None):
        """Of call, result, size, peer and path: all that have been written."""
        found = []
        for line in (path or self.file).read_text().splitlines():
            match = LINE.match(line)
            self.assertTrue(match, line)
            found.append(match.groups()[1:])
        return found

    def lost(self):
        text = support.scrape(self.directory / "metrics")
        return int(re.search(r"^valve_audit_lines_lost_total (\d+)$", text, re.MULTILINE)[1])


@support.expand
class Files(Audited):
    def test_deletions(self):
        me = f"uid:{os.getuid()}"
        self.server.write("a/b", b"12345")
        self.server.write('odd"\n\\name', b"")
        self.assertEqual(self.wire.ask({"Del": "a/b"}), "Ok")
        self.assertEqual(self.lines(), [("del", "ok", "5", me, "a/b")])  # by now
        self.assertEqual(self.wire.ask({"Del": 'odd"\n\\name'}), "Ok")
        self.assertEqual(support.error_code(self.wire.ask({"Del": "a/b"})), "not-found")
        self.assertEqual(support.error_code(self.wire.ask({"Del": "a"})), "not-found")
        self.assertEqual(self.lines()[1:], [
            ("del", "ok", "0", me, 'odd"\\x0a\\\\name'), ("del", "not-found", None, me, "a/b"),
            ("del", "not-found", None, me, "a")])

    def test_what_is_no_denial_is_not_told(self):
        self.server.write("f", b"f")
        self.assertEqual(self.wire.ask({"Get": "f"}), {"Content": b"f"})
        self.assertEqual(support.error_code(self.wire.ask({"Get": "nothing"})), "not-found")
        self.assertEqual(support.error_code(self.wire.ask({"Get": "../f"})), "bad-path")
        self.assertEqual(self.lines(), [])

    @support.rows([("a reload", "", "reloaded"),
                   ("one that failed", "[limits]\nio_timeout = soon\n", "not reloaded")])
    def test_another_file_after(self, change, log):
        path = self.server.directory / "valve.ini"
        path.write_text(path.read_text() + change)
        old = self.directory / "audit.log.1"
        self.server.write("a")
        self.server.write("b")
        self.wire.ask({"Del": "a"})
        self.file.rename(old)
        self.server.program.signal(signal.SIGHUP)
        self.server.program.wait_for_log(log)
        self.wire.ask({"Del": "b"})
        self.assertEqual(([line[4] for line in self.lines(old)],
                          [line[4] for line in self.lines()]), (["a"], ["b"]))


@support.expand
class Denials(Audited):
    def settings(self):
        return super().settings() | {
            "access some": {"peer": f"uid:{os.getuid()}", "allow": "list get", "path": "mine"}}

    @support.rows([("get", {"Get": "yours/f"}, "get", "yours/f"),
                   ("size", {"Size": "mine/f"}, "size", "mine/f"),
                   ("exists", {"Exists": "nothing"}, "exists", "nothing"),
                   ("del", {"Del": "mine/f"}, "del", "mine/f"),
                   ("bytes", {"Get": b"\xff"}, "get", "\\xff"),
                   ("a long path", {"Get": "x/" * 2000 + "x"}, "get", "x/" * 510 + "...")])
    def test_denied(self, request, call, path):
        self.server.write("mine/f")
        self.assertEqual(support.error_code(self.wire.ask(request)), "denied")
        self.assertEqual([(*line[:2], line[4]) for line in self.lines()], [(call, "denied", path)])

    @support.rows([("who has no time", lambda id: cbor2.dumps([id, {"Get": "f"}, {"timeout": 0}])),
                   ("who takes it back", lambda id: cbor2.dumps([id, {"Get": "f"}]) +
                    cbor2.dumps([id, None]))])
    def test_of_whom_it_is_told(self, make):
        """It is no way not to be told of."""
        count = 100
        self.wire.send(b"".join(make(id) for id in range(1, count + 1)))
        self.assertEqual({support.error_code(self.wire.reply()[1]) for _ in range(count)},
                         {"denied"})
        support.wait_until(lambda: len(self.lines()) == count, "all lines")
        self.assertEqual(self.lost(), 0)

    def test_granted(self):
        self.server.write("mine/f", b"f")
        self.assertEqual(self.wire.ask({"Get": "mine/f"}), {"Content": b"f"})
        self.assertEqual(len(self.wire.ask("ListAll")["List"]), 1)
        self.assertEqual(self.lines(), [])


class Names(unittest.TestCase):
    def test_of_certificates(self):
        directory = support.scratch(self)
        authority = tls.Authority(directory / "tls")
        pair = authority.issue("server", alternatives="IP:127.0.0.1")
        alice = authority.issue("alice", subject="/CN=alice of x")
        file = directory / "audit.log"
        with support.Server(tcp=True, settings={
                "listen 1": authority.listener(pair), "log": {"audit": "yes", "audit_file": file}}) \
                as server, support.Wire(server.tcp_address, tls=authority.client(alice),
                                        name="127.0.0.1") as wire:
            self.assertEqual(support.error_code(wire.ask({"Del": "f"})), "denied")
        self.assertRegex(file.read_text(), r'call=del result=denied peer=127\.0\.0\.1:\d+,'
                                           r'cn:alice_of_x path="f"\n$')


class Stderr(unittest.TestCase):
    def test_without_a_file(self):
        with support.Server(settings={"log": {"audit": "yes"}}) as server, \
                server.connect() as wire:
            server.write("f", b"123")
            self.assertEqual(wire.ask({"Del": "f"}), "Ok")
            server.program.wait_for_log(
                r'Z valved: notice: audit: call=del result=ok size=3 peer=uid:\d+ path="f"$')


class Required(Audited):
    MODE = "required"

    def test_intent_and_result(self):
        me = f"uid:{os.getuid()}"
        self.server.write("f", b"12")
        self.assertEqual(self.wire.ask({"Del": "f"}), "Ok")
        self.assertEqual(self.lines(), [("del", "begun", "2", me, "f"),
                                        ("del", "ok", "2", me, "f")])


class Full(Audited):
    """A disk that is full: what has to be told before is not done, what only should be is."""

    def settings(self):
        return {"log": {"audit": self.MODE, "audit_file": "/dev/full"},
                "metrics": {"address": f"unix:{self.directory}/metrics"}}

    def test_deletions(self):
        path = self.server.write("f")
        self.assertEqual(self.wire.ask({"Del": "f"}), "Ok")
        self.assertFalse(path.exists())
        self.server.program.wait_for_log("the audit cannot be written to /dev/full: No space left")
        self.assertEqual(self.lost(), 1)


class FullAndRequired(Full):
    MODE = "required"

    def test_deletions(self):
        path = self.server.write("f")
        self.assertEqual(support.error_code(self.wire.ask({"Del": "f"})), "busy")
        self.assertTrue(path.exists())
        self.server.program.wait_for_log("nothing is deleted until it can")
        self.assertEqual(self.lost(), 1)


class NoFile(unittest.TestCase):
    def test_start(self):
        directory = support.scratch(self)
        (directory / "valve.ini").write_text(
            f"[files]\nroot = {directory}\n[log]\naudit = yes\naudit_file = /nowhere/audit\n"
            f"[listen a]\naddress = unix:{directory}/socket\n")
        program = support.Program("-c", directory / "valve.ini")
        self.assertEqual(program.wait(), 1)
        self.assertIn("cannot open the audit file /nowhere/audit: No such file", program.log)
        program.kill()


if __name__ == "__main__":
    unittest.main()
