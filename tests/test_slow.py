# SPDX-License-Identifier: MIT
"""Slow storage delays only the requests that need it."""
import select
import unittest

import cbor2

import support

DELAY = 500  # ms that reading a slow file takes
PRELOAD = support.BUILD / "tests/slow_preload.so"


@unittest.skipIf(support.INSTRUMENTED, "nothing can be preloaded before a sanitizer or Valgrind")
class SlowStorage(unittest.TestCase):
    """One worker: whatever waited on its thread would delay everybody."""

    def start(self, io_delay=DELAY, **limits):
        self.server = self.enterContext(support.Server(
            settings={"server": {"workers": 1}, "limits": limits},
            environment={"LD_PRELOAD": support.preload(PRELOAD), "VALVE_TEST_SLOW": ".slow",
                         "VALVE_TEST_DELAY": str(io_delay)}))
        self.descriptors = self.server.descriptors()
        self.server.write("hot", b"hot")
        self.server.write("a.slow", b"slow a")
        self.slow = self.enterContext(self.server.connect())
        self.hot = self.enterContext(self.server.connect())
        self.assertEqual(self.hot.ask({"Exists": "hot"}), {"Exists": True})

    def is_waiting(self):
        """No reply has come to the slow connection."""
        return not select.select([self.slow.socket], [], [], 0)[0]

    def test_a_hot_exists_does_not_wait_for_a_read(self):
        self.start()
        self.slow.request(1, {"Get": "a.slow"})
        for _ in range(100):
            self.assertEqual(self.hot.ask({"Exists": "hot"}), {"Exists": True})
            self.assertEqual(self.hot.ask({"Get": "hot"}), {"Content": b"hot"})
        self.assertTrue(self.is_waiting())
        self.assertEqual(self.slow.reply(), (1, {"Content": b"slow a"}))

    def test_nor_for_more_reads_than_there_are_threads(self):
        """Nor does what needs the pool itself, but not that disk: stuck reads leave it a thread."""
        self.start()
        for number in range(200):
            self.server.write(f"cold/{number}", b"c")
        for id in range(1, 13):
            self.slow.request(id, {"Get": "a.slow"})
        for number in range(200):
            self.assertEqual(self.hot.ask({"Size": f"cold/{number}"}), {"Size": 1})
            self.assertEqual(self.hot.ask({"Exists": f"cold/x{number}"}), {"Exists": False})
        answers = []
        while not self.is_waiting():
            answers.append(self.slow.reply())
        self.assertLess(len(answers), 12)
        answers += [self.slow.reply() for _ in range(12 - len(answers))]
        self.assertEqual(dict(answers), {id: {"Content": b"slow a"} for id in range(1, 13)})

    def test_timeout(self):
        self.start()
        self.slow.request(1, {"Get": "a.slow"}, {"timeout": 50})
        self.slow.request(2, {"Get": "a.slow"})
        id, reply = self.slow.reply()
        self.assertEqual((id, support.error_code(reply)), (1, "timeout"))
        self.assertEqual(self.slow.reply(), (2, {"Content": b"slow a"}))

    def test_timeout_of_zero(self):
        self.start()
        self.slow.request(1, {"Get": "a.slow"}, {"timeout": 0})
        id, reply = self.slow.reply()
        self.assertEqual((id, support.error_code(reply)), (1, "timeout"))

    def test_cancel(self):
        """Of every request in flight with that id, and of no other."""
        self.start()
        self.slow.send(b"".join(cbor2.dumps([id, {"Get": "a.slow"}]) for id in (1, 2, 1)))
        self.slow.request(1, None)
        for _ in range(2):
            id, reply = self.slow.reply()
            self.assertEqual((id, support.error_code(reply)), (1, "cancelled"))
        self.assertEqual(self.slow.reply(), (2, {"Content": b"slow a"}))
        self.slow.finish()
        self.slow.expect_end()

    def test_io_timeout(self):
        self.start(io_timeout="100ms")
        self.slow.request(1, {"Get": "a.slow"})
        id, reply = self.slow.reply()
        self.assertEqual((id, support.error_code(reply)), (1, "timeout"))

    def test_a_disk_that_hangs(self):
        """Every thread for data is held: cold reads time out, what is hot and metadata go on."""
        self.start(io_timeout="200ms", io_delay=60_000)
        for id in range(1, 41):
            self.slow.request(id, {"Get": "a.slow"})
        for number in range(100):
            self.server.write(f"new/{number}", b"n")
            self.assertEqual(self.hot.ask({"Get": "hot"}), {"Content": b"hot"})
            self.assertEqual(self.hot.ask({"Size": f"new/{number}"}), {"Size": 1})
            self.assertEqual(self.hot.ask({"Exists": f"new/x{number}"}), {"Exists": False})
        replies = dict(self.slow.reply() for _ in range(40))
        self.assertEqual({support.error_code(reply) for reply in replies.values()}, {"timeout"})
        self.assertEqual(self.hot.ask({"Get": "hot"}), {"Content": b"hot"})
        self.server.program.kill()

    def test_half_close_waits_for_the_answers(self):
        self.start()
        self.slow.request(1, {"Get": "a.slow"})
        self.slow.finish()
        self.assertEqual(self.slow.reply(), (1, {"Content": b"slow a"}))
        self.slow.expect_end()

    def test_drain_waits_for_the_answers(self):
        self.start()
        self.slow.request(1, {"Get": "a.slow"})
        self.assertEqual(self.hot.ask({"Exists": "hot"}), {"Exists": True})
        self.assertTrue(self.is_waiting())
        self.server.stop()
        self.assertEqual(self.slow.reply(), (1, {"Content": b"slow a"}))
        self.slow.expect_end()

    def test_a_client_that_goes_away_while_it_waits(self):
        self.start()
        for id in range(1, 11):
            self.slow.request(id, {"Get": "a.slow"})
        self.assertEqual(self.hot.ask({"Exists": "hot"}), {"Exists": True})
        self.slow.close()
        self.server.expect_descriptors(self.descriptors + 1)
        self.assertEqual(self.hot.ask({"Get": "hot"}), {"Content": b"hot"})


if __name__ == "__main__":
    unittest.main()
