#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What TLS costs valved, beside nginx with the same certificate (P-256) and cipher: CPU of the server
for a request of 1 KiB on 64 connections that stay open, and for 1 GiB. The load comes from valvectl,
and for nginx from ab and curl. Servers have one worker and one CPU, clients the other; each figure
is the median of some rounds, which are taken in turn.
"""
import argparse
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

CONNECTIONS = 64
REQUESTS = 200_000
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


class Server:
    """One that runs on the CPU of servers, with its children."""

    def __init__(self, title, command, ready):
        self.title = title
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}))
        support.wait_until(ready, f"{title} serves")

    def cpu(self):
        """Seconds that it has used."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ticks = 0
        for each in (pid, *children):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def cost(self, command):
        """CPU that it takes to answer what a client asks."""
        before = self.cpu()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.cpu() - before

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
    rounds = parser.parse_args().rounds
    tools = {name: shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("nginx", "ab", "curl")}
    if missing := [name for name, path in tools.items() if path is None]:
        sys.exit(f"bench_tls: not installed: {', '.join(missing)}")
    for warning in bench_machine.warnings():
        print(f"bench_tls: {warning}", file=sys.stderr)
    bench_machine.go_before_others()
    os.sched_setaffinity(0, {CLIENT_CPU})
    with tempfile.TemporaryDirectory(prefix="valve-tls-") as temporary:
        os.chmod(temporary, 0o755)  # nginx's worker is somebody else
        measure(pathlib.Path(temporary), tools, rounds)


def measure(directory, tools, rounds):
    root = directory / "root"
    root.mkdir()
    (root / "small").write_bytes(os.urandom(KIB))
    with open(root / "large", "wb") as file:
        for _ in range(GIB // MIB):
            file.write(bytes(MIB))  # which has it in memory
    authority = tls.Authority(directory / "tls")
    certificate, key = authority.issue("server", alternatives="IP:127.0.0.1")
    ports = free_port(), free_port()
    (directory / "valve.ini").write_text(
        f"[server]\nworkers = 1\nuser = root\n[files]\nroot = {root}\n[listen tls]\n"
        f"address = 127.0.0.1:{ports[0]}\ntls_cert = {certificate}\ntls_key = {key}\n")
    (directory / "nginx.conf").write_text(NGINX.format(
        directory=directory, root=root, certificate=certificate, key=key, port=ports[1]))
    valvectl = [support.BUILD / "valvectl", "-H", f"127.0.0.1:{ports[0]}", "--ca",
                authority.certificate]
    url = f"https://127.0.0.1:{ports[1]}"
    commands = {
        "valved": ([*valvectl, "bench", "-c", str(CONNECTIONS), "-n", str(REQUESTS), "small"],
                   [*valvectl, "get", "-o", "-", "large"]),
        "nginx": ([tools["ab"], "-q", "-k", "-c", str(CONNECTIONS), "-n", str(REQUESTS),
                   f"{url}/small"],
                  [tools["curl"], "-s", "-f", "--cacert", authority.certificate, "-o", "/dev/null",
                   f"{url}/large"]),
    }
    servers = [
        Server("valved", [support.VALVED, "-c", directory / "valve.ini"],
               lambda: answers(ports[0])),
        Server("nginx", [tools["nginx"], "-c", directory / "nginx.conf"],
               lambda: answers(ports[1])),
    ]
    costs = {server.title: ([], []) for server in servers}
    try:
        for _ in range(rounds):
            for server in servers:
                for kind, command in enumerate(commands[server.title]):
                    costs[server.title][kind].append(server.cost(command))
    finally:
        for server in servers:
            server.stop()
    report(costs)


def report(costs):
    requests = {title: statistics.median(kinds[0]) / REQUESTS * 1e6
                for title, kinds in costs.items()}
    bulk = {title: statistics.median(kinds[1]) for title, kinds in costs.items()}
    print("CPU of the server            1 KiB         1 GiB")
    for title in costs:
        print(f"  {title:20} {requests[title]:10.2f} us {bulk[title]:10.2f} s")
    print(f"  valved beside nginx  {requests['valved'] / requests['nginx']:10.2f} x  "
          f"{bulk['valved'] / bulk['nginx']:10.2f} x")


if __name__ == "__main__":
    main()
