# SPDX-License-Identifier: MIT
"""The manual pages say what the programs do."""
import re
import shutil
import subprocess
import unittest

import cbor2

import installed
import support
from support import rows

PAGES = {path.name: path.read_text() for path in sorted((support.SOURCE / "man").glob("*.[1-8]"))}
PROGRAMS = {"valved.8": support.VALVED, "valvectl.1": support.VALVECTL,
            "valve-cddl.1": support.BUILD / "valve-cddl",
            "valve-cbor.1": support.BUILD / "valve-cbor"}
SOURCES = {"valved.8": "daemon", "valvectl.1": "client", "valve-cddl.1": "lib/cddl",
           "valve-cbor.1": "cbor"}

# What mandoc says of the machine it runs on: which pages that has, and that these are for any.
ELSEWHERE = "referenced manual not found|operating system explicitly specified|outdated mandoc.db"


def plain(source):
    """The words of a page, with options as one types them."""
    source = source.replace(r"\-", "-").replace(r"\&", "")
    return re.sub(r"\bFl\s+(?=\S)", "-", source)


def options_of(program):
    """Every option that the program's own help names."""
    result = subprocess.run([*support.WRAPPER, program, "-h"], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=support.DEADLINE, check=True)
    return set(re.findall(r"(?<![\w-])--?[A-Za-z0-9][\w-]*", result.stdout))


@support.expand
class Pages(unittest.TestCase):
    def test_all_pages_are_there(self):
        self.assertEqual(set(PAGES), {"valved.8", "valve.ini.5", "valvectl.1", "valve-protocol.7",
                                      "valve-cddl.1", "valve-cbor.1", "libvalve.3", "valve-rpc.7"})

    @rows([(name, name) for name in PAGES])
    def test_style(self, name):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        result = subprocess.run(["mandoc", "-Tlint", support.SOURCE / "man" / name],
                                capture_output=True, text=True, check=False)
        self.assertEqual([line for line in result.stdout.splitlines()
                          if not re.search(ELSEWHERE, line)], [])

    @rows([(name, name) for name in PAGES])
    def test_what_it_refers_to(self, name):
        """Pages of ours that are there, and functions that valve.h declares."""
        for title, section in re.findall(r"^\.Xr ((?:lib)?valve\S*) (\d)", PAGES[name], re.M):
            self.assertIn(f"{title}.{section}", PAGES)
        header = (support.SOURCE / "lib/valve.h").read_text()
        self.assertLessEqual(set(re.findall(r"^\.Fn (valve_\w+)", PAGES[name], re.M)),
                             installed.declared_functions(header))

    @rows([(name, name, program) for name, program in PROGRAMS.items()])
    def test_options(self, name, program):
        """Each option of -h is in its page."""
        options = options_of(program)
        self.assertGreaterEqual(len(options), 2)
        page = plain(PAGES[name])
        for option in options:
            self.assertRegex(page, rf"(?<![\w-]){option}(?![\w-])")

    def test_the_protocol_prints_the_client(self):
        """To the letter: the client that the tests use is the one that people copy."""
        client = (support.SOURCE / "tests/valve_client.py").read_text()
        self.assertIn(client, PAGES["valve-protocol.7"])
        # Nothing in it is markup, so what is in the source of the page is what is printed.
        self.assertNotIn("\\", client)
        self.assertNotRegex(client, r"(?m)^[.']")

    def test_the_protocol_explains_every_code(self):
        for code in support.CODES:
            self.assertIn(f".It Li {code}\n", PAGES["valve-protocol.7"])

    def test_the_examples_of_the_protocol(self):
        """Their bytes are those of the contract, and decode to what stands beside them."""
        found = re.findall(r"^(\[.*\]) +((?:[0-9a-f]+ ?)+)$", PAGES["valve-protocol.7"], re.M)
        self.assertEqual(len(found), 6)
        for text, data in found:
            value = cbor2.loads(bytes.fromhex(data))
            written = str(value).replace("'", '"').replace("True", "true")
            written = re.sub(r'b"(.*?)"', lambda match: f"h'{match[1].encode().hex()}'", written)
            self.assertEqual(written, text)

    def test_the_configuration_page_has_the_keys_that_there_are(self):
        """By sections; those of its lists that are in a list are values."""
        source = (support.SOURCE / "daemon/config_keys.c").read_text()
        keys = {(section.lower(), key)
                for key, section in re.findall(r'\{"(\w+)", CONFIG_(\w+)', source)}
        described, section, depth = set(), None, 0
        for line in PAGES["valve.ini.5"].splitlines():
            if match := re.match(r"\.Ss Sections? (\w+)", line):
                section = match[1]
            depth += line.startswith(".Bl ") - line.startswith(".El")
            if (match := re.match(r"\.It Cm (\w+)", line)) and depth == 1 and section:
                described.add((section, match[1]))
        self.assertGreater(len(keys), 40)
        self.assertEqual(described, keys)

    @rows([(name, name, program) for name, program in PROGRAMS.items()])
    def test_no_option_that_is_none(self, name, program):
        """What the page describes is in the tables of getopt_long(3), but for one-letter names."""
        described = {option for line in plain(PAGES[name]).splitlines() if line.startswith(".It -")
                     for option in re.findall(r"(?<![\w-])--([a-z][\w-]*)", line)}
        source = "".join(path.read_text() for path in (support.SOURCE / SOURCES[name]).glob("*.c"))
        known = set(re.findall(r'\{"([\w-]+)", (?:no|required)_argument, NULL, [^}]+\}', source))
        self.assertGreaterEqual(len(described), 2)
        self.assertEqual(described, known)

    def test_every_figure(self):
        """Those that are served are explained, and no others."""
        directory = support.scratch(self)
        with support.Server(settings={"metrics": {"address": f"unix:{directory}/metrics"}}):
            text = support.scrape(directory / "metrics")
        served = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        page = PAGES["valved.8"]
        metrics = page[page.index(".Sh METRICS"):page.index(".Sh FILES")]
        described = {name for line in re.findall(r"^\.It Li (.*)", metrics, re.M)
                     for name in re.findall(r"\w+", line)}
        self.assertGreater(len(served), 40)
        self.assertEqual(described, served)


if __name__ == "__main__":
    unittest.main()
