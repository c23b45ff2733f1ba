# SPDX-License-Identifier: MIT
"""valve-cbor as a program: its types, what it says of wrong bytes, its exit statuses."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import support
from cbor_forms import deterministic, read_sequence
from support import rows

TOOL = support.BUILD / "valve-cbor"
FILES = support.SOURCE / "schema" / "files.cddl"

SERVICE = """\
t = [ {"Watch" => nil}, * event, "Ended" / fail ]
  / [ {"Log" => line} ]
  / [ "Sum", {"Value" => uint} / fail ]
  / [ {"Put" => Sum}, "Ended" / fail ]
event = {"Made" => line} / {"Count" => uint}
line = tstr .size (0..20)
Sum = [uint, total: uint]
fail = {"Error" => tstr}
"""


def sequence(*values):
    return b"".join(map(deterministic, values))


class Tool(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.service = self.folder / "t.cddl"
        self.service.write_text(SERVICE)

    def run_tool(self, *arguments, data=b"", **settings):
        return subprocess.run([*support.WRAPPER, TOOL, *arguments], input=data, cwd=self.folder,
                              timeout=support.DEADLINE, check=False,
                              **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings)

    def shows(self, arguments, data, *lines):
        """Prints these lines and says nothing."""
        run = self.run_tool("print", *arguments, data=data)
        self.assertEqual((run.returncode, run.stderr.decode()), (0, ""))
        self.assertEqual(run.stdout.decode().splitlines(), list(lines))

    def refuses(self, arguments, data, status, words, shown=b""):
        run = self.run_tool(*arguments, data=data)
        self.assertEqual((run.returncode, run.stdout), (status, shown), run.stderr)
        self.assertIn(words, run.stderr.decode())


@support.expand
class CommandLine(Tool):
    @rows([
        ("help", ("-h",), "usage: valve-cbor print"),
        ("help_of_a_command", ("print", "--help"), "usage: valve-cbor print"),
        ("version", ("-V",), "valve-cbor "),
        ("types", ("types", FILES), "file\npath\ni64\nListAll\nSize\nSize.request\n"),
    ])
    def test_shows(self, arguments, words):
        run = self.run_tool(*arguments)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertTrue(run.stdout.decode().startswith(words), run.stdout)

    @rows([
        ("nothing", (), "a command is missing"),
        ("no_command", ("show", FILES), "there is no command show"),
        ("no_schema", ("print",), "print needs a schema"),
        ("two_files", ("print", FILES, "a", "b"), "a schema, and one file"),
        ("a_file_to_generate", ("generate", FILES, "a"), "a schema, and nothing else"),
        ("unknown_option", ("print", "-kq", FILES), "there is no option -q"),
        ("unknown_long_option", ("print", "--quiet", FILES), "there is no option --quiet"),
        ("no_argument", ("print", FILES, "-t"), "-t takes an argument"),
        ("an_option_too_many", ("print", "--seed=3", FILES), "print takes no --seed"),
        ("options_first", ("-k", "print"), "valve-cbor without a command takes no --keep-going"),
        ("not_a_count", ("generate", "-n", "many", FILES), "--count takes a number from 0"),
        ("a_negative_seed", ("generate", "-s", "-1", FILES), "--seed takes a number from 0"),
        ("not_a_size", ("print", "--max-size", "3X", FILES), "--max-size takes a size"),
        ("a_size_too_large", ("print", "--max-size", "2G", FILES), "--max-size takes a size"),
        ("no_size", ("print", "--max-size", "0", FILES), "--max-size takes a number from 1"),
        ("too_deep", ("print", "--max-depth", "1001", FILES), "from 1 to 1000, not \"1001\""),
        ("no_type", ("print", "-t", "dir", FILES), "has no type dir;"),
        ("methods_are_no_type", ("print", "-t", "files", FILES), "has no type files;"),
        ("no_table", ("print", "-t", "node", support.SOURCE / "schema" / "graph.cddl"),
         "has no type node;"),
        ("no_payload", ("print", "-t", "ListAll.request", FILES), "has no type ListAll.request;"),
        ("no_stream", ("print", "-t", "Size.item", FILES), "has no type Size.item;"),
        ("escaped", ("print", "-t", "a\x1b[m", FILES), "has no type a\\x1b[m;"),
    ])
    def test_refuses(self, arguments, words):
        self.refuses(arguments, b"", 64, words)

    @rows([
        ("no_schema", ("print", "none.cddl"), "none.cddl: No such file"),
        ("a_folder", ("print", "/"), "/: Is a directory"),
        ("no_file", ("print", FILES, "none"), "none: No such file"),
        ("a_folder_of_bytes", ("print", FILES, "/"), "/: Is a directory"),
        ("a_wrong_schema", ("print", "wrong.cddl"), "wrong.cddl:1:11: the name nope is not"),
    ])
    def test_cannot_read(self, arguments, words):
        (self.folder / "wrong.cddl").write_text('t = ["A", nope / {"Error" => tstr}]\n')
        self.refuses(arguments, b"", 1, words)

    @rows([
        ("version", ("-V",), b""),
        ("print", ("print", FILES), sequence("ListAll")),
        ("convert", ("convert", FILES), sequence("ListAll") * 10000),
        ("generate", ("generate", "-n", "10", FILES), b""),
        ("types", ("types", FILES), b""),
    ])
    def test_a_full_disk_is_an_error(self, arguments, data):
        with open("/dev/full", "wb") as full:
            run = self.run_tool(*arguments, data=data, stdout=full)
        self.assertEqual((run.returncode, run.stderr),
                         (1, b"valve-cbor: stdout: No space left on device\n"))


@support.expand
class Types(Tool):
    @rows([
        ("request", (), {"Put": [1, 2]}, '{"Put": [1, 2]}'),
        ("request_by_name", ("-t", "request"), "Sum", '"Sum"'),
        ("a_rule", ("-t", "line"), "words", '"words"'),
        ("a_reply", ("-t", "Watch"), "Ended", '"Ended"'),
        ("a_payload", ("-t", "Log.request"), "x", '"x"'),
        ("nothing_in_the_payload", ("-t", "Watch.request"), None, "null"),
        ("an_item", ("-t", "Watch.item"), {"Count": 7}, '{"Count": 7}'),
        ("a_rule_before_a_method", ("-t", "Sum"), [1, 2], "[1, 2]"),
        ("the_method_behind_it", ("-t", "Sum.reply"), {"Value": 3}, '{"Value": 3}'),
    ])
    def test_type(self, options, value, line):
        self.shows((*options, self.service), sequence(value), line)

    def test_to_server(self):
        self.shows(("-t", "to-server", self.service),
                   sequence([1, "Sum"], [2, {"Log": "x"}, {"timeout": 9}], [1, None]),
                   '[1, "Sum"]', '[2, {"Log": "x"}, {"timeout": 9}]', "[1, null]")

    def test_to_client(self):
        self.shows(("-t", "to-client", self.service),
                   sequence([1, {"Count": 1}, True], [1, "Ended"], [0, {"Error": "no"}],
                            [7, {"Value": 5}]),
                   '[1, {"Count": 1}, true] / Watch /', '[1, "Ended"] / Watch, Put /',
                   '[0, {"Error": "no"}] / any method /', '[7, {"Value": 5}] / Sum /')

    @rows([
        ("a_value", "to-server", {"Log": "x"}, 0, "array"),
        ("no_id", "to-server", ["Sum"], 0, "id"),
        ("no_such_request", "to-server", [1, "Add"], 2, "Add"),
        ("an_option", "to-server", [1, "Sum", {"fast": True}], 0, "fast"),
        ("a_stream_to_nobody", "to-client", [1, {"Value": 5}, True], 3, "Value"),
        ("an_item_as_reply", "to-client", [1, {"Count": 5}], 3, "Count"),
        ("false_behind_it", "to-client", [1, "Ended", False], 8, "true"),
        ("a_long_array", "to-client", [1, "Ended", True, True], 8, "true"),
        ("a_short_array", "to-client", [1], 1, "nothing"),
        ("no_array", "to-client", 1, 0, "array"),
        ("a_large_id", "to-client", [1 << 32, "Ended"], 1, "id"),
    ])
    def test_wrong_traffic(self, direction, value, place, word):
        run = self.run_tool("print", "-t", direction, self.service, data=sequence(value))
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        self.assertRegex(run.stderr.decode(), rf"^stdin:{place}: .*{word}.*\n$")

    def test_traffic_of_no_stream(self):
        self.refuses(("print", "-t", "to-client", FILES), sequence([1, "Ok", True]), 1,
                     "stdin:0: no method of the schema has a stream of items")

    def test_conversion_keeps_the_envelope(self):
        for direction, data in [("to-server", "9f01a1634c6f676178a16774696d656f75740aff"),
                                ("to-server", "820af6"),
                                ("to-client", "9f1801a165436f756e7401f5ff"),
                                ("to-client", "821a0000000165456e646564")]:
            (value, _), = read_sequence(bytes.fromhex(data))
            run = self.run_tool("convert", "-x", "-t", direction, self.service, data=data.encode())
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            self.assertEqual(run.stdout.decode(), deterministic(value).hex() + "\n")


@support.expand
class Faults(Tool):
    @rows([
        ("type", sequence("Sum", {"Put": [1, "x"]}), 11, "Put.total: "),
        ("unknown_variant", sequence({"Add": 1}), 1, '"Add"'),
        ("break", sequence("Sum") + b"\xff", 4, "not well-formed"),
        ("reserved", b"\xa1\x63Put\x82\x1c", 6, "Put[0]: not well-formed"),
        ("end", sequence("Sum", {"Log": "words"})[:-1], 14, "Log: the bytes end here"),
        ("traffic", sequence([1, "Sum"]), 0, "found an array; is this traffic? Then -t to-server"),
        ("too_large", b"\x9a\xff\xff\xff\xff", 0, "announces more than 16777216 bytes"),
        ("too_deep", b"\x81" * 300, 256, "[0]: nested deeper than 256 levels"),
    ])
    def test_place(self, data, place, words):
        run = self.run_tool("print", self.service, data=data)
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr.decode(), rf"^stdin:{place}: .*\n$")
        self.assertIn(words, run.stderr.decode())

    def test_the_file_is_named(self):
        (self.folder / "a\x1bb").write_bytes(sequence(5))
        self.refuses(("print", self.service, "a\x1bb"), b"", 1, "a\\x1bb:0: ")

    def test_what_is_right_before_is_shown(self):
        self.refuses(("print", self.service), sequence("Sum", 5, "Sum"), 1, "stdin:4: ", b'"Sum"\n')

    def test_keep_going(self):
        self.refuses(("print", "-k", self.service), sequence("Sum", 5, "Sum", 6), 1, "stdin:9: ",
                     b'"Sum"\n"Sum"\n')

    def test_nothing_follows_what_is_malformed(self):
        self.refuses(("convert", "-k", self.service), sequence("Sum") + b"\xff" + sequence("Sum"),
                     1, "stdin:4: not well-formed", sequence("Sum"))

    def test_names_are_escaped(self):
        self.refuses(("print", self.service), sequence({"\x1b[31m": 1}), 1, "\\x1b[31m")
        self.shows(("-t", "line", self.service), sequence('\x1b"\\\n\x85é'),
                   '"\\u001b\\"\\\\\\n\\u0085é"')

    def test_limits_can_be_set(self):
        data = sequence({"Put": [1, 2]})
        self.shows(("--max-size", str(len(data)), "--max-depth=2", self.service), data,
                   '{"Put": [1, 2]}')
        self.refuses(("print", "--max-size", str(len(data) - 1), self.service), data, 1,
                     f"stdin:5: Put: this announces more than {len(data) - 1} bytes")
        self.refuses(("print", "--max-depth", "1", self.service), data, 1,
                     "stdin:5: Put: nested deeper than 1 levels")


class Streams(Tool):
    def test_items_are_shown_as_they_arrive(self):
        with subprocess.Popen([*support.WRAPPER, TOOL, "print", self.service],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            for word in ("Sum", {"Put": [1, 2]}):
                data = sequence(word)
                process.stdin.write(data[:3])
                process.stdin.flush()
                process.stdin.write(data[3:])
                process.stdin.flush()
                self.assertTrue(process.stdout.readline().endswith(b"\n"))
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"")
        self.assertEqual(process.returncode, 0)

    def test_nothing_is_legal(self):
        self.shows((self.service,), b"")
        self.shows((self.service, "-"), b"")

    def test_long_sequences_and_long_items(self):
        value = {"List": [{"path": "x" * 1000, "size": 1, "mtime": 2}] * 200}
        data = sequence(value, "Ok", value) * 5
        run = self.run_tool("convert", "-k", "-t", "ListAll", FILES, data=data)
        self.assertEqual(run.stdout, sequence(value, value) * 5)
        self.assertEqual(run.stderr.count(b"\n"), 5)

    def test_memory_is_bounded(self):
        if support.INSTRUMENTED:
            self.skipTest("memory says nothing here")
        items = self.folder / "items"
        items.write_bytes(sequence({"List": [{"path": "x" * 1000, "size": 1, "mtime": 2}] * 60}) *
                          1000)
        limited = ["sh", "-c", 'ulimit -v 40000; exec "$0" "$@"', TOOL, "convert", "-t", "ListAll",
                   FILES, items]
        run = subprocess.run(limited, capture_output=True, timeout=support.DEADLINE, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(run.stdout, items.read_bytes())


class Hex(Tool):
    def test_digits(self):
        self.shows(("-x", self.service), b" 63 53 7\n5 6d\t6353756D ", '"Sum"', '"Sum"')
        run = self.run_tool("convert", "--hex", self.service, data=b"7803 53756d6353756d")
        self.assertEqual(run.stdout, b"6353756d\n6353756d\n")

    def test_places_count_bytes(self):
        self.refuses(("print", "-x", self.service), b"63 53 75 6d\n05", 1, "stdin:4: ",
                     b'"Sum"\n')

    def test_not_digits(self):
        for data, words in [(b"6353756d 6x", "that is no hexadecimal digit"),
                            (b"6353756d 6", "one digit alone is no byte")]:
            self.refuses(("print", "-x", self.service), data, 1, f"after 4 bytes: {words}",
                         b'"Sum"\n')


@support.expand
class Generate(Tool):
    def generate(self, *arguments):
        run = self.run_tool("generate", *arguments)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        return run.stdout

    @rows([
        ("an_empty_one_ends_it", "{nodes: nodes, ? at: id}", "[g]"),
        ("an_element_ends_it", "{nodes: nodes, at: id}", "{more: g / nil}"),
    ])
    def test_tables_that_lead_back(self, holder, element):
        schema = self.folder / "t.cddl"
        schema.write_text(f't = [{{"A" => g}}, {{"Error" => tstr}}]\ng = {holder}\n'
                          f"nodes = [* {element}]\nid = uint ;@index nodes\n")
        made = self.generate("-n", "200", "-s", "1", schema)
        run = self.run_tool("print", schema, data=made)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(run.stdout.count(b"\n"), 200)

    def test_seeds(self):
        first = self.generate("-n", "50", "-s", "1", FILES)
        self.assertEqual(self.generate("-n", "50", "-s", "1", FILES), first)
        self.assertNotEqual(self.generate("-n", "50", "-s", "2", FILES), first)
        self.assertNotEqual(self.generate("-n", "50", FILES), self.generate("-n", "50", FILES))

    def test_counts(self):
        for count in (0, 1, 1000):
            data = self.generate("-n", str(count), "-t", "path", FILES)
            self.assertEqual(len(list(read_sequence(data))), count)

    def test_hex(self):
        lines = self.generate("-x", "-n", "5", "-s", "3", FILES).decode().splitlines()
        self.assertEqual(bytes.fromhex("".join(lines)), self.generate("-n", "5", "-s", "3", FILES))
        self.assertEqual(len(lines), 5)

    def test_limits(self):
        schema = support.SOURCE / "schema" / "calc.cddl"
        for size, depth in ((40, 256), (1000, 6)):
            limits = ("--max-size", str(size), "--max-depth", str(depth))
            data = self.generate("-n", "500", "-s", "1", *limits, schema)
            self.assertLessEqual(max(len(item) for _, item in read_sequence(data)), size)
            self.shows_all(limits, schema, data)

    def shows_all(self, limits, schema, data):
        run = self.run_tool("print", *limits, schema, data=data)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(len(run.stdout.splitlines()), 500)

    def test_all_kinds_of_traffic_appear(self):
        made = [value for value, _ in read_sequence(
            self.generate("-n", "500", "-s", "1", "-t", "to-server", self.service))]
        self.assertTrue(any(value[1] is None for value in made))
        self.assertTrue(any(len(value) == 3 for value in made))
        self.assertTrue(any(value[1:] == ["Sum"] for value in made))
        made = [value for value, _ in read_sequence(
            self.generate("-n", "500", "-s", "1", "-t", "to-client", self.service))]
        self.assertTrue(any(len(value) == 3 and "Count" in value[1] for value in made))
        self.assertTrue(any("Value" in value[1] for value in made))
        self.assertTrue(any(value[0] == 0 for value in made))


class Page(Tool):
    def test_the_examples_of_the_manual(self):
        page = (support.SOURCE / "man" / "valve-cbor.1").read_text().replace(r"\(aq", "'")
        examples = re.findall(r"^\.Bd .*\n\$ (.*)\n((?:[^.].*\n)+)\.Ed", page, re.M)
        self.assertEqual(len(examples), 3)
        for command, shown in examples:
            run = subprocess.run(["sh", "-c", command], cwd=FILES.parent, text=True,
                                 env=os.environ | {"PATH": f"{support.BUILD}:{os.environ['PATH']}"},
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 timeout=support.DEADLINE, check=False)
            self.assertEqual(run.stdout, shown, command)


if __name__ == "__main__":
    unittest.main()
