/* SPDX-License-Identifier: MIT */
/*
 * graph_server ADDRESS - answers questions about directed graphs, shared nodes and cycles included:
 * what the roots lead to, and which nodes lead to each other (see graph.cddl).
 *
 * Nothing here asks whether an index names something: a request with one that does not is refused
 * before a handler sees it. Nothing here recurses: a path may be as long as there are nodes.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

/* Zeros that live as long as the call, or NULL. */
static void *zeros(struct valve_call *call, size_t count, size_t size)
{
    void *memory = valve_arena_alloc(valve_call_arena(call), count * size, alignof(max_align_t));

    return memory == NULL ? NULL : memset(memory, 0, count * size);
}

/*
 * Finds the nodes that these edges lead to, directly or by others: marks them, and puts them into
 * `found` in the order in which they are found. A node that is marked is not followed again, so
 * cycles end. Returns how many there are.
 */
static size_t follow(const struct graph_nodes *nodes, struct graph_node_id_list edges, bool *marks,
                     uint64_t *found)
{
    size_t count = 0;

    for (size_t followed = 0;; followed++) {
        for (size_t i = 0; i < edges.count; i++) {
            if (!marks[edges.items[i]]) {
                marks[edges.items[i]] = true;
                found[count++] = edges.items[i];
            }
        }
        if (followed == count)
            return count;
        edges = nodes->items[found[followed]].edges;
    }
}

/* ---- Reachable: the nodes that were found are numbered anew ---- */

static int renumber(struct valve_call *call, const uint64_t *numbers,
                    struct graph_node_id_list edges, struct graph_node_id_list *ret_edges)
{
    uint64_t *renumbered = zeros(call, edges.count, sizeof *renumbered);

    if (renumbered == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < edges.count; i++)
        renumbered[i] = numbers[edges.items[i]];
    *ret_edges = (struct graph_node_id_list){renumbered, edges.count};
    return 0;
}

static int take_reachable(struct valve_call *call, const struct graph_digraph *graph,
                          struct graph_digraph *ret_part)
{
    const size_t all = graph->nodes.count;
    bool *marks = zeros(call, all, sizeof *marks);
    uint64_t *found = zeros(call, all, sizeof *found), *numbers = zeros(call, all, sizeof *numbers);
    struct graph_node *nodes = zeros(call, all, sizeof *nodes);
    size_t count;
    int r;

    if (marks == NULL || found == NULL || numbers == NULL || nodes == NULL)
        return -ENOMEM;
    count = follow(&graph->nodes, graph->roots, marks, found);
    for (size_t i = 0; i < count; i++)
        numbers[found[i]] = i;
    r = renumber(call, numbers, graph->roots, &ret_part->roots);
    for (size_t i = 0; r == 0 && i < count; i++) {
        nodes[i] = graph->nodes.items[found[i]];
        r = renumber(call, numbers, nodes[i].edges, &nodes[i].edges);
    }
    ret_part->labels = graph->labels;
    ret_part->nodes = (struct graph_nodes){nodes, count};
    return r;
}

static struct graph_reachable_answer handle_reachable(void *context,
                                                      struct graph_reachable_reply reply,
                                                      const struct graph_digraph *graph)
{
    struct graph_digraph part;
    int r = take_reachable(reply.call, graph, &part);

    (void)context;
    if (r < 0)
        return graph_reachable_reply_error(reply, valve_error_words(r));
    return graph_reachable_reply_digraph(reply, &part);
}

/* ---- Components: which node leads to which is a square of marks; requests are small ---- */

/* Sends the component of a node, unless it was sent with a node before it. */
static int send_component(struct graph_components_reply reply, const bool *marks, size_t count,
                          size_t node, uint64_t *room)
{
    struct graph_component component = {.items = room};

    for (size_t other = 0; other < count; other++) {
        if (!marks[node * count + other] || !marks[other * count + node])
            continue;
        if (other < node)
            return 0;
        room[component.count++] = other;
    }
    return graph_components_reply_components_add(reply, &component);
}

static int send_components(struct graph_components_reply reply, const struct graph_nodes *nodes)
{
    const size_t count = nodes->count;
    bool *marks = zeros(reply.call, count * count, sizeof *marks);
    uint64_t *room = zeros(reply.call, count, sizeof *room);
    int r = marks == NULL || room == NULL ? -ENOMEM
                                          : graph_components_reply_components_begin(reply);

    for (uint64_t node = 0; r == 0 && node < count; node++)
        follow(nodes, (struct graph_node_id_list){&node, 1}, &marks[node * count], room);
    for (size_t node = 0; r == 0 && node < count; node++)
        r = send_component(reply, marks, count, node, room);
    return r;
}

static struct graph_components_answer handle_components(void *context,
                                                        struct graph_components_reply reply,
                                                        const struct graph_digraph *graph)
{
    int r = send_components(reply, &graph->nodes);

    (void)context;
    if (r < 0)
        return graph_components_reply_error(reply, valve_error_words(r));
    return graph_components_reply_components_end(reply);
}

int main(int argc, char **argv)
{
    static const struct graph_handlers handlers = GRAPH_HANDLERS(handle_reachable,
                                                                 handle_components);
    struct valve_service service = graph_service(&handlers, NULL);
    struct valve_error error;

    if (argc != 2) {
        fprintf(stderr, "usage: graph_server ADDRESS\n");
        return 64;
    }
    if (valve_serve(&service, argv[1], NULL, &error) < 0) {
        fprintf(stderr, "graph_server: %s\n", error.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
