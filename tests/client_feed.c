/* SPDX-License-Identifier: MIT */
/* The tables of the test service, and its calls. */
#include "client_feed.h"

#include <check.h>

#define NAME(string)    .name = (string), .name_size = sizeof(string) - 1
#define SIZES(c_type)   .size = sizeof(c_type), .alignment = _Alignof(c_type)
#define MEMBERS(array)  .members = (array), .count = sizeof(array) / sizeof((array)[0])
#define PAYLOAD(member) .offset = offsetof(struct feed_value, member)

/* A sum as generated code has it. */
struct feed_value {
    unsigned kind;
    union {
        uint64_t number;
        struct valve_text text;
        struct valve_bytes bytes;
        struct feed_numbers numbers;
    };
};

const struct valve_type feed_number = {
    .name = "uint", .shape = VALVE_SHAPE_UINT, SIZES(uint64_t), .least = 1, .high = UINT64_MAX};
const struct valve_type feed_text = {.name = "text",
                                     .shape = VALVE_SHAPE_TEXT,
                                     SIZES(struct valve_text),
                                     .least = 1,
                                     .high = UINT64_MAX};
const struct valve_type feed_bytes = {.name = "bytes",
                                      .shape = VALVE_SHAPE_BYTES,
                                      SIZES(struct valve_bytes),
                                      .least = 1,
                                      .high = UINT64_MAX};
static const struct valve_member numbers_members[] = {{NAME("uint"), .type = &feed_number}};
const struct valve_type feed_number_list = {.name = "a list of uint",
                                            .shape = VALVE_SHAPE_LIST,
                                            SIZES(struct feed_numbers),
                                            .least = 1,
                                            MEMBERS(numbers_members)};

static const struct valve_member nest_members[] = {{NAME("nest"), .type = &feed_nest}};
const struct valve_type feed_nest = {.name = "nest",
                                     .shape = VALVE_SHAPE_LIST,
                                     SIZES(struct feed_nest),
                                     .least = 1,
                                     MEMBERS(nest_members)};

enum feed_method { ASK, WATCH, TELL };

static const struct valve_member request_members[] = {
    {NAME("Ask"), .type = &feed_number, PAYLOAD(number)},
    {NAME("Watch"), .type = &feed_number, PAYLOAD(number)},
    {NAME("Tell"), .type = &feed_number, PAYLOAD(number)},
};
static const struct valve_type request_type = {.name = "request",
                                               .shape = VALVE_SHAPE_SUM,
                                               SIZES(struct feed_value),
                                               .least = 6,
                                               MEMBERS(request_members)};

static const struct valve_member answer_members[] = {
    [FEED_NUMBER] = {NAME("Number"), .type = &feed_number, PAYLOAD(number)},
    [FEED_TEXT] = {NAME("Text"), .type = &feed_text, PAYLOAD(text)},
    [FEED_BYTES] = {NAME("Bytes"), .type = &feed_bytes, PAYLOAD(bytes)},
    [FEED_NUMBERS] = {NAME("Numbers"), .type = &feed_number_list, PAYLOAD(numbers)},
    [FEED_DONE] = {NAME("Done")},
    [FEED_ERROR] = {NAME("Error"), .type = &feed_text, PAYLOAD(text)},
};
static const struct valve_type answer_type = {.name = "answer",
                                              .shape = VALVE_SHAPE_SUM,
                                              SIZES(struct feed_value),
                                              .least = 5,
                                              MEMBERS(answer_members)};

int feed_ask(struct valve_client *client, uint64_t number, struct valve_pending *pending)
{
    return valve_client_start(client, &request_type, ASK, &number, NULL, &answer_type, NULL,
                              pending);
}

int feed_watch(struct valve_client *client, uint64_t number, const struct valve_type *item,
               struct valve_pending *pending)
{
    return valve_client_start(client, &request_type, WATCH, &number, item, &answer_type, NULL,
                              pending);
}

int feed_tell(struct valve_client *client, uint64_t number)
{
    return valve_client_send(client, &request_type, TELL, &number, NULL);
}

struct feed_result feed_receive(struct valve_client *client, struct valve_pending *pending,
                                struct valve_arena *arena, uint64_t deadline)
{
    struct feed_result result = {0};

    result.error = valve_client_receive(client, pending, arena, deadline, &result.arm,
                                        &result.number, &result.size);
    return result;
}

void start_ask(struct rig *rig, struct valve_pending *pending)
{
    ck_assert_int_eq(feed_ask(rig->client, 0, pending), 0);
}

void start_watch(struct rig *rig, const struct valve_type *item, struct valve_pending *pending)
{
    ck_assert_int_eq(feed_watch(rig->client, 0, item, pending), 0);
}

struct feed_result receive(struct rig *rig, struct valve_pending *pending)
{
    struct feed_result result = feed_receive(rig->client, pending, &rig->arena, SOON);

    ck_assert_msg(result.error == 0, "%s", valve_client_problem(rig->client));
    return result;
}

void expect_number_item(struct rig *rig, struct valve_pending *pending, uint64_t number)
{
    struct feed_result result;

    expect_next(rig, pending);
    result = receive(rig, pending);
    ck_assert_uint_eq(result.arm, VALVE_ARM_ITEM);
    ck_assert_uint_eq(result.number, number);
}

void expect_answer(struct rig *rig, struct valve_pending *pending, enum feed_kind kind)
{
    expect_next(rig, pending);
    ck_assert_uint_eq(receive(rig, pending).arm, kind);
}
