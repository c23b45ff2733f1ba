# SPDX-License-Identifier: MIT
"""valve-cddl as a program: its exit statuses, the files it writes, and compilers that read them."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import support

COMPILER = support.BUILD / "valve-cddl"
SCHEMAS = support.SOURCE / "schema"
KINDS = support.SOURCE / "tests" / "kinds.cddl"
ZOO = support.SOURCE / "tests" / "zoo.cddl"
GENERATED = (KINDS, ZOO, SCHEMAS / "files.cddl")
GOLDEN = support.SOURCE / "tests" / "golden"

WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wswitch-enum", "-Wpointer-arith",
            "-Wvla", "-Wredundant-decls", "-Werror")
WARNINGS_OF_C = ("-Wstrict-prototypes", "-Wmissing-prototypes")

ACCEPTED = 't = ["A", "Ok" / {"Error" => tstr}]\n'
REFUSED = 't = ["A", nope / {"Error" => tstr}]\n'
REPORT = """\
t.cddl:1:11: the name nope is not defined
    t = ["A", nope / {"Error" => tstr}]
              ^~~~
"""


class Folder(unittest.TestCase):
    """Each test in an empty folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, text):
        (self.folder / "t.cddl").write_text(text)

    def compile(self, *arguments):
        return subprocess.run([*support.WRAPPER, COMPILER, *arguments], cwd=self.folder,
                              capture_output=True, text=True, timeout=support.DEADLINE)

    def names(self):
        return sorted(os.listdir(self.folder))


@support.expand
class CommandLine(Folder):
    @support.rows([
        ("help", ("-h",), 0, "usage: valve-cddl -o DIR SCHEMA.cddl"),
        ("long_help", ("--help",), 0, "usage:"),
        ("version", ("-V",), 0, "valve-cddl "),
        ("check", ("--check", "t.cddl"), 0, ""),
        ("output", ("-o", ".", "t.cddl"), 0, ""),
    ])
    def test_accepts(self, arguments, status, output):
        self.write(ACCEPTED)
        run = self.compile(*arguments)
        self.assertEqual((run.returncode, run.stderr), (status, ""))
        self.assertTrue(run.stdout.startswith(output), run.stdout)

    @support.rows([
        ("nothing", (), 64, "one of -o DIR, --check, --digest and --diff says what to do"),
        ("two_schemas", ("--check", "t.cddl", "t.cddl"), 64, "one schema is compiled at a time"),
        ("nothing_to_do", ("t.cddl",), 64, "one of -o DIR, --check, --digest and --diff"),
        ("both", ("--check", "-o", ".", "t.cddl"), 64, "one thing is done at a time"),
        ("one_to_compare", ("--diff", "t.cddl"), 64, "two schemas are compared"),
        ("three_to_compare", ("--diff", "t.cddl", "t.cddl", "t.cddl"), 64, "two schemas"),
        ("two_digests", ("--digest", "t.cddl", "t.cddl"), 64, "one schema"),
        ("unknown_option", ("--frobnicate", "t.cddl"), 64, "usage: valve-cddl"),
        ("other_name", ("--check", "t.txt"), 64, "the name of a schema is SERVICE.cddl"),
        ("no_name", ("--check", ".cddl"), 64, "the name of a schema is SERVICE.cddl"),
        ("no_file", ("--check", "none.cddl"), 1, "none.cddl: No such file or directory"),
        ("a_folder", ("--check", "d.cddl"), 1, "d.cddl: Is a directory"),
        ("no_folder", ("-o", "none", "t.cddl"), 1, "none/t.h: No such file or directory"),
    ])
    def test_refuses(self, arguments, status, words):
        self.write(ACCEPTED)
        (self.folder / "d.cddl").mkdir()
        run = self.compile(*arguments)
        self.assertEqual((run.returncode, run.stdout), (status, ""))
        self.assertIn(words, run.stderr)
        self.assertEqual(self.names(), ["d.cddl", "t.cddl"])


class Output(Folder):
    def test_writes_two_files_and_nothing_else(self):
        self.write(ACCEPTED)
        self.assertEqual(self.compile("-o", ".", "t.cddl").returncode, 0)
        self.assertEqual(self.names(), ["t.c", "t.cddl", "t.h"])
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual((self.folder / "t.h").stat().st_mode & 0o777, 0o666 & ~umask)

    def test_checking_writes_nothing(self):
        self.write(ACCEPTED)
        self.assertEqual(self.compile("--check", "t.cddl").returncode, 0)
        self.assertEqual(self.names(), ["t.cddl"])

    def test_errors_leave_what_was_there(self):
        self.write(REFUSED)
        for name in ("t.h", "t.c"):
            (self.folder / name).write_text("as it was")
        run = self.compile("-o", ".", "t.cddl")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (1, "", REPORT))
        self.assertEqual(self.names(), ["t.c", "t.cddl", "t.h"])
        for name in ("t.h", "t.c"):
            self.assertEqual((self.folder / name).read_text(), "as it was")

    def test_a_place_that_cannot_be_taken_leaves_no_draft(self):
        self.write(ACCEPTED)
        (self.folder / "t.h").mkdir()
        run = self.compile("-o", ".", "t.cddl")
        self.assertEqual(run.returncode, 1)
        self.assertIn("t.h: Is a directory", run.stderr)
        self.assertEqual(self.names(), ["t.cddl", "t.h"])

    def test_what_was_built_is_what_the_schema_says(self):
        for schema in ("files", "calc", "graph"):
            run = self.compile("-o", ".", SCHEMAS / f"{schema}.cddl")
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            for name in (f"{schema}.h", f"{schema}.c"):
                self.assertEqual((self.folder / name).read_text(),
                                 (support.BUILD / "schema" / name).read_text())

    def test_the_envelope_is_no_service(self):
        run = self.compile("--check", SCHEMAS / "envelope.cddl")
        self.assertEqual(run.returncode, 1)
        self.assertIn("the first rule is the service and is named as the file: envelope",
                      run.stderr)


@support.expand
class Compilers(Folder):
    def accept(self, compiler, *arguments):
        if shutil.which(compiler) is None:
            self.skipTest(f"{compiler} is not installed")
        run = subprocess.run([compiler, "-O2", *arguments, f"-I{support.SOURCE / 'lib'}", "-c",
                              "-o", "output.o"],
                             cwd=self.folder, capture_output=True, text=True,
                             timeout=support.DEADLINE)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def generate(self, schema):
        run = self.compile("-o", ".", schema)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    @support.rows([(f"{schema.stem} {compiler}", compiler, schema)
                   for schema in GENERATED for compiler in ("gcc", "clang")])
    def test_c_without_a_warning(self, compiler, schema):
        self.generate(schema)
        self.accept(compiler, "-std=gnu11", *WARNINGS, *WARNINGS_OF_C, f"{schema.stem}.c")

    @support.rows([(f"{schema.stem} {compiler}", compiler, schema)
                   for schema in GENERATED for compiler in ("g++", "clang++")])
    def test_cplusplus_without_a_warning(self, compiler, schema):
        self.generate(schema)
        (self.folder / "user.cc").write_text(f'#include "{schema.stem}.h"\n')
        self.accept(compiler, *WARNINGS, "user.cc")

    @support.rows([(schema.stem, schema) for schema in GENERATED])
    def test_no_line_is_too_long(self, schema):
        self.generate(schema)
        for name in (f"{schema.stem}.h", f"{schema.stem}.c"):
            for line in (self.folder / name).read_text().splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_long_names_make_long_lines_only(self):
        long = "a-method-with-a-name-that-is-longer-than-half-a-line-of-generated-code"
        self.write(f't = ["A", "Ok" / fail] / [{{"{long}" => tstr}}, * tstr, "Ok" / fail]\n'
                   f'  / [{{"{long}-and-longer" => tstr}}]\nfail = {{"Error" => tstr}}\n')
        self.generate("t.cddl")
        self.accept("gcc", "-std=gnu11", *WARNINGS, *WARNINGS_OF_C, "t.c")


class Golden(Folder):
    """Generated code as users read it. `valve-cddl -o tests/golden tests/kinds.cddl` writes it anew
    when it has changed on purpose."""

    def test_the_code_for_all_kinds_of_calls(self):
        self.assertEqual(self.compile("-o", ".", KINDS).returncode, 0)
        for name in ("kinds.h", "kinds.c"):
            self.assertEqual((self.folder / name).read_text(), (GOLDEN / name).read_text())


if __name__ == "__main__":
    unittest.main()
