/* SPDX-License-Identifier: MIT */
/*
 * The load of `valvectl bench` for servers of several protocols, so that they can be compared.
 *
 *     bench_load --protocol valve|http|memcached --connections N --depth D --seconds S
 *                --warmup W [--rate R] [--call get|exists|size] [--ca FILE] ADDRESS NAME...
 *
 * Names are asked for in turn; under TLS, with whom the certificates in FILE vouch for. Printed is
 * one JSON object.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/load.h"
#include "client/load_valve.h"
#include "load_text.h"
#include "tls/tls.h"

#define TIMEOUT (10 * NANOSECONDS)

struct arguments {
    const char *protocol, *call, *address, *authorities;
    struct load_options load;
    char **names;
    size_t count;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_load: %s\n", what);
    exit(EXIT_FAILURE);
}

static double number(const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value < 1e9))
        fail("a number is wanted");
    return value;
}

static struct arguments parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"protocol", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'n'},
        {"depth", required_argument, NULL, 'd'},
        {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},
        {"rate", required_argument, NULL, 'r'},
        {"call", required_argument, NULL, 'c'},
        {"ca", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.protocol = "valve",
                                  .call = "get",
                                  .load = {.connections = 1,
                                           .depth = 1,
                                           .duration = NANOSECONDS,
                                           .timeout = TIMEOUT,
                                           .interval = NANOSECONDS}};
    int letter;

    while ((letter = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (letter == 'p')
            arguments.protocol = optarg;
        else if (letter == 'c')
            arguments.call = optarg;
        else if (letter == 'a')
            arguments.authorities = optarg;
        else if (letter == 'n')
            arguments.load.connections = (uint32_t)number(optarg);
        else if (letter == 'd')
            arguments.load.depth = (uint32_t)number(optarg);
        else if (letter == 's')
            arguments.load.duration = (uint64_t)(number(optarg) * (double)NANOSECONDS);
        else if (letter == 'w')
            arguments.load.warm_up = (uint64_t)(number(optarg) * (double)NANOSECONDS);
        else if (letter == 'r')
            arguments.load.rate = (uint64_t)number(optarg);
        else
            fail("see its source for how it is called");
    }
    if (argc - optind < 2 || arguments.load.connections == 0 || arguments.load.depth == 0)
        fail("an address, names, connections and a depth are wanted");
    arguments.address = argv[optind];
    arguments.names = argv + optind + 1;
    arguments.count = (size_t)(argc - optind - 1);
    return arguments;
}

static struct load_protocol valve_protocol(struct load_valve *valve,
                                           const struct arguments *arguments)
{
    enum files_method method = strcmp(arguments->call, "size") == 0     ? FILES_SIZE
                               : strcmp(arguments->call, "exists") == 0 ? FILES_EXISTS
                                                                        : FILES_GET;

    if (method == FILES_GET && strcmp(arguments->call, "get") != 0)
        fail("there is no such call");
    load_valve_call(valve, method, 1);
    for (size_t i = 0; i < arguments->count; i++)
        if (load_valve_add(valve, arguments->names[i], strlen(arguments->names[i])) < 0)
            fail("a name cannot be sent");
    return load_valve_protocol(valve);
}

/* What is spoken inside TLS has a name there, too, and libvalve's clients know but one. */
static struct valve_tls *tls_new(const struct arguments *arguments)
{
    static const unsigned char http[] = "\x08http/1.1";
    const struct valve_tls_options options = {.authorities = arguments->authorities};
    struct valve_error error;
    struct valve_tls *tls;

    if (valve_tls_new_client(&options, &tls, &error) < 0)
        fail(error.text);
    if (strcmp(arguments->protocol, "http") == 0 &&
        SSL_CTX_set_alpn_protos(tls->context, http, sizeof http - 1) != 0)
        fail("no memory for TLS");
    return tls;
}

static void print(const struct load_result *result)
{
    double seconds = (double)result->duration / (double)NANOSECONDS;
    const struct histogram *latency = &result->latency;

    printf("{\"requests\":%" PRIu64 ",\"seconds\":%.6f,\"errors\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"per_second\":%.1f,\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f,"
           "\"max_us\":%.3f,\"unanswered\":%" PRIu64 ",\"backlog\":%" PRIu64 "}\n",
           result->answers, seconds, load_errors(result), result->bytes,
           seconds > 0 ? (double)result->answers / seconds : 0,
           (double)histogram_percentile(latency, 50) / 1e3,
           (double)histogram_percentile(latency, 99) / 1e3,
           (double)histogram_percentile(latency, 99.9) / 1e3, (double)latency->most / 1e3,
           result->unanswered, result->backlog);
}

int main(int argc, char **argv)
{
    static struct load_result result;
    struct arguments arguments = parse(argc, argv);
    struct load_protocol protocol;
    struct load_valve valve;
    struct load_text text = {0};
    struct valve_address address;
    struct valve_tls *tls = NULL;
    const char *problem = "";

    if (valve_address_parse(arguments.address, &address, &problem) < 0)
        fail(problem);
    load_valve_init(&valve);
    if (strcmp(arguments.protocol, "valve") == 0)
        protocol = valve_protocol(&valve, &arguments);
    else if (strcmp(arguments.protocol, "http") == 0)
        protocol = load_http(&text, arguments.address, arguments.names, arguments.count);
    else if (strcmp(arguments.protocol, "memcached") == 0)
        protocol = load_memcached(&text, arguments.names, arguments.count);
    else
        fail("there is no such protocol");
    if (arguments.authorities != NULL)
        tls = tls_new(&arguments);
    arguments.load.tls = tls;
    if (load_run(&address, &protocol, &arguments.load, &result) < 0)
        fail(result.problem.text);
    if (result.failure < 0)
        fprintf(stderr, "bench_load: %s\n", result.problem.text);
    print(&result);
    valve_tls_free(tls);
    load_valve_fini(&valve);
    load_text_fini(&text);
    return EXIT_SUCCESS;
}
