# SPDX-License-Identifier: MIT
"""What shells complete: every option and command there is, and names that the server has."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import support
from support import rows

FOLDER = pathlib.Path(__file__).parent.parent / "completions"
FILES = ("valvectl.bash", "_valvectl", "valvectl.fish")
VALVECTL = support.BUILD / "valvectl"

# Prints what is offered for the last of these words, one a line.
ASK_BASH = r"""
source "$0"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
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


@support.expand
class Bash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(support.Server())
        for name in "alpha", "alpine/one", "beta", "with blank", "it's", "two\nlines":
            cls.server.write(name)

    def offered(self, *words):
        environment = os.environ | {"PATH": f"{VALVECTL.parent}:{os.environ['PATH']}",
                                    "VALVE_HOST": self.server.address}
        output = subprocess.run(
            ["bash", "--norc", "-c", ASK_BASH, FOLDER / "valvectl.bash", "valvectl", *words],
            check=True, text=True, stdout=subprocess.PIPE, env=environment,
            timeout=support.DEADLINE).stdout
        return sorted(filter(None, output.splitlines()))

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


if __name__ == "__main__":
    unittest.main()
