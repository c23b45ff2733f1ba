# SPDX-License-Identifier: MIT
"""
A short soak, and proof that its oracle finds what is wrong. VALVE_TEST_SOAK=2min makes it longer.
"""
import contextlib
import os
import pathlib
import re
import unittest

import soak
import support

SEED = 4711
RATE = 50 if support.WRAPPER else 150 if support.SANITIZED else 400
DURATION = os.environ.get("VALVE_TEST_SOAK", "10s" if support.SMALL else "20s")
REST = 7  # seconds
COMMON = ("Size ok", "Get ok", "Exists true", "Exists false", "Del ok", "Get not-found",
          "Get bad-path", "bad bad-request", "connections")
RARE = ("ListAll ok", "Del not-found", "Size not-found", "bad malformed", "ends-complete",
        "ends-broken", "cancels", "directories-moved")
NO_PRELOAD = "nothing can be preloaded before a sanitizer or Valgrind"
HONEST = soak.Proxy("honest", "unix", "unix", True, ("--split-random=16384",))


class TestSoak(unittest.TestCase):
    def setUp(self):
        self.evidence = support.scratch(self)
        self.said = []

    def soak(self, seconds, *, rate=RATE, **settings):
        made = soak.Soak(seconds, SEED, rate, evidence=self.evidence,
                         say=self.said.append, options=("--files=1000",), **settings)
        made.run()
        return made

    def expect_finding(self, pattern, **settings):
        """A soak that must fail, and keep the evidence."""
        with self.assertRaisesRegex(soak.Failed, pattern) as caught:
            self.soak(60, **settings)
        kept = (self.evidence / "failure.txt").read_text()
        self.assertIn(str(caught.exception), kept)
        self.assertIn(f"seed {SEED}", kept)
        directory, = (path for path in self.evidence.iterdir() if path.is_dir())
        self.assertRegex((directory / "evidence.txt").read_text(), pattern)
        return kept

    def test_all_answers_are_right(self):
        made = self.soak(soak.seconds_of(DURATION), rest=max(REST, soak.seconds_of(DURATION) // 2),
                         quiet=1)
        self.assertGreater(len(made.rests), 1)
        made.report()
        print("\n".join(self.said))
        counts = made.counts
        # How many come in that time depends on the machine; of few, not all kinds come.
        self.assertGreater(counts["answers"], 0)
        for name in COMMON * (counts["answers"] > 1000) + RARE * (counts["answers"] > 5000):
            self.assertGreater(counts.get(name, 0), 0, name)
        self.assertEqual(counts.get("dels-lost", 0), counts.get("dels-resolved", 0))
        self.assertEqual(counts["files-compared"], 1000)
        faults = made.done["resets"]["reset"] + made.done["half-closes"]["half-close"]
        self.assertGreater(faults, 0)

    def test_a_bit_flipped_in_content_is_found(self):
        liar = HONEST._replace(options=("--flip-at=down:300000",))
        kept = self.expect_finding("WRONG ANSWER", proxies=(liar,))
        # The bit may be one of what makes an answer readable: then nobody knows whose it was.
        self.assertRegex(kept, r"request: \w+, id \d+|expected: another form")
        self.assertRegex(kept, r"answer: .*")

    def test_content_changed_behind_its_back_is_found(self):
        def change(server):
            other = server.directory / "other"
            for path in self.files(server):
                with contextlib.suppress(FileNotFoundError):  # the load has removed it
                    status, content = path.stat(), path.read_bytes()
                    other.write_bytes(bytes([content[0] ^ 1]) + content[1:] if content else b"")
                    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
                    other.rename(path)

        kept = self.expect_finding("WRONG ANSWER", proxies=(HONEST,), meddle=change)
        self.assertRegex(kept, "expected: other bytes")
        self.assertRegex(kept, r"first difference from version \d+: byte 0 is")

    def test_a_file_that_is_gone_too_soon_is_found(self):
        def remove(server):
            for path in self.files(server):
                path.unlink(missing_ok=True)

        self.expect_finding("WRONG (ANSWER|STATE)", proxies=(HONEST,), meddle=remove)

    def test_a_file_that_should_not_be_there_is_found(self):
        def add(server):
            server.write("dir-1/f999999")

        kept = self.expect_finding("WRONG ANSWER", proxies=(HONEST,), meddle=add)
        self.assertRegex(kept, "expected: no such name")

    def test_a_connection_that_breaks_is_found(self):
        liar = HONEST._replace(options=("--half-close-at=down:100000",))
        self.expect_finding("an answer, and not the end of the connection", proxies=(liar,))

    def preload(self, lie):
        return {"LD_PRELOAD": str(support.BUILD / "tests/lie_preload.so"), "VALVE_TEST_LIE": lie}

    @unittest.skipIf(support.INSTRUMENTED, NO_PRELOAD)
    def test_a_del_that_did_nothing_is_found(self):
        self.expect_finding("WRONG (ANSWER|STATE)", proxies=(HONEST,),
                            environment=self.preload("keep"))

    @unittest.skipIf(support.INSTRUMENTED, NO_PRELOAD)
    def test_a_del_that_denies_it_is_found(self):
        self.expect_finding("expected: Ok: it was there all the time", proxies=(HONEST,),
                            environment=self.preload("deny"))

    def grown(self, total, own=800_000, resident=4_000_000):
        """Whether it is flat if memory grows by so many bytes in half an hour."""
        rests = [soak.Sample(time, own + total * time // 1800, 0, resident + total * time // 1800,
                             0, 0, 15) for time in range(0, 2100, 300)]
        return not soak.Growth(rests).is_flat

    def test_memory_that_grows_is_found(self):
        self.assertFalse(self.grown(0))
        self.assertFalse(self.grown(20_000))
        self.assertTrue(self.grown(45_000))
        self.assertTrue(self.grown(30_000, own=2_000_000, resident=2_000_000))
        self.assertTrue(self.grown(50_000, resident=8_000_000))

    def test_a_short_run_says_nothing_of_memory(self):
        rests = [soak.Sample(time, 1, 1, 1, 0, 0, 15) for time in (300, 400)]
        self.assertFalse(soak.Growth(rests).is_known)

    def files(self, server):
        """Those that the load has made, every tenth."""
        names = (os.path.join(directory, name) for directory, _, found in os.walk(server.root)
                 for name in found if re.search(r"\d$", name))
        return [pathlib.Path(name) for name in list(names)[::10]]


if __name__ == "__main__":
    unittest.main()
