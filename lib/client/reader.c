/* SPDX-License-Identifier: MIT */
/*
 * Heads and items from the input of a client, as far as they have come.
 */
#define _GNU_SOURCE
#include "client/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/decoder.h"

const uint8_t *valve_reader_data(const struct valve_client *client)
{
    return client->transport.input.data + client->transport.input.start;
}

size_t valve_reader_size(const struct valve_client *client)
{
    return client->transport.input.end - client->transport.input.start;
}

void valve_reader_take(struct valve_client *client, size_t size)
{
    client->transport.input.start += size;
}

/* ---- What can go wrong ----------------------------------------------------------------------- */

int valve_reader_refuse(struct valve_client *client, const char *format, ...)
{
    char words[VALVE_ERROR_TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (client->current.id == 0)
        return valve_client_break(client, -EPROTO, "the server broke the protocol: %.400s", words);
    return valve_client_break(client, -EPROTO,
                              "the server broke the protocol in %s call %u: %.400s",
                              client->stage == VALVE_CLIENT_ITEM ? "an item of" : "the reply to",
                              client->current.id, words);
}

/* The stream has ended: in good order only where no item has begun. */
static int refuse_end(struct valve_client *client)
{
    int end = client->transport.end;
    const char *how = end == -ENODATA  ? "the server closed the connection"
                      : end == -EPROTO ? valve_tls_session_problem(client->transport.tls)
                                       : strerrordesc_np(-end);
    size_t waiting = client->calls.count - client->dropped_waiting;

    if (client->stage != VALVE_CLIENT_BETWEEN || valve_reader_size(client) > 0)
        return valve_client_break(client, -ECONNABORTED, "the stream ended inside a reply (%s)",
                                  how);
    return valve_client_break(client, -ECONNRESET, "%s; calls not answered: %zu", how, waiting);
}

int valve_reader_explain(struct valve_client *client, int error)
{
    switch (error) {
    case -EPIPE:
        return refuse_end(client);
    case -ETIMEDOUT:
        return valve_client_fail(client, error, "the server did not answer in time");
    case -ECANCELED:
        return valve_client_fail(client, error, "the wait for the server was cancelled");
    default:
        return valve_client_fail(client, error, "receiving: %s", strerrordesc_np(-error));
    }
}

int valve_reader_fill(struct valve_client *client, uint64_t deadline)
{
    int r = valve_transport_fill(&client->transport, deadline);

    return r < 0 ? valve_reader_explain(client, r) : 0;
}

/* ---- Heads ----------------------------------------------------------------------------------- */

int valve_reader_await(struct valve_client *client, size_t size, uint64_t deadline)
{
    while (valve_reader_size(client) < size) {
        int r = valve_reader_fill(client, deadline);

        if (r < 0)
            return r;
    }
    return 0;
}

int valve_reader_head(struct valve_client *client, size_t offset, uint64_t deadline,
                      struct valve_head *ret_head)
{
    int r = valve_reader_await(client, offset + 1, deadline);

    while (r == 0) {
        r = valve_head_read(valve_reader_data(client) + offset, valve_reader_size(client) - offset,
                            ret_head);
        if (r == 0)
            return 0;
        if (r != -EAGAIN)
            return valve_reader_refuse(client, "the bytes are not well-formed CBOR");
        r = valve_reader_fill(client, deadline);
    }
    return r;
}

/* ---- Whole items ----------------------------------------------------------------------------- */

static int refuse_item(struct valve_client *client, enum valve_scan verdict)
{
    switch (verdict) {
    case VALVE_SCAN_TOO_LARGE:
        return valve_reader_refuse(client, "an item is longer than 16 MiB");
    case VALVE_SCAN_TOO_DEEP:
        return valve_reader_refuse(client, "an item is nested deeper than %d levels",
                                   VALVE_CLIENT_MAX_DEPTH);
    case VALVE_SCAN_MALFORMED:
    case VALVE_SCAN_MORE:
    case VALVE_SCAN_DONE:
        break;
    }
    return valve_reader_refuse(client, "the bytes are not well-formed CBOR");
}

int valve_reader_item(struct valve_client *client, uint64_t deadline, size_t *ret_size)
{
    static const struct valve_limits limits = {VALVE_CLIENT_MAX_ITEM, VALVE_CLIENT_MAX_DEPTH};

    if (client->scanned == 0)
        valve_scanner_init(client->scanner, &limits);
    while (!client->scanned_all) {
        enum valve_scan verdict;
        size_t taken = 0;
        int r = valve_reader_await(client, client->scanned + 1, deadline);

        if (r < 0)
            return r;
        verdict = valve_scanner_feed(client->scanner, valve_reader_data(client) + client->scanned,
                                     valve_reader_size(client) - client->scanned, &taken);
        client->scanned += taken;
        if (verdict == VALVE_SCAN_DONE)
            client->scanned_all = true;
        else if (verdict != VALVE_SCAN_MORE)
            return refuse_item(client, verdict);
    }
    *ret_size = client->scanned;
    return 0;
}

static void take_item(struct valve_client *client)
{
    valve_reader_take(client, client->scanned);
    client->scanned = 0;
    client->scanned_all = false;
}

/* Values of these shapes do not point to anything, so they need no copy of the input. */
static bool stands_alone(const struct valve_type *type)
{
    return type->shape == VALVE_SHAPE_UINT || type->shape == VALVE_SHAPE_INT ||
           type->shape == VALVE_SHAPE_BOOL || type->shape == VALVE_SHAPE_FLOAT ||
           type->shape == VALVE_SHAPE_NIL;
}

int valve_reader_value(struct valve_client *client, const struct valve_type *type,
                       struct valve_arena *arena, void *value, uint64_t deadline)
{
    struct valve_error error = {{0}};
    struct valve_cursor cursor;
    size_t size = 0;
    int r = valve_reader_item(client, deadline, &size);

    if (r < 0)
        return r;
    if (type != NULL) {
        cursor.next = valve_reader_data(client);
        if (!stands_alone(type)) {
            uint8_t *copy = valve_arena_alloc(arena, size, 1);

            if (copy == NULL)
                return valve_client_fail(client, -ENOMEM, "the arena is too small for the reply");
            cursor.next = memcpy(copy, cursor.next, size);
        }
        cursor.end = cursor.next + size;
        r = valve_decode_within(type, &cursor, valve_client_levels(), arena, value, &error);
        if (r == -ENOMEM || r == -ELOOP)
            return valve_client_fail(client, r, "%s", error.text);
        if (r < 0)
            return valve_reader_refuse(client, "%s", error.text);
    }
    take_item(client);
    return 0;
}
