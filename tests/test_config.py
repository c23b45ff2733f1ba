# SPDX-License-Identifier: MIT
"""valved and its configuration file, from the outside: what it refuses, and how it says so."""
import pathlib
import subprocess
import unittest

import support
from support import rows

# A line that is wrong, in which section, and what the message must name.
WRONG = [
    ("unknown key", "server", "wrkers = 1", "wrkers"),
    ("unknown key of a listener", "listen one", "adress = 127.0.0.1:1", "adress"),
    ("repeated key", "files", "hide = a\nhide = b", "hide"),
    ("bad number", "server", "workers = many", "workers"),
    ("negative number", "server", "workers = -1", "workers"),
    ("number with more behind it", "server", "workers = 1x", "workers"),
    ("number that is too large", "limits", "max_in_flight = 99999999999999999999", "max_in_flight"),
    ("bad unit of time", "limits", "idle_timeout = 5 fortnights", "idle_timeout"),
    ("bad unit of size", "limits", "max_request = 8Q", "max_request"),
    ("bad flag", "files", "symlinks = perhaps", "symlinks"),
    ("bad level", "log", "level = loud", "level"),
    ("no value", "limits", "io_timeout =", "io_timeout"),
    ("no equals sign", "limits", "io_timeout 5s", ""),
    ("line of 5000 bytes", "files", "hide = " + "x" * 5000, ""),
    ("bad operation", "listen one", "allow = list fly", "fly"),
    ("bad mode", "listen one", "mode = 0999", "mode"),
    ("group that does not exist", "listen one", "group = no-such-group", "no-such-group"),
    ("a certificate without a key", "listen two", "tls_cert = /etc/cert.pem", "tls_cert"),
    ("metrics for all machines", "metrics", "address = 0.0.0.0:9", "address"),
]


@support.expand
class Config(unittest.TestCase):
    def setUp(self):
        self.directory = support.scratch(self)
        (self.directory / "root").mkdir()
        self.path = self.directory / "valve.ini"
        self.socket = self.directory / "socket"

    def write(self, text):
        self.path.write_text(text)

    def ini(self, **sections):
        """A file that works, with these lines added to its sections."""
        lines = {"files": f"root = {self.directory}/root\n",
                 "listen one": f"address = unix:{self.socket}\n",
                 "listen two": "address = 127.0.0.1:0\n"}
        for section, text in sections.items():
            lines[section] = lines.get(section, "") + text + "\n"
        return "".join(f"[{section}]\n{text}" for section, text in lines.items())

    def run_valved(self, *arguments):
        return subprocess.run([*support.WRAPPER, support.VALVED, "-c", self.path, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=support.DEADLINE, check=False)

    def expect_errors(self, lines):
        """These lines are named, and no others; nothing was started, whatever the options."""
        for arguments in (["-t"], ["--check-config"], []):
            result = self.run_valved(*arguments)
            self.assertEqual(result.returncode, 78, result.stderr)
            named = [line for line in result.stderr.splitlines() if f"{self.path}:" in line]
            self.assertEqual([int(line.split(f"{self.path}:")[1].split(":")[0]) for line in named],
                             lines, result.stderr)
            self.assertFalse(self.socket.exists())
        return result.stderr

    def test_good(self):
        self.write(self.ini())
        result = self.run_valved("--check-config")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.socket.exists())

    @rows(WRONG)
    def test_wrong(self, section, text, named):
        self.write(self.ini(**{section: text}))
        number = self.path.read_text().splitlines().index(text.splitlines()[-1]) + 1
        self.assertIn(named, self.expect_errors([number]))

    @rows([
        ("section", "[sever]\nworkers = 1\n"),
        ("empty section", "[sever]\n"),
        ("listener without a name", "[listen]\naddress = 127.0.0.1:0\n"),
        ("listener without an address", "[listen empty]\n"),
        ("section that is not closed", "[server\n"),
    ])
    def test_wrong_section(self, text):
        good = self.ini()
        self.write(good + text)
        header = len(good.splitlines()) + 1
        result = self.run_valved("-t")
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertIn(f"{self.path}:{header}:", result.stderr)

    @rows([
        ("missing", "{directory}/none"),
        ("a file", "{directory}/valve.ini"),
        ("relative", "root"),
    ])
    def test_wrong_root(self, root):
        self.write("[files]\nroot = " + root.format(directory=self.directory) +
                   f"\n[listen one]\naddress = unix:{self.socket}\n")
        self.expect_errors([2])

    def test_all_errors_in_one_run(self):
        self.write(self.ini(**{section: text for _, section, text, _ in [
            WRONG[0], WRONG[2], WRONG[7], WRONG[10]]}))
        lines = self.path.read_text().splitlines()
        wrong = [number for number, line in enumerate(lines, 1)
                 if line in ("wrkers = 1", "hide = b", "idle_timeout = 5 fortnights",
                             "level = loud")]
        self.assertEqual(len(wrong), 4)
        self.expect_errors(wrong)

    def test_a_tcp_address_that_others_can_reach(self):
        """It takes TLS, or a word that says one knows."""
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:8258"):
            self.write(self.ini(**{"listen three": f"address = {address}"}))
            result = self.run_valved("-t")
            self.assertEqual(result.returncode, 78, address)
            self.assertIn(f"{self.path}:", result.stderr)
            self.write(self.ini(**{"listen three": f"address = {address}\ninsecure = yes"}))
            self.assertEqual(self.run_valved("-t").returncode, 0, address)

    def test_crlf(self):
        self.path.write_bytes(self.ini().replace("\n", "\r\n").encode())
        self.assertEqual(self.run_valved("-t").returncode, 0)

    def test_missing_file(self):
        result = self.run_valved("-t")
        self.assertEqual(result.returncode, 78)
        self.assertIn(str(self.path), result.stderr)
        # Which root it would have named is not known: nothing is said about the default one.
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_a_file_without_listeners_and_one_on_the_command_line(self):
        self.write(f"[files]\nroot = {self.directory}/root\n")
        self.assertIn("there is no listener", self.run_valved("-t").stderr)
        result = self.run_valved("-t", "--listen", f"unix:{self.socket}")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_dump_is_a_configuration(self):
        """It is accepted again, and then says the same."""
        self.write(self.ini(server="workers = 2\nmax_fibers = 100", limits="idle_timeout = 90s",
                            files="hide = .* *.part"))
        first = self.run_valved("--dump-config")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.write(first.stdout)
        second = self.run_valved("--dump-config")
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertEqual(self.values(second.stdout), self.values(first.stdout))
        self.assertIn("workers = 2", self.values(first.stdout))
        self.assertEqual(self.run_valved("-t").returncode, 0)

    @staticmethod
    def values(text):
        """The lines without their comments."""
        lines = (line.split(";")[0].split(" #")[0].strip() for line in text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def test_the_shipped_file_names_every_key_with_its_default(self):
        shipped = pathlib.Path(support.SOURCE / "etc/valve.ini").read_text()
        self.write(self.ini())
        dumped = self.values(self.run_valved("--dump-config").stdout)
        keys = {line.split("=")[0].strip() for line in dumped if "=" in line}
        self.assertGreater(len(keys), 20)
        for key in keys:
            self.assertRegex(shipped, rf"(?m)^[;# ]*{key}\s*=")


if __name__ == "__main__":
    unittest.main()
