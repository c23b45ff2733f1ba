# SPDX-License-Identifier: MIT
"""Workers never block: what finds out if one does, and a log that nobody reads."""
import fcntl
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import support

SHIM = support.BUILD / "tests/blocking_preload.so"
CALLS = support.BUILD / "tests/blocking_calls"
ORDERS = support.BUILD / "tests/order_server"

REFUSED = """
open openat openat2 fopen read pread preadv2 getdents64 readdir stat fstatat statx unlink unlinkat
close fsync sendfile write_pipe write_file fprintf send recv nanosleep usleep poll select connect
getaddrinfo""".split()
ALLOWED = """
openat2_cached open_through_proc preadv2_nowait fstat close_named sendfile_hot send_at_once
poll_at_once""".split()

PIPE_SIZE = 4096  # the least that a pipe can be made to hold


@unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer or Valgrind")
@support.expand
class Shim(unittest.TestCase):
    def run_call(self, thread, call):
        # Not in memory: there nothing blocks.
        with tempfile.TemporaryDirectory(dir=support.BUILD) as directory:
            return subprocess.run([CALLS, thread, call, directory], stdin=subprocess.DEVNULL,
                                  env=dict(os.environ, LD_PRELOAD=str(SHIM)),
                                  capture_output=True, text=True, timeout=support.DEADLINE)

    @support.rows([(call, call) for call in REFUSED])
    def test_refused(self, call):
        result = self.run_call("valve-w-3", call)
        self.assertEqual(result.returncode, -signal.SIGABRT, result.stderr)
        name = call.partition("_")[0]
        self.assertRegex(result.stderr,
                         f"^blocking_preload: thread valve-w-3 may block in {name}.*: .")

    @support.rows([(call, call) for call in REFUSED if call != "getaddrinfo"])
    def test_allowed_elsewhere(self, call):
        result = self.run_call("valve-io-3", call)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    @support.rows([(call, call) for call in ALLOWED])
    def test_allowed(self, call):
        result = self.run_call("valve-w-3", call)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


@unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer or Valgrind")
class Files(unittest.TestCase):
    """Served under the shim: a call that might wait for the disk would end the server."""

    SIZE = 8 * support.MIB

    def start(self, parent):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=parent)))
        self.content = os.urandom(self.SIZE)
        with open(self.root / "large", "wb") as file:
            file.write(self.content)
            file.flush()
            os.fsync(file.fileno())
        (self.root / "small").write_bytes(b"small")
        server = self.enterContext(support.Server(
            self.root, environment={"LD_PRELOAD": support.preload(SHIM)}))
        self.wire = self.enterContext(server.connect())

    def evict(self, *ranges):
        with open(self.root / "large", "rb") as file:
            for offset, size in ranges:
                os.posix_fadvise(file.fileno(), offset, size, os.POSIX_FADV_DONTNEED)

    def check(self):
        self.assertEqual(self.wire.ask({"Get": "large"}), {"Content": self.content})
        self.assertEqual(self.wire.ask({"Get": "small"}), {"Content": b"small"})
        self.assertEqual(self.wire.ask({"Size": "small"}), {"Size": 5})
        self.assertEqual(self.wire.ask({"Exists": "none"}), {"Exists": False})

    def test_hot_and_cold(self):
        self.start(support.BUILD)
        self.check()
        self.evict((0, 0))
        self.check()

    def test_single_pages_missing(self):
        self.start(support.BUILD)
        pages = [number * 37 * 4096 for number in range(50)]
        self.evict(*((offset, 4096) for offset in pages))
        self.check()

    def test_evicted_while_the_client_does_not_read(self):
        self.start(support.BUILD)
        self.wire.request(1, {"Get": "large"})
        self.assertEqual(self.wire.read(1), b"\x82")
        time.sleep(0.05)  # what was in memory is taken to stay there for a millisecond
        self.evict((0, 0))
        rest = self.wire.read(self.SIZE + 15)
        self.assertTrue(rest.endswith(self.content))

    @unittest.skipUnless(os.path.ismount("/dev/shm"), "there is no tmpfs in /dev/shm")
    def test_in_memory(self):
        self.start("/dev/shm")
        self.check()
        self.assertEqual(self.wire.ask({"Del": "large"}), "Ok")


class UnreadLog(unittest.TestCase):
    """stderr is a pipe that is full: the service goes on, and says later what was lost."""

    def start(self, *command):
        self.directory = support.scratch(self)
        self.address = f"unix:{self.directory}/socket"
        reading, writing = os.pipe()
        self.log = os.fdopen(reading, "rb")
        self.addCleanup(self.log.close)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self.process = subprocess.Popen(
            [*support.WRAPPER, *[str(word).format(address=self.address) for word in command]],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing)
        os.close(writing)
        self.addCleanup(self.end)
        return support.wait_until(self.connect, "a server that accepts")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connect(self):
        try:
            return self.enterContext(support.Wire(self.address))
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def read_log(self):
        """Reads until the server has ended."""
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(self.log))
        reader.start()
        self.process.terminate()
        status = self.process.wait(support.DEADLINE)
        reader.join()
        return status, [line.decode() for line in lines]

    def check(self, wire, request, expected, pattern):
        """Each request is one line of the log; the losses must make up what is missing there."""
        count = 3000
        for id in range(1, count + 1):
            wire.request(id, request)
            answered, reply = wire.reply()
            self.assertEqual(answered, id)
            self.assertIn(expected, repr(reply))
        status, lines = self.read_log()
        self.assertEqual(status, 0)
        written = sum(bool(re.search(pattern, line)) for line in lines)
        lost = sum(int(match[1]) for line in lines
                   if (match := re.search(r"(\d+) messages lost", line)))
        self.assertGreater(lost, 0)
        self.assertEqual(written + lost, count)

    def test_valved(self):
        """Its own memory is a file that cannot be read at its start."""
        path = support.scratch(self) / "valve.ini"
        path.write_text("[log]\nrate_limit = 0\n")
        wire = self.start(support.VALVED, *support.AS_ROOT, "-c", path, "--root", "/proc/self",
                          "--listen", "{address}")
        self.check(wire, {"Get": "mem"}, "io: mem", r"valved: warning: io: mem")

    def test_the_librarys_own_log(self):
        wire = self.start(ORDERS, "{address}")
        self.check(wire, {"Do": "twice 1"}, "Done", r"a handler answered twice")

    def test_a_log_that_is_never_read_does_not_hold_up_the_stop(self):
        wire = self.start(support.VALVED, *support.AS_ROOT, "--root", "/proc/self", "--listen", "{address}")
        for id in range(200):
            self.assertEqual(support.error_code(wire.ask({"Get": "mem"})), "io")
        self.process.send_signal(signal.SIGHUP)
        self.assertEqual(wire.ask({"Exists": "none"}), {"Exists": False})
        self.process.terminate()
        self.assertEqual(self.process.wait(support.DEADLINE), 0)


if __name__ == "__main__":
    unittest.main()
