/* SPDX-License-Identifier: MIT */
/*
 * What comes next: the heads of replies and items, and the errors that answer no call.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/receive.h"
#include "rpc/head.h"
#include "rpc/utf8.h"

/* ---- Errors that answer no call -------------------------------------------------------------- */

static const struct valve_type text_type = {
    .name = "text",
    .shape = VALVE_SHAPE_TEXT,
    .size = sizeof(struct valve_text),
    .alignment = _Alignof(struct valve_text),
    .least = 1,
    .high = UINT64_MAX,
};

/* {"Error": text} */
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

/* Reads the error in front into printable words. */
static int read_error(struct valve_client *client, uint64_t deadline, struct valve_error *ret_words)
{
    struct valve_arena arena;
    struct fault fault = {0};
    int r;

    valve_arena_init(&arena, NULL, 0, VALVE_CLIENT_MAX_ITEM * 2);
    r = valve_reader_value(client, &fault_type, &arena, &fault, deadline);
    if (r == 0)
        valve_escape(fault.words.data, fault.words.size, ret_words->text, sizeof ret_words->text);
    valve_arena_fini(&arena);
    return r;
}

/* It names no call, so none can be relied upon any more. */
static int read_fault(struct valve_client *client, uint64_t deadline)
{
    struct valve_error words;
    int r = read_error(client, deadline, &words);

    return r < 0 ? r : valve_client_break(client, -EREMOTE, "%s", words.text);
}

static int read_refusal(struct valve_client *client, uint64_t deadline)
{
    int r = read_error(client, deadline, &client->refusal);

    if (r < 0)
        return r;
    client->refused++;
    client->stage = VALVE_CLIENT_BETWEEN;
    return 0;
}

/* ---- The head: [id, -------------------------------------------------------------------------- */

static void free_dropped(struct valve_client *client, struct valve_pending *pending)
{
    struct valve_dropped_call *call = (struct valve_dropped_call *)pending;

    if (call->newer == NULL)
        client->dropped = call->older;
    else
        call->newer->older = call->older;
    if (call->older != NULL)
        call->older->newer = call->newer;
    client->dropped_waiting--;
    free(call);
}

static int announce_item(struct valve_client *client, uint32_t id)
{
    struct valve_pending *pending = valve_calls_find(&client->calls, id);

    if (pending == NULL)
        return valve_reader_refuse(client, "an item of call %" PRIu32 ", which is not in flight",
                                   id);
    if (pending->item == NULL)
        return valve_reader_refuse(client, "an item of call %" PRIu32 ", which has no stream", id);
    client->current = *pending;
    client->announced = pending->dropped ? NULL : pending;
    client->stage = VALVE_CLIENT_ITEM;
    return 0;
}

static int announce_reply(struct valve_client *client, uint32_t id)
{
    struct valve_pending *pending = valve_calls_take(&client->calls, id);

    if (pending == NULL)
        return valve_reader_refuse(client, "a reply to call %" PRIu32 ", which is not in flight",
                                   id);
    client->current = *pending;
    client->announced = pending->dropped ? NULL : pending;
    client->stage = VALVE_CLIENT_VARIANT;
    if (pending->dropped)
        free_dropped(client, pending);
    return 0;
}

static int announce(struct valve_client *client, uint32_t id, bool is_item)
{
    if (is_item)
        return announce_item(client, id);
    if (id == 0) {
        client->stage = VALVE_CLIENT_FAULT;
        return 0;
    }
    if (id != VALVE_CALLS_ONE_WAY)
        return announce_reply(client, id);
    if (client->refused == client->one_way)
        return valve_reader_refuse(client, "more one-way requests are refused than were sent");
    client->stage = VALVE_CLIENT_REFUSAL;
    return 0;
}

/* Takes the head and the id together, or neither. */
static int read_head(struct valve_client *client, uint64_t deadline)
{
    struct valve_head array, id;
    int r = valve_reader_head(client, 0, deadline, &array);

    if (r < 0)
        return r;
    if (array.major != VALVE_MAJOR_ARRAY || array.indefinite || array.argument < 2 ||
        array.argument > 3)
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
    return announce(client, (uint32_t)id.argument, array.argument == 3);
}

int valve_receive_advance(struct valve_client *client, uint64_t deadline)
{
    int r = 0;

    while (r == 0 && client->announced == NULL) {
        if (client->stage == VALVE_CLIENT_BETWEEN)
            r = read_head(client, deadline);
        else if (client->stage == VALVE_CLIENT_FAULT)
            r = read_fault(client, deadline);
        else if (client->stage == VALVE_CLIENT_REFUSAL)
            r = read_refusal(client, deadline);
        else
            r = valve_receive_drop(client, deadline);
    }
    return r;
}
