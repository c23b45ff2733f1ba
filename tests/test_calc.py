# SPDX-License-Identifier: MIT
"""examples/calc: its server and its client, as somebody who tries them would."""
import re
import signal
import subprocess
import unittest

import support

SERVER = support.BUILD / "examples" / "calc" / "calc_server"
CLIENT = support.BUILD / "examples" / "calc" / "calc_client"


def run(program, *arguments):
    return subprocess.run([*support.WRAPPER, program, *arguments], capture_output=True, text=True,
                          timeout=support.DEADLINE)


@support.expand
class Calc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = f"unix:{support.scratch(cls)}/calc"
        cls.server = subprocess.Popen([*support.WRAPPER, SERVER, cls.address],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.stop)
        if cls.server.stdout.readline() != f"listening on {cls.address}\n":
            raise AssertionError("the server does not say where it listens")

    @classmethod
    def stop(cls):
        cls.server.send_signal(signal.SIGTERM)
        output, problems = cls.server.communicate(timeout=support.DEADLINE)
        if (cls.server.returncode, output, problems) != (0, "", ""):
            raise AssertionError(f"exit status {cls.server.returncode}\n{output}{problems}")

    def ask(self, words, address=None):
        return run(CLIENT, address or self.address, *words.split(" "))

    @support.rows([
        ("a_number", "-9223372036854775808", "-9223372036854775808"),
        ("a_sum", "add 1 2", "3"),
        ("a_product_of_sums", "mul add 1 2 add 3 4", "21"),
        ("a_name", "let x 5 mul add x 1 x", "30"),
        ("an_inner_name_first", "let x 5 add let x 1 x x", "6"),
        ("a_value_of_names_outside", "let x 2 let x mul x 3 x", "6"),
        ("names_that_are_operations_elsewhere", "let add 4 let let 5 mul 2 3", "6"),
        ("the_deepest", "add 1 " * 99 + "1", "100"),
    ])
    def test_answers(self, words, value):
        result = self.ask(words)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, value + "\n", ""))

    @support.rows([
        ("an_unbound_name", "add 1 y", r"unbound: .*"),
        ("a_name_that_is_bound_elsewhere", "add let y 1 y y", r"unbound: .*"),
        ("a_sum_too_large", "add 9223372036854775807 1", r"overflow: a sum .*"),
        ("a_product_too_large", "mul -9223372036854775808 -1", r"overflow: a product .*"),
    ])
    def test_is_answered_an_error(self, words, pattern):
        result = self.ask(words)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, rf"^{pattern}\n$")

    @support.rows([
        ("too_few_words", "add 1", "the expression ends too early"),
        ("no_body", "let x 1", "the expression ends too early"),
        ("too_many_words", "add 1 2 3", "there are words behind the expression"),
        ("too_large_a_number", "9223372036854775808", "a number is not one of 64 bits"),
        ("digits_and_more", "12x", "a number is not one of 64 bits"),
        ("no_digits", "-", "a number is not one of 64 bits"),
        ("an_empty_word", "", "a number is not one of 64 bits"),
        ("too_deep", "add 1 " * 100 + "1", "the expression is too deep"),
        ("more_than_fits_the_stack", "add " * 20000 + "1", "the expression is too deep"),
    ])
    def test_is_refused_by_the_client(self, words, problem):
        result = self.ask(words, "unix:/nobody/is/asked")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", problem + "\n"))

    def test_the_server_bounds_the_depth(self):
        deep = {"Num": 1}
        for _ in range(100):
            deep = {"Add": [{"Num": 1}, deep]}
        with support.Wire(self.address) as wire:
            self.assertEqual(wire.ask({"Eval": deep["Add"][1]}), {"Value": 100})
            self.assertRegex(wire.ask({"Eval": deep})["Error"], "^bad-request: ")

    def test_nobody_listens(self):
        result = self.ask("1", "unix:/no/such/socket")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("/no/such/socket", result.stderr)

    @support.rows([
        ("client", CLIENT, (), "usage: calc_client ADDRESS WORD...\n"),
        ("client_without_expression", CLIENT, ("unix:x",), "usage: calc_client ADDRESS WORD...\n"),
        ("server", SERVER, (), "usage: calc_server ADDRESS\n"),
        ("server_with_more", SERVER, ("unix:x", "y"), "usage: calc_server ADDRESS\n"),
    ])
    def test_usage(self, program, arguments, usage):
        result = run(program, *arguments)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (64, "", usage))

    def test_an_address_that_cannot_be(self):
        result = run(SERVER, "unix:/no/such/folder/calc")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^calc_server: .*/no/such/folder")

    def test_a_port_of_the_kernels_choice(self):
        server = subprocess.Popen([*support.WRAPPER, SERVER, "127.0.0.1:0"],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate, timeout=support.DEADLINE)
        self.addCleanup(server.send_signal, signal.SIGINT)
        line = server.stdout.readline()
        self.assertRegex(line, r"^listening on 127\.0\.0\.1:\d+\n$")
        address = re.sub("^listening on ", "", line.rstrip("\n"))
        self.assertEqual(self.ask("add 1 1", address).stdout, "2\n")


if __name__ == "__main__":
    unittest.main()
