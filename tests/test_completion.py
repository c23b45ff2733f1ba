# SPDX-License-Identifier: MIT
"""What shells complete: every option and command there is, and names that the server has."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import unittest

import support
from support import rows

FOLDER = pathlib.Path(__file__).parent.parent / "completions"
FILES = ("valvectl.bash", "_valvectl", "valvectl.fish")
VALVECTL = support.BUILD / "valvectl"

# Prints what is offered for the last of these words, one a line. No word needs to be quoted.
ASK_BASH = r"""
source "$0"
COMP_LINE="$*"
for word; do
    while [[ $word == *[:=]* ]]; do
        piece=${word%%[:=]*}
        [[ -n $piece ]] && COMP_WORDS+=("$piece")
        COMP_WORDS+=("${word:${#piece}:1}")
        word=${word:${#piece}+1}
    done
    COMP_WORDS+=("$word")
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_valvectl
printf '%s\n' "${COMPREPLY[@]}"
"""


def said_by_help():
    text = subprocess.run([VALVECTL, "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    options = set(re.findall(r"--([a-z][a-z-]+)", text))
    commands = set(re.findall(r"^  ([a-z]+) ", text, re.MULTILINE))
    return options, commands


@support.expand
class Completion(unittest.TestCase):
    @rows([(name, name) for name in FILES])
    def test_options_and_commands(self, name):
        """Those of --help, and no others."""
        options, commands = said_by_help()
        text = (FOLDER / name).read_text()
        is_fish = name.endswith("fish")
        pattern = r"^complete .* -l ([a-z-]+)" if is_fish else r"--([a-z][a-z-]+)"
        known = set(re.findall(pattern, text, re.MULTILINE))
        self.assertEqual(options - known, set(), "not completed")
        # Help shows two by their letters alone.
        self.assertEqual(known - options - {"count", "interval"}, set(), "there are none of these")
        for command in commands:
            self.assertRegex(text, rf"\b{command}\b")

    @rows([("bash", "bash", ["-n"], "valvectl.bash"), ("zsh", "zsh", ["-n"], "_valvectl"),
           ("fish", "fish", ["--no-execute"], "valvectl.fish")])
    def test_it_is_understood(self, shell, words, name):
        if shutil.which(shell) is None:
            self.skipTest(f"{shell} is not installed")
        subprocess.run([shell, *words, FOLDER / name], check=True)


class Shell(unittest.TestCase):
    """One that completes names of a server's files."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server())
        for name in "alpha", "alpine/one", "beta", "with blank", "it's", "two\nlines":
            cls.server.write(name)
        # Whom a shell stops or leaves behind the leak checker never lets end: it spins.
        leaks = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"
        cls.environment = os.environ | {"PATH": f"{VALVECTL.parent}:{os.environ['PATH']}",
                                        "VALVE_HOST": cls.server.address, "TERM": "dumb",
                                        "HOME": str(support.scratch(cls)), "ASAN_OPTIONS": leaks}

    def output(self, *command):
        """Its lines, in order."""
        text = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                              env=self.environment, timeout=support.DEADLINE).stdout
        return sorted(filter(None, text.splitlines()))


@support.expand
class Bash(Shell):
    def offered(self, *words):
        return self.output("bash", "--norc", "-c", ASK_BASH, FOLDER / "valvectl.bash", "valvectl",
                           *words)

    @rows([
        ("commands", ["ex"], ["exists"]),
        ("names", ["get", "al"], ["alpha", "alpine/one"]),
        ("names that are quoted", ["del", "w"], [r"with\ blank"]),
        ("names with a quote", ["del", "i"], [r"it\'s"]),
        ("none with a line end", ["size", "t"], []),
        ("behind options", ["-t", "1s", "size", "--json", "b"], ["beta"]),
        ("no names where none are taken", ["list", "a"], []),
        ("options", ["get", "--no"], ["--no-sync"]),
        ("options of all", ["--ser"], ["--server-name"]),
        ("no option of another command", ["list", "--no"], []),
    ])
    def test_offered(self, words, offered):
        self.assertEqual(self.offered(*words), offered)

    def test_another_server(self):
        with support.Server() as other:
            other.write("elsewhere")
            self.assertEqual(self.offered("-H", other.address, "get", ""), ["elsewhere"])

    def test_no_server(self):
        self.assertEqual(self.offered("-H", "unix:/nowhere", "get", ""), [])


class Terminal(Shell):
    """A shell that people type into."""

    def start(self, command, preparation):
        """The preparation prints 42ready."""
        self.terminal, other = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        self.shown = ""
        shell = subprocess.Popen(command, stdin=other, stdout=other, stderr=other,
                                 env=self.environment, start_new_session=True)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.close(other)
        self.type(preparation)
        self.await_output("42ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def await_output(self, text, again=""):
        """Types `again` where nothing more comes: what is asked of a slow machine is given up."""
        def has_come():
            if select.select([self.terminal], [], [], 3)[0]:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")
            else:
                self.type(again)
            return text in self.shown

        support.wait_until(has_come, text)


@support.expand
class BashTerminal(Terminal):
    """Which breaks words where no blank is."""

    def setUp(self):
        self.start(["bash", "--norc", "--noprofile", "-i"],
                   f"source {FOLDER}/valvectl.bash; echo $((6 * 7))ready\n")

    @rows([
        ("names of another server", "valvectl -H {address} get el", "elsewhere"),
        ("the same by another option", "valvectl --host={address} get el", "elsewhere"),
        ("a name with a colon", "valvectl -H {address} get a:b", "a:beyond"),
        ("commands", "valvectl -H {address} exi", "exists"),
        ("an address", "valvectl -H unix:/run/val", "unix:/run/valve/valve.sock"),
    ])
    def test_completed(self, line, completed):
        with support.Server() as other:
            other.write("elsewhere")
            other.write("a:beyond")
            self.type(line.format(address=other.address) + "\t")
            self.await_output(completed, "\t")
            self.assertNotIn("a:a:", self.shown)
            self.assertNotIn("unix:unix:", self.shown)


@support.expand
@unittest.skipUnless(shutil.which("fish"), "fish is not installed")
class Fish(Shell):
    @rows([
        ("commands", "valvectl ex", ["exists"]),
        ("names", "valvectl get al", ["alpha", "alpine/one"]),
        ("names with blanks", "valvectl del w", ["with blank"]),
        ("another server", "valvectl -H unix:/nowhere get al", []),
        ("options", "valvectl get --no", ["--no-sync"]),
    ])
    def test_offered(self, line, offered):
        lines = self.output("fish", "--no-config", "-c",
                            f"source {FOLDER}/valvectl.fish; complete -C '{line}'")
        self.assertEqual([line.split("\t")[0] for line in lines], offered)


@support.expand
@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class Zsh(Terminal):
    """It completes on terminals only."""

    def setUp(self):
        self.start(["zsh", "-f", "-i"], f"fpath=({FOLDER} $fpath); autoload -U compinit; "
                   "compinit -u -D; print $((6 * 7))ready\n")

    @rows([
        ("commands", "valvectl exi", "exists"),
        ("names", "valvectl get be", "beta"),
        ("names with blanks", "valvectl del w", r"with\ blank"),
        ("beneath directories", "valvectl get alpine/", "alpine/one"),
        ("options", "valvectl get --no", "--no-sync"),
    ])
    def test_completed(self, line, completed):
        self.type(line + "\t")
        self.await_output(completed, "\t")

    def test_another_server(self):
        with support.Server() as other:
            other.write("elsewhere")
            self.type(f"valvectl -H {other.address} get e\t")
            self.await_output("elsewhere", "\t")


if __name__ == "__main__":
    unittest.main()
