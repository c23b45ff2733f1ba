# SPDX-License-Identifier: MIT
"""CBOR by the book of others: cbor2's reader and writer, diagnostic notation, free encodings."""
import io
import json
import re
import struct

import cbor2.decoder
import cbor2.encoder
from cbor2.types import CBORDecodeError, CBORSimpleValue, CBORTag, undefined

# ---- cbor2 ------------------------------------------------------------------------------------
#
# Its parts in Python, not those in C: cbor2 5.4.6 in C writes numbers that a half holds, from 32768
# on, as singles. Tags are left as they are: what they mean is not our subject.

cbor2.decoder.semantic_decoders = {}
NotCbor = CBORDecodeError


def read_sequence(data):
    """The items of a sequence, each as a value and its bytes. Raises NotCbor."""
    stream = io.BytesIO(data)
    decoder = cbor2.decoder.CBORDecoder(stream, str_errors="replace")
    start = 0
    while start < len(data):
        yield decoder.decode(), data[start:stream.tell()]
        start = stream.tell()


def read_item(data):
    """The value of one item, with nothing behind it."""
    (value, _), = read_sequence(data)
    return value


def deterministic(value):
    """RFC 8949, 4.2.1, as cbor2 writes it; for keys that are text."""
    stream = io.BytesIO()
    cbor2.encoder.CBOREncoder(stream, canonical=True).encode(value)
    return stream.getvalue()


# ---- Diagnostic notation (RFC 8949, section 8) ------------------------------------------------

_TOKEN = re.compile(r"""(?:\s|/[^/]*/)*(?:
    (?P<text>"(?:[^"\\]|\\.)*") | h'(?P<bytes>[0-9a-f]*)' | (?P<sign>[\[\]{}(),:_]) |
    (?P<float>-?\d+\.\d+(?:e[+-]?\d+)?(?:_[123])?) | (?P<int>-?\d+) |
    (?P<word>-?[A-Za-z]+) | (?P<end>$) )""", re.X)

_WORDS = {"true": True, "false": False, "null": None, "undefined": undefined,
          "NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Notation:
    def __init__(self, text):
        self._text = text
        self._at = 0
        self._take()

    def _take(self):
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not diagnostic notation: {self._text[self._at:self._at + 40]!r}")
        self._at = match.end()
        self._kind = match.lastgroup
        self._token = match[self._kind]

    def _skip(self, sign):
        found = self._kind == "sign" and self._token == sign
        if found:
            self._take()
        return found

    def _expect(self, sign):
        if not self._skip(sign):
            raise ValueError(f"{sign} expected, not {self._token!r}")

    def _list(self, end, element):
        """Elements up to the sign that ends them; an underscore says: of indefinite length."""
        self._skip("_")
        elements = []
        while not self._skip(end):
            if elements:
                self._expect(",")
            elements.append(element())
        return elements

    def _pair(self):
        key = self.value()
        self._expect(":")
        return key, self.value()

    def _number(self, token):
        number = int(token)
        if self._skip("("):
            value = self.value()
            self._expect(")")
            return CBORTag(number, value)
        return number

    def _word(self, token):
        if token != "simple":
            return _WORDS[token]
        self._expect("(")
        number = self.value()
        self._expect(")")
        return CBORSimpleValue(number)

    def value(self):
        kind, token = self._kind, self._token
        self._take()
        if kind == "text":
            return json.loads(token)
        if kind == "bytes":
            return bytes.fromhex(token)
        if kind == "float":
            return float(token.split("_")[0])
        if kind == "int":
            return self._number(token)
        if kind == "word":
            return self._word(token)
        if token == "[":
            return self._list("]", self.value)
        if token == "{":
            return dict(self._list("}", self._pair))
        if token == "(":  # a string in chunks
            chunks = self._list(")", self.value)
            return chunks[0][:0].join(chunks)
        raise ValueError(f"a value expected, not {token!r}")

    def whole(self):
        value = self.value()
        if self._kind != "end":
            raise ValueError(f"behind the value stands {self._token!r}")
        return value


def read_notation(text):
    return _Notation(text).whole()


# ---- Encodings ---------------------------------------------------------------------------------

def _head(major, argument, rng):
    """A head of any size that holds its argument."""
    forms = [(limit, size, info) for limit, size, info in
             [(24, 0, 0), (1 << 8, 1, 24), (1 << 16, 2, 25), (1 << 32, 4, 26), (1 << 64, 8, 27)]
             if argument < limit]
    _, size, info = rng.choice(forms)
    if size == 0:
        return bytes([major << 5 | argument])
    return bytes([major << 5 | info]) + argument.to_bytes(size, "big")


def _float(number, rng):
    forms = [b"\xfb" + struct.pack(">d", number)]
    for initial, form in (b"\xfa", ">f"), (b"\xf9", ">e"):
        try:
            data = struct.pack(form, number)
        except OverflowError:
            continue
        if number != number or struct.unpack(form, data)[0] == number:
            forms.append(initial + data)
    return rng.choice(forms)


def _container(major, parts, count, rng):
    if rng.random() < 0.5:
        return bytes([major << 5 | 31]) + b"".join(parts) + b"\xff"
    return _head(major, count, rng) + b"".join(parts)


def encode_freely(value, rng):
    """A legal encoding, seldom the shortest: long heads, open arrays, keys in any order."""
    if value is None or isinstance(value, bool):
        return deterministic(value)
    if isinstance(value, int):
        return _head(0, value, rng) if value >= 0 else _head(1, -1 - value, rng)
    if isinstance(value, float):
        return _float(value, rng)
    if isinstance(value, bytes):
        return _head(2, len(value), rng) + value
    if isinstance(value, str):
        data = value.encode()
        return _head(3, len(data), rng) + data
    if isinstance(value, list):
        return _container(4, [encode_freely(item, rng) for item in value], len(value), rng)
    if isinstance(value, dict):
        pairs = [encode_freely(key, rng) + encode_freely(item, rng) for key, item in value.items()]
        rng.shuffle(pairs)
        return _container(5, pairs, len(pairs), rng)
    return deterministic(value)
