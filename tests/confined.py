# SPDX-License-Identifier: MIT
"""
Runs a program under the restrictions of a systemd unit, where systemd is not the init: as root,

    confined.py UNIT DIRECTORY PROGRAM [ARGUMENT...]

What the unit's directives mean is done by hand: mounts, limits, capabilities, seccomp. The
program, at a path beneath /run, sees DIRECTORY/run as the unit's RuntimeDirectory=, and
DIRECTORY/srv as /srv/valve. Each directive of the unit that is not done is named on stderr.
"""
import collections
import ctypes
import errno
import grp
import os
import pathlib
import pwd
import re
import resource
import shutil
import subprocess
import sys

import seccomp

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 32, 4096, 16384, 1 << 19
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000
NAMESPACES = (0x80, CLONE_NEWNS, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000,
              0x40000000)  # CLONE_NEWTIME and so on
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
AF_MAX = 46
# What takes effect in the manager, or says nothing of what the process may do.
NOT_OF_THE_PROCESS = {
    "Type", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RestartPreventExitStatus",
    "TimeoutStopSec"}


def directives(unit):
    """{name: [value, ...]} of its [Service]."""
    found, section = collections.defaultdict(list), ""
    for line in pathlib.Path(unit).read_text().splitlines():
        if re.match(r"\[.*\]$", line):
            section = line
        elif section == "[Service]" and line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# ---- The file system ----------------------------------------------------------------------------


def mount(source, target, kind=None, flags=0, data=None):
    words = [word and str(word).encode() for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()))


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def mount_points():
    return [line.split()[4].encode().decode("unicode_escape")
            for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]


def is_beneath(path, places):
    return any(path == place or path.startswith(f"{place}/") for place in places)


def make_read_only(path):
    """With the flags that it has: a mount may have some that cannot be taken away."""
    flags = os.statvfs(path).f_flag & (2 | 4 | 8 | 1024)  # nosuid, nodev, noexec, noatime
    mount(None, path, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def cover(path):
    if os.path.isdir(path):
        mount("none", path, "tmpfs", data="mode=0755")


def make_devices():
    """As PrivateDevices= has it."""
    devices = {name: os.stat(f"/dev/{name}").st_rdev
               for name in ("null", "zero", "full", "random", "urandom", "tty")}
    cover("/dev")
    for name, number in devices.items():
        os.mknod(f"/dev/{name}", 0o20666, number)
        os.chmod(f"/dev/{name}", 0o666)


def arrange_files(unit, directory, program, owner):
    """Returns where the program is, which nothing of what is hidden hides."""
    check(libc.unshare(CLONE_NEWNS))
    mount(None, "/", flags=MS_REC | MS_SLAVE)
    writable = []
    here = os.open(directory, os.O_PATH)  # its path may be hidden from here on
    own = f"/proc/self/fd/{here}"
    content = pathlib.Path(program).read_bytes()
    for place, source in (("/run", "run"), ("/srv", "srv")):
        cover(place)
        target = f"{place}/valve"
        os.mkdir(target)
        bind(f"{own}/{source}", target)
        writable.append(target)
        os.chown(target, *owner)
    log = "/var/log/valve"
    cover("/var/log")
    os.mkdir(log)
    cover(log)
    os.chown(log, *owner)
    os.chmod(log, int(unit["LogsDirectoryMode"][0], 8))
    writable.append(log)
    executable = pathlib.Path("/run/program")
    executable.write_bytes(content)
    executable.chmod(0o755)
    if unit["PrivateTmp"] == ["yes"]:
        for place in ("/tmp", "/var/tmp"):
            cover(place)
            os.chmod(place, 0o1777)
            writable.append(place)
    if unit["ProtectHome"] == ["yes"]:
        for place in ("/home", "/root"):
            cover(place)
    if unit["PrivateDevices"] == ["yes"]:
        make_devices()
    os.close(here)
    if unit["ProtectProc"] == ["invisible"] and unit["ProcSubset"] == ["pid"]:
        mount("proc", "/proc", "proc", data="hidepid=invisible,subset=pid")
    if unit["ProtectSystem"] == ["strict"]:
        for point in mount_points():
            if not is_beneath(point, [*writable, "/proc"]) and os.path.exists(point):
                make_read_only(point)
    return executable


# ---- Calls of the system --------------------------------------------------------------------------


def members(group):
    """All calls in a group such as @chown, by the manager's own lists."""
    found = set()
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], check=True,
                          capture_output=True, text=True).stdout
    for word in re.findall(r"^ +(@?\w[\w-]*)$", text, re.MULTILINE):
        found |= members(word) if word[0] == "@" else {word}
    return found


def allowed_calls(lines):
    """The first line says what may be called; each further one adds to that, or takes away."""
    allowed = set()
    for line in lines:
        calls = set()
        for word in line.lstrip("~").split():
            calls |= members(word) if word[0] == "@" else {word}
        allowed = allowed - calls if line[0] == "~" else allowed | calls
    # What the manager always leaves: see syscall_filter_sets[] of systemd, @default.
    return allowed | members("@default")


def add(filter, action, name, *arguments):
    try:
        filter.add_rule_exactly(action, name, *arguments)
    except (ValueError, RuntimeError):
        pass  # none of this architecture


def filters(unit):
    """Several: the kernel asks each, and the strictest verdict counts."""
    eperm = seccomp.ERRNO(errno.EPERM)
    arg, masked = seccomp.Arg, seccomp.MASKED_EQ
    calls = seccomp.SyscallFilter(eperm)
    for name in allowed_calls(unit["SystemCallFilter"]):
        add(calls, seccomp.ALLOW, name)
    others = seccomp.SyscallFilter(seccomp.ALLOW)
    if unit["RestrictNamespaces"] == ["yes"]:
        for flag in NAMESPACES:
            add(others, eperm, "unshare", arg(0, masked, flag, flag))
            add(others, eperm, "clone", arg(0, masked, flag, flag))
        add(others, eperm, "setns")
        add(others, seccomp.ERRNO(errno.ENOSYS), "clone3")
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        add(others, eperm, "mmap", arg(2, masked, both, both))
        add(others, eperm, "mprotect", arg(2, masked, PROT_EXEC, PROT_EXEC))
        add(others, eperm, "pkey_mprotect", arg(2, masked, PROT_EXEC, PROT_EXEC))
        add(others, eperm, "shmat", arg(2, masked, SHM_EXEC, SHM_EXEC))
    if unit["RestrictRealtime"] == ["yes"]:
        for policy in (1, 2, 4, 6):  # all but those of normal processes
            add(others, eperm, "sched_setscheduler", arg(1, seccomp.EQ, policy))
    if unit["RestrictSUIDSGID"] == ["yes"]:
        for bit in (0o4000, 0o2000):
            for name, place in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1),
                                ("mkdirat", 2), ("mknod", 1), ("mknodat", 2)):
                add(others, eperm, name, arg(place, masked, bit, bit))
            for name, place in (("open", 1), ("openat", 2)):
                add(others, eperm, name, arg(place, masked, os.O_CREAT, os.O_CREAT),
                    arg(place + 1, masked, bit, bit))
    if unit["LockPersonality"] == ["yes"]:
        add(others, eperm, "personality", arg(0, seccomp.NE, 0xffffffff))
    kept = {FAMILIES[name] for name in unit["RestrictAddressFamilies"][0].split()}
    for family in set(range(AF_MAX)) - kept:
        add(others, seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", arg(0, seccomp.EQ, family))
    return [others, calls]


# ---- The process ----------------------------------------------------------------------------------


def set_limit(value):
    """No further than whoever runs this may go."""
    for most in (value, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            return resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, most), most))
        except (ValueError, PermissionError):
            continue


def drop_capabilities():
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1  # up to the last that this kernel knows
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))


def main(unit_path, directory, program, *arguments):
    unit = directives(unit_path)
    user = pwd.getpwnam(unit["User"][0])
    group = grp.getgrnam(unit["Group"][0]).gr_gid
    done = {"AmbientCapabilities", "CapabilityBoundingSet", "Group", "LimitNOFILE", "LockPersonality",
            "LogsDirectory", "LogsDirectoryMode", "MemoryDenyWriteExecute", "NoNewPrivileges",
            "PrivateDevices", "PrivateMounts", "PrivateTmp", "ProcSubset", "ProtectHome",
            "ProtectProc", "ProtectSystem", "ReadWritePaths", "RestrictAddressFamilies",
            "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "RuntimeDirectory",
            "RuntimeDirectoryPreserve", "SystemCallArchitectures", "SystemCallErrorNumber",
            "SystemCallFilter", "UMask", "User"}
    print("not done here:", *sorted(set(unit) - done - NOT_OF_THE_PROCESS), file=sys.stderr)
    rules = filters(unit)
    set_limit(int(unit["LimitNOFILE"][0]))
    executable = arrange_files(unit, directory, shutil.which(program), (user.pw_uid, group))
    os.umask(int(unit["UMask"][0], 8))
    os.chdir("/")
    drop_capabilities()
    os.setgroups([group])
    os.setresgid(group, group, group)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    for each in rules:
        each.load()
    os.execv(executable, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
