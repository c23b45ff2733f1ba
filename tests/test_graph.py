# SPDX-License-Identifier: MIT
"""examples/graph: shared nodes and cycles travel, and nothing that names no node gets through."""
import random
import subprocess
import unittest

import cbor2

import service
import support

SERVER = support.BUILD / "examples" / "graph" / "graph_server"
CLIENT = support.BUILD / "examples" / "graph" / "graph_client"


def graph(edges, roots=(0,), labels=None):
    """One node for each list of edges; without labels each bears its own number."""
    names = labels or [str(node) for node in range(len(edges))]
    table = sorted(set(names))
    return {"labels": table, "roots": list(roots),
            "nodes": [{"label": table.index(name), "edges": list(ends)}
                      for name, ends in zip(names, edges)]}


def closure(edges, start):
    """Every node that these lead to, themselves included."""
    found, waiting = set(), list(start)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += edges[node]
    return found


def named(part):
    """A graph without its numbers: the labels of its roots, and of the ends of each node's edges."""
    label = [part["labels"][node["label"]] for node in part["nodes"]]
    return ([label[root] for root in part["roots"]],
            {label[number]: [label[end] for end in node["edges"]]
             for number, node in enumerate(part["nodes"])})


def components(edges):
    """By the definition: nodes that lead to each other."""
    reach = [closure(edges, [node]) for node in range(len(edges))]
    return {frozenset(other for other in reach[node] if node in reach[other])
            for node in range(len(edges))}


def run(program, *arguments):
    return subprocess.run([*support.WRAPPER, program, *arguments], capture_output=True, text=True,
                          timeout=support.DEADLINE)


@support.expand
class Graph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(
            service.Service(SERVER, f"unix:{support.scratch(cls)}/graph"))

    def setUp(self):
        self.wire = self.enterContext(self.server.connect())

    def ask(self, method, request):
        reply = self.wire.ask({method: request})
        self.assertNotIn("Error", reply)
        return reply

    @support.rows([
        ("nothing", [[]], [], ([], {})),
        ("one_node", [[]], [0], (["0"], {"0": []})),
        ("a_loop", [[0]], [0], (["0"], {"0": ["0"]})),
        ("a_cycle", [[1], [2], [0]], [1], (["1"], {"1": ["2"], "2": ["0"], "0": ["1"]})),
        ("a_shared_node", [[1, 2], [3], [3], []], [0],
         (["0"], {"0": ["1", "2"], "1": ["3"], "2": ["3"], "3": []})),
        ("an_edge_twice", [[1, 1], []], [0], (["0"], {"0": ["1", "1"], "1": []})),
        ("what_is_not_reached_is_left_out", [[0], [0, 2], [1]], [0], (["0"], {"0": ["0"]})),
        ("a_root_twice", [[], [0]], [1, 0, 1], (["1", "0", "1"], {"1": ["0"], "0": []})),
    ])
    def test_reachable(self, edges, roots, expected):
        part = self.ask("Reachable", graph(edges, roots))["Digraph"]
        self.assertEqual(named(part), expected)

    def test_labels_are_shared(self):
        part = self.ask("Reachable", graph([[1], [0]], labels=["same", "same"]))["Digraph"]
        self.assertEqual(part, {"labels": ["same"], "roots": [0],
                                "nodes": [{"label": 0, "edges": [1]}, {"label": 0, "edges": [0]}]})

    @support.rows([
        ("no_nodes", []),
        ("single_nodes", [[], [], []]),
        ("a_loop", [[0]]),
        ("a_cycle", [[1], [2], [0]]),
        ("two_cycles_that_share_a_node", [[1], [0, 2], [1]]),
        ("two_cycles_one_leads_to", [[1], [0, 2], [3], [2]]),
        ("a_cycle_reached_late", [[3], [0], [1], [2]]),
    ])
    def test_components(self, edges):
        found = self.ask("Components", graph(edges, []))["Components"]
        self.assertEqual({frozenset(component) for component in found}, components(edges))

    def test_random_graphs(self):
        seed = random.randrange(2 ** 32)
        chance = random.Random(seed)
        for _ in range(40):
            count = chance.randrange(1, 30)
            edges = [[chance.randrange(count) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
                     for _ in range(count)]
            roots = [chance.randrange(count) for _ in range(chance.randrange(3))]
            with self.subTest(seed=seed, edges=edges, roots=roots):
                part = self.ask("Reachable", graph(edges, roots))["Digraph"]
                expected = {str(node): [str(end) for end in edges[node]]
                            for node in closure(edges, roots)}
                self.assertEqual(named(part), ([str(root) for root in roots], expected))
                self.assertEqual(len(part["nodes"]), len(expected))
                found = self.ask("Components", graph(edges, roots))["Components"]
                self.assertEqual(sum(map(len, found)), count)
                self.assertEqual({frozenset(component) for component in found}, components(edges))

    def test_a_long_path_and_back(self):
        """As deep as a request has room for: nothing here may use stack for each node."""
        count = 400
        cycle = graph([[(node + 1) % count] for node in range(count)], labels=["x"] * count)
        self.assertEqual(len(self.ask("Reachable", cycle)["Digraph"]["nodes"]), count)
        self.assertEqual(list(map(len, self.ask("Components", cycle)["Components"])), [count])

    @support.rows([
        ("an_edge", lambda it: it["nodes"][1]["edges"].append(3), r"nodes\[1\]\.edges\[2\]"),
        ("an_edge_far_out", lambda it: it["nodes"][0]["edges"].append(2 ** 64 - 1),
         r"nodes\[0\]\.edges\[1\]"),
        ("a_label", lambda it: it["nodes"][2].update(label=3), r"nodes\[2\]\.label"),
        ("a_root", lambda it: it["roots"].append(3), r"roots\[1\]"),
    ])
    def test_out_of_range(self, change, path):
        """Refused by the decoder, which says where; whatever the order of the keys."""
        broken = graph([[1], [0, 2], []])
        change(broken)
        for method in ("Reachable", "Components"):
            for keys in (sorted(broken), sorted(broken, reverse=True)):
                reply = self.wire.ask({method: {key: broken[key] for key in keys}})
                self.assertEqual(support.error_code(reply), "bad-request")
                self.assertRegex(reply["Error"], path)

    def test_in_pieces(self):
        request = cbor2.dumps([9, {"Reachable": graph([[1], [0]])}])
        self.wire.send_bytewise(request)
        identity, reply = self.wire.reply()
        self.assertEqual((identity, named(reply["Digraph"])),
                         (9, (["0"], {"0": ["1"], "1": ["0"]})))


@support.expand
class Client(unittest.TestCase):
    @support.rows([
        ("a_cycle_and_what_leads_to_it", "a:b b:c c:a d:a", "reachable: a b c\n",
         {frozenset("abc"), frozenset("d")}),
        ("a_loop", "me:me", "reachable: me\n", {frozenset(["me"])}),
        ("a_diamond", "a:b a:c b:d c:d", "reachable: a b c d\n",
         {frozenset("a"), frozenset("b"), frozenset("c"), frozenset("d")}),
    ])
    def test_prints(self, words, reachable, expected):
        with service.Service(SERVER, f"unix:{support.scratch(self)}/graph") as server:
            result = run(CLIENT, server.address, *words.split())
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        first, *lines = result.stdout.splitlines(keepends=True)
        self.assertEqual(first, reachable)
        self.assertEqual({frozenset(line.removeprefix("component: ").split()) for line in lines},
                         expected)

    def test_nobody_listens(self):
        result = run(CLIENT, "unix:/no/such/socket", "a:b")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("/no/such/socket", result.stderr)

    @support.rows([
        ("no_edges", CLIENT, ["unix:x"], "usage: graph_client ADDRESS FROM:TO...\n"),
        ("no_colon", CLIENT, ["unix:x", "a:b", "c"], "usage: graph_client ADDRESS FROM:TO...\n"),
        ("server", SERVER, [], "usage: graph_server ADDRESS\n"),
    ])
    def test_usage(self, program, arguments, usage):
        result = run(program, *arguments)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (64, "", usage))


if __name__ == "__main__":
    unittest.main()
