/* SPDX-License-Identifier: MIT */
/*
 * Replies and items of calls that were given up: received, and let go.
 */
#include "client/receive.h"

static int drop_bytes(struct valve_client *client, uint64_t deadline)
{
    while (client->stage == VALVE_CLIENT_BYTES) {
        size_t size;
        int r = valve_reader_await(client, 1, deadline);

        if (r < 0)
            return r;
        size = valve_reader_size(client);
        if (size > client->left)
            size = (size_t)client->left;
        valve_reader_take(client, size);
        client->left -= size;
        (void)valve_receive_ended(client);
    }
    return 0;
}

static int drop_list(struct valve_client *client, uint64_t deadline)
{
    while (client->stage == VALVE_CLIENT_LIST) {
        int r = valve_receive_element(client, NULL, NULL, NULL, deadline);

        if (r < 0)
            return r;
    }
    return 0;
}

int valve_receive_drop(struct valve_client *client, uint64_t deadline)
{
    int r = 0;

    if (client->stage == VALVE_CLIENT_ITEM)
        return valve_receive_item(client, NULL, NULL, deadline);
    if (client->stage == VALVE_CLIENT_VARIANT)
        r = valve_receive_variant(client, deadline);
    if (r == 0 && client->stage == VALVE_CLIENT_PAYLOAD) {
        r = valve_receive_payload(client, NULL, NULL, deadline);
        if (r == 0)
            (void)valve_receive_ended(client);
    }
    if (r == 0)
        r = drop_bytes(client, deadline);
    if (r == 0)
        r = drop_list(client, deadline);
    return r;
}
