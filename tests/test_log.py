# SPDX-License-Identifier: MIT
"""The log: its forms, its rate, and the access log."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

import support

PRELOAD = support.BUILD / "tests/journal_preload.so"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ODD = b'q"\n\xff\\'
ODD_ESCAPED = 'q"\\x0a\\xff\\\\'
ME = f"uid:{os.getuid()}"


def with_log(**keys):
    return support.Server(settings={"log": keys})


class Plain(unittest.TestCase):
    def test_no_requests_unless_asked_for(self):
        with with_log(level="debug") as server, server.connect() as wire:
            self.assertEqual(wire.ask({"Exists": "a"}), {"Exists": False})
            server.stop()
            self.assertNotIn("access", server.program.log)

    def test_requests(self):
        with with_log(access="yes", level="notice") as server, server.connect() as wire:
            server.write("a/b", b"12345")
            self.assertEqual(wire.ask({"Get": "a/b"}), {"Content": b"12345"})
            self.assertEqual(wire.ask({"Exists": ODD}), {"Exists": False})
            self.assertEqual(support.error_code(wire.ask({"Size": "../x"})), "bad-path")
            self.assertEqual(len(wire.ask("ListAll")["List"]), 1)
            self.assertEqual(wire.ask({"Del": "a/b"}), "Ok")
            self.assertEqual(support.error_code(wire.ask({"What": 1})), "bad-request")
            server.stop()
            lines = re.findall(
                rf"^{TIME} valved: info: access: call=(\w+) result=(\S+) bytes=(\d+) us=\d+ "
                r"listener=(\S+) peer=(\S+)(?: path=\"(.*)\")?$", server.program.log, re.MULTILINE)
            door = (server.address, ME)
            self.assertEqual([(*line[:2], *line[3:]) for line in lines], [
                ("get", "ok", *door, "a/b"), ("exists", "ok", *door, ODD_ESCAPED),
                ("size", "bad-path", *door, "../x"), ("list", "ok", *door, ""),
                ("del", "ok", *door, "a/b"), ("none", "bad-request", *door, "")])
            self.assertGreater(int(lines[0][2]), len("12345"))


class File(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        self.file = self.directory / "access.log"

    def server(self, **keys):
        return support.Server(settings={
            "log": {"access": "yes", "access_file": self.file} | keys,
            "metrics": {"address": f"unix:{self.directory}/metrics"}})

    def paths(self, file):
        return re.findall(rf"^{TIME} access: .* path=\"(.*)\"$", file.read_text(), re.MULTILINE)

    def test_a_file_and_another_after_a_reload(self):
        old = self.directory / "access.log.1"
        with self.server() as server, server.connect() as wire:
            wire.ask({"Exists": "a"})
            support.wait_until(lambda: self.paths(self.file) == ["a"], "the first line")
            self.file.rename(old)
            server.program.signal(signal.SIGHUP)
            server.program.wait_for_log("reloaded")
            wire.ask({"Exists": "b"})
        self.assertEqual((self.paths(old), self.paths(self.file)), (["a"], ["b"]))

    def test_every_line_of_many(self):
        count = 5000
        with self.server() as server, server.connect() as wire:
            for number in range(count):
                wire.ask({"Exists": str(number)})
        self.assertEqual(self.paths(self.file), [str(number) for number in range(count)])

    def test_a_long_path_is_cut(self):
        with self.server() as server, server.connect() as wire:
            wire.ask({"Exists": "x/" * 2000 + "x"})
        self.assertRegex(self.paths(self.file)[0], r"^(x/){300,}x?\.\.\.$")

    def test_a_disk_that_is_full(self):
        """Requests are answered, and what is lost is counted."""
        self.file.symlink_to("/dev/full")
        with self.server() as server, server.connect() as wire:
            for _ in range(10):
                self.assertEqual(wire.ask({"Exists": "a"}), {"Exists": False})
            support.wait_until(lambda: self.lost() == 10, "10 lines lost")
            server.program.wait_for_log(f"error: the access log cannot be written to {self.file}: "
                                        "No space left on device")

    def lost(self):
        text = support.scrape(self.directory / "metrics")
        return int(re.search(r"^valve_access_lines_lost_total (\d+)$", text, re.MULTILINE)[1])

    def test_a_file_that_cannot_be_opened(self):
        self.file.mkdir()
        program = support.Program("-c", self.configuration())
        self.assertEqual(program.wait(), 1)
        self.assertRegex(program.log, "error: cannot open the access log .*: Is a directory")

    def configuration(self):
        path = self.directory / "valve.ini"
        path.write_text(f"[files]\nroot = {self.directory}\n[listen a]\n"
                        f"address = unix:{self.directory}/s\n[log]\naccess = yes\n"
                        f"access_file = {self.file}\n")
        return path


VALGRINDS = re.compile(r"--\d+-- ")  # of a call of the kernel that it does not know


class Json(unittest.TestCase):
    def test_all_that_is_logged(self):
        directory = support.scratch(self)
        access, audit = directory / "access", directory / "audit"
        with with_log(format="json", access="yes", access_file=access, audit="yes",
                      audit_file=audit) as server, server.connect() as wire:
            server.write(os.fsdecode(ODD), b"123")
            self.assertEqual(wire.ask({"Del": ODD}), "Ok")
            server.stop()
            messages = [json.loads(line) for line in server.program.log.splitlines()
                        if not VALGRINDS.match(line)]
        (request,) = map(json.loads, access.read_text().splitlines())
        (deletion,) = map(json.loads, audit.read_text().splitlines())
        self.assertEqual({tuple(message) for message in messages}, {("time", "level", "message")})
        self.assertEqual(messages[-1]["message"], "stopped")
        self.assertEqual({message["level"] for message in messages} - (
            {"warning"} if support.WRAPPER else set()), {"info", "notice"})  # of the sandbox
        for line in (*messages, request, deletion):
            self.assertRegex(line.pop("time"), f"^{TIME}$")
        self.assertGreater(request.pop("bytes"), 0)
        self.assertGreater(request.pop("us"), 0)
        self.assertEqual(request, {
            "level": "info", "event": "access", "call": "del", "result": "ok",
            "listener": server.address, "peer": ME, "path": ODD_ESCAPED})
        self.assertEqual(deletion, {
            "level": "notice", "event": "audit", "call": "del", "result": "ok", "size": 3,
            "peer": ME, "path": ODD_ESCAPED})

    def test_a_reload_changes_the_form(self):
        with with_log(format="plain") as server:
            path = server.directory / "valve.ini"
            path.write_text(path.read_text().replace("plain", "json"))
            server.program.signal(signal.SIGHUP)
            server.program.wait_for_log(r'^\{.*"message":"reloaded ')
            self.assertNotIn("restart", server.program.log)


class Rate(unittest.TestCase):
    def test_what_comes_too_fast_is_held_back(self):
        """Its own memory is a file that cannot be read at its start."""
        count, rate = 1000, 5
        directory = support.scratch(self)
        settings = {"log": {"rate_limit": rate},
                    "metrics": {"address": f"unix:{directory}/metrics"}}
        with support.Server(pathlib.Path("/proc/self"), settings=settings) as server, \
                server.connect() as wire:
            for _ in range(count):
                self.assertEqual(support.error_code(wire.ask({"Get": "mem"})), "io")
            server.program.signal(signal.SIGHUP)  # of another level: heard at once
            server.program.wait_for_log("reloaded")
            text = support.scrape(directory / "metrics")
            counted = int(re.search(r"^valve_log_messages_held_total (\d+)$", text,
                                    re.MULTILINE)[1])
            server.stop()
            log = server.program.log
        written = len(re.findall("warning: io: mem", log))
        held = sum(map(int, re.findall(r"warning: (\d+) messages of this level held back: more "
                                       r"than 5 a second \(rate_limit\)", log)))
        self.assertGreaterEqual(written, 10 * rate)
        self.assertGreater(held, 0)
        self.assertEqual((written + held, counted), (count, held))


@unittest.skipUnless("#define HAVE_SYSTEMD 1" in (support.BUILD / "config.h").read_text(),
                     "built without libsystemd")
@unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer or Valgrind")
class Journal(unittest.TestCase):
    """With a socket in the place of the journal's."""

    def setUp(self):
        self.directory = support.scratch(self)
        self.address = f"unix:{self.directory}/socket"
        self.journal = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.journal.settimeout(support.DEADLINE)
        self.stderr = self.directory / "stderr"

    def start(self, **keys):
        """Its stderr is what systemd connected to the journal, so the environment says."""
        path = self.directory / "valve.ini"
        (self.directory / "root").mkdir()
        path.write_text(f"[files]\nroot = {self.directory}/root\n[listen a]\n"
                        f"address = {self.address}\n[log]\n"
                        + "".join(f"{key} = {value}\n" for key, value in keys.items()))
        with open(self.stderr, "wb") as stderr:
            status = os.fstat(stderr.fileno())
            environment = {"LD_PRELOAD": support.preload(PRELOAD),
                           "VALVE_TEST_JOURNAL": f"{self.directory}/journal",
                           "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
            self.process = subprocess.Popen(
                [*support.WRAPPER, str(support.VALVED), *support.AS_ROOT, "-c", str(path)],
                stdin=subprocess.DEVNULL, stderr=stderr, env=os.environ | environment)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def stop(self):
        self.process.terminate()
        self.assertEqual(self.process.wait(support.DEADLINE), 0)
        return self.stderr.read_text()

    def message(self, pattern):
        """The fields of the next message like this: the native protocol, each value one line."""
        while True:
            lines = self.journal.recv(65536).decode().splitlines()
            fields = dict(line.split("=", 1) for line in lines)
            if re.search(pattern, fields["MESSAGE"]):
                return fields

    def test_fields(self):
        self.journal.bind(f"{self.directory}/journal")
        self.start(access="yes", audit="yes")
        self.assertEqual(self.message("^serving"), {
            "PRIORITY": "5", "SYSLOG_IDENTIFIER": "valved",
            "MESSAGE": f"serving {self.directory}/root on {self.address}"})
        with support.Wire(self.address) as wire:
            (self.directory / "root/f").write_bytes(b"123")
            self.assertEqual(wire.ask({"Del": "f"}), "Ok")
        deletion, request = self.message("^audit: "), self.message("^access: ")
        own = {"PRIORITY": "5", "SYSLOG_IDENTIFIER": "valved", "VALVE_CALL": "del",
               "VALVE_RESULT": "ok", "VALVE_PEER": ME, "VALVE_PATH": "f"}
        self.assertEqual(deletion, own | {
            "MESSAGE": f'audit: call=del result=ok size=3 peer={ME} path="f"',
            "VALVE_EVENT": "audit", "VALVE_SIZE": "3"})
        self.assertEqual(request.pop("MESSAGE").split()[0], "access:")
        self.assertGreater(int(request.pop("VALVE_US")), 0)
        self.assertGreater(int(request.pop("VALVE_BYTES")), 0)
        self.assertEqual(request, own | {
            "PRIORITY": "6", "VALVE_EVENT": "access", "VALVE_LISTENER": self.address})
        self.assertEqual(self.stop(), "")

    def test_an_error_in_the_configuration(self):
        self.journal.bind(f"{self.directory}/journal")
        self.start(levle="info")
        self.assertEqual(self.message("levle")["PRIORITY"], "3")
        self.assertEqual(self.process.wait(support.DEADLINE), 78)
        self.assertEqual(self.stderr.read_text(), "")

    def test_lines_where_they_are_asked_for(self):
        self.journal.bind(f"{self.directory}/journal")
        self.start(format="plain")
        self.expect_lines()

    def test_objects_where_they_are_asked_for(self):
        """Behind their level, which the journal takes away."""
        self.journal.bind(f"{self.directory}/journal")
        self.start(format="json")
        levels = {"5": "notice", "6": "info"}
        for line in self.expect_lines():
            self.assertEqual(json.loads(line[3:])["level"], levels[line[1]])

    def test_lines_where_the_journal_is_out_of_reach(self):
        self.start()
        self.expect_lines()

    def expect_lines(self):
        support.wait_until(lambda: "serving" in self.stderr.read_text(), "a server that listens")
        lines = self.stop().splitlines()
        for line in lines:
            self.assertRegex(line, r"^<[56]>[\w{]")
        return lines

    def test_a_journal_that_went_away(self):
        """It is served all the same."""
        self.journal.bind(f"{self.directory}/journal")
        self.start()
        self.message("^serving")
        self.journal.close()
        with support.Wire(self.address) as wire:
            self.assertEqual(support.error_code(wire.ask({"Get": "../f"})), "bad-path")
        self.assertEqual(self.stop(), "")


if __name__ == "__main__":
    unittest.main()
