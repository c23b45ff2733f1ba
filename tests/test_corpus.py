# SPDX-License-Identifier: MIT
"""The fuzz targets on their corpora, in this build: what a fuzzer found once stays tried."""
import pathlib
import subprocess
import unittest

import support

CORPUS = support.SOURCE / "tests" / "fuzz" / "corpus"
TARGETS = sorted(path.name for path in CORPUS.iterdir())


@support.expand
class Corpus(unittest.TestCase):
    @support.rows([(target, target) for target in TARGETS])
    def test_replay(self, target):
        program = support.BUILD / "tests" / "fuzz" / f"replay_{target}"
        run = subprocess.run([*support.WRAPPER, program, CORPUS / target], capture_output=True,
                             text=True, timeout=600)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        inputs = len(list((CORPUS / target).iterdir()))
        self.assertGreater(inputs, 20)
        self.assertEqual(run.stdout, f"{inputs} inputs\n")

    def test_each_target_has_a_corpus(self):
        sources = {path.stem for path in (support.SOURCE / "tests" / "fuzz").glob("fuzz_*.c")}
        decoders = {"calc", "files", "graph", "zoo"}
        targets = {source.removeprefix("fuzz_") for source in sources} - {"decode"} | decoders
        self.assertEqual(set(TARGETS), targets)


if __name__ == "__main__":
    unittest.main()
