# SPDX-License-Identifier: MIT
"""A small validator for the CDDL of valve's schemas (a subset of RFC 8610), to judge traffic by.

It shares nothing with valve-cddl. Control operators, groups, generics, sockets and floats are not
there, because the schemas do without them.
"""
import re

_TOKENS = re.compile(r"""
    \s+ | ;[^\n]*                                   # blanks and comments
  | (?P<text>"[^"]*") | (?P<number>-?\d+) | (?P<name>[A-Za-z][\w-]*)
  | (?P<sign>=>|\.\.|[=/\[\]{},:*?])
""", re.VERBOSE)

_PRELUDE = {
    "any": lambda value: True,
    "uint": lambda value: _is_int(value) and value >= 0,
    "int": lambda value: _is_int(value),
    "tstr": lambda value: isinstance(value, str),
    "bstr": lambda value: isinstance(value, bytes),
    "bool": lambda value: isinstance(value, bool),
    "nil": lambda value: value is None,
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _tokens(text):
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if not match:
            raise ValueError(f"not CDDL: {text[position:position + 20]!r}")
        if match.lastgroup:
            yield match.lastgroup, match[match.lastgroup]
        position = match.end()
    yield "end", ""


class Schema:
    """The rules of a schema; each becomes a function that says whether a value is of it."""

    def __init__(self, text):
        self._tokens = list(_tokens(text))
        self._rules = dict(_PRELUDE)
        while self._peek() != "":
            name = self._take()
            self._expect("=")
            self._rules[name] = self._choice()

    def knows(self, rule):
        return rule in self._rules

    def is_valid(self, rule, value):
        return self._rules[rule](value)

    def _peek(self, ahead=0):
        return self._tokens[min(ahead, len(self._tokens) - 1)][1]

    def _take(self):
        return self._tokens.pop(0)[1]

    def _expect(self, sign):
        if (found := self._take()) != sign:
            raise ValueError(f"{sign!r} expected, not {found!r}")

    def _skip(self, sign):
        if found := self._peek() == sign:
            self._take()
        return found

    def _choice(self):
        arms = [self._type()]
        while self._skip("/"):
            arms.append(self._type())
        return lambda value: any(arm(value) for arm in arms)

    def _type(self):
        kind, token = self._tokens.pop(0)
        if kind == "text":
            return lambda value: value == token[1:-1]
        if kind == "number":
            return self._range(int(token))
        if token == "[":
            return self._array()
        if token == "{":
            return self._map()
        if kind != "name":
            raise ValueError(f"a type expected, not {token!r}")
        return lambda value: self._rules[token](value)

    def _range(self, low):
        high = int(self._take()) if self._skip("..") else low
        return lambda value: _is_int(value) and low <= value <= high

    def _occurrence(self):
        return self._take() if self._peek() in ("*", "?") else ""

    def _array(self):
        """Elements as (occurrence, type); those that may be missing stand at the end."""
        elements = []
        while not self._skip("]"):
            occurrence = self._occurrence()
            if self._peek(1) == ":":
                self._take(), self._take()
            elements.append((occurrence, self._choice()))
            self._skip(",")

        def matches(values, elements):
            if not elements:
                return not values
            (occurrence, check), rest = elements[0], elements[1:]
            if occurrence == "*":
                return all(check(value) for value in values) and not rest
            if values and check(values[0]) and matches(values[1:], rest):
                return True
            return occurrence == "?" and matches(values, rest)

        return lambda value: isinstance(value, list) and matches(value, elements)

    def _map(self):
        """Pairs as (occurrence, key, type); a key is a text, or a type after `*`."""
        pairs = []
        while not self._skip("}"):
            occurrence = self._occurrence()
            key = self._take()
            if self._take() not in ("=>", ":"):
                raise ValueError(f"=> or : expected after the key {key}")
            pairs.append((occurrence, key.strip('"'), self._choice()))
            self._skip(",")

        def matches(value):
            named = {key: check for occurrence, key, check in pairs if occurrence != "*"}
            others = [(self._rules[key], check) for occurrence, key, check in pairs
                      if occurrence == "*"]
            missing = {key for occurrence, key, _ in pairs if occurrence == ""} - set(value)
            return not missing and all(
                named[key](item) if key in named else
                any(is_key(key) and check(item) for is_key, check in others)
                for key, item in value.items())

        return lambda value: isinstance(value, dict) and matches(value)
