/* SPDX-License-Identifier: MIT */
/*
 * The client's life: connecting, what is said of errors, the end.
 */
#define _GNU_SOURCE
#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber/annotate.h"
#include "net/address.h"

/* What a level takes of a stack, and what there must be for all else. */
#ifdef VALVE_SANITIZED
#define STACK_A_LEVEL 1024
#else
#define STACK_A_LEVEL 256
#endif
#define STACK_BESIDES ((size_t)6 * 1024)

/* ---- Errors in words ------------------------------------------------------------------------- */

int valve_client_fail(struct valve_client *client, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(client->problem.text, sizeof client->problem.text, format, arguments);
    va_end(arguments);
    return error;
}

int valve_client_break(struct valve_client *client, int error, const char *format, ...)
{
    va_list arguments;

    if (client->broken < 0)
        return client->broken;
    va_start(arguments, format);
    vsnprintf(client->problem.text, sizeof client->problem.text, format, arguments);
    va_end(arguments);
    client->broken = error;
    client->current = (struct valve_pending){0};
    client->announced = NULL;
    client->dropped_waiting = 0;
    valve_calls_forget(&client->calls);
    valve_transport_stop(&client->transport);
    valve_wait_queue_wake_all(&client->waiting);
    return error;
}

const char *valve_client_problem(const struct valve_client *client)
{
    return client->problem.text;
}

/* ---- Depth ----------------------------------------------------------------------------------- */

unsigned valve_client_levels(void)
{
    size_t left = valve_fiber_stack_left();
    size_t levels = left < STACK_BESIDES ? 0 : (left - STACK_BESIDES) / STACK_A_LEVEL;

    return levels < VALVE_CLIENT_MAX_DEPTH ? (unsigned)levels : VALVE_CLIENT_MAX_DEPTH;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static int client_new(struct valve_client **ret_client)
{
    struct valve_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return -ENOMEM;
    client->transport.socket = -1;
    client->scanner = malloc(valve_scanner_size(VALVE_CLIENT_MAX_DEPTH));
    if (client->scanner == NULL || valve_calls_init(&client->calls) < 0) {
        valve_client_free(client);
        return -ENOMEM;
    }
    *ret_client = client;
    return 0;
}

void valve_client_free(struct valve_client *client)
{
    struct valve_dropped_call *call, *older;

    if (client == NULL)
        return;
    assert(!client->reading && client->transport.waiter == NULL);
    assert(valve_wait_queue_empty(&client->waiting));
    for (call = client->dropped; call != NULL; call = older) {
        older = call->older;
        free(call);
    }
    valve_transport_close(&client->transport);
    valve_calls_fini(&client->calls);
    free(client->scanner);
    free(client);
}

int valve_client_connect_tls(const char *address, const struct valve_tls *tls, const char *name,
                             uint64_t deadline, struct valve_client **ret_client,
                             struct valve_error *ret_error)
{
    struct valve_error why = {{0}};
    struct valve_client *client = NULL;
    struct valve_address parsed;
    const char *problem = NULL;
    int r;

    r = valve_address_parse(address, &parsed, &problem);
    if (r == 0 && tls != NULL && valve_address_is_unix(&parsed)) {
        problem = "TLS is for TCP, not for Unix sockets";
        r = -EINVAL;
    }
    if (r == 0)
        r = client_new(&client);
    if (r == 0)
        r = valve_transport_open(&client->transport, &parsed, tls, name, deadline, &why);
    if (r < 0) {
        if (why.text[0] != '\0')
            problem = why.text;
        else if (problem == NULL)
            problem = strerrordesc_np(-r);
        snprintf(ret_error->text, sizeof ret_error->text, "%.200s: %.250s", address, problem);
        valve_client_free(client);
        return r;
    }
    *ret_client = client;
    return 0;
}

int valve_client_connect(const char *address, uint64_t deadline, struct valve_client **ret_client,
                         struct valve_error *ret_error)
{
    return valve_client_connect_tls(address, NULL, NULL, deadline, ret_client, ret_error);
}
