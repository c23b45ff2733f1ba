# SPDX-License-Identifier: MIT
"""A disk that can be told to be slow, to fail and to hang: tests/fault_fs.c, mounted for a test."""
import errno
import os
import pathlib
import subprocess
import unittest

import support

PROGRAM = support.BUILD / "tests/fault_fs"


def problem():
    """Why no such disk can be mounted here; None where it can."""
    if not PROGRAM.exists():
        return "built without libfuse3 >= 3.12 (Debian: libfuse3-dev, fuse3)"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there, or not for this user"
    return None


def unmount(mountpoint):
    """Lazily: it works whoever is using it, and whether or not anybody answers for it."""
    command = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
    subprocess.run([*command, mountpoint], check=False, capture_output=True,
                   timeout=support.DEADLINE)


class Disk:
    """
    A directory, `source`, mirrored at `mountpoint` with the faults it is told to have; use it as a
    context. Both directories are made. What is changed in `source` has changed on the disk; the
    kernel remembers names and attributes of the disk for `timeout` seconds.
    """

    def __init__(self, source, mountpoint, *, direct_io=False, timeout=0):
        self.source, self.mountpoint = pathlib.Path(source), pathlib.Path(mountpoint)
        options = ["--direct-io"] * direct_io + [f"--timeout={timeout}"]
        self._command = [PROGRAM, *options, self.source, self.mountpoint]

    def __enter__(self):
        self.source.mkdir(parents=True, exist_ok=True)
        self.mountpoint.mkdir(parents=True, exist_ok=True)
        self.mount()
        return self

    def __exit__(self, *_):
        self.stop()

    def mount(self):
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.stop()
            raise unittest.SkipTest("FUSE filesystems cannot be mounted here")

    def stop(self):
        """Ends it: it unmounts itself, and if it cannot any more, it is unmounted."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
            try:
                self.process.wait(support.DEADLINE)
            finally:
                self.kill()
        if self.is_mounted():
            unmount(self.mountpoint)

    def is_mounted(self):
        return f" {self.mountpoint} " in pathlib.Path("/proc/self/mountinfo").read_text()

    def kill(self):
        """Ends it in the middle of everything: who uses it is told ENOTCONN from then on."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def _rule(self, operation, action, value, pattern, start):
        answer = self._tell(f"{operation} {action} {value} {start} {pattern}")
        if answer != "ok":
            raise AssertionError(f"the disk says: {answer}")

    def fail(self, operation, error, pattern="*", start=0):
        """Operations on paths that match fail, reads only if they touch bytes from `start` on."""
        self._rule(operation, "fail", getattr(errno, error), pattern, start)

    def delay(self, operation, milliseconds, pattern="*", start=0):
        self._rule(operation, "delay", milliseconds, pattern, start)

    def hang(self, operation, pattern="*", start=0):
        """They do not end until clear(), or until their process is to die."""
        self._rule(operation, "hang", 0, pattern, start)

    def stick(self, operation, pattern="*", start=0):
        """They do not end until clear(), and hold even a process that was killed."""
        self._rule(operation, "stuck", 0, pattern, start)

    def clear(self):
        """It is in order again, and goes on with what it held."""
        if not self.process.stdin.closed:
            self._tell("clear")

    def held(self):
        """How many operations it holds."""
        return int(self._tell("held"))

    def wait_for_held(self, count):
        support.wait_until(lambda: self.held() >= count, f"{count} operations held by the disk")

    def seen(self, operation):
        """How many there have been."""
        return int(self._tell(f"seen {operation}"))
