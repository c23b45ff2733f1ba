# SPDX-License-Identifier: MIT
"""
Clients that share no code with valve: cbor2, node-cbor, and serde with ordinary Rust enums. Each
makes all five file calls and a recursive call of calc against real servers, and prints what came.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

import support

INTEROP = support.SOURCE / "tests/interop"
CALC_SERVER = support.BUILD / "examples/calc/calc_server"
MTIME = 1700000000123456789
# The stream decoder of node-cbor 8.1 never ends on a string that is longer than its buffer, 16 KiB.
CONTENT = bytes(range(256)) * 60

EXPECTED = [
    f"file a.txt 5 {MTIME}",
    f"file dir/größe.bin {len(CONTENT)} {MTIME}",
    "size 5",
    f"content {len(CONTENT)} {sum(CONTENT)}",
    "exists true",
    "del Ok",
    "exists false",
    "error not-found",
    "value 42",
    "error unbound",
]

# Debian's packages of Rust's libraries, in place of what cargo would fetch.
CARGO_CONFIG = """\
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
"""


class CalcServer:
    """A running calc_server on a socket in `directory`."""

    def __init__(self, test, directory):
        self.address = f"unix:{directory}/calc"
        self.process = subprocess.Popen([CALC_SERVER, self.address], stdout=subprocess.PIPE)
        test.addCleanup(self._stop, test)
        test.assertIn(b"listening on ", self.process.stdout.readline())

    def _stop(self, test):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        test.assertEqual(self.process.wait(support.DEADLINE), 0)


class Interop(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        self.server = self.enterContext(support.Server())
        for name, content in (("a.txt", b"hello"), ("dir/größe.bin", CONTENT)):
            os.utime(self.server.write(name, content), ns=(MTIME, MTIME))
        self.calc = CalcServer(self, support.scratch(self))

    def run_client(self, *command, **environment):
        """Runs a client with the paths of both sockets; what it prints, in lines."""
        paths = [server.address.removeprefix("unix:") for server in (self.server, self.calc)]
        result = subprocess.run([*command, *paths], capture_output=True, text=True,
                                timeout=support.DEADLINE, env=os.environ | environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def test_python_cbor2(self):
        lines = []
        with self.server.connect() as files:
            listed = sorted(files.ask("ListAll")["List"], key=lambda file: file["path"])
            first, second = (file["path"] for file in listed)
            lines += [f"file {file['path']} {file['size']} {file['mtime']}" for file in listed]
            lines.append(f"size {files.ask({'Size': first})['Size']}")
            content = files.ask({"Get": second})["Content"]
            lines.append(f"content {len(content)} {sum(content)}")
            lines.append(f"exists {str(files.ask({'Exists': first})['Exists']).lower()}")
            lines.append(f"del {files.ask({'Del': first})}")
            lines.append(f"exists {str(files.ask({'Exists': first})['Exists']).lower()}")
            lines.append(f"error {support.error_code(files.ask({'Get': first}))}")
        with support.Wire(self.calc.address) as calc:
            x = {"Var": "x"}
            product = {"Mul": [{"Add": [x, {"Num": 1}]}, x]}
            reply = calc.ask({"Eval": {"Let": ["x", {"Num": -7}, product]}})
            lines.append(f"value {reply['Value']}")
            lines.append(f"error {calc.ask({'Eval': x})['Error'].split(':')[0]}")
        self.assertEqual(lines, EXPECTED)

    def test_node_cbor(self):
        library = pathlib.Path("/usr/share/nodejs/cbor")
        node = shutil.which("node")
        if node is None or not library.is_dir():
            self.skipTest("node-cbor is not installed")
        lines = self.run_client(node, INTEROP / "client.js", NODE_PATH=str(library.parent))
        self.assertEqual(lines, EXPECTED)

    def test_rust_serde(self):
        cargo, crates = pathlib.Path("/usr/bin/cargo"), pathlib.Path("/usr/share/cargo/registry")
        if not cargo.exists() or not list(crates.glob("serde_cbor-*")):
            self.skipTest("cargo and librust-serde-cbor-dev are not installed")
        self.assertEqual(self.run_client(self.build_rust(cargo)), EXPECTED)

    def build_rust(self, cargo):
        """Compiles the crate beside the other programs, where the next run finds it done."""
        crate = support.BUILD / "tests/serde-client"
        for name, text in (
                ("Cargo.toml", (INTEROP / "serde/Cargo.toml").read_text()),
                ("src/main.rs", (INTEROP / "serde/src/main.rs").read_text()),
                (".cargo/config.toml", CARGO_CONFIG)):
            path = crate / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
        result = subprocess.run(
            [cargo, "build", "--offline", "--quiet"], cwd=crate, capture_output=True, text=True,
            timeout=600, env=os.environ | {"RUSTC": "/usr/bin/rustc", "CARGO_HOME": crate / ".home",
                                           "CARGO_TARGET_DIR": crate / "target"})
        self.assertEqual(result.returncode, 0, result.stderr)
        return crate / "target/debug/serde-client"


if __name__ == "__main__":
    unittest.main()
