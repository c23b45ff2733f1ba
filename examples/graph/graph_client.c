/* SPDX-License-Identifier: MIT */
/*
 * graph_client ADDRESS FROM:TO... - asks a graph_server what the first of these nodes leads to, and
 * which of them lead to each other: graph_client unix:/tmp/graph a:b b:c c:a d:a
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define MOST_NODES 100
#define MOST_EDGES 100
#define SECONDS(n) ((uint64_t)(n)*1000000000)

/* A graph being built. A node has the number of its label. */
struct builder {
    struct valve_text labels[MOST_NODES];
    struct graph_node nodes[MOST_NODES];
    uint64_t edges[MOST_NODES][MOST_EDGES];
    size_t count;
};

/* The node of that label, made where there is none; MOST_NODES: there are too many. */
static uint64_t node_of(struct builder *builder, const char *label, size_t size)
{
    for (size_t i = 0; i < builder->count; i++) {
        if (builder->labels[i].size == size && memcmp(builder->labels[i].data, label, size) == 0)
            return i;
    }
    if (builder->count == MOST_NODES)
        return MOST_NODES;
    builder->labels[builder->count] = (struct valve_text){label, size};
    builder->nodes[builder->count] = (struct graph_node){
        .label = builder->count, .edges = {.items = builder->edges[builder->count]}};
    return builder->count++;
}

/* Adds an edge that is written as FROM:TO. */
static bool add_edge(struct builder *builder, const char *words)
{
    const char *colon = strchr(words, ':');
    uint64_t from, to;

    if (colon == NULL)
        return false;
    from = node_of(builder, words, (size_t)(colon - words));
    to = node_of(builder, colon + 1, strlen(colon + 1));
    if (from == MOST_NODES || to == MOST_NODES || builder->nodes[from].edges.count == MOST_EDGES)
        return false;
    builder->edges[from][builder->nodes[from].edges.count++] = to;
    return true;
}

static int complain(struct valve_text words)
{
    fprintf(stderr, "graph_client: %.*s\n", (int)words.size, words.data);
    return EXIT_FAILURE;
}

static void print_node(const struct graph_digraph *graph, uint64_t node)
{
    const struct valve_text *label = &graph->labels.items[graph->nodes.items[node].label];

    printf(" %.*s", (int)label->size, label->data);
}

/* What came back is a graph, too; its indices have been checked as those of the request were. */
static int ask_reachable(struct valve_client *client, const struct graph_digraph *graph,
                         struct valve_arena *arena, uint64_t deadline)
{
    struct graph_reachable_result result = graph_reachable(client, graph, NULL, arena, deadline);

    switch (result.outcome) {
    case GRAPH_REACHABLE_GOT_DIGRAPH:
        printf("reachable:");
        for (uint64_t node = 0; node < result.digraph.nodes.count; node++)
            print_node(&result.digraph, node);
        printf("\n");
        return EXIT_SUCCESS;
    case GRAPH_REACHABLE_GOT_ERROR:
        return complain(result.error);
    case GRAPH_REACHABLE_FAILED:
        break;
    }
    return complain(valve_text(valve_client_problem(client)));
}

/* The components come one by one; each needs the memory of one. */
static int print_components(struct valve_client *client, const struct graph_digraph *graph,
                            struct valve_arena *arena, uint64_t deadline)
{
    struct graph_component component;
    int r;

    while ((r = graph_components_next(client, arena, &component, deadline)) > 0) {
        printf("component:");
        for (size_t i = 0; i < component.count; i++) {
            if (component.items[i] < graph->nodes.count) /* a plain number, checked by nobody */
                print_node(graph, component.items[i]);
        }
        printf("\n");
        valve_arena_reset(arena);
    }
    return r == 0 ? EXIT_SUCCESS : complain(valve_text(valve_client_problem(client)));
}

static int ask_components(struct valve_client *client, const struct graph_digraph *graph,
                          struct valve_arena *arena, uint64_t deadline)
{
    struct graph_components_result result = graph_components(client, graph, NULL, arena, deadline);

    switch (result.outcome) {
    case GRAPH_COMPONENTS_GOT_COMPONENTS:
        return print_components(client, graph, arena, deadline);
    case GRAPH_COMPONENTS_GOT_ERROR:
        return complain(result.error);
    case GRAPH_COMPONENTS_FAILED:
        break;
    }
    return complain(valve_text(valve_client_problem(client)));
}

int main(int argc, char **argv)
{
    static struct builder builder;
    static const uint64_t first = 0;
    const uint64_t deadline = valve_deadline(SECONDS(5));
    struct graph_digraph graph;
    struct valve_client *client;
    struct valve_arena arena;
    struct valve_error error;
    int status;

    for (int i = 2; i < argc; i++) {
        if (!add_edge(&builder, argv[i]))
            argc = 0;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: graph_client ADDRESS FROM:TO...\n");
        return 64;
    }
    graph = (struct graph_digraph){.labels = {builder.labels, builder.count},
                                   .nodes = {builder.nodes, builder.count},
                                   .roots = {&first, 1}};
    if (valve_client_connect(argv[1], deadline, &client, &error) < 0)
        return complain(valve_text(error.text));
    valve_arena_init(&arena, NULL, 0, 65536);
    status = ask_reachable(client, &graph, &arena, deadline);
    if (status == EXIT_SUCCESS)
        status = ask_components(client, &graph, &arena, deadline);
    valve_arena_fini(&arena);
    valve_client_free(client);
    return status;
}
