# SPDX-License-Identifier: MIT
"""Two versions of a schema: what valve-cddl says of them, proved with real bytes both ways.

A value of the sender's version, made up by valve-cbor, is read by the tables of the receiver's: all
are accepted where the verdict is that it works, and at least one is refused where it is not.
"""
import pathlib
import re
import subprocess
import tempfile
import unittest

import support

COMPILER = support.BUILD / "valve-cddl"
CBOR = support.BUILD / "valve-cbor"

VALUES = 400  # for each direction of each pair
SEED = "8610"
EVERY = 6 if support.WRAPPER else 1  # so manyth pair only: a dozen programs run for each

FAIL = 'fail = {"Error" => tstr}\n'


def schema_of(type_, rules=""):
    """A service that takes values of a type, and answers with them; of the rules those it needs."""
    text = f't = [ {{"A" => a}}, {{"A" => a}} / fail ]\n{FAIL}a = {type_}\n'
    waiting = dict(line.split(" = ", 1) for line in rules.splitlines())
    while used := [name for name in waiting if re.search(rf"\b{name}\b", text.split("a = ", 1)[1])]:
        text += "".join(f"{name} = {waiting.pop(name)}\n" for name in used)
    return text


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run_tool(self, *arguments, **options):
        return subprocess.run([*support.WRAPPER, *arguments], cwd=self.folder, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def digest(self, text):
        self.write("d.cddl", text)
        run = self.run_tool(COMPILER, "--digest", "d.cddl")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        return run.stdout.decode()

    def diff(self, old, new):
        """Status and report of the comparison."""
        self.write("old.cddl", old)
        self.write("new.cddl", new)
        run = self.run_tool(COMPILER, "--diff", "old.cddl", "new.cddl")
        self.assertEqual(run.stderr, b"")
        return run.returncode, run.stdout.decode()

    def accepts(self, receiver, sender, message):
        """Whether the receiver's tables take all values that the sender's make."""
        made = self.run_tool(CBOR, "generate", "-n", str(VALUES), "-s", SEED, "-t", message, sender)
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        read = self.run_tool(CBOR, "print", "-t", message, receiver, input=made.stdout)
        lines = read.stdout.count(b"\n")
        self.assertEqual(lines == VALUES, read.returncode == 0, read.stderr)
        return read.returncode == 0


def verdicts(report):
    """(what, why old clients break or None, why new ones do or None) for each change."""
    found = re.findall(r"^[^ ]+:\d+:\d+: (.+)\n(?:    also in .+\n)?"
                       r"    old clients with a new server: (.+)\n"
                       r"    new clients with an old server: (.+)\n", report, re.M)

    def reason(words):
        return None if words == "works" else words.removeprefix("breaks, because ")

    return [(what, reason(old), reason(new)) for what, old, new in found]


# ---- Values: the old type and the new one; what is said; why the new version as the receiver refuses
# ---- what the old one sends, and the reverse; rules that both need.

VALUES_CHANGED = [
    # Numbers
    ("a_range_widens", "0..10", "0..100", "was an integer of 0 to 10, is an integer of 0 to 100",
     None, "takes only integers of 0 to 10"),
    ("a_range_moves", "0..10", "5..15", "was an integer of 0 to 10, is an integer of 5 to 15",
     "takes only integers of 5 to 15", "takes only integers of 0 to 10"),
    ("below_zero", "-5..-1", "-5..5", "was an integer of -5 to -1, is an integer of -5 to 5",
     None, "takes only integers of -5 to -1"),
    ("uint_to_int", "uint", "int", "was an unsigned integer, is an integer",
     "takes only integers of -9223372036854775808 to 9223372036854775807",
     "takes only integers of 0 to 18446744073709551615"),
    ("bytes_of_integers", "uint .size 1", "uint .size 2",
     "was an integer of 0 to 255, is an integer of 0 to 65535",
     None, "takes only integers of 0 to 255"),
    ("two_ranges_make_one", "-8..-1", "b / c",
     "was an integer of -8 to -1, is an integer of -10 to -1 or 3 to 9",
     None, "takes only integers of -8 to -1", "b = -10..-1\nc = 3..9\n"),
    ("one_number", "7", "0..7", "was an integer of 7, is an integer of 0 to 7",
     None, "takes only integers of 7"),
    ("float_to_int", "float64", "int", "was a float, is an integer", "takes no float",
     "takes no integer"),
    # Texts and bytes
    ("text_to_bytes", "tstr", "bstr", "was text, is bytes", "takes no text", "takes no bytes"),
    ("text_shortens", "tstr", "tstr .size (0..16)", "was text, is text of 0 to 16 bytes",
     "takes only text of 0 to 16 bytes", None),
    ("text_lengthens", "tstr .size 1", "tstr .size (1..2)",
     "was text of 1 byte, is text of 1 to 2 bytes", None, "takes only text of 1 byte"),
    ("text_of_a_least_size", "tstr", "tstr .size (1..18446744073709551615)",
     "was text, is text of 1 byte or more", "takes only text of 1 byte or more", None),
    ("bytes_of_a_size", "bstr .size (3..4)", "bstr .size (2..3)",
     "was bytes of 3 to 4 bytes, is bytes of 2 to 3 bytes",
     "takes only bytes of 2 to 3 bytes", "takes only bytes of 3 to 4 bytes"),
    ("names_to_text", '"red" / "blue"', "tstr", "was a variant, is text",
     None, "takes no text but the names of its variants"),
    ("names_to_short_text", '"red" / "blue"', "tstr .size (0..3)",
     "was a variant, is text of 0 to 3 bytes",
     "takes only text of 0 to 3 bytes", "takes no text but the names of its variants"),
    # Simple values and choices
    ("or_nil", "tstr", "tstr / nil", "was text, is text or nil", None, "takes no nil"),
    ("or_bytes", "tstr / nil", "tstr / bstr / nil", "was text or nil, is text or bytes or nil",
     None, "takes no bytes"),
    ("boolean_to_nil", "bool", "nil", "was a boolean, is nil", "takes no boolean", "takes no nil"),
    ("to_any", "tstr", "any", "was text, is anything", None, "takes only text"),
    ("list_to_any", "[* b]", "any", "was a list, is anything", None, "takes only a list",
     "b = uint\n"),
    ("int_or_float", "int", "int / float64", "was an integer, is an integer or a float",
     None, "takes no float"),
    # Arrays
    ("an_element_more", "[int, int]", "[int, int, int]", "was an array of 2, is an array of 3",
     "takes only arrays of 3", "takes only arrays of 2"),
    ("array_to_list", "[int, int]", "[* int]", "was an array of 2, is a list",
     None, "takes only arrays of 2"),
    ("array_to_list_of_less", "[int, tstr]", "[* int]", "was an array of 2, is a list",
     "takes no text at [1]", "takes only arrays of 2"),
    ("array_to_list_of_other_keys", "[{a: int, b: int}]", "[* {a: int, c: int}]",
     "was an array of 1, is a list", 'knows no key "b" at [0]', "takes only arrays of 1"),
    ("array_to_list_of_other_names", "[b]", "[* c]", "was an array of 1, is a list",
     'knows no variant "Y" at [0]', "takes only arrays of 1",
     'b = "X" / "Y"\nc = "X" / "Z"\n'),
    ("array_to_map", "[int]", "{a: int}", "was an array of 1, is a map of certain keys",
     "takes no array", "takes no map"),
    ("in_a_list", "[* 0..9]", "[* 0..99]",
     "[*]: was an integer of 0 to 9, is an integer of 0 to 99",
     None, "takes only integers of 0 to 9"),
    ("in_an_array", "[tstr, when: tstr]", "[tstr, when: tstr / nil]",
     "when: was text, is text or nil", None, "takes no nil"),
    # Structs
    ("an_optional_key_more", "{a: int}", "{a: int, ? b: int}", 'the optional key "b" is new',
     None, 'knows no key "b"'),
    ("a_key_more", "{a: int, x: int}", "{a: int, x: int, b: int}", 'the key "b" is new',
     'needs the key "b"', 'knows no key "b"'),
    ("a_key_more_in_an_open_map", "{a: int, * tstr => any}", "{a: int, b: int, * tstr => any}",
     'the key "b" is new', 'needs the key "b"', None),
    ("an_optional_key_more_in_an_open_map", "{a: int, * tstr => any}",
     "{a: int, ? b: int, * tstr => any}", 'the optional key "b" is new', None, None),
    ("a_key_less", "{a: int, ? b: int, c: int}", "{a: int, c: int}",
     'the optional key "b" is gone', 'knows no key "b"', None),
    ("optional_to_required", "{a: int, ? b: int}", "{a: int, b: int}",
     'the key "b" is not optional any more', 'needs the key "b"', None),
    ("an_open_map_closes", "{a: int, b: int, * tstr => any}", "{a: int, b: int}",
     "unknown keys are refused from now on", None, None),
    ("in_a_key", "{a: int, ? b: {c: tstr}}", "{a: int, ? b: {c: bstr}}", "b.c: was text, is bytes",
     "takes no text", "takes no bytes"),
    # Maps from any text
    ("map_to_map", "{* tstr => int}", "{* tstr => int / nil}", "*: was an integer, is an integer or nil",
     None, "takes no nil"),
    ("keys_of_a_size", "{* tstr => int}", "{* b => int}",
     "was a map from text, is a map from text of 1 to 3 bytes",
     "takes only keys of 1 to 3 bytes", None, "b = tstr .size (1..3)\n"),
    ("struct_to_map", "{a: int, bb: int}", "{* tstr => int}",
     "was a map of certain keys, is a map from text", None, 'needs the key "a"'),
    ("struct_to_map_of_less", "{a: int, bb: tstr}", "{* tstr => int}",
     "was a map of certain keys, is a map from text", "takes no text at bb", 'needs the key "a"'),
    ("struct_to_map_of_short_keys", "{a: int, bb: int}", "{* b => int}",
     "was a map of certain keys, is a map from text of 1 byte",
     "takes only keys of 1 byte", 'needs the key "a"', "b = tstr .size 1\n"),
    ("map_to_optional_keys", "{* tstr => int}", "{? a: int, * tstr => any}",
     "was a map from text, is a map of certain keys", None, None),
    ("map_to_closed_keys", "{* tstr => int}", "{? a: int, ? b: int}",
     "was a map from text, is a map of certain keys", "knows no keys but its own", None),
    # Sums
    ("a_variant_more", '{"X" => int} / "Y"', '{"X" => int} / "Y" / {"Z" => int}',
     'the variant "Z" is new', None, 'knows no variant "Z"'),
    ("a_name_more", '{"X" => int} / {"Y" => int}', '{"X" => int} / {"Y" => int} / "Z"',
     'the variant "Z" is new', None, 'knows no variant "Z"'),
    ("a_variant_less", '{"X" => int} / "Y" / "Z"', '{"X" => int} / "Y"', 'the variant "Z" is gone',
     'knows no variant "Z"', None),
    ("a_payload_more", '"X" / "Y"', '"X" / {"Y" => int}', 'the variant "Y" has a payload now',
     'takes the variant "Y" only with its payload',
     'takes the variant "Y" only without payload'),
    ("a_payload_less", '{"X" => nil} / "Y"', '"X" / "Y"',
     'the variant "X" has no payload any more', 'takes the variant "X" only without payload',
     'takes the variant "X" only with its payload'),
    ("in_a_variant", '{"X" => int} / "Y"', '{"X" => 0..9} / "Y"',
     "X: was an integer, is an integer of 0 to 9", "takes only integers of 0 to 9", None),
    ("struct_to_sum", "{x: int}", '{"x" => int} / {"y" => int}', 'the variant "y" is new',
     None, 'knows no variant "y"'),
    ("sum_to_optional_keys", '{"x" => int} / {"y" => int}', "{? x: int, ? y: int}",
     "was a variant, is a map of certain keys", None, "takes only maps of one pair"),
    ("sum_to_other_keys", '{"x" => int} / {"y" => int}', "{? x: int, ? z: int}",
     "was a variant, is a map of certain keys", 'knows no key "y"', "takes only maps of one pair"),
    ("sum_to_keys", '{"x" => int} / {"y" => int}', "{x: int, y: int}",
     "was a variant, is a map of certain keys", 'needs the key "y"',
     "takes only maps of one pair"),
    ("open_map_to_sum", "{x: int, * tstr => any}", '{"x" => int} / {"y" => int}',
     "was a map of certain keys, is a variant", None, 'needs the key "x"'),
    ("open_map_to_other_sum", "{z: int, * tstr => any}", '{"x" => int} / {"y" => int}',
     "was a map of certain keys, is a variant", 'knows no variant "z"', 'needs the key "z"'),
    ("sum_to_map_of_short_keys", '{"x" => int} / {"yy" => int}', "{* b => int}",
     "was a variant, is a map from text of 1 byte", "takes only keys of 1 byte",
     "takes only maps of one pair", "b = tstr .size 1\n"),
    ("sum_to_number", '{"x" => int} / {"y" => int}', "uint",
     "was a variant, is an unsigned integer", "takes no map", "takes no integer"),
    ("sum_to_map", '{"x" => int} / {"y" => int}', "{* tstr => int}",
     "was a variant, is a map from text", None, "takes only maps of one pair"),
    ("sum_or_number", '{"x" => int} / "y"', "b / uint", "was a variant, is an unsigned integer or a variant",
     None, "takes no integer", 'b = {"x" => int} / "y"\n'),
    # Recursion
    ("deep_inside", '{"Leaf" => int} / {"Node" => [* a]}', '{"Leaf" => int / nil} / {"Node" => [* a]}',
     "Leaf: was an integer, is an integer or nil", None, "takes no nil"),
    ("unrolled", '{"Leaf" => int} / {"Node" => [* a]}', '{"Leaf" => int} / {"Node" => [* b]}',
     'Node[*]: the variant "Empty" is new', None, 'knows no variant "Empty"',
     'b = {"Leaf" => int} / {"Node" => [* a]} / "Empty"\n'),
    ("recursive_list_to_array", "{l: [* a], ? n: int}", "{l: [a, a] / nil, ? n: int}",
     "l: was a list, is an array of 2 or nil", "takes only arrays of 2", "takes no nil"),
    # Graphs
    ("number_to_index", "{n: nodes, r: uint}", "{n: nodes, r: id}",
     "r: was an unsigned integer, is an index into nodes",
     "takes only numbers of what stands in nodes", None,
     "nodes = [* [id]]\nid = uint ;@index nodes\n"),
    ("another_table", "{n: nodes, m: others, r: id}", "{n: nodes, m: others, r: od}",
     "r: the index counts in another table now", "counts in another table",
     "counts in another table",
     "nodes = [* [id, uint]]\nothers = [* [od]]\nid = uint ;@index nodes\nod = uint ;@index others\n"),
    ("index_of_a_range", "{n: nodes, r: [* id]}", "{n: nodes, r: [* [id]]}",
     "r[*]: was an index into nodes, is an array of 1", "takes no integer", "takes no array",
     "nodes = [* [id]]\nid = uint ;@index nodes\n"),
]


@support.expand
class Values(Folder):
    """Both as a request's payload, which the server receives, and as a reply's."""

    @support.rows(VALUES_CHANGED[::EVERY])
    def test(self, old, new, what, new_refuses, old_refuses, rules=""):
        old, new = schema_of(old, rules), schema_of(new, rules)
        status, report = self.diff(old, new)
        expected = [
            (f"A request: {what}", *self.reasons("server", new_refuses, old_refuses)),
            (f"A reply: {self.inside_a(what)}", *self.reasons("client", old_refuses, new_refuses))]
        if not new_refuses and not old_refuses:
            del expected[1]  # one change that is in both messages, and harmless in both
        self.assertEqual(verdicts(report), expected, report)
        self.assertEqual(status, 1 if new_refuses or old_refuses else 0, report)
        self.assertNotEqual(self.digest(old), self.digest(new))
        for message in ("A.request", "A.reply"):
            self.assertEqual(self.accepts("new.cddl", "old.cddl", message), new_refuses is None)
            self.assertEqual(self.accepts("old.cddl", "new.cddl", message), old_refuses is None)

    def reasons(self, subject, *words):
        return [None if word is None else f"the {subject} {word}" for word in words]

    def inside_a(self, what):
        """The same with the path of a reply, where values stand in the variant A."""
        path, colon, words = what.rpartition(": ")
        dot = "." if path and path[0] != "[" else ""
        return f"A{dot}{path}: {words}" if colon else f"A: {what}"


# ---- Services: the old methods and the new ones; what is said, why old clients break with a new server,
# ---- and new clients with an old one.

METHOD = '[ {"A" => int}, "Ok" / fail ]'

SERVICES_CHANGED = [
    ("a_method_more", METHOD, METHOD + ' / [ "B", "Ok" / fail ]', "B: the method is new",
     None, 'the server knows no request "B"'),
    ("a_method_less", METHOD + ' / [ {"B" => int}, "Ok" / fail ]', METHOD, "B: the method is gone",
     'the server knows no request "B"', None),
    ("a_payload_more", '[ "A", "Ok" / fail ]', METHOD, "A request: it has a payload now",
     "the server takes this request only with its payload",
     "the server takes this request only without payload"),
    ("a_payload_less", METHOD, '[ "A", "Ok" / fail ]', "A request: it has no payload any more",
     "the server takes this request only without payload",
     "the server takes this request only with its payload"),
    ("a_reply_more", METHOD, '[ {"A" => int}, "Ok" / {"No" => tstr} / fail ]',
     'A reply: the variant "No" is new', 'the client knows no variant "No"', None),
    ("a_reply_less", '[ {"A" => int}, "Ok" / "No" / fail ]', METHOD,
     'A reply: the variant "No" is gone', None, 'the client knows no variant "No"'),
    ("a_stream_more", METHOD, '[ {"A" => int}, * tstr, "Ok" / fail ]',
     "A item: a stream comes before the reply now",
     "the client expects no items before the reply", None),
    ("a_stream_less", '[ {"A" => int}, * tstr, "Ok" / fail ]', METHOD,
     "A item: no stream comes before the reply any more",
     None, "the client expects no items before the reply"),
    ("other_items", '[ {"A" => int}, * tstr, "Ok" / fail ]',
     '[ {"A" => int}, * (tstr / nil), "Ok" / fail ]', "A item: was text, is text or nil",
     "the client takes no nil", None),
]


@support.expand
class Services(Folder):
    """All that clients and servers send each other, in its envelopes."""

    def schema_of(self, methods):
        return f"t = {methods}\n{FAIL if 'fail' in methods else ''}"

    @support.rows(SERVICES_CHANGED)
    def test(self, old, new, what, old_clients, new_clients):
        old, new = self.schema_of(old), self.schema_of(new)
        status, report = self.diff(old, new)
        self.assertEqual(verdicts(report), [(what, old_clients, new_clients)], report)
        self.assertEqual(status, 1 if old_clients else 0, report)
        self.assertNotEqual(self.digest(old), self.digest(new))
        self.assertEqual(self.works(client="old.cddl", server="new.cddl"), old_clients is None)
        self.assertEqual(self.works(client="new.cddl", server="old.cddl"), new_clients is None)

    def works(self, client, server):
        """A client may only call what it knows, and is only answered what it has called."""
        return (self.accepts(server, client, "to-server") and
                self.accepts(client, server, "to-client"))

    @support.rows([
        ("to_one_way", METHOD, '[ {"A" => int} ]', "A reply: it is one-way now and has no reply",
         "the client waits for a reply that does not come", "the client expects no reply"),
        ("from_one_way", '[ {"A" => int} ]', METHOD, "A reply: it was one-way and has a reply now",
         "the client expects no reply", "the client waits for a reply that does not come"),
    ])
    def test_one_way(self, old, new, what, old_clients, new_clients):
        """No bytes show that somebody waits; that a reply is refused, they do."""
        status, report = self.diff(self.schema_of(old), self.schema_of(new))
        self.assertEqual((status, verdicts(report)), (1, [(what, old_clients, new_clients)]))
        one_way, other = ("new", "old") if old == METHOD else ("old", "new")
        self.assertFalse(self.accepts(f"{one_way}.cddl", f"{other}.cddl", "to-client"))
        self.assertTrue(self.accepts(f"{other}.cddl", f"{one_way}.cddl", "to-client"))

    def test_a_method_that_comes_does_not_break_what_both_know(self):
        self.diff(self.schema_of(METHOD), self.schema_of(METHOD + ' / [ "B", "Ok" / fail ]'))
        self.assertTrue(self.accepts("old.cddl", "new.cddl", "A.request"))


class Report(Folder):
    OLD = f"""\
calc = [ {{"Eval" => expr}}, {{"Value" => int}} / fail ]
     / [ {{"Check" => expr}}, "Ok" / fail ]
expr = {{"Num" => int}} / {{"Add" => [expr, expr]}} / {{"Neg" => expr}}
{FAIL}"""
    NEW = f"""\
sums = [ {{"Eval" => term}}, {{"Value" => int}} / fail ]
     / [ {{"Check" => term}}, "Ok" / fail ]
term = {{"Num" => int}} / {{"Add" => [* term]}} / {{"Var" => tstr}}
{FAIL}"""

    def test_all_of_it(self):
        status, report = self.diff(self.OLD, self.NEW)
        self.assertEqual((status, report), (1, """\
new.cddl:1:1: the service calc is called sums now: that changes names in C, and nothing that travels
new.cddl:3:48: Eval request: the variant "Var" is new
    also in Check request
    old clients with a new server: works
    new clients with an old server: breaks, because the server knows no variant "Var"
old.cddl:3:52: Eval request: the variant "Neg" is gone
    also in Check request
    old clients with a new server: breaks, because the server knows no variant "Neg"
    new clients with an old server: works
new.cddl:3:35: Eval request: Add: was an array of 2, is a list
    also in Check request
    old clients with a new server: breaks, because the server knows no variant "Neg" at [0]
    new clients with an old server: breaks, because the server takes only arrays of 2
3 changes: old clients break with a new server, and new clients with an old one
"""))

    def test_last_lines(self):
        narrow, wide = schema_of("0..9"), schema_of("0..99")
        request = narrow.replace('{"A" => a} / fail', '"Ok" / fail')
        wider_request = wide.replace('{"A" => a} / fail', '"Ok" / fail')
        open_map = schema_of("{a: int, * tstr => any}")
        more = schema_of("{a: int, ? b: int, * tstr => any}")
        for old, new, status, words in [
                (request, wider_request, 0,
                 "1 change: old clients work with a new server, new clients need it"),
                (wider_request, request, 1,
                 "1 change: old clients break with a new server, new clients work with an old one"),
                (narrow, wide, 1,
                 "2 changes: old clients break with a new server, and new clients with an old one"),
                (open_map, more, 0,
                 "1 change: old clients work with a new server, and new clients with an old one")]:
            result = self.diff(old, new)
            self.assertEqual((result[0], result[1].splitlines()[-1]), (status, words))

    def test_no_change(self):
        schema = schema_of("{k: [* a] / nil}")
        self.assertEqual(self.diff(schema, schema.replace("a", "b").replace("k:", '"k" =>')), (0, (
            "no change: the same bytes are legal, and mean the same; both digests are "
            f"{self.digest(schema)}")))

    def test_many_messages(self):
        methods = "\n / ".join(f'[ {{"M{i}" => a}}, "Ok" / fail ]' for i in range(8))
        report = self.diff(f"t = {methods}\n{FAIL}a = [tstr]\n",
                           f"t = {methods}\n{FAIL}a = [tstr / nil]\n")[1]
        self.assertIn("M0 request: [0]: was text, is text or nil\n"
                      "    also in M1 request, M2 request, M3 request, M4 request and 3 more\n",
                      report)
        self.assertEqual(len(verdicts(report)), 1)

    def test_messages_that_share_a_part_only(self):
        def schema(leaf):
            return ('t = [ {"A" => [a]}, "Ok" / fail ] / [ {"B" => {b: a}}, "Ok" / fail ]\n'
                    f"{FAIL}a = {leaf}\n")
        report = self.diff(schema("tstr"), schema("bstr"))[1]
        self.assertIn("A request: [0]: was text, is bytes\n    also in B request\n", report)

    def test_broken_schemas(self):
        self.write("good.cddl", schema_of("tstr"))
        self.write("bad.cddl", schema_of("nope"))
        for old, new in [("good.cddl", "bad.cddl"), ("bad.cddl", "good.cddl")]:
            run = self.run_tool(COMPILER, "--diff", old, new)
            self.assertEqual((run.returncode, run.stdout), (65, b""))
            self.assertIn(b"bad.cddl:3:5: the name nope is not defined\n", run.stderr)
        run = self.run_tool(COMPILER, "--diff", "bad.cddl", "bad.cddl")
        self.assertEqual(run.stderr.count(b"is not defined"), 2)
        run = self.run_tool(COMPILER, "--diff", "good.cddl", "none.cddl")
        self.assertEqual((run.returncode, run.stdout), (66, b""))
        self.assertIn(b"none.cddl: No such file or directory", run.stderr)

    def test_a_report_that_cannot_be_written(self):
        self.write("good.cddl", schema_of("tstr"))
        with open("/dev/full", "wb") as full:
            for arguments in [("--diff", "good.cddl", "good.cddl"), ("--digest", "good.cddl")]:
                run = subprocess.run([COMPILER, *arguments], cwd=self.folder, stdout=full,
                                     timeout=60)
                self.assertEqual(run.returncode, 74)


@support.expand
class Digest(Folder):
    SCHEMA = f"""\
t = [ {{"A" => tree}}, {{"B" => tree}} / "C" / fail ]
  / [ {{"D" => opts}}, * id, {{"E" => uint}} / fail ]
  / [ {{"F" => [* tree]}} ]
tree = {{"kids" => [* tree], ? "label" => tstr / nil, "at" => [x: id, y: id]}}
opts = {{n: nodes, root: node, * tstr => any}}
nodes = [* [node, float64]]
node = uint  ;@index nodes
id = 0..max
max = 255
{FAIL}"""

    SAME = [
        ("comments_and_layout", lambda text: "; x\n" + text.replace("\n", " ; y\n\n")
         .replace(" ; y\n", "\n", 20)),
        ("names_of_rules", lambda text: re.sub(r"\btree\b", "baum", re.sub(r"\bid\b", "octet", text))),
        ("the_name_of_the_service", lambda text: text.replace("t = ", "service = ", 1)),
        ("the_order_of_rules", lambda text: text.replace("id = 0..max\nmax = 255\n", "")
         .replace("tree = {", "max = 255\nid = 0..max\ntree = {")),
        ("the_order_of_methods", lambda text: text.replace('[ {"F" => [* tree]} ]', "f")
         .replace("t = ", "t = f / ", 1).replace("\n  / f\n", "\nf = [ {\"F\" => [* tree]} ]\n")),
        ("the_order_of_keys", lambda text: text.replace('"kids" => [* tree], ', "")
         .replace("y: id]}", 'y: id], "kids" => [* tree]}')),
        ("the_order_of_variants", lambda text: text.replace('{"B" => tree} / "C"',
                                                            '"C" / {"B" => tree}')),
        ("the_order_of_a_choice", lambda text: text.replace("tstr / nil", "nil / tstr")),
        ("names_of_elements", lambda text: text.replace("[x: id, y: id]", "[id, z: id]")),
        ("names_for_what_stood_inline", lambda text: text.replace("[x: id, y: id]", "place")
         + "place = [id, id]\n"),
        ("the_same_type_twice", lambda text: text.replace("[x: id, y: id]", "[byte, id]")
         + "byte = uint .size 1\n"),
        ("recursion_unrolled", lambda text: text.replace("[* tree], ?", "[* tree2], ?") +
         'tree2 = {"kids" => [* tree], ? "label" => tstr / nil, "at" => [id, id]}\n'),
        ("a_choice_in_a_choice", lambda text: text.replace("tstr / nil", "t2 / nil") +
         "t2 = tstr\n"),
        ("sizes_as_ranges", lambda text: text.replace("0..max\nmax = 255", "uint .size 1")),
    ]

    @support.rows(SAME)
    def test_same(self, edit):
        edited = edit(self.SCHEMA)
        self.assertNotEqual(edited, self.SCHEMA)
        self.assertEqual(self.digest(edited), self.digest(self.SCHEMA))
        self.assertEqual(self.diff(self.SCHEMA, edited)[0], 0)
        self.assertEqual(verdicts(self.diff(self.SCHEMA, edited)[1]), [])

    OTHER = [
        ("a_method", '"A"', '"X"'), ("a_variant", '"C"', '"X"'), ("a_key", '"kids"', '"x"'),
        ("an_optional_key", '? "label"', '"label"'), ("a_range", "255", "256"),
        ("a_shape", "[* tree], ?", "[tree] / nil, ?"), ("openness", ", * tstr => any", ""),
        ("a_stream", "* id, ", ""), ("items", "* id", "* int"), ("a_float", "float64", "int"),
        ("a_reply_to_one_way", "[* tree]} ]", '[* tree]}, "Ok" / fail ]'),
        ("an_index", "  ;@index nodes", ""), ("an_element", "[x: id, y: id]", "[x: id]"),
    ]

    @support.rows(OTHER)
    def test_other(self, old, new):
        edited = self.SCHEMA.replace(old, new, 1)
        self.assertNotEqual(edited, self.SCHEMA)
        self.assertNotEqual(self.digest(edited), self.digest(self.SCHEMA))
        self.assertNotEqual(verdicts(self.diff(self.SCHEMA, edited)[1]), [])

    def test_tables_are_told_apart(self):
        def schema(table):
            return schema_of("{n: nodes, m: others, i: id, o: od}",
                             "nodes = [* uint]\nothers = [* uint]\nod = uint ;@index others\n"
                             f"id = uint ;@index {table}\n")
        old, new = schema("nodes"), schema("others")
        self.assertNotEqual(self.digest(old), self.digest(new))
        self.assertNotEqual(verdicts(self.diff(old, new)[1]), [])

    def test_it_stays_what_it_was(self):
        """Who has written a digest down must find it again with later versions of valve-cddl."""
        self.assertEqual(self.digest(self.SCHEMA),
                         "4c9e4fc4ff2495475291c79b4a12566ed2b71bc965a01581ffaf60c35b137ab6\n")

    def test_it_is_in_the_header(self):
        self.write("t.cddl", self.SCHEMA)
        self.assertEqual(self.run_tool(COMPILER, "-o", ".", "t.cddl").returncode, 0)
        digest = self.digest(self.SCHEMA).strip()
        self.assertRegex(digest, r"^[0-9a-f]{64}$")
        header = (self.folder / "t.h").read_text()
        self.assertIn(f'#define T_DIGEST \\\n    "{digest}"\n', header)
        self.assertIn(".digest = T_DIGEST,", header)


if __name__ == "__main__":
    unittest.main()
