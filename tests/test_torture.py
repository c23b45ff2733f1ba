# SPDX-License-Identifier: MIT
"""
Torture: each call that may fail does so once, in each of these scenarios, and then all calls do.

Whatever fails, nothing crashes, hangs, leaks, loses a descriptor or gives a wrong answer; and when
it is over, the same conversation is answered as ever. VALVE_TORTURE=full goes through all of it;
else each test goes through the allocations, or as many other calls as a minute allows.
"""
import subprocess
import unittest

import support
import torture
from torture_cbor import Printing
from torture_metrics import Scraped, Status
from torture_parts import Parts
from torture_programs import Examples, Orders, StartAndStop, Valvectl
from torture_server import Denied, Ends, Faults, Killed, OldKernel, Secured, Storms
from torture_terminal import Live


# Why the calls of a file may remain.
ELSEWHERE = {
    "client/progress.c": "only while a transfer takes longer than a second, on a terminal",
    "client/save.c": "only where a signal ends valvectl, or where there are no nameless files",
    "daemon/store_root.c": "only where the root is mounted anew (tests/test_disk.py)",
    "lib/fiber/overrun.c": "only in a fiber that overruns its stack (tests/check_fiber_stacks.c), or "
                           "without ASan, which finds that by itself",
    "lib/server/log_queue.c": "only where stderr takes no more (tests/test_process.py)",
    "lib/server/poll.c": "only in handlers that look and do not wait (tests/check_server_poll.c)",
    "lib/server/reply_file.c": "only where a job is given up before a thread begins it",
}


# Functions of the C library and of libevent that are not let fail: they cannot, or not so that a
# program could tell.
INFALLIBLE = {
    "works on memory that it is given":
        "basename bcmp dirname feof ferror fnmatch free inet_ntop inet_pton memchr memcmp memcpy memmem "
        "memmove memrchr memset qsort snprintf strchr strcmp strcspn strerror strerrordesc_np "
        "strftime strlen strncmp strncpy strrchr strsep strspn strstr strtod strtol strtoull "
        "vsnprintf __isoc99_sscanf cbor_encode_break cbor_encode_indef_array_start getopt_long "
        "sigaddset sigdelset sigemptyset sigfillset __sched_cpufree __ctype_b_loc __ctype_toupper_loc __errno_location "
        "getenv strcpy stpcpy strcat memccpy __sched_cpucount __memcpy_chk stdout stderr",
    "fails only where an argument is no such thing":
        "clock_gettime clock time uname inotify_rm_watch isatty pthread_attr_destroy pthread_attr_init "
        "pthread_once dlsym dlerror "
        "pthread_attr_setdetachstate pthread_condattr_destroy pthread_condattr_init "
        "pthread_condattr_setclock pthread_cond_broadcast pthread_cond_destroy pthread_cond_init "
        "pthread_cond_signal pthread_cond_wait pthread_join pthread_mutex_destroy "
        "pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_self pthread_sigmask "
        "sem_destroy sem_post signal sigprocmask sysconf raise flockfile funlockfile event_assign "
        "event_config_set_flag event_free event_base_free event_config_free evconnlistener_free "
        "evconnlistener_set_error_cb event_set_log_callback rewinddir getpid gettid geteuid getuid",
    "its one failure is the time that is over, which each caller waits for":
        "pthread_cond_timedwait",
    "its one failure is that another thread has it, which its caller can do without":
        "pthread_mutex_trylock",
    "fails by what is let fail inside of it (epoll_wait, epoll_ctl, eventfd, write)":
        "event_base_loop event_base_loopbreak event_active",
    "cannot fail where there is a stack": "getcontext makecontext swapcontext",
    "does not come back": "abort exit _exit __assert_fail __libc_start_main __stack_chk_fail",
    "gives memory back, or does not, and nothing is different then": "malloc_trim mallopt",
    "has its effect, or not, on how long others take": "pthread_setschedparam nice",
    "has its effect, or not, on how exact waits are (PR_SET_TIMERSLACK)": "prctl",
    "of the compiler and the linker":
        "_ITM_deregisterTMCloneTable _ITM_registerTMCloneTable __cxa_finalize __gmon_start__ "
        "__tls_get_addr",
}


# What fails inside these is memory or the socket; certificates that do are in tests/test_tls.py.
OPENSSL = ("ASN1_", "BIO_", "CRYPTO_", "ERR_", "GENERAL_", "OPENSSL_", "SSL_", "TLS_", "X509_")


def called_functions(binary):
    """Of others; variables of theirs are undefined symbols, too, but OBJECTs."""
    lines = subprocess.run(["readelf", "--wide", "--dyn-syms", binary], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    symbols = (line.split() for line in lines)
    return {symbol[7].partition("@")[0] for symbol in symbols
            if len(symbol) > 7 and symbol[6] == "UND" and symbol[3] != "OBJECT"}


class Wrapped(unittest.TestCase):
    """A new call that may fail is let fail: tests/fault.h has it, or it is said here why not."""

    def test_every_function_of_others(self):
        names = set(torture.make_fault(self, support.VALVED).call_names()) | {"syscall"}
        excused = {name for names in INFALLIBLE.values() for name in names.split()}
        self.assertEqual(names & excused, set(), "both let fail and not")
        for program in torture.PROGRAMS:
            # What a sanitizer's runtime has, and the tables of one library for the other.
            called = {name for name in called_functions(program)
                      if not name.startswith(
                          ("__asan_", "__lsan_", "__ubsan_", "__sanitizer_", "valve_",
                           *OPENSSL))}
            self.assertEqual(called - names - excused, set(), program.name)


class CallSites(unittest.TestCase):
    """Last of all."""

    def test_reached(self):
        sites = torture.SITES
        every = sites.all(*torture.PROGRAMS)
        missed = sorted(every - set(+sites.reached))
        failed = every & set(+sites.failed)
        found = len(every) - len(missed)
        print(f"\n{torture.COUNT['single']} failures injected singly, and "
              f"{torture.COUNT['lasting']} that lasted")
        print(f"{len(every)} call sites, {found} reached ({100 * found / len(every):.1f} %), "
              f"{len(failed)} let fail")
        if sites.jumps:
            print(f"{sites.jumps} more are optimized to jumps: known only where -O1 is used")
        for place in missed:
            path, _, _ = place.partition(":")
            print(f"  not reached: {place}: {ELSEWHERE.get(path, 'in none of these scenarios')}")
        if torture.FULL:
            self.assertGreaterEqual(len(every) - len(missed), 0.95 * len(every))


def is_torturable():
    """
    Nothing can be preloaded before TSan or Valgrind; and clang's ASan is part of the program, whose
    calls would fail, too.
    """
    needed = subprocess.run(["readelf", "--dynamic", support.VALVED], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    has_own = b"__asan_init" in support.VALVED.read_bytes() and "[libasan" not in needed
    return not (support.WRAPPER or has_own or "[libtsan" in needed)


class Skipped(unittest.TestCase):
    @unittest.skip("under TSan, Valgrind and clang's ASan no calls can be let fail")
    def test_torture(self):
        """In place of all the others."""


# Several at once, those that take longest first; Killed measures time, and has it for itself.
PARTS = [StartAndStop, Faults, OldKernel, Valvectl, Orders, Examples, Printing, Status, Live,
         Scraped, Storms, Secured, Denied, Ends]


def load_tests(loader, _tests, _pattern):
    """Together, but for what is to be said in the end."""
    if not is_torturable():
        return loader.loadTestsFromTestCase(Skipped)
    parts = [test for part in PARTS for test in loader.loadTestsFromTestCase(part)]
    return unittest.TestSuite([Parts(parts), *map(loader.loadTestsFromTestCase,
                                                  [Killed, Wrapped, CallSites])])


if __name__ == "__main__":
    unittest.main()
