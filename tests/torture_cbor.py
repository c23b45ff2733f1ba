# SPDX-License-Identifier: MIT
"""Torture of valve-cbor: the part of tests/test_torture.py about what is read and printed."""
import os
import subprocess
import unittest

import cbor2

import support
import torture
from support import rows
from torture import PATIENCE, each_fault


@support.expand
class Printing(unittest.TestCase):
    """valve-cbor, which reads and prints by functions of libvalve."""

    PROGRAM = support.BUILD / "valve-cbor"
    SCHEMA = support.SOURCE / "tests/zoo.cddl"
    FILES = support.SOURCE / "schema/files.cddl"
    ITEMS = b"".join(map(cbor2.dumps, [
        {"Ask": [0, -1, b"\1", "t\n\"", [1], {"k": None, 2: True}, cbor2.CBORTag(1, False),
                 cbor2.CBORSimpleValue(99), cbor2.undefined, 1.5, -0.0, float("inf"),
                 float("-inf"), float("nan")]},
        {"Look": {str(number): number for number in range(40)}},
    ]))
    # Chunks and none, a map that is out of order, and numbers of all sizes.
    ODD = bytes.fromhex("a1 63 41736b 8d 5f4101 4102ff 7f6161 6162ff 5fff 7fff bf6162 01 6161 02ff"
                        "9f0102ff 1bffffffffffffffff 3bffffffffffffffff f93e00"
                        "fb7e37e43c8800759c fb01a56e1fc2f8f359 fb40fe240c9fbe76c9 6101")
    MANY = cbor2.dumps({"Look": {f"{number * 79 % 100:02}": number for number in range(100)}})
    LONG = cbor2.dumps({"Ask": ["\u0085\x01" + "x" * 200000]})
    TRAFFIC = b"".join(map(cbor2.dumps, [
        [1, {"Get": "a"}], [2, {"Size": "b"}, {"timeout": 5}], [1, None], [7, {"Exists": ""}]]))
    ANSWERS = b"".join(map(cbor2.dumps, [
        [1, {"Content": b"x"}], [2, {"Size": 1}], [3, {"Error": "io: x"}], [4, "Ok"]]))

    def generate(self, options):
        return subprocess.run([self.PROGRAM, "generate", "-n", "40", "-s", "3", *options,
                               self.SCHEMA], check=True, stdout=subprocess.PIPE).stdout

    def run_once(self, words, items):
        result = subprocess.run([self.PROGRAM, *words], input=items, capture_output=True,
                                timeout=PATIENCE, check=False,
                                env=os.environ | self.injector.environment)
        problems = result.stderr.decode()
        self.assertNotRegex(problems, support.REPORT)
        self.assertIn(result.returncode, (0, 1, 64, 71), problems)
        called = self.injector.last and self.injector.last[1]
        self.assertTrue(result.returncode == 0 or problems or called in torture.WRITERS,
                        "it says nothing")
        return result.returncode, result.stdout

    @rows([
        ("print", ["print", SCHEMA], ITEMS),
        ("convert", ["convert", SCHEMA], ITEMS),
        ("print_odd", ["print", SCHEMA], ODD),
        ("convert_odd", ["convert", SCHEMA], ODD),
        ("print_many", ["print", SCHEMA], MANY),
        ("convert_many", ["convert", SCHEMA], MANY),
        ("convert_long", ["convert", SCHEMA], LONG),
        ("requests", ["print", "-t", "to-server", FILES], TRAFFIC),
        ("answers", ["print", "-t", "to-client", FILES], ANSWERS),
        ("a_file", ["print", SCHEMA, "/dev/null"], b""),
        ("print_generated", ["print", SCHEMA], None),
        ("convert_generated", ["convert", SCHEMA], None),
        ("answers_generated", ["print", "-t", "to-client", SCHEMA], None),
        ("print_hexadecimal", ["print", "-x", FILES], b"a163 47657461 61"),
        ("convert_hexadecimal", ["convert", "-kx", FILES], b"a163 47657461 61 00"),
        ("generate", ["generate", "-n", "20", "-s", "7", SCHEMA], b""),
        ("generate_hexadecimal", ["generate", "-x", "-n", "5", "-s", "7", "-t", "ListAll", FILES],
         b""),
        ("generate_anything", ["generate", "-n", "20", "-s", "3", "-t", "to-server", SCHEMA], b""),
        ("types", ["types", SCHEMA], b""),
        ("other_types", ["types", FILES], b""),
        ("wrong_bytes", ["print", "-k", FILES], cbor2.dumps({"Got": 1}) + b"\xff" + ITEMS),
        ("no_schema", ["types", "/nowhere"], b""),
        ("wrong_schema", ["types", "/dev/stdin"], b"a = [*\t{ x: b ]\n"),
        ("empty_schema", ["types", "/dev/null"], b""),
        ("wrong_words", ["print", "-t", "nothing", FILES], b""),
        ("no_words", [], b""),
        ("help", ["--help"], b""),
        ("version", ["--version"], b""),
    ])
    def test_one_call_fails(self, words, items):
        self.injector = torture.make_fault(self, self.PROGRAM)
        if items is None:
            items = self.generate(["-t", "to-client"] if "to-client" in words else [])
        expected = self.run_once(words, items)

        def attempt(*_):
            status, printed = self.run_once(words, items)
            if status == expected[0] == 0:
                self.assertEqual(printed, expected[1])

        each_fault(self.injector, self, attempt)
