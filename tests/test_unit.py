# SPDX-License-Identifier: MIT
"""valved.service: what it is worth, and valved under its restrictions (tests/confined.py)."""
import importlib.util
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import unittest

import support
import tls

USER = "daemon"  # there is no user valve where nothing was installed
MOST_EXPOSED = 1.2
CONFINED = support.SOURCE / "tests/confined.py"


def may_be_confined():
    """Whether this may make file systems of its own: in a container that is not sure."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--propagation", "slave", "mount", "-t", "tmpfs", "none", "/srv"],
        stderr=subprocess.DEVNULL, check=False).returncode == 0


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
class Exposure(unittest.TestCase):
    def test_how_exposed_it_is(self):
        text = self.analyze("security", "--offline=yes")
        self.assertLessEqual(float(re.search(r"exposure level for \S+: ([\d.]+)", text)[1]),
                             MOST_EXPOSED, text)

    def test_it_is_well_formed(self):
        """But for its manual pages and its program, which are not installed."""
        text = self.analyze("verify", check=False)
        left = [line for line in text.splitlines()
                if not re.search(r"'man .*' failed|is not executable", line)]
        self.assertEqual(left, [])

    def analyze(self, *arguments, check=True):
        unit = support.BUILD / "systemd/valved.service"
        result = subprocess.run(["systemd-analyze", "--no-pager", *arguments, unit], check=check,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=support.DEADLINE)
        return result.stdout


@unittest.skipUnless(importlib.util.find_spec("seccomp"), "python3-seccomp is not installed")
@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
@unittest.skipIf(support.INSTRUMENTED or support.WRAPPER, "what watches it needs more than it does")
@unittest.skipUnless(may_be_confined(), "this takes root, who may mount")
class Confined(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = support.scratch(cls)
        cls.directory.chmod(0o755)
        for name in ("run", "srv"):
            (cls.directory / name).mkdir()
        run = cls.directory / "run"
        authority = tls.Authority(run / "tls")
        cls.client = authority.client(authority.issue("alice"))
        pair = authority.issue("server", alternatives="IP:127.0.0.1")
        for path in (run / "tls").iterdir():
            path.chmod(0o644)
        keys = {key: f"/run/valve/tls/{path.name}" if isinstance(path, pathlib.Path) else path
                for key, path in authority.listener(pair).items()}
        (run / "valve.ini").write_text(
            "[listen local]\naddress = unix:/run/valve/valve.sock\n[listen tcp]\n"
            "address = 127.0.0.1:0\nallow = list size get exists del\n"
            + "".join(f"{key} = {value}\n" for key, value in keys.items())
            + f"[access us]\npeer = uid:{os.getuid()} cn:alice\nallow = list size get exists del\n"
            "[log]\naudit = yes\naudit_file = /var/log/valve/audit.log\naccess = yes\n")
        unit = cls.directory / "valved.service"
        unit.write_text(re.sub("^(User|Group)=.*", rf"\1={USER}", (
            support.BUILD / "systemd/valved.service").read_text(), flags=re.MULTILINE))
        cls.program = support.Program(
            unit, cls.directory, support.VALVED, "-c", "/run/valve/valve.ini",
            command=["/usr/bin/python3", CONFINED])
        cls.addClassCleanup(cls.program.kill)
        cls.tcp_address = cls.program.wait_for_log(support.READY, 2)[1][1]
        cls.address = f"unix:{run}/valve.sock"

    @classmethod
    def tearDownClass(cls):
        cls.program.signal(signal.SIGTERM)
        if cls.program.wait() != 0:
            raise AssertionError(f"it did not end as asked:\n{cls.program.log}")

    def status(self, *names):
        text = pathlib.Path(f"/proc/{self.program.pid}/status").read_text()
        return [re.search(rf"^{name}:\s+(\S+)", text, re.MULTILINE)[1] for name in names]

    def test_what_it_may_do(self):
        self.assertEqual(self.status("Uid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"),
                         [str(pwd.getpwnam(USER).pw_uid), *["0" * 16] * 3, "1", "2"])

    def test_its_workers_have_cpus_of_their_own(self):
        pinned = [re.search(r"Cpus_allowed_list:\s+(\S+)", path.read_text())[1]
                  for path in pathlib.Path(f"/proc/{self.program.pid}/task").glob("*/status")
                  if "valve-w-" in path.read_text()]
        self.assertEqual(len(pinned), len(os.sched_getaffinity(0)))
        self.assertEqual(sorted(map(int, pinned)), sorted(os.sched_getaffinity(0)))

    def test_it_has_all_descriptors_that_it_may_have(self):
        limits = pathlib.Path(f"/proc/{self.program.pid}/limits").read_text()
        soft, hard = re.search(r"^Max open files\s+(\d+)\s+(\d+)", limits, re.MULTILINE).groups()
        self.assertEqual(soft, hard)
        self.program.wait_for_log(f"descriptor limit {hard},")

    def check_calls(self, wire):
        """Each of them; the user of a Unix socket, or a name in a certificate, is granted it."""
        (self.directory / "srv/d").mkdir(exist_ok=True)
        os.chown(self.directory / "srv/d", pwd.getpwnam(USER).pw_uid, -1)
        for size in (5, 100_000):
            path = self.directory / "srv/d/f"
            path.write_bytes(b"f" * size)
            path.chmod(0o644)
            self.assertEqual(wire.ask({"Exists": "d/f"}), {"Exists": True})
            self.assertEqual(wire.ask({"Size": "d/f"}), {"Size": size})
            self.assertEqual(wire.ask({"Get": "d/f"}), {"Content": b"f" * size})
            self.assertEqual([file["path"] for file in wire.ask("ListAll")["List"]], ["d/f"])
            self.assertEqual(wire.ask({"Del": "d/f"}), "Ok")
            self.assertEqual(wire.ask({"Exists": "d/f"}), {"Exists": False})

    def test_all_calls(self):
        with support.Wire(self.address) as wire:
            self.check_calls(wire)

    def test_all_calls_under_tls(self):
        with support.Wire(self.tcp_address, tls=self.client, name="127.0.0.1") as wire:
            self.check_calls(wire)

    def test_it_reads_its_configuration_again(self):
        self.program.signal(signal.SIGHUP)
        self.program.wait_for_log("reloaded /run/valve/valve.ini: 2 listeners, 1 access rules")
        self.assertNotRegex(self.program.log, "error|warning")


if __name__ == "__main__":
    unittest.main()
