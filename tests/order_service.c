/* SPDX-License-Identifier: MIT */
/*
 * A service for tests, by tables written by hand.
 */
#include "tests/order_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct order_request {
    unsigned kind;
    struct valve_text text;
};

struct order_list {
    const struct valve_text *items;
    size_t count;
};

const struct valve_type order_number_type = {
    .name = "number",
    .shape = VALVE_SHAPE_UINT,
    .size = sizeof(uint64_t),
    .alignment = _Alignof(uint64_t),
    .least = 1,
    .high = UINT64_MAX,
};

const struct valve_type order_text_type = {
    .name = "text",
    .shape = VALVE_SHAPE_TEXT,
    .size = sizeof(struct valve_text),
    .alignment = _Alignof(struct valve_text),
    .least = 1,
    .high = UINT64_MAX,
};

static const struct valve_type bytes_type = {
    .name = "bytes",
    .shape = VALVE_SHAPE_BYTES,
    .size = sizeof(struct valve_bytes),
    .alignment = _Alignof(struct valve_bytes),
    .least = 1,
    .high = UINT64_MAX,
};

static const struct valve_member list_members[] = {{.name = "item", .type = &order_text_type}};

static const struct valve_type list_type = {
    .name = "list",
    .shape = VALVE_SHAPE_LIST,
    .size = sizeof(struct order_list),
    .alignment = _Alignof(struct order_list),
    .least = 1,
    .count = 1,
    .members = list_members,
};

static const struct valve_member request_members[] = {
    {.name = "Do",
     .name_size = 2,
     .type = &order_text_type,
     .offset = offsetof(struct order_request, text)},
};

static const struct valve_type request_type = {
    .name = "request",
    .shape = VALVE_SHAPE_SUM,
    .size = sizeof(struct order_request),
    .alignment = _Alignof(struct order_request),
    .least = 5,
    .count = 1,
    .members = request_members,
};

/* Replies are made arm by arm: there is no C value of all of them. */
static const struct valve_member reply_members[] = {
    [ORDER_DONE] = {.name = "Done", .name_size = 4, .type = &order_number_type, .offset = 8},
    [ORDER_LIST] = {.name = "List", .name_size = 4, .type = &list_type, .offset = 8},
    [ORDER_CONTENT] = {.name = "Content", .name_size = 7, .type = &bytes_type, .offset = 8},
    [ORDER_ERROR] = {.name = "Error", .name_size = 5, .type = &order_text_type, .offset = 8},
};

const struct valve_type order_reply_type = {
    .name = "reply",
    .shape = VALVE_SHAPE_SUM,
    .size = 8 + sizeof(struct valve_text),
    .alignment = 8,
    .least = 7,
    .count = sizeof reply_members / sizeof reply_members[0],
    .members = reply_members,
};

struct valve_answer order_done(struct valve_call *call, uint64_t number)
{
    return valve_reply(call, &order_reply_type, ORDER_DONE, &number);
}

struct valve_answer order_failed(struct valve_call *call, int error)
{
    const struct valve_text words = valve_error_words(error);

    return valve_reply(call, &order_reply_type, ORDER_ERROR, &words);
}

static struct valve_answer dispatch(const struct valve_service *service, struct valve_call *call,
                                    const void *request)
{
    const struct valve_text text = ((const struct order_request *)request)->text;
    const struct valve_text unknown = valve_text("unknown: no such order");
    uint64_t numbers[2] = {0, 0};
    char words[128], word[32] = "";

    snprintf(words, sizeof words, "%.*s", (int)text.size, text.data);
    sscanf(words, "%31s %" SCNu64 " %" SCNu64, word, &numbers[0], &numbers[1]);
    if (strcmp(word, "now") == 0)
        return order_done(call, numbers[0]);
    for (const struct order *order = service->handlers; order->word != NULL; order++)
        if (strcmp(order->word, word) == 0)
            return order->carry_out(call, numbers);
    return valve_reply(call, &order_reply_type, ORDER_ERROR, &unknown);
}

struct valve_service order_service(const struct order *orders)
{
    return (struct valve_service){
        .name = "orders", .request = &request_type, .dispatch = dispatch, .handlers = orders};
}
