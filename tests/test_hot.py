# SPDX-License-Identifier: MIT
"""What a request for a name that is known costs: no memory from the heap, hardly a system call."""
import os
import unittest

import cbor2

import fault
import support
import torture

# Requests sent at once, and how often.
DEPTH = 16
BATCHES = (10 if support.INSTRUMENTED else 62_500 if os.environ.get("VALVE_TORTURE") == "full"
           else 2_000)
NAMES = [f"n{number:02}" for number in range(DEPTH)]


@unittest.skipIf(support.WRAPPER, "a wrapper has calls of its own")
@unittest.skipUnless(support.KEEPS_FILES, "nothing is kept open")
@support.expand
class Hot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.injector = torture.make_fault(cls, support.VALVED)
        cls.server = cls.enterClassContext(support.Server(
            settings={"server": {"workers": 1}}, environment=cls.injector.environment))
        for name in NAMES:
            cls.server.write(name, name.encode() * 250)

    def count(self, calls, method, reply_of):
        """How many of these calls a request makes, once all that it needs is there."""
        requests = b"".join(cbor2.dumps([id, {method: name}]) for id, name in enumerate(NAMES, 1))
        replies = b"".join(cbor2.dumps([id, {key: value}])
                           for id, (key, value) in enumerate(map(reply_of, NAMES), 1))
        with self.server.connect() as wire:
            self.ask(wire, requests, replies, 10)
            # What comes first is never to be let fail: they are only counted.
            with self.injector.armed(fault.ONCE, 1 << 62, calls=calls):
                self.ask(wire, requests, replies, BATCHES)
                return self.injector.counted / (DEPTH * BATCHES)

    def ask(self, wire, requests, replies, batches):
        for _ in range(batches):
            wire.send(requests)
            self.assertEqual(wire.read(len(replies)), replies)

    KINDS = [
        ("exists", "Exists", lambda name: ("Exists", True), 0.4),
        ("size", "Size", lambda name: ("Size", 750), 1.4),
        ("get", "Get", lambda name: ("Content", name.encode() * 250), 1.4),
    ]

    @support.rows(KINDS)
    def test_nothing_is_allocated(self, method, reply_of, _):
        self.assertEqual(self.count(fault.ALLOCATIONS, method, reply_of), 0)

    @support.rows(KINDS)
    def test_calls_that_may_fail(self, method, reply_of, most):
        """All but the wait for events, of which there is one for all that is read together."""
        every = set(self.injector.call_names())
        self.assertLessEqual(self.count(every, method, reply_of), most)
        self.assertGreater(self.injector.counted, 0)


if __name__ == "__main__":
    unittest.main()
