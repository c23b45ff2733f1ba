# SPDX-License-Identifier: MIT
"""
valve-cbor against cbor2, an independent implementation: what we emit is exactly the deterministic
form of RFC 8949, 4.2.1, of the value that it reads; what we accept, it reads as the same value.

Values are random, but the same in each run. VALVE_TEST_SEED=N has others.
"""
import os
import random
import re
import subprocess
import unittest

from cbor2.types import CBORTag, undefined

import support
from cbor_forms import (NotCbor, deterministic, encode_freely, read_item, read_notation,
                        read_sequence)
from cddl import Schema
from support import rows

TOOL = support.BUILD / "valve-cbor"
SCHEMAS = {path.stem: path for path in [
    support.SOURCE / "schema" / "files.cddl",
    support.SOURCE / "schema" / "calc.cddl",
    support.SOURCE / "schema" / "graph.cddl",
    support.SOURCE / "tests" / "zoo.cddl",
]}
ROWS = [(name, name) for name in SCHEMAS]
JUDGED = ("files", "calc", "graph")  # by tests/cddl.py, which knows less of CDDL than the zoo has

SEED = int(os.environ.get("VALVE_TEST_SEED", "1"))
# Of the types of a schema every tenth, third, or each; those share what stands below for it.
STEP, VALUES, MUTANTS = ((10, 100, 100) if support.WRAPPER else (3, 200, 1000) if support.SMALL else
                         (1, 2000, 10000))
REFUSED = MUTANTS // 50  # mutants that each take a process
ALTERED = 2 if support.SMALL else 10  # for each value


def run(command, schema, type_name, *options, data=b""):
    return subprocess.run([*support.WRAPPER, TOOL, command, *options, "-t", type_name,
                           SCHEMAS[schema]], input=data, capture_output=True,
                          timeout=support.DEADLINE, check=False)


def types_of(schema):
    listed = subprocess.run([*support.WRAPPER, TOOL, "types", SCHEMAS[schema]],
                            capture_output=True, text=True, timeout=support.DEADLINE, check=True)
    return listed.stdout.split()[::STEP]


def share(total, names):
    """What each of them gets of it."""
    return 1 + total // len(names)


def keys_of(schema):
    """Every word in the schema that may be a key."""
    return set(re.findall(r"[\w.-]+", SCHEMAS[schema].read_text()))


def is_same(ours, theirs, known_keys):
    """The same value, but for keys of theirs that no schema knows: those of open maps we drop."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return (all(key in theirs and is_same(ours[key], theirs[key], known_keys) for key in ours)
                and not known_keys.intersection(set(theirs) - set(ours)))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(
            is_same(mine, other, known_keys) for mine, other in zip(ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return deterministic(ours) == deterministic(theirs)  # NaN is the same as NaN, -0.0 not as 0
    return type(ours) is type(theirs) and ours == theirs


def has_sound_edges(value):
    """Whether no index in the graphs of schema/graph.cddl names nothing."""
    if isinstance(value, list):
        return all(map(has_sound_edges, value))
    if not isinstance(value, dict):
        return True
    if "nodes" in value:
        labels, nodes = len(value["labels"]), len(value["nodes"])
        edges = [edge for node in value["nodes"] for edge in node["edges"]] + value["roots"]
        return (all(edge < nodes for edge in edges) and
                all(node["label"] < labels for node in value["nodes"]))
    return all(map(has_sound_edges, value.values()))


def may_hold_any(type_name, value):
    """Whether something in it is of type any, by the names of the zoo: that is sent as it came."""
    return (type_name in ("Ask.request", "Ask.item", "Look.request") or
            (type_name == "to-client" and value[2:] == [True]) or
            re.search(r"'(Ask|Any|Things|Free|Look)'", repr(value)) is not None)


class Mutation:
    """Small damage to bytes."""

    CHOSEN = (b"\x00", b"\x17", b"\x18", b"\x1b", b"\x20", b"\x40", b"\x5f", b"\x60", b"\x7f",
              b"\x80", b"\x81", b"\x9f", b"\xa0", b"\xa1", b"\xbf", b"\xc0", b"\xf5", b"\xf6",
              b"\xf7", b"\xf9\x7e\x01", b"\xff", b"\x61\xff", b"\xa1\x61\x3f\x01")

    def __init__(self, rng, items):
        self._rng = rng
        self._items = items

    def one(self):
        data = self._rng.choice(self._items)
        for _ in range(self._rng.choice((1, 1, 1, 2, 3))):
            data = self._rng.choice((self._flip, self._replace, self._insert, self._delete,
                                     self._repeat, self._splice))(data)
        return data

    def _place(self, data):
        start = self._rng.randrange(len(data) + 1)
        return start, min(len(data), start + self._rng.choice((1, 1, 2, 3, 8)))

    def _flip(self, data):
        at = self._rng.randrange(len(data) + 1)
        return data[:at] + bytes(byte ^ 1 << self._rng.randrange(8)
                                 for byte in data[at:at + 1]) + data[at + 1:]

    def _replace(self, data):
        start, end = self._place(data)
        return data[:start] + self._rng.choice(self.CHOSEN) + data[end:]

    def _insert(self, data):
        at = self._rng.randrange(len(data) + 1)
        return data[:at] + self._rng.choice(self.CHOSEN) + data[at:]

    def _delete(self, data):
        start, end = self._place(data)
        return data[:start] + data[end:]

    def _repeat(self, data):
        start, end = self._place(data)
        return data[:end] + data[start:end] + data[end:]

    def _splice(self, data):
        other = self._rng.choice(self._items)
        start, end = self._place(other)
        at, _ = self._place(data)
        return data[:at] + other[start:end] + data[at:]


class Alteration:
    """Values that are nearly those given: mostly of another type, or beyond a bound."""

    CHOSEN = (None, True, 0, -1, 23, 2 ** 32, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1, -2 ** 63,
              -2 ** 63 - 1, -2 ** 64, 1.0, 1.5, float("inf"), "", "Num", "Ok", "size", b"", b"ab",
              undefined, CBORTag(32, "x"))

    def __init__(self, rng):
        self._rng = rng

    def _new(self, value):
        return self._rng.choice((self._rng.choice(self.CHOSEN), [], {}, [value], {"Num": value},
                                 {"": value, 1: value}, [value, value]))

    def _list(self, items):
        at = self._rng.randrange(len(items) + 1)
        rest = items[at + self._rng.choice((0, 1)):]
        return items[:at] + self._rng.choice(([], [self._new(None)], items[at:at + 1] * 2)) + rest

    def _dict(self, pairs):
        pairs = dict(pairs)
        if pairs and self._rng.random() < 0.5:
            value = pairs.pop(self._rng.choice(list(pairs)))
            if self._rng.random() < 0.5:
                pairs[self._rng.choice(("later", "Size", "Add", "nodes", 7))] = value
        else:
            pairs[self._rng.choice(("later", "size", "Mul", "edges", 7))] = self._new(None)
        return pairs

    def one(self, value):
        """Mostly something inside is changed, and often nothing."""
        if isinstance(value, list) and value and self._rng.random() < 0.7:
            at = self._rng.randrange(len(value))
            return value[:at] + [self.one(value[at])] + value[at + 1:]
        if isinstance(value, dict) and value and self._rng.random() < 0.7:
            return value | {(key := self._rng.choice(list(value))): self.one(value[key])}
        if self._rng.random() < 0.2:
            return value
        if isinstance(value, list) and self._rng.random() < 0.7:
            return self._list(value)
        if isinstance(value, dict) and self._rng.random() < 0.7:
            return self._dict(value)
        return self._new(value)


@support.expand
class Differential(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(f"{SEED} {self.id()}")

    def generate(self, schema, type_name, count):
        made = run("generate", schema, type_name, "-n", str(count), "-s", str(SEED))
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        items = list(read_sequence(made.stdout))
        self.assertEqual(len(items), count)
        return items

    def convert(self, schema, type_name, items):
        """What becomes of well-formed items: bytes of each, or None where it is refused."""
        results = []
        while len(results) < len(items):
            rest = items[len(results):]
            done = run("convert", schema, type_name, "-k", data=b"".join(rest))
            refused = self.refused(done, rest)
            ours = [data for _, data in read_sequence(done.stdout)]
            # After what we, not cbor2, call malformed there is no going on: it is the last refused.
            judged = len(ours) + len(refused)
            self.assertTrue(judged == len(rest) or (refused and max(refused) == judged - 1))
            results += [None if index in refused else ours.pop(0) for index in range(judged)]
        return results

    def refused(self, done, items):
        """The indices of the items that the messages are about."""
        places = [int(line.split(b":")[1]) for line in done.stderr.splitlines()]
        self.assertEqual(done.returncode, 1 if places else 0, done.stderr)
        refused, start = set(), 0
        for index, item in enumerate(items):
            while places and places[0] < start + len(item):
                self.assertGreaterEqual(places.pop(0), start)
                self.assertNotIn(index, refused)
                refused.add(index)
            start += len(item)
        self.assertEqual(places, [])
        return refused

    def generate_all(self, schema):
        """Each type with values of it."""
        names = types_of(schema)
        for type_name in names:
            yield type_name, self.generate(schema, type_name, share(VALUES, names))

    @rows(ROWS)
    def test_what_we_emit_is_deterministic(self, schema):
        for type_name, items in self.generate_all(schema):
            for value, data in items:
                self.assertEqual(deterministic(value).hex(), data.hex(), type_name)

    @rows(ROWS)
    def test_what_we_emit_we_accept_and_print(self, schema):
        for type_name, items in self.generate_all(schema):
            data = b"".join(item for _, item in items)
            self.assertEqual(run("convert", schema, type_name, data=data).stdout, data)
            shown = run("print", schema, type_name, data=data)
            self.assertEqual((shown.returncode, shown.stderr), (0, b""))
            *lines, rest = shown.stdout.decode().split("\n")
            self.assertEqual((len(lines), rest), (len(items), ""))
            for line, (value, _) in zip(lines, items):
                self.assertTrue(is_same(read_notation(line), value, keys_of(schema)), line)

    @rows(ROWS)
    def test_values_differ(self, schema):
        """The generator does not make the same value again and again."""
        made = {data for _, data in self.generate(schema, "request", 100)}
        self.assertGreater(len(made), 20)

    @rows(ROWS)
    def test_every_encoding_of_a_legal_value_is_accepted(self, schema):
        for type_name, items in self.generate_all(schema):
            free = [encode_freely(value, self.rng) for value, _ in items]
            for ours, given, (value, _) in zip(self.convert(schema, type_name, free), free, items):
                self.assertIsNotNone(ours, f"{type_name}: {given.hex()}")
                self.assertTrue(is_same(read_item(ours), value, keys_of(schema)), given.hex())

    @rows([(name, name) for name in JUDGED])
    def test_what_we_accept_is_what_the_schema_says(self, schema):
        """No more and no less, as a validator in Python sees it; however it is encoded."""
        judge, alteration, verdicts = Schema(SCHEMAS[schema].read_text()), Alteration(self.rng), []
        for type_name, items in self.generate_all(schema):
            if not judge.knows(type_name):
                continue
            altered = [alteration.one(value) for value, _ in items for _ in range(ALTERED)]
            data = [encode_freely(value, self.rng) for value in altered]
            for ours, value in zip(self.convert(schema, type_name, data), altered):
                legal = judge.is_valid(type_name, value) and (schema != "graph" or
                                                              has_sound_edges(value))
                self.assertEqual(ours is not None, legal, f"{type_name}: {value}")
                verdicts.append(legal)
        for verdict in (True, False):
            self.assertGreater(verdicts.count(verdict), len(verdicts) // 20)

    @rows(ROWS)
    def test_what_we_accept_cbor2_reads_as_the_same(self, schema):
        accepted, names = 0, types_of(schema)
        for type_name, items in self.generate_all(schema):
            mutation = Mutation(self.rng, [data for _, data in items])
            values, malformed = [], []
            for _ in range(share(MUTANTS, names)):
                data = mutation.one()
                try:
                    values += read_sequence(data)
                except NotCbor:
                    malformed.append(data)
            accepted += self.compare(schema, type_name, values)
            for data in malformed[:share(REFUSED, names)]:
                self.assertEqual(run("convert", schema, type_name, data=data).returncode, 1,
                                 f"{type_name}: {data.hex()}")
        self.assertGreater(accepted, MUTANTS // 20)

    def compare(self, schema, type_name, values):
        """Values that cbor2 read, and their bytes. Returns how many were accepted."""
        accepted = 0
        results = self.convert(schema, type_name, [data for _, data in values])
        for ours, (theirs, data) in zip(results, values):
            if ours is None:
                continue
            accepted += 1
            value = read_item(ours)
            if not may_hold_any(type_name, value):
                self.assertEqual(deterministic(value).hex(), ours.hex(), type_name)
            if type_name == "to-server" and theirs[2:] == [{}]:
                theirs = theirs[:2]  # no options are what an empty map of them is
            # What is the same is read as the same, even with NaN as a key.
            self.assertTrue(ours == data or is_same(value, theirs, keys_of(schema)),
                            f"{type_name}: {data.hex()} became {ours.hex()}")
            self.assertTrue(schema != "graph" or has_sound_edges(theirs))
        return accepted


if __name__ == "__main__":
    unittest.main()
