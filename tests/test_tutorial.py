# SPDX-License-Identifier: MIT
"""
valve-rpc(7), the examples of libvalve(3), and the service in the README, done word for word with
an installed libvalve.

A comment in front of each display of the page says what it is: a file, a change of one, or
commands with what they print (the comment at the beginning of valve-rpc.7 explains).
"""
import re
import signal
import subprocess
import sys
import unittest

import installed
import support

DISPLAY = re.compile(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", re.M)
STEP = re.compile(r'^\.\\" (write|append|replace|insert|run)(?: (\S+))?(?:: (.*))?\n' + DISPLAY.pattern[1:],
                  re.M)
README_STEP = re.compile(r"^<!-- (write|run)(?: (\S+))? -->\n\n((?:    .*\n|\n(?=    ))+)", re.M)
ESCAPES = {r"\e": "\\", r"\(aq": "'", r"\(dq": '"', r"\-": "-", r"\ ": " ", r"\&": ""}

# The pages show what gcc says.
WORDS_OF_CLANG = {
    "too few arguments provided to function-like macro invocation":
        'macro "PRIMES_HANDLERS" requires 2 arguments, but only 1 given',
}

# Where the pages have sockets, and any two users of one machine would meet.
PUBLIC = "/tmp/"


def plain(source):
    """What a reader sees of the source of a display."""
    text = re.sub(r"\\(\(..|.)", lambda match: ESCAPES[match[0]], source)
    assert not re.search(r"^[.']", text, re.M), text
    return text


def steps(page):
    """What a page tells its reader to do: kind, file, line, and the text of the display."""
    if page == "README.md":
        return [(kind, file, "", re.sub("^    ", "", text, flags=re.M))
                for kind, file, text in README_STEP.findall((support.SOURCE / page).read_text())]
    source = (support.SOURCE / "man" / page).read_text()
    found = [(kind, file, plain(line or ""), plain(text))
             for kind, file, line, text in STEP.findall(source)]
    if len(found) != len(DISPLAY.findall(source)):
        raise AssertionError(f"{page}: a display without a comment that says what to do with it")
    return found


def setUpModule():
    # pylint: disable=global-variable-undefined
    global INSTALLED

    class Keeper(unittest.TestCase):
        addClassCleanup = staticmethod(unittest.addModuleCleanup)

    INSTALLED = installed.Installation(Keeper)


class Reader:
    """Somebody who does what a page says, in an empty folder."""

    def __init__(self, test):
        self.test = test
        self.folder = support.scratch(test)
        self.background = None
        test.addCleanup(self.end)
        tools = support.scratch(test)
        (tools / "python3").symlink_to(sys.executable)  # the one that has cbor2
        self.environment = INSTALLED.environment | {
            "PATH": f"{tools}:{INSTALLED.path('bindir')}:{INSTALLED.environment['PATH']}",
            "CC": " ".join(INSTALLED.compiler),
            "CFLAGS": " ".join(["-O1", "-g", "-Wall", "-Wextra", *INSTALLED.flags])}

    def here(self, text):
        return text.replace(PUBLIC, f"{self.folder}/")

    def there(self, text):
        return text.replace(f"{self.folder}/", PUBLIC)

    def follow(self, page):
        for kind, file, line, text in steps(page):
            getattr(self, kind)(file, line, self.here(text))

    def write(self, file, _, text):
        (self.folder / file).write_text(text)

    def append(self, file, _, text):
        self.write(file, _, f"{(self.folder / file).read_text()}\n{text}")

    def insert(self, file, line, text):
        before, found, after = self.split(file, line)
        self.write(file, line, f"{before}{text}\n{found}{after}")

    def replace(self, file, line, text):
        before, _, after = self.split(file, line)
        self.write(file, line, f"{before}{text}{after}")

    def split(self, file, line):
        """What is in front of the line that begins so, the line, and what is behind it."""
        parts = re.split(rf"^({re.escape(line)}.*\n)", (self.folder / file).read_text(), flags=re.M)
        if len(parts) != 3:
            raise AssertionError(f"{file} has {len(parts) // 2} lines that begin with {line}")
        return parts

    def run(self, _file, _line, text):
        """Commands stand behind $; what they print stands below them."""
        first, *parts = re.split(r"^\$ (.*)\n", text, flags=re.M)
        self.test.assertEqual(first, "")
        for command, expected in zip(parts[::2], parts[1::2]):
            printed = self.execute(command)
            for words, same in WORDS_OF_CLANG.items():
                printed = printed.replace(words, same)
            if printed != expected:
                raise AssertionError(f"$ {self.there(command)}\nprinted: {self.there(printed)}\n"
                                     f"and not: {self.there(expected)}")

    def execute(self, command):
        if command == "kill %1":
            return self.end()
        if command.endswith(" &"):
            return self.begin(command.removesuffix("&"))
        return subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              timeout=support.DEADLINE).stdout

    def begin(self, command):
        """Starts a server; it has one line to say."""
        self.background = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self.background.stdout.readline()

    def end(self):
        process, self.background = self.background, None
        if process is None:
            return ""
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=support.DEADLINE)
        self.test.assertEqual((process.returncode, output), (0, ""))
        return output


class Tutorial(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        self.reader = Reader(self)

    def test_the_tutorial(self):
        self.reader.follow("valve-rpc.7")

    def test_the_manual_of_the_library(self):
        self.reader.follow("libvalve.3")

    def test_the_service_in_the_readme(self):
        self.reader.follow("README.md")
        with support.Wire(f"unix:{self.reader.folder}/hello") as wire:
            self.assertEqual(wire.ask({"Greet": "you"}), {"Greeting": "you"})
            self.assertEqual(wire.ask({"Greet": ""}), "Bye")

    def test_steps_that_go_wrong_are_noticed(self):
        for text in ("$ echo no\nyes\n", "$ false\nyes\n", "$ echo yes\n", "$ true\n$ echo yes\n"):
            with self.subTest(text), self.assertRaises(AssertionError):
                self.reader.run(None, None, text)
        self.reader.write("file", None, "one\ntwo\ntwo\n")
        for line in ("three", "two"):
            with self.subTest(line), self.assertRaises(AssertionError):
                self.reader.replace("file", line, "four\n")


if __name__ == "__main__":
    unittest.main()
