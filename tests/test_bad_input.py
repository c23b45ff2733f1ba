# SPDX-License-Identifier: MIT
"""Every kind of bad input, byte for byte: which id, which code, and whether the stream goes on."""
import unittest

import cbor2

import support
from support import rows

MAX_REQUEST = 8192
CONTENT = b"still here"

# A request for Size of the file "f", and the parts that it is made of.
SIZE_F = "a1 6453697a65 6166"
LIST_ALL = "67 4c697374416c6c"


def heads(text):
    return bytes.fromhex(text)


def size_of_length(total):
    """[1, {"Size": <bytes>}] that is so long in all."""
    return heads("8201 a1 6453697a65 59") + (total - 11).to_bytes(2, "big") + b"x" * (total - 11)


# Each of these is answered with id 0 and this code; then the server closes.
CLOSING = [
    # Additional information that is reserved; 31 where nothing can be of indefinite length.
    *((f"reserved head {head:02x}", bytes([head]), "malformed")
      for major in range(8) for head in range(major << 5 | 28, (major << 5 | 30) + 1)),
    *((f"indefinite head {head:02x}", bytes([head]), "malformed") for head in (0x1f, 0x3f, 0xdf)),
    *((f"reserved head {head:02x} after an id", bytes([0x82, 0x01, head]), "malformed")
      for head in (0x1c, 0x3d, 0x5e, 0x7c, 0x9d, 0xbe, 0xdc, 0xfd)),
    ("reserved head for a payload", heads("8201 a1 6453697a65 7c"), "malformed"),
    ("reserved head for an option", heads(f"8301 {LIST_ALL} a1 6774696d656f7574 1e"), "malformed"),

    ("stray break", heads("ff"), "malformed"),
    ("stray break for an id", heads("82 ff"), "malformed"),
    ("stray break for a request", heads("8201 ff"), "malformed"),
    ("stray break in a definite map", heads("8201 a1 6453697a65 ff"), "malformed"),
    ("stray break after a key", heads("8201 bf 6453697a65 ff"), "malformed"),
    ("stray break in a definite array", heads("8201 82 00 ff"), "malformed"),
    ("stray break after a tag", heads("8201 c1 ff"), "malformed"),
    ("stray break after a tag in an array", heads("8201 9f c1 ff"), "malformed"),
    ("stray break after a chunk in an array", heads("8201 82 5f 4161 ff ff"), "malformed"),

    ("text in chunks of bytes", heads("8201 5f 6161 ff"), "malformed"),
    ("bytes in chunks of text", heads("8201 7f 4161 ff"), "malformed"),
    ("number for a chunk", heads("8201 7f 01 ff"), "malformed"),
    ("array for a chunk", heads("8201 5f 80 ff"), "malformed"),
    ("tag for a chunk", heads("8201 5f c1 4161 ff"), "malformed"),
    ("chunks in chunks of text", heads("8201 7f 7f ff ff"), "malformed"),
    ("chunks in chunks of bytes", heads("8201 5f 5f ff ff"), "malformed"),

    *((f"two-byte simple value {value:02x}", bytes([0x82, 0x01, 0xf8, value]), "malformed")
      for value in (0x00, 0x13, 0x14, 0x16, 0x18, 0x1f)),

    ("text of 2^64-1 bytes", heads("8201 7b ffffffffffffffff"), "too-large"),
    ("bytes of 2^64-1 bytes", heads("8201 5b ffffffffffffffff"), "too-large"),
    ("array of 2^64-1 items", heads("8201 9b ffffffffffffffff"), "too-large"),
    ("map of 2^64-1 pairs", heads("8201 bb ffffffffffffffff"), "too-large"),
    ("map of 2^63 pairs", heads("8201 bb 8000000000000000"), "too-large"),
    ("path of 2^64-1 bytes", heads("8201 a1 6453697a65 7b ffffffffffffffff"), "too-large"),
    ("path of 2^64-8 bytes", heads("8201 a1 6453697a65 5b fffffffffffffff8"), "too-large"),
    ("chunk of 2^64-1 bytes", heads("8201 5f 5b ffffffffffffffff"), "too-large"),
    ("request array of 2^64-1 items", heads("9b ffffffffffffffff"), "too-large"),
    ("array of 2^32 items", heads("8201 9b 0000000100000000"), "too-large"),
    ("map of 2^32 pairs", heads("8201 bb 0000000100000000"), "too-large"),
    ("array of 2^32-1 items", heads("8201 9a ffffffff"), "too-large"),
    ("text of 2^31 bytes", heads("8201 7a 80000000"), "too-large"),
    ("map of 2^31 pairs", heads("8201 ba 80000000"), "too-large"),
    ("array of one item too many", heads("8201 99 1ffc"), "too-large"),
    ("map of one pair too many", heads("8201 b9 0ffe"), "too-large"),
    ("path of one byte too many", heads("8201 a1 6453697a65 79 1ff6"), "too-large"),
    ("one byte over the limit", size_of_length(MAX_REQUEST + 1), "too-large"),
    ("endless array", heads("8201 9f") + b"\0" * MAX_REQUEST, "too-large"),
    ("endless chunks", heads("8201 5f") + b"\x40" * MAX_REQUEST, "too-large"),
    ("endless tags", heads("8201") + b"\xc1" * MAX_REQUEST, "too-large"),
]

# Nested too deeply: answered with the id, as a bad request; then the server closes.
TOO_DEEP = [
    ("17 arrays", heads("8201") + b"\x81" * 16 + b"\0", 1),
    ("17 arrays of which the last is empty", heads("8201") + b"\x81" * 15 + b"\x80", 1),
    ("17 indefinite arrays", heads("8201") + b"\x9f" * 16 + b"\0" + b"\xff" * 16, 1),
    ("17 maps", heads("8201") + b"\xa1\x00" * 16 + b"\0", 1),
    ("17 maps in keys", heads("8201") + b"\xa1" * 16 + b"\0" * 17, 1),
    ("17 arrays in an option", heads(f"8301 {LIST_ALL}") + b"\x81" * 16 + b"\0", 1),
    ("17 arrays in the id", b"\x82" + b"\x81" * 16 + b"\0\0", 0),
    ("17 arrays and the largest id", heads("821a ffffffff") + b"\x81" * 16 + b"\0", 0xffffffff),
    ("10000 arrays", heads("8201") + b"\x81" * 9998 + b"\0", 1),
]

# Well-formed, but no request: answered with this id as a bad request; the stream goes on.
REFUSED = [
    ("number", "01", 0),
    ("negative number", "20", 0),
    ("text", "6161", 0),
    ("bytes", "4161", 0),
    ("map", "a0", 0),
    ("nil", "f6", 0),
    ("empty array", "80", 0),
    ("empty indefinite array", "9fff", 0),
    ("id alone", "8101", 1),
    ("text alone", f"81 {LIST_ALL}", 0),
    ("four elements", f"8401 {LIST_ALL} a0 a0", 1),
    ("four elements, indefinite", f"9f01 {LIST_ALL} a0 a0 ff", 1),
    ("request that is a number", "8201 02", 1),
    ("request that is bytes", "8201 47 4c697374416c6c", 1),
    ("request that is an array", f"8201 81 {LIST_ALL}", 1),
    ("request that is false", "8201 f4", 1),
    ("request that is undefined", "8201 f7", 1),
    ("16 arrays", "8201" + "81" * 15 + "00", 1),

    ("unknown variant", "8201 64 4e6f7065", 1),
    ("unknown variant with a payload", "8201 a1 644e6f7065 6166", 1),
    ("variant in other case", "8201 67 6c697374616c6c", 1),
    ("variant cut short", "8201 66 4c697374416c", 1),
    ("variant with more behind it", "8201 68 4c697374416c6c73", 1),
    ("empty variant", "8201 60", 1),
    ("reply for a request", "8201 62 4f6b", 1),
    ("unit with a payload", f"8201 a1 {LIST_ALL} 6166", 1),
    ("unit with a nil payload", f"8201 a1 {LIST_ALL} f6", 1),
    ("payload missing", "8201 6453697a65", 1),
    ("no pair", "8201 a0", 1),
    ("no pair, indefinite", "8201 bfff", 1),
    ("two pairs", "8201 a2 6453697a65 6166 63476574 6166", 1),
    ("two pairs, indefinite", "8201 bf 6453697a65 6166 63476574 6166 ff", 1),
    ("duplicate key", "8201 a2 6453697a65 6166 6453697a65 6166", 1),
    ("key that is a number", "8201 a1 01 6166", 1),
    ("key that is bytes", "8201 a1 4453697a65 6166", 1),
    ("key that is an array", "8201 a1 80 6166", 1),
    ("path that is a number", "8201 a1 6453697a65 05", 1),
    ("path that is nil", "8201 a1 6453697a65 f6", 1),
    ("path that is true", "8201 a1 6453697a65 f5", 1),
    ("path that is an array", "8201 a1 6453697a65 81 6166", 1),
    ("path that is a map", "8201 a1 6453697a65 a0", 1),

    ("unknown option", f"8301 {SIZE_F} a1 6178 01", 1),
    ("unknown option with a known one", f"8301 {SIZE_F} a2 6774696d656f7574 01 6178 01", 1),
    ("options that are a number", f"8301 {SIZE_F} 01", 1),
    ("options that are nil", f"8301 {SIZE_F} f6", 1),
    ("options that are an array", f"8301 {SIZE_F} 80", 1),
    ("options with a key that is a number", f"8301 {SIZE_F} a1 01 01", 1),
    ("options with a key that is bytes", f"8301 {SIZE_F} a1 4774696d656f7574 01", 1),
    ("duplicate option", f"8301 {SIZE_F} a2 6774696d656f7574 01 6774696d656f7574 01", 1),
    ("timeout that is negative", f"8301 {SIZE_F} a1 6774696d656f7574 20", 1),
    ("timeout that is text", f"8301 {SIZE_F} a1 6774696d656f7574 6131", 1),
    ("timeout that is a float", f"8301 {SIZE_F} a1 6774696d656f7574 f93c00", 1),
    ("timeout that is nil", f"8301 {SIZE_F} a1 6774696d656f7574 f6", 1),
    ("options of an unknown variant", "8301 644e6f7065 a0", 1),
    ("true for options", f"8301 {SIZE_F} f5", 1),

    ("id 0", f"8200 {SIZE_F}", 0),
    ("id 0 in a long head", f"821b 0000000000000000 {SIZE_F}", 0),
    ("id 2^32", f"821b 0000000100000000 {SIZE_F}", 0),
    ("id 2^64-1", f"821b ffffffffffffffff {SIZE_F}", 0),
    ("id -1", f"8220 {SIZE_F}", 0),
    ("id as text", f"82 6131 {SIZE_F}", 0),
    ("id as bytes", f"82 4101 {SIZE_F}", 0),
    ("id as a float", f"82 f93c00 {SIZE_F}", 0),
    ("id as true", f"82 f5 {SIZE_F}", 0),
    ("id as nil", f"82 f6 {SIZE_F}", 0),
    ("id as an array", f"82 8101 {SIZE_F}", 0),
    ("id as a map", f"82 a0 {SIZE_F}", 0),
    ("tagged id", f"82 c101 {SIZE_F}", 0),
    ("largest id and no request", "821a ffffffff 02", 0xffffffff),

    ("tag around all", f"c1 8201 {SIZE_F}", 0),
    ("tag of self-described CBOR", f"d9d9f7 8201 {SIZE_F}", 0),
    ("long tag around all", f"db 0000000000000018 8201 {SIZE_F}", 0),
    ("two tags around all", f"c1 c2 8201 {SIZE_F}", 0),
    ("tag around the request", f"8201 c1 {SIZE_F}", 1),
    ("tag around the variant", f"8201 c1 {LIST_ALL}", 1),
    ("tag around the key", "8201 a1 c1 6453697a65 6166", 1),
    ("tag around the path", "8201 a1 6453697a65 c1 6166", 1),
    ("tag of a byte string in a typed array", "8201 a1 6453697a65 d840 4166", 1),
    ("tag around options", f"8301 {SIZE_F} c1 a0", 1),
    ("tag around a timeout", f"8301 {SIZE_F} a1 6774696d656f7574 c101", 1),
    ("tag in an unknown option", f"8301 {SIZE_F} a1 6178 c101", 1),
    ("tag around nil", "8201 c1 f6", 1),
    ("tag that no decoder knows", f"8201 d4 {SIZE_F}", 1),
    ("30 tags and an array", "8201" + "c1" * 30 + "80", 1),

    ("float of 2 bytes", "8201 f93e00", 1),
    ("float of 4 bytes", "8201 fa 3fc00000", 1),
    ("float of 8 bytes", "8201 fb 3ff8000000000000", 1),
    ("float for a path", "8201 a1 6453697a65 fb 3ff8000000000000", 1),
    ("not a number", "8201 f97e00", 1),
    ("simple value e0", "8201 e0", 1),
    ("simple value f3", "8201 f3", 1),
    ("simple value f8 20", "8201 f820", 1),
    ("simple value f8 ff", "8201 f8ff", 1),
    ("simple value for the whole", "f8ff", 0),

    ("chunked path", "8201 a1 6453697a65 7f 6166 ff", 1),
    ("chunked path of no chunk", "8201 a1 6453697a65 7fff", 1),
    ("chunked path of bytes", "8201 a1 6453697a65 5f 4166 ff", 1),
    ("chunked key", "8201 a1 7f 6453697a65 ff 6166", 1),
    ("chunked variant", f"8201 7f {LIST_ALL} ff", 1),
    ("chunked option", f"8301 {SIZE_F} a1 7f 6774696d656f7574 ff 01", 1),
    ("chunked text for the whole", "7f 6166 ff", 0),
    ("chunked id", f"82 5f 4101 ff {SIZE_F}", 0),

    ("path of a lone ff", "8201 a1 6453697a65 61 ff", 1),
    ("path of a lone continuation", "8201 a1 6453697a65 61 80", 1),
    ("path that ends inside a character", "8201 a1 6453697a65 62 61c3", 1),
    ("path with an overlong slash", "8201 a1 6453697a65 62 c0af", 1),
    ("path with an overlong zero", "8201 a1 6453697a65 62 c080", 1),
    ("path with a surrogate", "8201 a1 6453697a65 63 eda080", 1),
    ("path beyond U+10FFFF", "8201 a1 6453697a65 64 f4908080", 1),
    ("path with a five-byte character", "8201 a1 6453697a65 65 f888808080", 1),
    ("variant that is not UTF-8", "8201 67 4c69737441ff6c", 1),
    ("key that is not UTF-8", "8201 a1 6453697aff 6166", 1),
    ("option that is not UTF-8", f"8301 {SIZE_F} a1 61ff 01", 1),
    ("not UTF-8 in an unknown option", f"8301 {SIZE_F} a1 6178 61ff", 1),

    ("cancel with options", "8301 f6 a0", 1),
    ("cancel of id 0", "8200 f6", 0),
    ("cancel of id 2^32", "821b 0000000100000000 f6", 0),
]

# Legal requests for paths that no name can have: refused by that code; the stream goes on.
BAD_PATHS = [
    ("NUL in text", heads("8201 a1 6453697a65 63 660061"), 1),
    ("NUL in bytes", heads("8201 a1 6453697a65 43 660061"), 1),
    ("NUL at the end", heads("8201 a1 6453697a65 62 6600"), 1),
    ("empty path", heads("8201 a1 6453697a65 60"), 1),
    ("exactly at the limit", size_of_length(MAX_REQUEST), 1),
]

# Legal, however unusual: answered with the size; the stream goes on.
ACCEPTED = [
    ("shortest form", f"8201 {SIZE_F}", 1),
    ("id in a head of 9 bytes", f"821b 0000000000000001 {SIZE_F}", 1),
    ("largest id", f"821a ffffffff {SIZE_F}", 0xffffffff),
    ("array in a head of 9 bytes", f"9b 0000000000000002 01 {SIZE_F}", 1),
    ("indefinite array", f"9f 01 {SIZE_F} ff", 1),
    ("indefinite map", "8201 bf 6453697a65 6166 ff", 1),
    ("map in a head of 3 bytes", "8201 b9 0001 6453697a65 6166", 1),
    ("key in a head of 5 bytes", "8201 a1 7a 00000004 53697a65 6166", 1),
    ("path in a head of 9 bytes", "8201 a1 6453697a65 7b 0000000000000001 66", 1),
    ("path as bytes", "8201 a1 6453697a65 4166", 1),
    ("path as bytes in a long head", "8201 a1 6453697a65 59 0001 66", 1),
    ("no options", f"8301 {SIZE_F} a0", 1),
    ("no options, indefinite", f"8301 {SIZE_F} bfff", 1),
    ("timeout", f"8301 {SIZE_F} a1 6774696d656f7574 1a 000927c0", 1),
    ("timeout of 2^64-1", f"8301 {SIZE_F} a1 6774696d656f7574 1b ffffffffffffffff", 1),
    ("timeout, everything indefinite", f"9f 01 {SIZE_F} bf 6774696d656f7574 1a 000927c0 ff ff", 1),
]

server = None
descriptors = None  # that it has open without any connection


def setUpModule():
    global server, descriptors
    server = unittest.enterModuleContext(support.Server())
    server.write("f", CONTENT)
    descriptors = server.descriptors()


class Case(unittest.TestCase):
    """Speaks to the one server of this file, by a connection for each test."""

    def setUp(self):
        self.wire = self.enterContext(server.connect())

    def send(self, data):
        self.wire.send(data)

    def expect_open(self):
        self.assertEqual(self.wire.ask({"Exists": "f"}), {"Exists": True})

    def expect_error(self, id, code):
        answered, reply = self.wire.reply()
        self.assertEqual(support.error_code(reply), code, reply)
        self.assertEqual(answered, id, reply)


@support.expand
class Whole(Case):
    """Each row is sent at once."""

    @rows(CLOSING)
    def test_closes(self, data, code):
        self.send(data)
        self.expect_error(0, code)
        self.wire.expect_end()

    @rows(TOO_DEEP)
    def test_too_deep(self, data, id):
        self.send(data)
        self.expect_error(id, "bad-request")
        self.wire.expect_end()

    @rows(REFUSED)
    def test_refuses(self, data, id):
        self.send(heads(data))
        self.expect_error(id, "bad-request")
        self.expect_open()

    @rows(BAD_PATHS)
    def test_bad_path(self, data, id):
        self.send(data)
        self.expect_error(id, "bad-path")
        self.expect_open()

    @rows(ACCEPTED)
    def test_accepts(self, data, id):
        self.send(heads(data))
        self.assertEqual(self.wire.reply(), (id, {"Size": len(CONTENT)}))
        self.expect_open()


class Bytewise(Whole):
    """The same, one byte at a time: nothing else changes."""

    def send(self, data):
        self.wire.send_bytewise(data)


@support.expand
class Together(Case):
    """Bad input among requests that are good."""

    def expect_sizes(self, ids):
        """All of these are answered, in any order."""
        answers = [self.wire.reply() for _ in ids]
        self.assertEqual(sorted(id for id, _ in answers), list(ids))
        self.assertTrue(all(reply == {"Size": len(CONTENT)} for _, reply in answers), answers)

    @rows([
        ("malformed", heads("ff"), 0, "malformed"),
        ("malformed inside", heads("8201 1c"), 0, "malformed"),
        ("too large", heads("8201 5b ffffffffffffffff"), 0, "too-large"),
        ("too deep", heads("8201") + b"\x81" * 16 + b"\0", 1, "bad-request"),
    ])
    def test_answers_come_before_the_error(self, data, id, code):
        requests = b"".join(cbor2.dumps([id, {"Size": "f"}]) for id in range(100, 150))
        self.send(requests + data)
        self.expect_sizes(range(100, 150))
        self.expect_error(id, code)
        self.wire.expect_end()

    @rows([
        ("malformed", heads("8201 a1 6453697a65 ff"), 0,
         "malformed: [1].Size: not well-formed: a break where a value should be"),
        ("too large", heads("8201 a1 6453697a65 7a ffffffff"), 0,
         f"too-large: [1].Size: this announces more than {MAX_REQUEST} bytes in all"),
        ("too deep", heads("8201 a1 6453697a65") + b"\x81" * 16, 1,
         f"bad-request: [1].Size{'[0]' * 14}: nested deeper than 16 levels"),
    ])
    def test_the_error_says_where(self, data, id, words):
        self.send(data)
        self.assertEqual(self.wire.reply(), (id, {"Error": words}))

    def test_nothing_is_answered_after_the_error(self):
        self.send(heads("ff") + cbor2.dumps([1, {"Size": "f"}]) * 100)
        self.expect_error(0, "malformed")
        self.wire.expect_end()

    def test_garbage_after_a_request(self):
        self.send(heads(f"8201 {SIZE_F} fe"))
        self.assertEqual(self.wire.reply(), (1, {"Size": len(CONTENT)}))
        self.expect_error(0, "malformed")
        self.wire.expect_end()

    def test_every_refusal_in_one_stream(self):
        self.send(b"".join(heads(data) for _, data, _ in REFUSED))
        ids = sorted(id for _, _, id in REFUSED)
        answers = [self.wire.reply() for _ in REFUSED]
        self.assertEqual(sorted(id for id, _ in answers), ids)
        self.assertEqual({support.error_code(reply) for _, reply in answers}, {"bad-request"})
        self.expect_open()

    def test_the_rest_of_a_flood_is_discarded(self):
        """The reply outlives all that the client still sends: no reset overtakes it."""
        self.send(heads("ff") + b"\xff" * support.MIB)
        self.expect_error(0, "malformed")
        self.wire.expect_end()


class Afterwards(Case):
    """Runs last."""

    def test_the_same_server_still_answers(self):
        self.expect_open()
        self.assertEqual(self.wire.ask({"Get": "f"}), {"Content": CONTENT})

    def test_no_descriptor_is_left(self):
        """Everything that the tests opened is closed again."""
        server.expect_descriptors(descriptors + 1)
        self.expect_open()
        self.wire.close()
        server.expect_descriptors(descriptors)


def load_tests(loader, *_):
    order = (Whole, Bytewise, Together, Afterwards)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in order)


if __name__ == "__main__":
    unittest.main()
