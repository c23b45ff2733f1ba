# SPDX-License-Identifier: MIT
"""The layers are folders: no file includes what tests/includes.txt does not allow it."""
import fnmatch
import pathlib
import re
import unittest

import support

FOLDERS = ("lib", "daemon", "client", "cbor", "examples")
# Written by configure and by valve-cddl into the build directory.
GENERATED = {"config.h": "config.h"} | {f"{schema.stem}.h": f"schema/{schema.stem}.h"
                                        for schema in (support.SOURCE / "schema").glob("*.cddl")}


class Rules:
    """The table: patterns of files, and of what they may include."""

    def __init__(self, text):
        lines = [line.split("#")[0].split() for line in text.splitlines()]
        self._lines = [(line[0].removesuffix(":"), line[1:]) for line in lines if line]
        self._confined = {word for _, allowed in self._lines for word in allowed
                          if word.startswith("<")}

    def applies_to(self, file):
        return any(fnmatch.fnmatch(file, pattern) for pattern, _ in self._lines)

    def allow(self, file, included):
        """Whether the file may include this: a path from the root, or a name in <>."""
        if included.startswith("<"):
            if not any(fnmatch.fnmatch(included, word) for word in self._confined):
                return True
        elif pathlib.PurePath(file).parent == pathlib.PurePath(included).parent:
            return True
        return any(fnmatch.fnmatch(included, word)
                   for pattern, allowed in self._lines if fnmatch.fnmatch(file, pattern)
                   for word in allowed)


def includes_of(text):
    """What is included: names with their quotes or brackets."""
    return re.findall(r'^\s*#\s*include\s+("[^"]+"|<[^>]+>)', text, re.M)


def resolve(file, included, root=support.SOURCE):
    """The path from the root of what a file includes in quotes, or the name in <> as it is."""
    if included.startswith("<"):
        return included
    name = included.strip('"')
    for folder in (pathlib.PurePath(file).parent, pathlib.PurePath("lib"), pathlib.PurePath()):
        if (root / folder / name).exists():
            return str(folder / name)
    return GENERATED.get(name, f"no such file: {name}")


def sources():
    for folder in FOLDERS:
        for path in sorted((support.SOURCE / folder).rglob("*.[chS]")):
            yield str(path.relative_to(support.SOURCE)), path.read_text()


class Includes(unittest.TestCase):
    def setUp(self):
        self.rules = Rules((support.SOURCE / "tests/includes.txt").read_text())

    def test_every_include_is_allowed(self):
        found = list(sources())
        self.assertGreater(len(found), 50)
        unknown = [file for file, _ in found if not self.rules.applies_to(file)]
        self.assertEqual(unknown, [], "in no line of the table")
        included = [(file, resolve(file, name)) for file, text in found
                    for name in includes_of(text)]
        forbidden = [f"{file} includes {path}" for file, path in included
                     if not self.rules.allow(file, path)]
        self.assertEqual(forbidden, [])

    def test_forbidden_includes_would_be_found(self):
        for file, included in [
                ("lib/fiber/fiber.c", '"valve.h"'),
                ("lib/fiber/fiber.c", '"rpc/head.h"'),
                ("lib/rpc/scanner.c", '"fiber/fiber.h"'),
                ("lib/rpc/scanner.c", '"server/server.h"'),
                ("lib/server/worker.c", '"daemon/store.h"'),
                ("lib/server/worker.c", '"files.h"'),
                ("lib/server/worker.c", "<cbor.h>"),
                ("lib/server/worker.c", '"client/client.h"'),
                ("lib/client/client.c", '"server/server.h"'),
                ("lib/client/client.c", "<event2/event.h>"),
                ("lib/net/address.c", '"valve.h"'),
                ("lib/cddl/parser.c", '"rpc/head.h"'),
                ("daemon/store.c", "<ini.h>"),
                ("daemon/store.c", '"client/client.h"'),
                ("client/main.c", '"server/server.h"'),
                ("client/main.c", "<systemd/sd-daemon.h>"),
                ("examples/calc/calc.c", '"rpc/head.h"'),
                ("daemon/store.c", '"no/such/header.h"')]:
            path = resolve(file, included)
            self.assertFalse(self.rules.allow(file, path), f"{file} may include {path}")

    def test_the_scan_sees_all_forms(self):
        text = '#include "a.h"\n  #  include <b/c.h>\n/* #include "d.h" */\n'
        self.assertEqual(includes_of(text), ['"a.h"', "<b/c.h>"])

    def test_generated_headers_are_resolved(self):
        self.assertEqual(resolve("daemon/service.c", '"files.h"'), "schema/files.h")
        self.assertEqual(resolve("lib/rpc/head.c", '"valve.h"'), "lib/valve.h")
        self.assertEqual(resolve("lib/rpc/head.c", '"head.h"'), "lib/rpc/head.h")


if __name__ == "__main__":
    unittest.main()
