# SPDX-License-Identifier: MIT
"""What generated headers promise not to let through: each file of tests/guarantees has a fault
under #ifdef FAULT, does not compile with it, and compiles without."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import support

FOLDER = support.SOURCE / "tests" / "guarantees"
COMPILERS = ("gcc", "clang")


def offered_flags():
    """What pkg-config gives to whoever builds a service, but for the place of valve.h."""
    text = (support.BUILD / "lib" / "valve.pc").read_text()
    flags = re.search(r"^Cflags: (.*)$", text, re.M)[1].split()
    return tuple(flag for flag in flags if not flag.startswith("-I"))


FLAGS = offered_flags()

# File, the flag that it needs (None: it is wrong in any case), and what gcc and clang say of it.
FAULTS = [
    ("other_reply", None,
     r"incompatible types when returning type 'struct kinds_square_answer' but "
     r"'struct kinds_double_answer' was expected",
     r"returning 'struct kinds_square_answer' from a function with incompatible result type "
     r"'struct kinds_double_answer'"),
    ("other_handle", None,
     r"incompatible type for argument 1 of 'kinds_trace_reply_none'",
     r"passing 'struct kinds_log_reply' to parameter of incompatible type "
     r"'struct kinds_trace_reply'"),
    ("other_value", "-Werror=incompatible-pointer-types",
     r"passing argument 2 of 'kinds_draw_reply_box' from incompatible pointer type",
     r"incompatible pointer types passing 'const struct kinds_shape \*' to parameter of type "
     r"'const struct kinds_shape_box \*'"),
    ("pointer_for_number", "-Werror=int-conversion",
     r"passing argument 2 of 'kinds_draw_reply_circle' makes integer from pointer",
     r"incompatible pointer to integer conversion passing 'const uint64_t \*'"),
    ("no_answer", "-Werror=return-type",
     r"control reaches end of non-void function",
     r"non-void function does not return a value in all control paths"),
    ("missing_method", None,
     r'macro "KINDS_HANDLERS" requires 11 arguments, but only 10 given',
     r"too few arguments provided to function-like macro invocation"),
    ("swapped_handlers", "-Werror=incompatible-pointer-types",
     r"\(near initialization for 'handlers\.double_'\)[^$]*"
     r"\(near initialization for 'handlers\.square'\)",
     r"incompatible function pointer types initializing 'struct kinds_double_answer "),
    ("swapped_one_way", "-Werror=incompatible-pointer-types",
     r"\(near initialization for 'handlers\.log'\)[^$]*"
     r"\(near initialization for 'handlers\.trace'\)",
     r"incompatible function pointer types initializing 'struct kinds_log_answer "),
    ("other_item", "-Werror=incompatible-pointer-types",
     r"passing argument 2 of 'kinds_watch_send_item' from incompatible pointer type",
     r"incompatible pointer types passing 'struct kinds_note \*' to parameter of type "
     r"'const struct kinds_event \*'"),
    ("other_stream", None,
     r"incompatible type for argument 1 of 'kinds_follow_send_item'",
     r"passing 'struct kinds_watch_reply' to parameter of incompatible type "
     r"'struct kinds_follow_reply'"),
    ("no_stream", "-Werror=implicit-function-declaration",
     r"implicit declaration of function 'kinds_double_send_item'",
     r"implicit declaration of function 'kinds_double_send_item'"),
    ("unheard_cancel", "-Werror=unused-result",
     r"ignoring return value of 'kinds_count_send_item'",
     r"ignoring return value of function declared with 'warn_unused_result' attribute"),
    ("missing_case", "-Werror=switch",
     r"enumeration value 'KINDS_SHAPE_POINT' not handled in switch",
     r"enumeration value 'KINDS_SHAPE_POINT' not handled in switch"),
    ("missing_outcome", "-Werror=switch",
     r"enumeration value 'KINDS_DOUBLE_FAILED' not handled in switch",
     r"enumeration value 'KINDS_DOUBLE_FAILED' not handled in switch"),
    ("other_outcome", "-Werror=switch",
     r"case value '\d+' not in enumerated type 'enum kinds_double_outcome'",
     r"case value not in enumerated type 'enum kinds_double_outcome'"),
    ("compared_outcome", "-Werror=enum-compare",
     r"comparison between 'enum kinds_double_outcome' and 'enum kinds_square_outcome'",
     r"comparison of different enumeration types"),
    ("other_result", None,
     r"invalid initializer",
     r"initializing 'struct kinds_double_result' with an expression of incompatible type "
     r"'struct kinds_square_result'"),
    ("other_pending", "-Werror=incompatible-pointer-types",
     r"passing argument 2 of 'kinds_square_wait' from incompatible pointer type",
     r"incompatible pointer types passing 'struct kinds_double_pending \*' to parameter of type "
     r"'struct kinds_square_pending \*'"),
    ("wait_for_one_way", None,
     r"storage size of 'pending' isn't known",
     r"variable has incomplete type 'struct kinds_log_pending'"),
]

# What some versions of a compiler do not see, and why.
UNSEEN = {("compared_outcome", "clang"): "this clang takes the constants of an enum for ints"}

# A row for each compiler, too.
CASES = [(f"{name} {compiler}", name, compiler, flag, words)
         for name, flag, *all_words in FAULTS
         for compiler, words in zip(COMPILERS, all_words)]


@support.expand
class Guarantees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([*support.WRAPPER, support.BUILD / "valve-cddl", "-o", cls.folder,
                        support.SOURCE / "tests" / "kinds.cddl"],
                       check=True, timeout=support.DEADLINE)

    def compile(self, compiler, name, *options):
        if shutil.which(compiler) is None:
            self.skipTest(f"{compiler} is not installed")
        return subprocess.run(
            [compiler, "-std=gnu11", "-O1", *options, f"-I{support.SOURCE / 'lib'}",
             f"-I{self.folder}", "-c", "-o", os.devnull, f"{name}.c"],
            cwd=FOLDER, env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True,
            timeout=support.DEADLINE)

    def accept(self, compiler, name, *options):
        run = self.compile(compiler, name, *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stderr

    def refuse(self, compiler, name, words, *options):
        run = self.compile(compiler, name, "-DFAULT", *options)
        self.assertEqual(run.returncode, 1, f"{compiler} accepts {name}.c")
        self.assertRegex(run.stderr, words)
        self.assertRegex(run.stderr, r"\berror: ")
        return run.stderr

    def test_each_file_is_a_case(self):
        self.assertEqual(sorted(path.stem for path in FOLDER.glob("*.c")),
                         sorted(name for name, *_ in FAULTS))

    @support.rows(CASES)
    def test_without_the_fault(self, name, compiler, flag, words):
        self.assertEqual(self.accept(compiler, name, "-Wall", "-Wextra", "-Werror", *FLAGS), "")

    @support.rows(CASES)
    def test_the_fault(self, name, compiler, flag, words):
        unseen = UNSEEN.get((name, compiler))
        if unseen and self.compile(compiler, name, "-DFAULT", *FLAGS).returncode == 0:
            self.skipTest(unseen)
        print(self.refuse(compiler, name, words, *FLAGS), end="", flush=True)

    @support.rows(CASES)
    def test_its_flag(self, name, compiler, flag, words):
        """Refused without any flag, or accepted where only that one is taken back: none is idle."""
        if flag is None:
            self.refuse(compiler, name, words)
        else:
            self.accept(compiler, name, "-DFAULT", *FLAGS, flag.replace("-Werror", "-Wno-error"))

    def test_each_flag_has_a_case(self):
        self.assertEqual(set(FLAGS), {flag for _, flag, *_ in FAULTS} - {None})


if __name__ == "__main__":
    unittest.main()
