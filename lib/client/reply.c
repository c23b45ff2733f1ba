/* SPDX-License-Identifier: MIT */
/*
 * Receiving replies, a step at a time: the head, the arm, the payload whole or in pieces.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/reader.h"
#include "rpc/head.h"
#include "rpc/utf8.h"

#define BREAK          0xff
#define DIRECT         ((size_t)32 * 1024) /* from here on bytes go past the input buffer */
#define NAME_MAX_SHOWN 64

static void finish_reply(struct valve_client *client)
{
    client->current = (struct valve_pending){0};
    client->announced = NULL;
    client->stage = VALVE_CLIENT_BETWEEN;
}

/* ---- Replies to no call ---------------------------------------------------------------------- */

static const struct valve_type text_type = {
    .name = "text",
    .shape = VALVE_SHAPE_TEXT,
    .size = sizeof(struct valve_text),
    .alignment = _Alignof(struct valve_text),
    .least = 1,
    .high = UINT64_MAX,
};

/* What a server says with id 0: {"Error": text}. */
struct fault {
    unsigned kind;
    struct valve_text words;
};
static const struct valve_member fault_arms[] = {
    {.name = "Error", .type = &text_type, .name_size = 5, .offset = offsetof(struct fault, words)},
};
static const struct valve_type fault_type = {
    .name = "error",
    .shape = VALVE_SHAPE_SUM,
    .size = sizeof(struct fault),
    .alignment = _Alignof(struct fault),
    .least = 8,
    .count = 1,
    .members = fault_arms,
};

/* The error behind id 0. It names no call, so none can be relied upon any more. */
static int read_fault(struct valve_client *client, uint64_t deadline)
{
    struct valve_arena arena;
    struct fault fault = {0};
    char words[VALVE_ERROR_TEXT];
    int r;

    valve_arena_init(&arena, NULL, 0, VALVE_CLIENT_MAX_ITEM * 2);
    r = valve_reader_value(client, &fault_type, &arena, &fault, deadline);
    if (r == 0) {
        valve_escape(fault.words.data, fault.words.size, words, sizeof words);
        r = valve_client_break(client, -EREMOTE, "%s", words);
    }
    valve_arena_fini(&arena);
    return r;
}

/* ---- The head: [id, ------------------------------------------------------------------------- */

static void free_dropped(struct valve_client *client, const struct valve_pending *pending)
{
    struct valve_dropped_call **link = &client->dropped, *call;

    while (&(*link)->pending != pending)
        link = &(*link)->older;
    call = *link;
    *link = call->older;
    client->dropped_waiting--;
    free(call);
}

static int announce(struct valve_client *client, uint32_t id)
{
    struct valve_pending *pending = valve_calls_take(&client->calls, id);

    if (pending == NULL)
        return valve_reader_refuse(client, "a reply to call %" PRIu32 ", which is not in flight",
                                   id);
    client->current = *pending;
    client->announced = pending;
    client->stage = VALVE_CLIENT_VARIANT;
    if (pending->dropped) {
        client->announced = NULL;
        free_dropped(client, pending);
    }
    return 0;
}

/* Takes the head and the id together, or neither. */
static int read_head(struct valve_client *client, uint64_t deadline)
{
    struct valve_head array, id;
    int r = valve_reader_head(client, 0, deadline, &array);

    if (r < 0)
        return r;
    if (array.major != VALVE_MAJOR_ARRAY || array.indefinite || array.argument != 2)
        return valve_reader_refuse(client, "no reply [id, message], but %s",
                                   array.major == VALVE_MAJOR_ARRAY ? "an array of another length"
                                                                    : valve_head_describe(&array));
    r = valve_reader_head(client, array.size, deadline, &id);
    if (r < 0)
        return r;
    if (id.major != VALVE_MAJOR_UINT || id.argument > UINT32_MAX)
        return valve_reader_refuse(client, "the id of a reply is %s",
                                   id.major == VALVE_MAJOR_UINT ? "over 32 bits"
                                                                : valve_head_describe(&id));
    valve_reader_take(client, array.size + id.size);
    if (id.argument != 0)
        return announce(client, (uint32_t)id.argument);
    client->stage = VALVE_CLIENT_FAULT;
    return 0;
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

static int read_variant(struct valve_client *client, uint64_t deadline)
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

/* Whether a byte string or a definite list has been taken to its end: then the reply has, too. */
static bool reached_end(struct valve_client *client)
{
    bool counted = client->stage == VALVE_CLIENT_BYTES ||
                   (client->stage == VALVE_CLIENT_LIST && !client->indefinite);

    if (!counted || client->left > 0)
        return false;
    finish_reply(client);
    return true;
}

/* From the stage PAYLOAD on. `type` is NULL where the arm has none. */
static int read_payload(struct valve_client *client, const struct valve_type *type,
                        struct valve_arena *arena, void *payload, uint64_t deadline)
{
    int r;

    if (type != NULL && type->shape == VALVE_SHAPE_BYTES) {
        r = begin_bytes(client, type, deadline);
    } else if (type != NULL && type->shape == VALVE_SHAPE_LIST) {
        r = begin_list(client, deadline);
    } else {
        r = type == NULL ? 0 : valve_reader_value(client, type, arena, payload, deadline);
        if (r == 0)
            finish_reply(client);
    }
    return r;
}

int valve_client_receive(struct valve_client *client, struct valve_pending *pending,
                         struct valve_arena *arena, uint64_t deadline, unsigned *ret_arm,
                         void *payload, uint64_t *ret_size)
{
    uint64_t size;
    unsigned arm;
    int r = 0;

    if (client->broken < 0)
        return client->broken;
    if (pending != client->announced)
        return valve_client_fail(client, -EINVAL, "this call's reply was not announced");
    if (client->stage == VALVE_CLIENT_VARIANT)
        r = read_variant(client, deadline);
    if (r < 0)
        return r;
    arm = client->arm;
    r = read_payload(client, pending->reply->members[arm].type, arena, payload, deadline);
    if (r < 0)
        return r;
    size = client->stage == VALVE_CLIENT_BYTES ? client->left : 0;
    (void)reached_end(client);
    *ret_arm = arm;
    *ret_size = size;
    return 0;
}

/* ---- Payloads in pieces ---------------------------------------------------------------------- */

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
    ssize_t taken;

    if (client->broken < 0)
        return client->broken;
    if (client->stage == VALVE_CLIENT_BETWEEN)
        return 0;
    if (client->stage != VALVE_CLIENT_BYTES || size == 0)
        return valve_client_fail(client, -EINVAL, "no bytes are being received");
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
    (void)reached_end(client);
    return taken;
}

/* The type of the elements of the list that is being received. */
static const struct valve_type *item_type(const struct valve_client *client)
{
    return client->current.reply->members[client->arm].type->members[0].type;
}

/* One element, or with type NULL over it. 1, 0 at the end, or a negative errno. */
static int next_item(struct valve_client *client, const struct valve_type *type,
                     struct valve_arena *arena, void *item, uint64_t deadline)
{
    int r;

    if (client->indefinite) {
        r = valve_reader_await(client, 1, deadline);
        if (r < 0)
            return r;
        if (client->scanned == 0 && *valve_reader_data(client) == BREAK) {
            valve_reader_take(client, 1);
            finish_reply(client);
            return 0;
        }
    }
    r = valve_reader_value(client, type, arena, item, deadline);
    if (r < 0)
        return r;
    if (!client->indefinite)
        client->left--;
    (void)reached_end(client);
    return 1;
}

int valve_client_next_item(struct valve_client *client, struct valve_arena *arena, void *item,
                           uint64_t deadline)
{
    if (client->broken < 0)
        return client->broken;
    if (client->stage == VALVE_CLIENT_BETWEEN)
        return 0;
    if (client->stage != VALVE_CLIENT_LIST)
        return valve_client_fail(client, -EINVAL, "no list is being received");
    return next_item(client, item_type(client), arena, item, deadline);
}

/* ---- Replies that nobody waits for ----------------------------------------------------------- */

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
        (void)reached_end(client);
    }
    return 0;
}

static int drop_list(struct valve_client *client, uint64_t deadline)
{
    while (client->stage == VALVE_CLIENT_LIST) {
        int r = next_item(client, NULL, NULL, NULL, deadline);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Receives the rest of a reply to a call that was given up. */
static int drop_reply(struct valve_client *client, uint64_t deadline)
{
    int r = 0;

    if (client->stage == VALVE_CLIENT_VARIANT)
        r = read_variant(client, deadline);
    if (r == 0 && client->stage == VALVE_CLIENT_PAYLOAD) {
        const struct valve_type *type = client->current.reply->members[client->arm].type;
        bool in_pieces = type != NULL &&
                         (type->shape == VALVE_SHAPE_BYTES || type->shape == VALVE_SHAPE_LIST);

        if (type == NULL || in_pieces) {
            r = read_payload(client, type, NULL, NULL, deadline);
        } else {
            r = valve_reader_value(client, NULL, NULL, NULL, deadline);
            if (r == 0)
                finish_reply(client);
        }
        (void)reached_end(client);
    }
    if (r == 0)
        r = drop_bytes(client, deadline);
    if (r == 0)
        r = drop_list(client, deadline);
    return r;
}

/* ---- The next reply -------------------------------------------------------------------------- */

int valve_client_next(struct valve_client *client, uint64_t deadline,
                      struct valve_pending **ret_pending)
{
    int r = 0;

    if (client->broken < 0)
        return client->broken;
    if (client->announced != NULL)
        return valve_client_fail(client, -EBUSY, "the reply before was not received whole");
    if (client->calls.count == client->dropped_waiting)
        return valve_client_fail(client, -ENOENT, "no call is in flight");
    while (r == 0 && client->announced == NULL) {
        if (client->stage == VALVE_CLIENT_FAULT)
            r = read_fault(client, deadline);
        else if (client->current.id != 0)
            r = drop_reply(client, deadline);
        else
            r = read_head(client, deadline);
    }
    if (r < 0)
        return r;
    *ret_pending = client->announced;
    return 0;
}
