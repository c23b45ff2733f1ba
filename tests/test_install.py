# SPDX-License-Identifier: MIT
"""
libvalve for others: what is installed, what the shared library shows, and that a service is built
on it, far from this tree, by two lines of make.
"""
import pathlib
import re
import shutil
import subprocess
import unittest

import installed
import service
import support
from support import rows

HEADER = support.SOURCE / "lib" / "valve.h"
SCRIPT = support.SOURCE / "lib" / "libvalve.map"
GUARANTEES = set(support.makefile_variable("VALVE_GUARANTEE_CFLAGS").split())

# Not one that happens to stand on the way: let x be -7 in (x + 1) * x.
X = {"Var": "x"}
EXPRESSION = {"Let": ["x", {"Num": -7}, {"Mul": [{"Add": [X, {"Num": 1}]}, X]}]}


def setUpModule():
    # pylint: disable=global-variable-undefined
    global INSTALLED

    class Keeper(unittest.TestCase):
        addClassCleanup = staticmethod(unittest.addModuleCleanup)

    INSTALLED = installed.Installation(Keeper)


def shown_symbols(library):
    """What programs may link to, with the version of each."""
    run = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                         check=True)
    symbols = [line.split()[1:] for line in run.stdout.splitlines()]
    return {name for kind, name in symbols if kind != "A"}  # A: the name of the version itself


def scratch_with(test, **files):
    folder = support.scratch(test)
    for name, text in files.items():
        (folder / name.replace("_c", ".c")).write_text(text)
    return folder


@support.expand
class Files(unittest.TestCase):
    @rows([(name, variable, name) for variable, name in [
        ("includedir", "valve.h"), ("libdir", "libvalve.so"), ("libdir", "libvalve.so.0"),
        ("libdir", "pkgconfig/valve.pc"), ("bindir", "valve-cddl"), ("bindir", "valve-cbor"),
        ("schemadir", "calc.cddl"), ("schemadir", "envelope.cddl"), ("schemadir", "files.cddl"),
        ("schemadir", "graph.cddl"), ("datadir", "valve/valve.mk"),
        ("datadir", "doc/valve/examples/calc/Makefile"),
        ("datadir", "doc/valve/examples/graph/Makefile")]])
    def test_is_there(self, variable, name):
        self.assertTrue((INSTALLED.path(variable) / name).is_file())

    def test_the_header_is_alone(self):
        self.assertEqual([path.name for path in INSTALLED.path("includedir").glob("valve*")],
                         ["valve.h"])

    def test_all_schemas_are_there(self):
        self.assertEqual({path.name for path in INSTALLED.path("schemadir").iterdir()},
                         {path.name for path in (support.SOURCE / "schema").glob("*.cddl")})

    def test_the_flags(self):
        flags = INSTALLED.pkg_config("--cflags").split()
        self.assertIn(f"-I{INSTALLED.path('includedir')}", flags)
        self.assertLessEqual(GUARANTEES, set(flags))
        self.assertGreater(len(GUARANTEES), 4)

    def test_what_is_linked(self):
        """libevent and libcbor are the library's own affair."""
        self.assertEqual(INSTALLED.pkg_config("--libs").split(),
                         [f"-L{INSTALLED.path('libdir')}", "-lvalve"])

    def test_the_prefix_is_what_configure_was_told(self):
        text = (INSTALLED.path("libdir") / "pkgconfig/valve.pc").read_text()
        self.assertIn(f"prefix={support.makefile_variable('prefix')}\n", text)
        self.assertNotIn("@", text)

    def test_the_compiler_is_found(self):
        run = INSTALLED.run([INSTALLED.path("valve_cddl"), "-V"], "/")
        self.assertEqual(run.stdout.split()[-1], INSTALLED.pkg_config("--modversion"))


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = INSTALLED.path("libdir") / "libvalve.so"

    def readelf(self, *options):
        return subprocess.run(["readelf", "-W", *options, self.library], capture_output=True,
                              text=True, check=True).stdout

    def test_shows_what_the_header_declares(self):
        declared = installed.declared_functions(HEADER.read_text())
        self.assertGreater(len(declared), 50)
        self.assertEqual(shown_symbols(self.library),
                         {f"{name}@@LIBVALVE_0.1" for name in declared})

    def test_the_version_script_names_them_all(self):
        listed, = re.findall(r"LIBVALVE_0\.1 \{\nglobal:\n(.*?)local:\n    \*;\n\};",
                             SCRIPT.read_text(), re.S)
        names = [line.strip(" ;") for line in listed.splitlines()]
        self.assertEqual(names, sorted(installed.declared_functions(HEADER.read_text())))

    def test_the_reading_of_headers(self):
        text = ('#define valve_a(x) \\\n    valve_b(x)\n/* valve_c(); */\nextern "C" {\n'
                'struct valve_d { int (*valve_e)(int); };\nint *valve_f(void (*call)(int),\n  int);\n'
                'static inline int valve_g(void)\n{\n    if (1) { return valve_h(); }\n}\n'
                'struct valve_d valve_i(void) __attribute__((x(y)));\n}\n')
        self.assertEqual(installed.declared_functions(text), {"valve_f", "valve_i"})

    def test_its_name_is_that_of_its_interface(self):
        self.assertIn("Library soname: [libvalve.so.0]", self.readelf("-d"))

    def test_needs_no_more_than_it_should(self):
        needed = re.findall(r"\(NEEDED\).*\[(.*?)[-.]", self.readelf("-d"))
        self.assertLessEqual({"libevent_core", "libcbor"}, set(needed))
        self.assertFalse({"libcheck", "libsystemd", "libinih"} & set(needed))

    def test_its_code_is_shared_and_its_stack_holds_none(self):
        self.assertNotIn("TEXTREL", self.readelf("-d"))
        stack, = re.findall(r"GNU_STACK .* (\w+) +0x\w+$", self.readelf("-l"), re.M)
        self.assertEqual(stack, "RW")


# A program that needs one function, which is declared here whether or not valve.h does.
CALLER = """\
struct valve_connection;
unsigned long long {name}();
int main(void)
{{
    return {name}() == 0;
}}
"""


@support.expand
class Linking(unittest.TestCase):
    def link(self, name, *options):
        folder = scratch_with(self, caller_c=CALLER.format(name=name))
        return INSTALLED.run([*INSTALLED.compiler, *INSTALLED.flags, "-o", "caller", "caller.c",
                              *INSTALLED.pkg_config("--libs").split(), *options], folder)

    @rows([(name, name) for name in (
        "valve_address_parse", "valve_scanner_feed", "valve_fiber_current", "valve_encode_within",
        "valve_context_switch", "valve_connection_settle")])
    def test_what_is_internal_is_not_found(self, name):
        internal = (support.SOURCE / "lib").glob("*/*.[hS]")
        self.assertTrue(any(re.search(rf"\b{name}\b", path.read_text()) for path in internal),
                        f"{name} is not in lib")
        run = self.link(name)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stderr, f"undefined (reference to|symbol:) [`']?{name}")

    def test_what_is_public_is(self):
        self.assertEqual(self.link("valve_deadline").stderr, "")


@support.expand
class Header(unittest.TestCase):
    @rows([(f"{compiler} {standard}", compiler, standard)
           for compilers, standards in [(("gcc", "clang"), ("c11", "c17", "gnu11")),
                                        (("g++", "clang++"), ("c++11", "c++17"))]
           for compiler in compilers for standard in standards])
    def test_compiles_alone(self, compiler, standard):
        self.compile(compiler, standard, "-include", "valve.h")

    @rows([(f"{compiler} {standard}", compiler, standard)
           for compiler in ("gcc", "clang", "g++", "clang++")
           for standard in (("c++11", "c++20") if compiler.endswith("++") else ("c11", "c17"))])
    def test_generated_compiles_alone(self, compiler, standard):
        folder = support.scratch(self)
        subprocess.run([f"{INSTALLED.path('bindir')}/valve-cddl", "-o", folder,
                        f"{support.SOURCE}/schema/calc.cddl"], check=True, timeout=support.DEADLINE)
        self.compile(compiler, standard, f"-I{folder}", "-include", "calc.h")

    def compile(self, compiler, standard, *options):
        if shutil.which(compiler) is None:
            self.skipTest(f"{compiler} is not installed")
        language = "c++" if "+" in standard else "c"
        run = subprocess.run([compiler, f"-std={standard}", "-x", language, "-Wall", "-Wextra",
                              "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only",
                              f"-I{INSTALLED.path('includedir')}", *options, "-"],
                             input="int none;\n", capture_output=True, text=True,
                             timeout=support.DEADLINE)
        self.assertEqual((run.returncode, run.stderr), (0, ""))


class Example(unittest.TestCase):
    """A folder that somebody copied from the installed examples."""
    def setUp(self):
        self.folder = support.scratch(self)
        self.copy("calc")

    def copy(self, name):
        for path in (INSTALLED.path("datadir") / "doc/valve/examples" / name).iterdir():
            shutil.copy(path, self.folder)

    def names(self):
        return {path.name for path in self.folder.iterdir()}

    def make(self, *arguments):
        run = INSTALLED.make(self.folder, *arguments)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def is_up_to_date(self):
        return INSTALLED.make(self.folder, "-q").returncode == 0

    def ask_client(self, address, *words):
        return INSTALLED.run([self.folder / "calc_client", address, *words], self.folder)


class Building(Example):
    def test_two_lines_make_a_service(self):
        self.assertEqual(len((self.folder / "Makefile").read_text().splitlines()), 2)
        self.make()
        with service.Service(self.folder / "calc_server", f"unix:{self.folder}/socket",
                             wrapper=()) as server:
            answer = self.ask_client(server.address, *"let x -7 mul add x 1 x".split())
            self.assertEqual((answer.stdout, answer.stderr), ("42\n", ""))
            with server.connect() as wire:
                self.assertEqual(wire.ask({"Eval": EXPRESSION}), {"Value": 42})
                self.assertEqual(support.error_code(wire.ask({"Eval": {"Nil": 0}})), "bad-request")
                self.assertRegex(wire.ask({"Eval": X})["Error"], "^unbound: ")
        self.assertEqual(answer.returncode, 0)

    def test_they_run_with_the_library_that_they_were_linked_with(self):
        self.make()
        run = INSTALLED.run(["ldd", "calc_server"], self.folder)
        found, = re.findall(r"libvalve\.so\.0 => (\S+)", run.stdout)
        self.assertTrue(pathlib.Path(found).samefile(INSTALLED.path("libdir") / "libvalve.so.0"))

    def test_all_at_once_and_clean_again(self):
        before = self.names()
        self.make("-j8")
        self.assertLessEqual({"calc.h", "calc.c", "calc_server", "calc_client"}, self.names())
        self.assertTrue(self.is_up_to_date())
        self.make("clean")
        self.assertEqual(self.names(), before)

    def test_what_has_changed_is_made_anew(self):
        self.make()
        for name, made in [("calc.cddl", {"calc.o", "calc_server", "calc_client"}),
                           ("calc_server.c", {"calc_server"}),
                           ("calc.h", {"calc.o", "calc_server", "calc_client"})]:
            with self.subTest(name):
                times = {path: path.stat().st_mtime_ns for path in self.folder.iterdir()}
                (self.folder / name).touch()
                self.assertFalse(self.is_up_to_date())
                self.make()
                self.assertTrue(self.is_up_to_date())
                newer = {path.name for path, time in times.items()
                         if path.stat().st_mtime_ns > time}
                self.assertEqual(newer & {"calc.o", "calc_server", "calc_client"}, made)

    def test_two_services_in_one_folder(self):
        makefile = self.folder / "Makefile"
        mine = makefile.read_text()
        self.copy("graph")
        makefile.write_text(mine + "all: graph_server graph_client\n")
        self.make("-j8")
        self.assertLessEqual({"calc_client", "graph_client", "graph.o"}, self.names())

    def test_a_program_of_two_files(self):
        (self.folder / "words.h").write_text("const char *words(void);\n")
        (self.folder / "words.c").write_text(
            '#include "calc.h"\n#include "words.h"\n'
            'const char *words(void) { return calc_expr_type.name; }\n')
        (self.folder / "say.c").write_text(
            '#include <stdio.h>\n#include "words.h"\nint main(void) { return puts(words()) < 0; }\n')
        makefile = self.folder / "Makefile"
        makefile.write_text(makefile.read_text() + "all: say\nsay: words.o\n")
        self.make()
        self.assertEqual(INSTALLED.run([self.folder / "say"], self.folder).stdout, "expr\n")
        (self.folder / "words.h").touch()
        self.assertFalse(self.is_up_to_date())
        self.make("clean")
        self.assertFalse({"say", "words.o", "calc.c"} & self.names())

    def test_the_guarantees_hold(self):
        """Two lines are enough for them, too."""
        server = self.folder / "calc_server.c"
        text = server.read_text()
        self.assertIn("case CALC_EXPR_MUL:\n", text)
        server.write_text(re.sub(r"    case CALC_EXPR_MUL:\n.*?(?=    case )", "", text, flags=re.S))
        run = INSTALLED.make(self.folder)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stderr, r"error: enumeration value '?.?CALC_EXPR_MUL.* not handled")

    def test_a_schema_with_a_fault(self):
        schema = self.folder / "calc.cddl"
        schema.write_text(schema.read_text().replace("i64} / fail", "i65} / fail", 1))
        run = INSTALLED.make(self.folder)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stderr, r"^calc\.cddl:\d+:\d+: .*i65")
        self.assertFalse({"calc.h", "calc.c", "calc_server"} & self.names())

    def test_no_valve_is_found(self):
        run = subprocess.run(["make"], cwd=self.folder, capture_output=True, text=True,
                             env=installed.build_environment(PKG_CONFIG_LIBDIR="/nowhere",
                                                             PKG_CONFIG_PATH=""))
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("Package valve was not found", run.stderr)


class Static(Example):
    def setUp(self):
        super().setUp()
        self.archive = INSTALLED.path("libdir") / "libvalve.a"
        if not self.archive.exists():
            self.skipTest("not configured with --enable-static")

    def test_all_its_names_begin_alike(self):
        """Nothing hides them in an archive."""
        run = subprocess.run(["nm", "-g", "--defined-only", self.archive], capture_output=True,
                             text=True, check=True)
        names = re.findall(r"^[0-9a-f]+ \w (\S+)$", run.stdout, re.M)
        self.assertGreater(len(names), 100)
        self.assertEqual([name for name in names if not name.startswith("valve_")], [])

    def test_without_the_shared_library(self):
        libraries = INSTALLED.pkg_config("--static", "--libs").split()
        self.assertLessEqual({"-lvalve", "-levent_core", "-lcbor"}, set(libraries))
        self.make("VALVE_LIBS=" + " ".join(str(self.archive) if word == "-lvalve" else word
                                           for word in libraries))
        self.assertNotIn("libvalve", INSTALLED.run(["ldd", "calc_server"], self.folder).stdout)
        with service.Service(self.folder / "calc_server", f"unix:{self.folder}/socket",
                             wrapper=()) as server:
            self.assertEqual(self.ask_client(server.address, "mul", "6", "7").stdout, "42\n")


if __name__ == "__main__":
    unittest.main()
