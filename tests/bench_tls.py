#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What TLS costs valved, beside nginx with the same certificate (P-256) and cipher: CPU of the server
for a request of 1 KiB on 64 connections that stay open, and for 1 GiB on one. The load is the same
for both (tests/bench_load). Servers have one worker and one CPU, the load has the other; each figure
is the median of some rounds, which are taken in turn, and ratios are taken within a round before.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

import bench_machine
import support
import tls
from bench_machine import CLIENT_CPU, SERVER_CPU
from support import GIB, KIB, MIB

LOAD = support.BUILD / "tests/bench_load"
CONNECTIONS = 64
TICK = os.sysconf("SC_CLK_TCK")

NGINX = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 1h;
    open_file_cache max=100 inactive=1h; default_type application/octet-stream;
    ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port} ssl; root {root}; }}
}}
"""

VALVED = """
[server]
workers = 1
user = root
[files]
root = {root}
[listen tls]
address = 127.0.0.1:{port}
tls_cert = {certificate}
tls_key = {key}
"""


class Server:
    """One that runs on the CPU of servers, with its children."""

    def __init__(self, protocol, port, authorities, command):
        self.protocol = protocol
        self.address = f"127.0.0.1:{port}"
        self.authorities = authorities
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}))
        support.wait_until(lambda: answers(port), f"{command[0]} serves")

    def cpu(self):
        """Seconds that it has used."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ticks = 0
        for each in (pid, *children):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def load(self, file, connections, seconds):
        """What is asked and answered meanwhile."""
        output = subprocess.run(
            [LOAD, "--protocol", self.protocol, "--ca", self.authorities, "--connections",
             str(connections), "--depth", "1", "--seconds", str(seconds), self.address, file],
            stdout=subprocess.PIPE, check=True, text=True).stdout
        return json.loads(output)

    def cost_of_request(self, seconds):
        """In microseconds of CPU."""
        before = self.cpu()
        requests = self.load("small", CONNECTIONS, seconds)["requests"]
        return (self.cpu() - before) / requests * 1e6

    def cost_of_bulk(self, seconds):
        """In seconds of CPU for a GiB."""
        before = self.cpu()
        size = self.load("large", 1, seconds)["bytes"]
        return (self.cpu() - before) / size * GIB

    def stop(self):
        self.process.terminate()
        self.process.wait()


def answers(port):
    """Whether somebody listens there."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()
    return any(re.search(rf"0100007F:{port:04X} 00000000:0000 0A", line) for line in lines)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement (2)")
    arguments = parser.parse_args()
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None:
        sys.exit("bench_tls: not installed: nginx")
    for warning in bench_machine.warnings():
        print(f"bench_tls: {warning}", file=sys.stderr)
    bench_machine.go_before_others()
    os.sched_setaffinity(0, {CLIENT_CPU})
    with tempfile.TemporaryDirectory(prefix="valve-tls-") as temporary:
        os.chmod(temporary, 0o755)  # nginx's worker is somebody else
        report(measure(pathlib.Path(temporary), nginx, arguments))


def make_files(root):
    root.mkdir()
    (root / "small").write_bytes(os.urandom(KIB))
    with open(root / "large", "wb") as file:
        for _ in range(GIB // MIB):
            file.write(bytes(MIB))  # which has it in memory


def start(stack, directory, nginx):
    """Both servers, on the same files, with the same certificate."""
    root = directory / "root"
    make_files(root)
    authority = tls.Authority(directory / "tls")
    certificate, key = authority.issue("server", alternatives="IP:127.0.0.1")
    ports = free_port(), free_port()
    ini, conf = directory / "valve.ini", directory / "nginx.conf"
    ini.write_text(VALVED.format(root=root, certificate=certificate, key=key, port=ports[0]))
    conf.write_text(NGINX.format(directory=directory, root=root, certificate=certificate, key=key,
                                 port=ports[1]))
    servers = {
        "valved": Server("valve", ports[0], authority.certificate, [support.VALVED, "-c", ini]),
        "nginx": Server("http", ports[1], authority.certificate, [nginx, "-c", conf]),
    }
    for server in servers.values():
        stack.callback(server.stop)
    return servers


def measure(directory, nginx, arguments):
    """What requests and a GiB cost each server in each round."""
    with contextlib.ExitStack() as stack:
        servers = start(stack, directory, nginx)
        return [{title: (server.cost_of_request(arguments.seconds),
                         server.cost_of_bulk(arguments.seconds))
                 for title, server in servers.items()} for _ in range(arguments.rounds)]


def report(rounds):
    def medians(figures):
        return [statistics.median(column) for column in zip(*figures)]

    print("CPU of the server            1 KiB         1 GiB")
    for title in rounds[0]:
        small, large = medians(costs[title] for costs in rounds)
        print(f"  {title:20} {small:10.2f} us {large:10.2f} s")
    small, large = medians([mine / theirs for mine, theirs in zip(costs["valved"], costs["nginx"])]
                           for costs in rounds)
    print(f"  valved beside nginx  {small:10.2f} x  {large:10.2f} x")


if __name__ == "__main__":
    main()
