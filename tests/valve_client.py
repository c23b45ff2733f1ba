# SPDX-License-Identifier: MIT
"""All of the valve protocol that a simple client needs; valve-protocol(7) prints this file.

It shares no code with valve: the tests hold the server against it. A path that is not
UTF-8 is given, and comes back, as bytes. Each call waits for its reply, so nothing is
ever in flight besides it.
"""
import socket

import cbor2


class ValveError(Exception):
    """The server refused a request: "code: words for people"."""


class Valve:
    def __init__(self, address):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address.removeprefix("unix:"))
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host.strip("[]"), int(port)))
        self.stream = self.socket.makefile("rb")
        self.id = 0

    def call(self, request):
        self.id = self.id % 0xFFFFFFFF + 1
        self.socket.sendall(cbor2.dumps([self.id, request]))
        id, reply = cbor2.load(self.stream)
        if isinstance(reply, dict) and "Error" in reply:
            raise ValveError(reply["Error"])
        if id != self.id:
            raise ConnectionError("the server answered something else")
        return reply

    def list(self):
        return self.call("ListAll")["List"]

    def size(self, path):
        return self.call({"Size": path})["Size"]

    def get(self, path):
        return self.call({"Get": path})["Content"]

    def exists(self, path):
        return self.call({"Exists": path})["Exists"]

    def delete(self, path):
        return self.call({"Del": path})

    def close(self):
        self.stream.close()
        self.socket.close()
