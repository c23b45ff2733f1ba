# SPDX-License-Identifier: MIT
"""
Torture: each call that may fail does so once, in each of these scenarios, and then all calls do.

Whatever fails, nothing crashes, hangs, leaks, loses a descriptor or gives a wrong answer; and when
it is over, the same conversation is answered as ever. VALVE_TORTURE=full goes through all of it;
else each test goes through the allocations, or as many other calls as a minute allows.
"""
import unittest

import support
import torture
from torture_metrics import Live, Scraped, Status
from torture_parts import Parts
from torture_programs import Examples, Orders, Printing, StartAndStop, Valvectl
from torture_server import Ends, Faults, Killed, OldKernel, Storms


def setUpModule():
    """What cannot be tortured."""
    if support.WRAPPER or b"__tsan_init" in support.VALVED.read_bytes():
        raise unittest.SkipTest("nothing can be preloaded before TSan or Valgrind")


# Why the calls of a file may remain.
ELSEWHERE = {
    "client/progress.c": "only on a terminal (tests/test_valvectl.py has one)",
    "daemon/main.c": "only with the journal as stderr (tests/test_process.py has one)",
    "lib/fiber/overrun.c": "only in a process that a signal ends (tests/check_fiber_stacks.c)",
    "lib/server/acceptor.c": "after errors of accept that only a broken program can get",
    "lib/server/poll.c": "only in handlers that poll (tests/check_server_poll.c)",
    "client/save.c": "only where a signal ends valvectl, or where there are no nameless files",
}


class CallSites(unittest.TestCase):
    """Last of all."""

    def test_reached(self):
        sites = torture.SITES
        every = sites.all(*torture.PROGRAMS)
        missed = sorted(every - set(+sites.reached))
        failed = every & set(+sites.failed)
        found = len(every) - len(missed)
        print(f"\n{torture.COUNT['single']} failures injected singly, and "
              f"{torture.COUNT['lasting']} that lasted")
        print(f"{len(every)} call sites, {found} reached ({100 * found / len(every):.1f} %), "
              f"{len(failed)} let fail")
        if sites.jumps:
            print(f"{sites.jumps} more are optimized to jumps: known only where -O1 is used")
        for place in missed:
            path, _, _ = place.partition(":")
            print(f"  not reached: {place}: {ELSEWHERE.get(path, 'in none of these scenarios')}")
        if torture.FULL:
            self.assertGreaterEqual(len(every) - len(missed), 0.95 * len(every))


# Several at once, those that take longest first; Killed measures time, and has it for itself.
PARTS = [StartAndStop, Faults, OldKernel, Valvectl, Orders, Examples, Printing, Status, Live,
         Scraped, Storms, Ends]


def load_tests(loader, _tests, _pattern):
    """Together, but for what is to be said in the end."""
    parts = [test for part in PARTS for test in loader.loadTestsFromTestCase(part)]
    return unittest.TestSuite([Parts(parts), *map(loader.loadTestsFromTestCase,
                                                  [Killed, CallSites])])


if __name__ == "__main__":
    unittest.main()
