/* SPDX-License-Identifier: MIT */
/*
 * The way out: starting calls, sending one-way requests, giving calls up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/receive.h"
#include "rpc/encoder.h"
#include "rpc/envelope.h"

#define SEND_BATCH  ((size_t)16 * 1024) /* queued requests that are sent without being waited for */
#define CANCEL_SIZE (VALVE_ENVELOPE_PREFIX + 1)
#define CBOR_NIL    0xf6

/* ---- Starting -------------------------------------------------------------------------------- */

static bool wants_timeout(const struct valve_call_options *options)
{
    return options != NULL && options->timeout != UINT64_MAX;
}

/* Room for a request in what will be sent. */
struct room {
    uint8_t *data;
    size_t size; /* of the request itself, without the envelope */
};

/* Writes the request into the room that was reserved for it. */
static void queue_request(struct valve_client *client, struct room room,
                          const struct valve_type *request, unsigned method, const void *payload,
                          const struct valve_call_options *options, uint32_t id)
{
    uint8_t *end = valve_envelope_write_request(id, wants_timeout(options), room.data);
    size_t size = 0;

    (void)valve_encode_arm_within(request, method, payload, VALVE_CLIENT_MAX_DEPTH, end, room.size,
                                  &size, NULL); /* it was judged when it was measured */
    end += size;
    if (wants_timeout(options))
        end = valve_envelope_write_options(options->timeout, end);
    valve_transport_queued(&client->transport, (size_t)(end - room.data));
}

static int cannot_send(struct valve_client *client)
{
    int error = client->transport.send_error;

    return valve_client_fail(client, error, "sending: %s", strerrordesc_np(-error));
}

/* Finds room for a request. 0, or why none can be sent. */
static int reserve(struct valve_client *client, const struct valve_type *request, unsigned method,
                   const void *payload, struct room *ret_room)
{
    struct valve_error error;
    struct room room;
    uint8_t nowhere;
    int r;

    if (client->broken < 0)
        return client->broken;
    if (client->transport.send_error < 0)
        return cannot_send(client);
    r = valve_encode_arm_within(request, method, payload, valve_client_levels(), &nowhere, 0,
                                &room.size, &error);
    if (r < 0)
        return valve_client_fail(client, r, "the request cannot be sent: %s", error.text);
    if (room.size > VALVE_CLIENT_MAX_ITEM)
        return valve_client_fail(client, -EMSGSIZE, "the request is longer than 16 MiB");
    r = valve_transport_reserve(
        &client->transport, VALVE_ENVELOPE_PREFIX + room.size + VALVE_ENVELOPE_OPTIONS, &room.data);
    if (r < 0)
        return valve_client_fail(client, r, "no memory for the request");
    *ret_room = room;
    return 0;
}

/* Sends a batch that has gathered. Should that fail, whoever waits for a reply will be told. */
static void send_batch(struct valve_client *client)
{
    if (valve_transport_unsent(&client->transport) >= SEND_BATCH)
        (void)valve_transport_flush(&client->transport);
}

int valve_client_start(struct valve_client *client, const struct valve_type *request,
                       unsigned method, const void *payload, const struct valve_type *item,
                       const struct valve_type *reply, const struct valve_call_options *options,
                       struct valve_pending *pending)
{
    struct room room;
    int r = reserve(client, request, method, payload, &room);

    if (r < 0)
        return r;
    pending->reply = reply;
    pending->item = item;
    pending->owner = valve_fiber_current();
    pending->waiter = NULL;
    pending->dropped = false;
    valve_calls_add(&client->calls, pending);
    queue_request(client, room, request, method, payload, options, pending->id);
    send_batch(client);
    return 0;
}

int valve_client_send(struct valve_client *client, const struct valve_type *request,
                      unsigned method, const void *payload,
                      const struct valve_call_options *options)
{
    struct room room;
    int r = reserve(client, request, method, payload, &room);

    if (r < 0)
        return r;
    queue_request(client, room, request, method, payload, options, VALVE_CALLS_ONE_WAY);
    client->one_way++;
    send_batch(client);
    return 0;
}

uint64_t valve_client_refused(const struct valve_client *client, struct valve_error *ret_last)
{
    if (ret_last != NULL)
        *ret_last = client->refusal;
    return client->refused;
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
    /* The call of an item is in the table all the time, that of a reply no more. */
    bool receiving = client->current.id != 0 && !client->current.dropped &&
                     client->stage != VALVE_CLIENT_ITEM;

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
    valve_transport_urge(&client->transport);
}

/* Leaves something in the call's place. Without memory for that the connection is broken. */
static int replace(struct valve_client *client, struct valve_pending *pending)
{
    struct valve_dropped_call *call = calloc(1, sizeof *call);

    if (call == NULL)
        return valve_client_break(client, -ENOMEM, "no memory to remember a call given up");
    call->pending = *pending;
    call->pending.dropped = true;
    call->older = client->dropped;
    if (call->older != NULL)
        call->older->newer = call;
    client->dropped = call;
    client->dropped_waiting++;
    valve_calls_replace(&client->calls, pending, &call->pending);
    return 0;
}

/* What was announced is let go by whoever reads on. */
static void forget_announced(struct valve_client *client)
{
    uint32_t id = client->current.id;

    if (client->stage == VALVE_CLIENT_ITEM && replace(client, client->announced) < 0)
        return;
    client->current.dropped = true;
    client->announced = NULL;
    client->told = false;
    queue_cancel(client, id);
    valve_client_pass_on(client);
}

static void forget_waiting(struct valve_client *client, struct valve_pending *pending)
{
    if (replace(client, pending) < 0)
        return;
    queue_cancel(client, pending->id);
    if (pending->waiter != NULL)
        valve_fiber_wake(pending->waiter);
}

void valve_client_forget(struct valve_client *client, struct valve_pending *pending)
{
    bool is_announced = pending != NULL ? valve_client_is_announced(client, pending)
                                        : valve_client_is_receiver(client);

    if (client->broken < 0)
        return;
    if (is_announced)
        forget_announced(client);
    else if (pending != NULL && valve_calls_contain(&client->calls, pending))
        forget_waiting(client, pending);
}
