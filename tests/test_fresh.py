# SPDX-License-Identifier: MIT
"""
A short hunt for stale answers, and what it does not come to by itself. VALVE_TEST_FRESH=100000
makes it longer.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import unittest

import fresh
import support

SEED = 4711
CHECKS = int(os.environ.get("VALVE_TEST_FRESH", "8000" if support.SMALL else "20000"))
SETTINGS = [setting for setting in fresh.SETTINGS
            if (setting.place != fresh.TMPFS or fresh.is_tmpfs(fresh.TMPFS)) and
            (setting.cache == "0" or support.keeps_files(setting.place))]


def setUpModule():
    global MOUNTS
    MOUNTS = fresh.have_private_mounts()


# Of linux/fscrypt.h.
FS_IOC_ADD_ENCRYPTION_KEY = 0xc0506617
FS_IOC_REMOVE_ENCRYPTION_KEY = 0xc0406618
FS_IOC_SET_ENCRYPTION_POLICY = 0x800c6613
POLICY_V2, AES_256_XTS, AES_256_CTS, IDENTIFIER = 2, 1, 4, 2


class Encrypted:
    """A file system in which directories may be encrypted, with one key."""

    def __init__(self, test):
        if not (MOUNTS and shutil.which("mkfs.ext4")):
            raise unittest.SkipTest("it takes root and mkfs.ext4 to make an encrypted directory")
        directory = support.scratch(test)
        image, self.path = directory / "image", directory / "mounted"
        self.path.mkdir()
        support.sparse_file(image, 32 * support.MIB)
        subprocess.run(["mkfs.ext4", "-q", "-O", "encrypt", image], check=True)
        if subprocess.run(["mount", "-o", "loop", image, self.path], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            raise unittest.SkipTest("this kernel mounts no file system with encryption")
        test.addCleanup(subprocess.run, ["umount", self.path], check=True)

    def _control(self, path, number, argument):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, number, argument)
        finally:
            os.close(descriptor)

    def add_key(self):
        key = bytearray(struct.pack("II32xI36x", IDENTIFIER, 0, 64) + bytes(range(64)))
        self._control(self.path, FS_IOC_ADD_ENCRYPTION_KEY, key)
        self._identifier = bytes(key[8:24])

    def encrypt(self, directory):
        self._control(directory, FS_IOC_SET_ENCRYPTION_POLICY, struct.pack(
            "BBBB4x16s", POLICY_V2, AES_256_XTS, AES_256_CTS, 0, self._identifier))

    def remove_key(self):
        """Whether nobody uses it any more."""
        key = bytearray(struct.pack("II16s40x", IDENTIFIER, 0, self._identifier))
        self._control(self.path, FS_IOC_REMOVE_ENCRYPTION_KEY, key)
        return struct.unpack_from("I", key, 40)[0] == 0


def is_stopped(process):
    stats = pathlib.Path(f"/proc/{process}/task").glob("*/stat")
    return all(") T " in stat.read_text() for stat in stats)


@support.expand
class TestFresh(unittest.TestCase):
    @support.rows([(setting.title, setting) for setting in SETTINGS])
    def test_nothing_stale(self, setting):
        result = fresh.run(setting, SEED, checks=CHECKS, mounts=MOUNTS)
        fresh.report(setting, result)
        self.assertEqual(list(fresh.problems(setting, result)), [])
        self.assertGreaterEqual(result.numbers["checks"], CHECKS)
        for kind, (changes, checks, _) in result.kinds.items():
            self.assertEqual(changes > 0, checks > 0, kind)
        made = sum(changes > 0 for changes, _, _ in result.kinds.values())
        self.assertGreater(made, len(result.kinds) // 4)  # by chance; some not everywhere

    def test_a_key_can_be_taken_away(self):
        """Nothing is kept of encrypted directories: the key would stay in use."""
        encrypted = Encrypted(self)
        encrypted.add_key()
        root = pathlib.Path(encrypted.path / "root")
        (root / "d").mkdir(parents=True)
        encrypted.encrypt(root / "d")
        (root / "d/f").write_bytes(b"secret")
        with support.Server(root=root) as server, server.connect() as wire:
            for _ in range(4):
                self.assertEqual(wire.ask({"Get": "d/f"}), {"Content": b"secret"})
            os.sync()
            self.assertTrue(encrypted.remove_key())
            self.assertEqual(support.error_code(wire.ask({"Get": "d/f"})), "not-found")
            encrypted.add_key()
            self.assertEqual(wire.ask({"Get": "d/f"}), {"Content": b"secret"})

    @unittest.skipUnless(support.KEEPS_FILES, "nothing is kept open")
    def test_more_changes_than_are_told(self):
        """While it stands still, news is lost; then nothing that was known may be believed."""
        metrics = f"unix:{support.scratch(self)}/metrics"
        settings = {"server": {"workers": 1}, "files": {"cache": 64},
                    "metrics": {"address": metrics}}
        with support.Server(settings=settings) as server, server.connect() as wire:
            path = server.write("d/f", b"old")
            for name in ("d/f", "d/absent") * 3:
                wire.ask({"Get": name})
            server.program.signal(signal.SIGSTOP)
            support.wait_until(lambda: is_stopped(server.program.pid), "all threads stopped")
            with open("/proc/sys/fs/inotify/max_queued_events") as limit:
                for _ in range(int(limit.read())):
                    path.chmod(0o600)
                    path.parent.chmod(0o755)
            (path.parent / "new").write_bytes(b"new")
            (path.parent / "new").rename(path)
            (path.parent / "absent").write_bytes(b"came")
            server.program.signal(signal.SIGCONT)
            self.assertEqual(wire.ask({"Get": "d/f"}), {"Content": b"new"})
            self.assertEqual(wire.ask({"Get": "d/absent"}), {"Content": b"came"})
            lost = fresh.figures(metrics)["valve_cache_lost_total"]
            self.assertGreater(lost, 0)


if __name__ == "__main__":
    unittest.main()
