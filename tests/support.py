# SPDX-License-Identifier: MIT
"""What the system tests share: a valved of their own, a socket read as CBOR, and waiting."""
import collections
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import cbor2

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("VALVE_BUILD", os.getcwd())).resolve()
VALVED = BUILD / "valved"
VALVECTL = BUILD / "valvectl"
# Root has to say that it is meant.
AS_ROOT = ["--user", "root"] if os.geteuid() == 0 else []

# What stands before valved and valvectl, valgrind and its options for instance.
WRAPPER = shlex.split(os.environ.get("VALVE_TEST_WRAPPER", ""))


def makefile_variable(name):
    """A variable that configure has set."""
    text = (BUILD / "Makefile").read_text()
    return re.search(rf"^{name} = ?(.*)$", text, re.MULTILINE)[1]


def _has_sanitizers(program):
    marks = (b"__asan_init", b"__tsan_init", b"__ubsan_handle")
    return program.exists() and any(mark in program.read_bytes() for mark in marks)


SANITIZED = _has_sanitizers(VALVED)
# Memory and speed say nothing about valve then.
INSTRUMENTED = SANITIZED or bool(WRAPPER)
SMALL = INSTRUMENTED or bool(os.environ.get("VALVE_TEST_SMALL"))

# How many files servers keep open, if not as many as they would by themselves.
CACHE = os.environ.get("VALVE_TEST_CACHE")


def keeps_files(directory):
    """Whether files below it may be kept open; not under Valgrind, which knows no openat2."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", directory], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.strip()
    return not WRAPPER and CACHE != "0" and kind in (
        "ext2/ext3", "xfs", "btrfs", "f2fs", "tmpfs", "ramfs")


KEEPS_FILES = keeps_files(tempfile.gettempdir())

# Seconds until something that must happen is given up. It measures nothing: it only ends a hang.
DEADLINE = 30 * (10 if WRAPPER else 4 if SANITIZED else 1)

KIB = 1024
MIB = 1024 * 1024
GIB = 1024 * 1024 * 1024

REPORT = re.compile(r"Sanitizer|runtime error:|^==\d+==", re.MULTILINE)

# What valved logs for each listener once it serves there.
READY = r"serving .* on (\S+)$"

CODES = {
    "malformed", "too-large", "bad-request", "denied", "bad-path", "not-found", "busy", "timeout",
    "cancelled", "io",
}


def preload(library):
    """LD_PRELOAD with one library more."""
    return ":".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))


def scrape(path):
    """The metrics that are served on a Unix socket, as text."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(DEADLINE)
        wire.connect(str(path))
        wire.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: wire.recv(65536), b"")).decode()


def wait_until(condition, what):
    """Returns the first true value of condition(); fails when there is none by the deadline."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE} s: {what}")
        time.sleep(0.005)
    return value


def rows(table):
    """Marks a method of an @expand class: one test for each row, named row[0], given row[1:]."""
    def mark(method):
        method.rows = table
        return method
    return mark


def expand(cls):
    """Replaces each method marked by @rows with its tests."""
    def bind(method, arguments):
        return lambda self: method(self, *arguments)

    for name, method in list(vars(cls).items()):
        if not hasattr(method, "rows"):
            continue
        delattr(cls, name)
        for title, *arguments in method.rows:
            test = f"{name} {title}"
            if hasattr(cls, test):
                raise ValueError(f"two rows are named {test}")
            setattr(cls, test, bind(method, arguments))
    return cls


def error_code(reply):
    """The code of an {"Error": ...} reply, which must be built as the protocol says."""
    if not (isinstance(reply, dict) and list(reply) == ["Error"]):
        raise AssertionError(f"no error, but {reply!r:.200}")
    text = reply["Error"]
    code, colon, words = text.partition(": ")
    problem = (
        "not `code: words`" if not (colon and words.strip()) else
        "of an unknown code" if code not in CODES else
        "too long" if len(text.encode()) > 512 else
        "with control characters" if re.search(r"[\x00-\x1f\x7f-\x9f]", text) else None)
    if problem:
        raise AssertionError(f"an error {problem}: {text!r}")
    return code


def scratch(test, prefix="valve-"):
    """A directory that lives as long as the test (an instance or a class)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    cleanup = test.addClassCleanup if isinstance(test, type) else test.addCleanup
    cleanup(shutil.rmtree, path)
    return path


def sparse_file(path, size):
    """A file of that size that takes no room, with a mark at every MiB and at its end."""
    with open(path, "wb") as file:
        for offset in range(0, size, MIB):
            os.pwrite(file.fileno(), offset.to_bytes(8, "big"), offset)
        file.truncate(size)
        os.pwrite(file.fileno(), b"the end."[-size:], max(0, size - 8))


class Wire:
    """A connection at the level of bytes; what comes back is read as a CBOR sequence."""

    def __init__(self, address, record=False, source="", tls=None, name=None):
        """`tls`: an ssl.SSLContext, under which it is; the server's certificate names `name`."""
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(socket.AF_INET)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                self.socket.bind((source, 0))
        self.socket.settimeout(DEADLINE)
        try:
            self.socket.connect(_socket_address(address))
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=name)
        except OSError:
            self.socket.close()
            raise
        self._stream = self.socket.makefile("rb")
        self.sent = bytearray() if record else None
        self.received = bytearray() if record else None
        self._decoder = cbor2.CBORDecoder(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stream.close()
        self.socket.close()

    def send(self, data):
        if self.sent is not None:
            self.sent += data
        self.socket.sendall(data)

    def send_bytewise(self, data):
        for byte in data:
            self.send(bytes([byte]))

    def request(self, id, *parts):
        self.send(cbor2.dumps([id, *parts]))

    def finish(self):
        """Ends the sending side."""
        self.socket.shutdown(socket.SHUT_WR)

    def read(self, size):
        """Exactly so many bytes, fewer only at the end of the stream."""
        data = self._stream.read(size)
        if self.received is not None:
            self.received += data
        return data

    def item(self):
        """The next item, whatever it is."""
        return self._decoder.decode()

    def reply(self):
        """Id and message of the next reply."""
        item = self.item()
        if not (isinstance(item, list) and len(item) == 2):
            raise AssertionError(f"no [id, reply], but {item!r:.200}")
        return item[0], item[1]

    def ask(self, message, id=4711):
        """The reply to a request, alone on this connection."""
        self.request(id, message)
        answered, reply = self.reply()
        if answered != id:
            raise AssertionError(f"asked as {id}, answered as {answered}: {reply!r:.200}")
        return reply

    def expect_end(self):
        """The server has ended the stream, in good order and with nothing more in it."""
        rest = self.read(1000)
        if rest:
            raise AssertionError(f"more before the end: {rest!r:.200}")

    def expect_silence(self, seconds):
        """Nothing comes, not even the end, for so long."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(1000)
        except TimeoutError:
            return
        finally:
            self.socket.settimeout(DEADLINE)
        raise AssertionError(f"silence was broken by {data!r:.200}")


def _socket_address(address):
    if address.startswith("unix:@"):
        return "\0" + address.removeprefix("unix:@")
    if address.startswith("unix:"):
        return address.removeprefix("unix:")
    host, port = address.rsplit(":", 1)
    return host, int(port)


def handing_over(sockets, names, environment):
    """What a program is started by that finds these sockets, as systemd passes them."""
    spare = [10 + place for place in range(len(sockets))]  # none of these is where one has to be
    moves = [f"exec {to}<&{each.fileno()}" for to, each in zip(spare, sockets)]
    moves += [f"exec {3 + place}<&{number} {number}<&-" for place, number in enumerate(spare)]
    variables = environment | {"LISTEN_FDS": len(sockets), "LISTEN_FDNAMES": names}
    return ["bash", "-c", "; ".join([*moves, "export LISTEN_PID=$$", 'exec env "$@"']), "bash",
            *(f"{name}={value}" for name, value in variables.items())]


class Program:
    """A running valved, whatever its options; what it logs is kept."""

    def __init__(self, *arguments, unprivileged=False, environment=None, program=VALVED,
                 command=(), sockets=(), names=""):
        # A root that has lost its capabilities is bound by permissions like everybody else.
        prefix = (["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
                  if unprivileged and os.geteuid() == 0 else [])
        environment = environment or {}
        if sockets:
            prefix += handing_over(sockets, names, environment)
            environment = {}
        self.process = subprocess.Popen(
            [*prefix, *(command or [*WRAPPER, str(program), *AS_ROOT]), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | environment,
            pass_fds=[each.fileno() for each in sockets])
        self._lines = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            with self._more:
                self._lines.append(line.decode(errors="replace").rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._lines.append(None)
            self._more.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with self._more:
            return "\n".join(line for line in self._lines if line is not None)

    def wait_for_log(self, pattern, count=1):
        """The first `count` matches of the pattern in the log, each in a line of its own."""
        def matches():
            found = (re.search(pattern, line) for line in self._lines if line is not None)
            return [match for match in found if match]

        with self._more:
            self._more.wait_for(lambda: len(matches()) >= count or None in self._lines, DEADLINE)
            found = matches()
        if len(found) < count:
            raise AssertionError(f"never logged: {pattern}\n{self.log}")
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit status; what it logged must hold no report of a sanitizer or of Valgrind."""
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {DEADLINE} s\n{self.log}") from None
        self._reader.join()
        self.process.stderr.close()
        if REPORT.search(self.log):
            raise AssertionError(f"a report from valved:\n{self.log}")
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stderr.close()


class Server:
    """
    A valved with listeners of its own on a root of its own; use it as a context.

    When the context is left, it is stopped by SIGTERM and must exit with status 0, without any
    report in its log. `settings` is {section: {key: value}}; `root` is made unless it is given.
    """

    def __init__(self, root=None, *, tcp=False, settings=None, unprivileged=False,
                 environment=None):
        self._given_root = root
        self._tcp = tcp
        self._settings = settings or {}
        self._unprivileged = unprivileged
        self._environment = environment

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="valved-"))
            stack.callback(shutil.rmtree, self.directory)
            self.root = self._given_root or self.directory / "root"
            self.root.mkdir(exist_ok=True)
            self.address = f"unix:{self.directory}/socket"
            self._start()
            stack.callback(self.program.kill)
            bound = self.program.wait_for_log(READY, 2 if self._tcp else 1)
            self.tcp_address = next((match[1] for match in bound if "unix:" not in match[1]), None)
            self._stack = stack.pop_all()
        return self

    def _start(self):
        """By the command line alone where that is enough, else by a file alone."""
        addresses = [self.address] + ["127.0.0.1:0"] * self._tcp
        arguments = ["--root", self.root]
        for address in addresses:
            arguments += ["--listen", address]
        settings = self._settings
        if CACHE and "cache" not in settings.get("files", {}):
            settings = settings | {"files": settings.get("files", {}) | {"cache": CACHE}}
        if settings:
            sections = {f"listen {number}": {"address": address}
                        for number, address in enumerate(addresses)} | {"files": {"root": self.root}}
            for section, keys in settings.items():
                sections[section] = sections.get(section, {}) | keys
            path = self.directory / "valve.ini"
            path.write_text("".join(
                f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                for section, keys in sections.items()))
            arguments = ["-c", path]
        self.program = Program(*arguments, unprivileged=self._unprivileged,
                               environment=self._environment)

    def __exit__(self, kind, *_):
        with self._stack:
            if kind is None and self.program.process.returncode is None:
                self.stop()

    def stop(self, number=signal.SIGTERM):
        """Ends it by a signal; it must have worked well until then."""
        self.program.signal(number)
        status = self.program.wait()
        if status != 0:
            raise AssertionError(f"exit status {status}\n{self.program.log}")

    def expect_rest(self, seconds=1.0):
        """It takes next to no CPU for so long: whatever it waits for, it does not spin."""
        def cpu():
            with open(f"/proc/{self.program.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        begin = cpu()
        time.sleep(seconds)
        used = cpu() - begin
        if used >= 0.1 * seconds * (5 if INSTRUMENTED else 1):
            raise AssertionError(f"{used} s of CPU in {seconds} s without anything to do")

    def connect(self, tcp=False, record=False):
        return Wire(self.tcp_address if tcp else self.address, record)

    def write(self, name, content=b""):
        """Makes a file beneath the root, and the directories it needs."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def all_descriptors(self):
        return len(os.listdir(f"/proc/{self.program.pid}/fd"))

    def workers(self):
        """How many are there."""
        count = 0
        for thread in pathlib.Path(f"/proc/{self.program.pid}/task").glob("*/comm"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                count += thread.read_text().startswith("valve-w-")
        return count

    def descriptors(self):
        """How many it has open, but for the files that are kept: each by a worker once."""
        workers = self.workers()
        targets = collections.Counter()
        for descriptor in pathlib.Path(f"/proc/{self.program.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                targets[os.readlink(descriptor)] += 1
        return sum(max(count - workers, 0) if self._is_kept(target) else count
                   for target, count in targets.items())

    def _is_kept(self, target):
        return target.startswith(f"{self.root}/") and os.path.isfile(target)

    def expect_descriptors(self, count):
        wait_until(lambda: self.descriptors() == count, f"{count} descriptors open again")

    def _status(self, field):
        text = pathlib.Path(f"/proc/{self.program.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)[1]) * KIB

    def resident(self):
        """Bytes of memory in use."""
        return self._status("VmRSS")

    @contextlib.contextmanager
    def memory_bound(self, growth):
        """What happens inside must not raise the memory in use by more, not even in between."""
        pathlib.Path(f"/proc/{self.program.pid}/clear_refs").write_text("5")
        before = self.resident()
        yield
        grown = self._status("VmHWM") - before
        if not INSTRUMENTED and grown > growth:
            raise AssertionError(f"memory grew by {grown} bytes; {growth} are allowed")
