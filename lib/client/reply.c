/* SPDX-License-Identifier: MIT */
/*
 * Receiving what was announced: the arm of a reply and its payload, or an item of a stream.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/receive.h"
#include "rpc/head.h"
#include "rpc/utf8.h"

#define NAME_MAX_SHOWN 64
#define TRUE           0xf5 /* the initial byte of true, and all of it */

void valve_receive_finish(struct valve_client *client)
{
    client->current = (struct valve_pending){0};
    client->announced = NULL;
    client->told = false;
    client->stage = VALVE_CLIENT_BETWEEN;
    valve_client_pass_on(client);
}

/* ---- The arm: "Variant", or {"Variant": ------------------------------------------------------ */

static size_t longest_name(const struct valve_type *sum)
{
    size_t longest = 0;

    for (uint32_t i = 0; i < sum->count; i++) {
        if (sum->members[i].name_size > longest)
            longest = sum->members[i].name_size;
    }
    return longest;
}

static int find_arm(struct valve_client *client, const uint8_t *name, size_t size, bool has_payload,
                    unsigned *ret_arm)
{
    const struct valve_type *sum = client->current.reply;
    char shown[NAME_MAX_SHOWN];

    for (uint32_t i = 0; i < sum->count; i++) {
        const struct valve_member *arm = &sum->members[i];

        if (arm->name_size != size || memcmp(arm->name, name, size) != 0)
            continue;
        if ((arm->type != NULL) != has_payload)
            return valve_reader_refuse(client, "%s comes %s a payload", arm->name,
                                       has_payload ? "with" : "without");
        *ret_arm = i;
        return 0;
    }
    valve_escape((const char *)name, size, shown, sizeof shown);
    return valve_reader_refuse(client, "%s is no answer to this request", shown);
}

/* The head of the name; *ret_offset is where it begins. */
static int read_name_head(struct valve_client *client, uint64_t deadline, size_t *ret_offset,
                          struct valve_head *ret_name)
{
    struct valve_head first;
    int r = valve_reader_head(client, 0, deadline, &first);

    if (r < 0)
        return r;
    *ret_offset = 0;
    *ret_name = first;
    if (first.major == VALVE_MAJOR_MAP) {
        if (first.indefinite || first.argument != 1)
            return valve_reader_refuse(client, "a message is a map of other than one pair");
        *ret_offset = first.size;
        r = valve_reader_head(client, first.size, deadline, ret_name);
        if (r < 0)
            return r;
    }
    if (ret_name->major != VALVE_MAJOR_TEXT || ret_name->indefinite)
        return valve_reader_refuse(client, "in place of a message comes %s",
                                   valve_head_describe(ret_name));
    return 0;
}

int valve_receive_variant(struct valve_client *client, uint64_t deadline)
{
    struct valve_head name;
    size_t offset = 0;
    unsigned arm = 0;
    int r = read_name_head(client, deadline, &offset, &name);

    if (r < 0)
        return r;
    if (name.argument > longest_name(client->current.reply))
        return valve_reader_refuse(client, "an unknown message, its name %" PRIu64 " bytes long",
                                   name.argument);
    r = valve_reader_await(client, offset + name.size + (size_t)name.argument, deadline);
    if (r < 0)
        return r;
    r = find_arm(client, valve_reader_data(client) + offset + name.size, (size_t)name.argument,
                 offset > 0, &arm);
    if (r < 0)
        return r;
    valve_reader_take(client, offset + name.size + (size_t)name.argument);
    client->arm = arm;
    client->stage = VALVE_CLIENT_PAYLOAD;
    return 0;
}

/* ---- The payload ----------------------------------------------------------------------------- */

static int begin_bytes(struct valve_client *client, const struct valve_type *type,
                       uint64_t deadline)
{
    struct valve_head head;
    int r = valve_reader_head(client, 0, deadline, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_BYTES || head.indefinite)
        return valve_reader_refuse(client, "bytes were due, not %s",
                                   head.indefinite ? "a string of indefinite length"
                                                   : valve_head_describe(&head));
    if (head.argument < type->low || head.argument > type->high)
        return valve_reader_refuse(client, "%" PRIu64 " bytes are not what %s allows",
                                   head.argument, type->name);
    valve_reader_take(client, head.size);
    client->left = head.argument;
    client->stage = VALVE_CLIENT_BYTES;
    return 0;
}

static int begin_list(struct valve_client *client, uint64_t deadline)
{
    struct valve_head head;
    int r = valve_reader_head(client, 0, deadline, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_ARRAY)
        return valve_reader_refuse(client, "a list was due, not %s", valve_head_describe(&head));
    valve_reader_take(client, head.size);
    client->indefinite = head.indefinite;
    client->left = head.argument;
    client->stage = VALVE_CLIENT_LIST;
    return 0;
}

int valve_receive_payload(struct valve_client *client, struct valve_arena *arena, void *payload,
                          uint64_t deadline)
{
    const struct valve_type *type = client->current.reply->members[client->arm].type;
    int r = 0;

    if (type != NULL && type->shape == VALVE_SHAPE_BYTES)
        return begin_bytes(client, type, deadline);
    if (type != NULL && type->shape == VALVE_SHAPE_LIST)
        return begin_list(client, deadline);
    if (type != NULL)
        r = valve_reader_value(client, payload == NULL ? NULL : type, arena, payload, deadline);
    if (r == 0)
        valve_receive_finish(client);
    return r;
}

/* ---- Items ----------------------------------------------------------------------------------- */

int valve_receive_item(struct valve_client *client, struct valve_arena *arena, void *item,
                       uint64_t deadline)
{
    size_t size = 0;
    int r = valve_reader_item(client, deadline, &size);

    if (r == 0)
        r = valve_reader_await(client, size + 1, deadline);
    if (r < 0)
        return r;
    if (valve_reader_data(client)[size] != TRUE)
        return valve_reader_refuse(client, "what stands behind it is not true");
    r = valve_reader_value(client, item == NULL ? NULL : client->current.item, arena, item,
                           deadline);
    if (r < 0)
        return r;
    valve_reader_take(client, 1);
    valve_receive_finish(client);
    return 0;
}

/* ---- Either ---------------------------------------------------------------------------------- */

static int receive_reply(struct valve_client *client, struct valve_arena *arena, uint64_t deadline,
                         unsigned *ret_arm, void *payload, uint64_t *ret_size)
{
    uint64_t size;
    unsigned arm;
    int r = 0;

    if (client->stage == VALVE_CLIENT_VARIANT)
        r = valve_receive_variant(client, deadline);
    if (r < 0)
        return r;
    arm = client->arm;
    r = valve_receive_payload(client, arena, payload, deadline);
    if (r < 0)
        return r;
    size = client->stage == VALVE_CLIENT_BYTES ? client->left : 0;
    (void)valve_receive_ended(client);
    *ret_arm = arm;
    *ret_size = size;
    return 0;
}

int valve_client_receive(struct valve_client *client, struct valve_pending *pending,
                         struct valve_arena *arena, uint64_t deadline, unsigned *ret_arm,
                         void *payload, uint64_t *ret_size)
{
    int r;

    if (client->broken < 0)
        return client->broken;
    if (!valve_client_is_announced(client, pending) || valve_client_in_pieces(client))
        return valve_client_fail(client, -EINVAL, "this call's reply was not announced");
    client->told = true;
    client->receiver = valve_fiber_current();
    if (client->stage != VALVE_CLIENT_ITEM)
        return receive_reply(client, arena, deadline, ret_arm, payload, ret_size);
    r = valve_receive_item(client, arena, payload, deadline);
    if (r < 0)
        return r;
    *ret_arm = VALVE_ARM_ITEM;
    *ret_size = 0;
    return 0;
}
