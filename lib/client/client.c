/* SPDX-License-Identifier: MIT */
/*
 * The client's life, and the way out: connecting, starting calls, giving them up.
 */
#define _GNU_SOURCE
#include "client/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "rpc/head.h"

#define SEND_BATCH  ((size_t)16 * 1024) /* queued requests that are sent without being waited for */
#define CANCEL_SIZE (VALVE_ENVELOPE_PREFIX + 1)
#define CBOR_NIL    0xf6

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

    va_start(arguments, format);
    vsnprintf(client->problem.text, sizeof client->problem.text, format, arguments);
    va_end(arguments);
    client->broken = error;
    client->current = (struct valve_pending){0};
    client->announced = NULL;
    client->dropped_waiting = 0;
    valve_calls_forget(&client->calls);
    return error;
}

const char *valve_client_problem(const struct valve_client *client)
{
    return client->problem.text;
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
    for (call = client->dropped; call != NULL; call = older) {
        older = call->older;
        free(call);
    }
    valve_transport_close(&client->transport);
    valve_calls_fini(&client->calls);
    free(client->scanner);
    free(client);
}

int valve_client_connect(const char *address, uint64_t deadline, struct valve_client **ret_client,
                         struct valve_error *ret_error)
{
    struct valve_client *client = NULL;
    struct valve_address parsed;
    const char *problem = NULL;
    int r;

    r = valve_address_parse(address, &parsed, &problem);
    if (r == 0)
        r = client_new(&client);
    if (r == 0)
        r = valve_transport_connect(&client->transport, &parsed, deadline);
    if (r < 0) {
        if (problem == NULL)
            problem = strerrordesc_np(-r);
        snprintf(ret_error->text, sizeof ret_error->text, "%.200s: %s", address, problem);
        valve_client_free(client);
        return r;
    }
    *ret_client = client;
    return 0;
}

/* ---- Starting calls -------------------------------------------------------------------------- */

static bool wants_timeout(const struct valve_call_options *options)
{
    return options != NULL && options->timeout != UINT64_MAX;
}

/* Queues the request of a call that has its id. The room for it is there. */
static void queue_request(struct valve_client *client, uint8_t *data,
                          const struct valve_type *request, unsigned method, const void *payload,
                          const struct valve_call_options *options, uint32_t id)
{
    uint8_t *end = valve_envelope_write_request(id, wants_timeout(options), data);

    end = valve_encode_arm(request, method, payload, end);
    if (wants_timeout(options))
        end = valve_envelope_write_options(options->timeout, end);
    valve_transport_queued(&client->transport, (size_t)(end - data));
}

static int cannot_send(struct valve_client *client)
{
    int error = client->transport.send_error;

    return valve_client_fail(client, error, "sending: %s", strerrordesc_np(-error));
}

int valve_client_start(struct valve_client *client, const struct valve_type *request,
                       unsigned method, const void *payload, const struct valve_type *item,
                       const struct valve_type *reply, const struct valve_call_options *options,
                       struct valve_pending *pending)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int r;

    if (client->broken < 0)
        return client->broken;
    if (client->transport.send_error < 0)
        return cannot_send(client);
    r = valve_encoded_arm_size(request, method, payload, VALVE_CLIENT_MAX_DEPTH, &size);
    if (r < 0)
        return valve_client_fail(client, r, "the request cannot be encoded: %s",
                                 strerrordesc_np(-r));
    if (size > VALVE_CLIENT_MAX_ITEM)
        return valve_client_fail(client, -EMSGSIZE, "the request is longer than 16 MiB");
    r = valve_transport_reserve(&client->transport,
                                VALVE_ENVELOPE_PREFIX + size + VALVE_ENVELOPE_OPTIONS, &data);
    if (r < 0)
        return valve_client_fail(client, r, "no memory for the request");
    pending->reply = reply;
    pending->item = item;
    pending->waiter = NULL;
    pending->dropped = false;
    valve_calls_add(&client->calls, pending);
    queue_request(client, data, request, method, payload, options, pending->id);
    if (valve_transport_unsent(&client->transport) >= SEND_BATCH)
        (void)valve_transport_flush(&client->transport); /* valve_client_next() tells */
    return 0;
}

int valve_client_flush(struct valve_client *client)
{
    if (client->broken < 0)
        return client->broken;
    if (valve_transport_flush(&client->transport) < 0)
        return cannot_send(client);
    return 0;
}

size_t valve_client_in_flight(const struct valve_client *client)
{
    bool receiving = client->current.id != 0 && !client->current.dropped;

    return client->calls.count - client->dropped_waiting + receiving;
}

size_t valve_client_unsent(const struct valve_client *client)
{
    return valve_transport_unsent(&client->transport);
}

/* ---- Giving calls up ------------------------------------------------------------------------- */

/* Asks the server to stop; without room for it the answer just comes, and is dropped. */
static void queue_cancel(struct valve_client *client, uint32_t id)
{
    uint8_t *data = NULL, *end;

    if (valve_transport_reserve(&client->transport, CANCEL_SIZE, &data) < 0)
        return;
    end = valve_envelope_write_request(id, false, data);
    *end++ = CBOR_NIL;
    valve_transport_queued(&client->transport, (size_t)(end - data));
    (void)valve_transport_flush(&client->transport);
}

/* Leaves something in the call's place. */
static int replace(struct valve_client *client, struct valve_pending *pending)
{
    struct valve_dropped_call *call = calloc(1, sizeof *call);

    if (call == NULL)
        return -ENOMEM;
    call->pending = *pending;
    call->pending.dropped = true;
    call->older = client->dropped;
    client->dropped = call;
    client->dropped_waiting++;
    valve_calls_replace(&client->calls, pending, &call->pending);
    return 0;
}

void valve_client_forget(struct valve_client *client, struct valve_pending *pending)
{
    if (client->broken < 0)
        return;
    if (client->announced == pending) {
        client->current.dropped = true;
        client->announced = NULL;
    } else if (!valve_calls_contain(&client->calls, pending)) {
        return;
    } else if (replace(client, pending) < 0) {
        (void)valve_client_break(client, -ENOMEM, "no memory to remember a call given up");
        return;
    }
    queue_cancel(client, pending->id);
}
