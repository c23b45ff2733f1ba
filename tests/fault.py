# SPDX-License-Identifier: MIT
"""Makes calls of a running program fail, from outside, by tests/fault.c."""
import contextlib
import mmap
import os
import struct
import subprocess

import support

PRELOAD = support.BUILD / "tests/fault_preload.so"

# The modes of fault.c.
NONE, ONCE, ALWAYS, INTERRUPT, SHORT, DELAY, NEW = range(7)

# Its struct fault_control.
MODE, FIRST, VARIETY, DELAY_NS, COUNTED, INJECTED, LAST, TAKEN, MOST = range(0, 72, 8)
CALLS, CALL_COUNT, CALL_NAME_SIZE = 72, 160, 32
MODULES, MODULE_COUNT, MODULE_PATH_SIZE = CALLS + CALL_COUNT, 8, 256
BROKEN = MODULES + MODULE_COUNT
MODULE_PATHS = BROKEN + CALL_COUNT
CALL_NAMES = MODULE_PATHS + MODULE_COUNT * MODULE_PATH_SIZE
SITES, SITE_COUNT, SITE_SIZE = CALL_NAMES + CALL_COUNT * CALL_NAME_SIZE, 4096, 24
WAY_COUNT = 8192
SEEN = SITES + SITE_COUNT * SITE_SIZE + WAY_COUNT * 8
TRIED = SEEN + WAY_COUNT * 4
SIZE = TRIED + WAY_COUNT * 4

ALLOCATIONS = {
    "malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf", "vasprintf",
    "__sched_cpualloc", "aligned_alloc", "open_memstream",
}


class Fault:
    """What a program, started with `environment` as often as one likes, is told."""

    def __init__(self, directory, program):
        self.program = program
        self._path = directory / f"fault-{program.name}"
        self._path.write_bytes(bytes(SIZE))
        with open(self._path, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), SIZE)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {
            "LD_PRELOAD": str(PRELOAD),
            "VALVE_FAULT": str(self._path),
            # The preloaded calls pass on to those of the sanitizer. Without its own runtime first
            # it could be wrong only about what has been allocated before it.
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0:exitcode=99",
        }
        subprocess.run(["true"], env=os.environ | self.environment, check=True)  # tells the names

    def close(self):
        self._shared.close()

    def _get(self, offset):
        return struct.unpack_from("<Q", self._shared, offset)[0]

    def _set(self, offset, value):
        struct.pack_into("<Q", self._shared, offset, value)

    def _text(self, offset, size):
        return self._shared[offset:offset + size].rstrip(b"\0").decode()

    def _chosen_calls(self, calls):
        names = self.call_names()
        if calls is not None and not calls <= set(names):
            raise ValueError(f"no such calls: {calls - set(names)}")
        chosen = bytes(calls is None or name in calls for name in names)
        return chosen.ljust(CALL_COUNT, b"\0")

    def _chosen_modules(self, libraries):
        """1 for our own, 2 for those of others."""
        paths = map(self._module_path, range(MODULE_COUNT))
        return bytes(2 * libraries if "libevent" in path or "libinih" in path else 1
                     for path in paths)

    def _module_path(self, module):
        return self._text(MODULE_PATHS + module * MODULE_PATH_SIZE, MODULE_PATH_SIZE)

    def arm(self, mode, first=1, variety=0, calls=None, libraries=True, delay=0, most=1):
        """
        From now on. `calls`: the names of those that count (default: all); `libraries`: those
        made by libevent and inih, too; `most`: how often one way to a call is tried.
        """
        self._set(MODE, NONE)
        for offset, value in ((FIRST, first), (VARIETY, variety), (DELAY_NS, int(delay * 1e9)),
                              (COUNTED, 0), (INJECTED, 0), (LAST, 0), (TAKEN, 0), (MOST, most)):
            self._set(offset, value)
        self._shared[SEEN:TRIED] = bytes(TRIED - SEEN)
        self._shared[CALLS:CALLS + CALL_COUNT] = self._chosen_calls(calls)
        self._shared[MODULES:MODULES + MODULE_COUNT] = self._chosen_modules(libraries)
        self._set(MODE, mode)

    def forget_ways(self):
        """None has been tried."""
        self._shared[TRIED:SIZE] = bytes(SIZE - TRIED)

    def break_calls(self, errors):
        """{call: error}: these fail always, armed or not, as on a system that lacks them."""
        self._shared[BROKEN:BROKEN + CALL_COUNT] = bytes(
            errors.get(name, 0) for name in self.call_names()).ljust(CALL_COUNT, b"\0")

    def disarm(self):
        self._set(MODE, NONE)

    @contextlib.contextmanager
    def armed(self, *arguments, **options):
        self.arm(*arguments, **options)
        try:
            yield
        finally:
            self.disarm()

    @property
    def counted(self):
        return self._get(COUNTED)

    @property
    def injected(self):
        return self._get(INJECTED)

    @property
    def last(self):
        """The site that failed last: (file, call, offset of the return address), or None."""
        key = self._get(LAST)
        return self._site(key) if key else None

    def _site(self, key):
        call = key >> 40 & 0xffff
        module = self._module_path((key >> 56) - 1)
        return (os.path.realpath(module or self.program),
                self._text(CALL_NAMES + call * CALL_NAME_SIZE, CALL_NAME_SIZE),
                key & 0xff_ffff_ffff)

    def call_names(self):
        """All that can be let fail, in the order of their numbers."""
        names = (self._text(CALL_NAMES + i * CALL_NAME_SIZE, CALL_NAME_SIZE)
                 for i in range(CALL_COUNT))
        return [name for name in names if name]

    def sites(self):
        """{site: (times reached, times failed)} since this was made."""
        found = {}
        for i in range(SITE_COUNT):
            key, reached, failed = struct.unpack_from("<QQQ", self._shared, SITES + i * SITE_SIZE)
            if key:
                found[self._site(key)] = (reached, failed)
        return found
