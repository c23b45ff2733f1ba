# SPDX-License-Identifier: MIT
"""
The tests of tests/test_torture.py, several at once: each in a process of its own, that says what
became of it and which call sites it has reached. They wait more than they work.
"""
import multiprocessing
import os
import sys
import traceback
import unittest

import fault
import support
import torture

PROCESSES = 2 * os.cpu_count()
LONGEST = 1000  # seconds: a process that was killed says nothing any more


class Noting(unittest.TestResult):
    """What became of the tests, as text: [(id, verdict, words)]."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def _note(self, test, verdict, error=None):
        words = "".join(traceback.format_exception(*error)) if error else ""
        self.notes.append((test.id(), verdict, words))

    def addSuccess(self, test):
        self._note(test, "ok")

    def addSkip(self, test, reason):
        self.notes.append((test.id(), "skip", reason))

    def addFailure(self, test, err):
        self._note(test, "failure", err)

    def addError(self, test, err):
        self._note(test, "error", err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._note(subtest, "failure", err)


def run_part(test):
    """In a process of the pool."""
    for counter in (torture.SITES.reached, torture.SITES.failed, torture.COUNT):
        counter.clear()
    noting = Noting()
    unittest.TestSuite([test]).run(noting)
    sys.stderr.flush()
    return noting.notes, torture.SITES.reached, torture.SITES.failed, torture.COUNT


def know_binaries():
    """Before there are processes that would each look for the same call sites."""
    case = unittest.TestCase()
    try:
        names = fault.Fault(support.scratch(case), support.VALVED).call_names()
    finally:
        case.doCleanups()
    for program in torture.PROGRAMS:
        torture.SITES.add_binary(program, names)


class Parts(unittest.TestSuite):
    """These tests, the first ones begun first."""

    def run(self, result, debug=False):
        tests = list(self)
        if not tests:
            return result
        know_binaries()
        with multiprocessing.get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as pool:
            outcomes = [(test, pool.apply_async(run_part, (test,))) for test in tests]
            for test, outcome in outcomes:
                self._tell(result, test, *outcome.get(LONGEST))
        return result

    @staticmethod
    def _tell(result, test, notes, reached, failed, count):
        torture.SITES.reached.update(reached)
        torture.SITES.failed.update(failed)
        torture.COUNT.update(count)
        result.startTest(test)
        for name, verdict, words in notes:
            if verdict == "ok":
                result.addSuccess(test)
            elif verdict == "skip":
                result.addSkip(test, words)
            else:
                problem = AssertionError(f"{name}\n{words}")
                add = result.addFailure if verdict == "failure" else result.addError
                add(test, (AssertionError, problem, None))
        result.stopTest(test)
