/* SPDX-License-Identifier: MIT */
/*
 * Payloads that are received in pieces: bytes, and lists element by element.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "client/receive.h"
#include "rpc/head.h"

#define DIRECT ((size_t)32 * 1024) /* from here on bytes go past the input buffer */

bool valve_receive_ended(struct valve_client *client)
{
    bool counted = client->stage == VALVE_CLIENT_BYTES ||
                   (client->stage == VALVE_CLIENT_LIST && !client->indefinite);

    if (!counted || client->left > 0)
        return false;
    valve_receive_finish(client);
    return true;
}

/*
 * Whether the caller receives a payload in pieces; else 0 or a negative errno for it. A fiber that
 * asks once more when its own has ended, as whoever reads up to the end does, may find that another
 * receives by now, or has met the end of the connection: neither is meant for it.
 */
static int check_pieces(struct valve_client *client, enum valve_client_stage stage)
{
    if (!valve_client_is_receiver(client))
        return valve_fiber_current() == NULL ? client->broken : 0;
    if (client->broken < 0)
        return client->broken;
    if (client->stage != stage)
        return valve_client_fail(client, -EINVAL, "no %s being received",
                                 stage == VALVE_CLIENT_LIST ? "list is" : "bytes are");
    return 1;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static ssize_t read_direct(struct valve_client *client, void *buffer, size_t size,
                           uint64_t deadline)
{
    ssize_t taken = valve_transport_receive(&client->transport, buffer, size, deadline);

    return taken > 0 ? taken : valve_reader_explain(client, (int)taken);
}

static ssize_t read_buffered(struct valve_client *client, void *buffer, size_t size,
                             uint64_t deadline)
{
    int r = valve_reader_await(client, 1, deadline);

    if (r < 0)
        return r;
    if (size > valve_reader_size(client))
        size = valve_reader_size(client);
    memcpy(buffer, valve_reader_data(client), size);
    valve_reader_take(client, size);
    return (ssize_t)size;
}

ssize_t valve_client_read_bytes(struct valve_client *client, void *buffer, size_t size,
                                uint64_t deadline)
{
    ssize_t taken = check_pieces(client, VALVE_CLIENT_BYTES);

    if (taken <= 0)
        return taken;
    if (size == 0)
        return valve_client_fail(client, -EINVAL, "no room for bytes");
    if (size > client->left)
        size = (size_t)client->left;
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (valve_reader_size(client) == 0 && size >= DIRECT)
        taken = read_direct(client, buffer, size, deadline);
    else
        taken = read_buffered(client, buffer, size, deadline);
    if (taken < 0)
        return taken;
    client->left -= (uint64_t)taken;
    (void)valve_receive_ended(client);
    return taken;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* The type of the elements of the list that is being received. */
static const struct valve_type *element_type(const struct valve_client *client)
{
    return client->current.reply->members[client->arm].type->members[0].type;
}

int valve_receive_element(struct valve_client *client, const struct valve_type *type,
                          struct valve_arena *arena, void *element, uint64_t deadline)
{
    int r;

    if (client->indefinite) {
        r = valve_reader_await(client, 1, deadline);
        if (r < 0)
            return r;
        if (client->scanned == 0 && *valve_reader_data(client) == VALVE_BREAK) {
            valve_reader_take(client, 1);
            valve_receive_finish(client);
            return 0;
        }
    }
    r = valve_reader_value(client, type, arena, element, deadline);
    if (r < 0)
        return r;
    if (!client->indefinite)
        client->left--;
    (void)valve_receive_ended(client);
    return 1;
}

int valve_client_next_item(struct valve_client *client, struct valve_arena *arena, void *item,
                           uint64_t deadline)
{
    int r = check_pieces(client, VALVE_CLIENT_LIST);

    if (r <= 0)
        return r;
    return valve_receive_element(client, element_type(client), arena, item, deadline);
}
