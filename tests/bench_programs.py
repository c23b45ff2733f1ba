# SPDX-License-Identifier: MIT
"""
The servers that bench_servers.py compares: valved, what people use instead, and bare loops. Each is
set up as its documentation advises for speed, with one process or thread that serves, no log of
requests, and connections that live as long as their clients want.
"""
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import bench_machine
import support

BARE = support.BUILD / "tests/bench_bare"
LOAD = support.BUILD / "tests/bench_load"
PR_SET_PDEATHSIG = 1
IS_ROOT = os.geteuid() == 0

NGINX = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr error; {user}
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; default_type text/plain;
    keepalive_requests 1000000000; keepalive_timeout 1h;
    {cache}
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {tls}
    server {{ listen {listen}; root {root}; }}
}}
"""
NGINX_TLS = "ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};"
NGINX_CACHE = "open_file_cache max=20000 inactive=1h; open_file_cache_valid 1h;"

LIGHTTPD = """
server.document-root = "{root}"
server.bind = "{host}"
{port}
server.max-connections = 2048
server.max-fds = 8192
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 3600
server.network-backend = "sendfile"
server.upload-dirs = ( "{directory}" )
mimetype.assign = ( "" => "text/plain" )
"""

H2O = """
{user}
num-threads: 1
max-connections: 4096
http1-request-timeout: 3600
http1-upgrade-to-http2: OFF
pid-file: {directory}/h2o.pid
error-log: /dev/null
listen:
{listen}
hosts:
  default:
    paths:
      /:
        file.dir: {root}
        file.dirlisting: OFF
"""

VALVED = """
[server]
workers = 1
pin = no
[files]
root = {root}
{cache}
[listen all]
address = {address}
allow = list size get exists del
{tls}
"""
VALVED_TLS = "tls_cert = {certificate}\ntls_key = {key}"

# What a command is made from: a directory of its own, what it serves, on which address (unix:PATH
# or HOST:PORT), the names that will be asked for, and, for valved and nginx, whether under TLS.
Setting = collections.namedtuple("Setting", "directory root address names tls", defaults=(None,))
# Files: a server's own, and of whom its clients believe.
Tls = collections.namedtuple("Tls", "certificate key authorities")


def _path(address):
    """Of the socket; None for TCP."""
    return address.removeprefix("unix:") if address.startswith("unix:") else None


def _file(setting, text, **values):
    path = setting.directory / "configuration"
    path.write_text(text.format(directory=setting.directory, root=setting.root, **values))
    return path


def _tls(setting, text):
    return text.format(**setting.tls._asdict()) if setting.tls else ""


def _nginx(setting, cache=""):
    path = _file(setting, NGINX, cache=cache, user="user root;" if IS_ROOT else "",
                 listen=f"{setting.address} ssl" if setting.tls else setting.address,
                 tls=_tls(setting, NGINX_TLS))
    return ["nginx", "-e", "stderr", "-p", setting.directory, "-c", path]


def _lighttpd(setting):
    host, _, port = setting.address.rpartition(":")
    path = _path(setting.address)
    port = "" if path else f"server.port = {port}"
    return ["lighttpd", "-D", "-f", _file(setting, LIGHTTPD, host=path or host, port=port)]


def _h2o(setting):
    host, _, port = setting.address.rpartition(":")
    path = _path(setting.address)
    listen = f"  type: unix\n  port: {path}" if path else f"  host: {host}\n  port: {port}"
    return ["h2o", "-c", _file(setting, H2O, listen=listen, user="user: root" if IS_ROOT else "")]


def _memcached(setting):
    host, _, port = setting.address.rpartition(":")
    path = _path(setting.address)
    return ["memcached", "-t", "1", "-m", "512", "-c", "4096", *(["-u", "root"] if IS_ROOT else []),
            *(["-s", path] if path else ["-l", host, "-p", port, "-U", "0"])]


def _valved(setting, cache=""):
    return [support.VALVED, *support.AS_ROOT, "-c",
            _file(setting, VALVED, address=setting.address, cache=cache,
                  tls=_tls(setting, VALVED_TLS))]


def _bare(mode):
    return lambda setting: [BARE, mode, setting.address, setting.root, *setting.names]


# `program` is what --version is asked of; `make` gives the command that serves a Setting.
Kind = collections.namedtuple("Kind", "title protocol program make")

KINDS = {kind.title: kind for kind in (
    Kind("bare loop, memory", "valve", BARE, _bare("memory")),
    Kind("bare loop, pread", "valve", BARE, _bare("pread")),
    Kind("bare loop, open", "valve", BARE, _bare("open")),
    Kind("bare loop, sendfile", "valve", BARE, _bare("sendfile")),
    Kind("valved", "valve", support.VALVED, _valved),
    Kind("valved, cache = 0", "valve", support.VALVED,
         lambda setting: _valved(setting, "cache = 0")),
    Kind("memcached", "memcached", "memcached", _memcached),
    Kind("nginx, open_file_cache", "http", "nginx", lambda setting: _nginx(setting, NGINX_CACHE)),
    Kind("nginx", "http", "nginx", _nginx),
    Kind("lighttpd", "http", "lighttpd", _lighttpd),
    Kind("h2o", "http", "h2o", _h2o),
)}

VERSIONS = {"nginx": "-v", "lighttpd": "-v", "h2o": "-v", "memcached": "-V"}
PATH = f"/usr/sbin:/usr/bin:/usr/local/bin:{os.environ.get('PATH', '')}"


def program_of(kind):
    """The path of the program of this kind, None where it is not installed."""
    return shutil.which(kind.program, path=PATH)


def version_of(kind):
    """What it says of itself, in a line."""
    if kind.program == BARE:
        return "a loop around epoll (tests/bench_bare.c)"
    option = VERSIONS.get(kind.program, "-V")
    said = subprocess.run([program_of(kind), option], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=True).stdout
    return said.splitlines()[0].removeprefix("nginx version: ")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One of KINDS at work, from its start to the end of the context."""

    def __init__(self, kind, setting, first=False, cpus=(bench_machine.SERVER_CPU,)):
        self.kind, self.setting, self.address = kind, setting, setting.address
        self._first, self._cpus = first, cpus

    def _prepare(self):
        """In the server, before it begins: its CPUs, and no life without the one who measures."""
        os.sched_setaffinity(0, self._cpus)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if self._first:
            bench_machine.go_before_others()

    def __enter__(self):
        command = self.kind.make(self.setting)
        command[0] = shutil.which(command[0], path=PATH)
        self._log = open(self.setting.directory / "log", "w+b")
        self.process = subprocess.Popen(
            command, preexec_fn=self._prepare, start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log)
        try:
            support.wait_until(self._serves, f"{self.kind.title} serves")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """SIGTERM first, so that nginx ends its worker."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def _serves(self):
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"{self.kind.title} has ended: {self._log.read().decode()}")
        with contextlib.suppress(OSError), support.Wire(self.address):
            return True
        return False

    def _processes(self):
        """nginx's worker is a child of the process that was started."""
        pid = self.process.pid
        tasks = pathlib.Path(f"/proc/{pid}/task")
        children = " ".join((task / "children").read_text() for task in tasks.iterdir()).split()
        return [pid, *map(int, children)]

    def cpu(self):
        """Nanoseconds that its processes have run, by the clock that counts them: clock ~pid:2."""
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self._processes())

    def load(self, call, connections, depth, seconds, names=None):
        """What bench_load says of so many seconds, in which it asks for all names in turn."""
        tls = self.setting.tls
        output = subprocess.run(
            [LOAD, "--protocol", self.kind.protocol, "--connections", str(connections), "--depth",
             str(depth), "--seconds", str(seconds), "--warmup", "0", "--call", call,
             *(["--ca", tls.authorities] if tls else []), self.address,
             *(names or self.setting.names)],
            preexec_fn=bench_machine.go_before_others if self._first else None,
            start_new_session=self._first, stdout=subprocess.PIPE, check=True, text=True,
            timeout=seconds + support.DEADLINE).stdout
        return json.loads(output)

    def memory(self):
        """Bytes that are resident; what processes share counts for each in part."""
        rollups = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                   for pid in self._processes())
        return sum(int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1])
                   for text in rollups) * support.KIB

    def fill(self, names):
        """memcached has no files: it is given what is in them."""
        if self.kind.protocol != "memcached":
            return
        with support.Wire(self.address) as wire:
            for name in names:
                content = (self.setting.root / name).read_bytes()
                wire.send(b"set %s 0 0 %d\r\n%s\r\n" % (name.encode(), len(content), content))
                if wire.read(8) != b"STORED\r\n":
                    raise AssertionError(f"memcached did not take {name}")
