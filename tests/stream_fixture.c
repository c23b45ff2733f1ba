/* SPDX-License-Identifier: MIT */
/*
 * What the suites of streams share: handlers that send items, and clients that receive them.
 */
#include "tests/stream_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/cursor.h"

struct streams streams;

void streams_init(void)
{
    tally_init(&streams.begun);
    tally_init(&streams.ended);
    streams.items = streams.ended_at = 0;
    streams.result = 0;
}

/* ---- Handlers ---------------------------------------------------------------------------------------- */

struct valve_answer stream_end(struct valve_call *call, int result, uint64_t number)
{
    streams.result = result;
    streams.ended_at = valve_deadline(0);
    tally_add(&streams.ended);
    return result < 0 ? order_failed(call, result) : order_done(call, number);
}

static int add(struct valve_call *call, const struct valve_type *type, const void *item)
{
    int r = valve_reply_item(call, type, item);

    if (r == 0)
        streams.items++;
    return r;
}

struct valve_answer stream_count(struct valve_call *call, const uint64_t *numbers)
{
    int r = 0;

    tally_add(&streams.begun);
    for (uint64_t i = 1; r == 0 && i <= numbers[0]; i++)
        r = add(call, &order_number_type, &i);
    return stream_end(call, r, numbers[0]);
}

struct valve_answer stream_endlessly(struct valve_call *call, const uint64_t *numbers)
{
    const uint64_t most[] = {UINT64_MAX, 0};

    (void)numbers;
    return stream_count(call, most);
}

char *stream_text(size_t size)
{
    char *text = malloc(size + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, 't', size);
    return text;
}

struct valve_answer stream_texts(struct valve_call *call, const uint64_t *numbers)
{
    char *data = stream_text(numbers[1]);
    const struct valve_text text = {data, numbers[1]};
    int r = 0;

    tally_add(&streams.begun);
    for (uint64_t i = 0; r == 0 && i < numbers[0]; i++)
        r = add(call, &order_text_type, &text);
    free(data);
    return stream_end(call, r, numbers[0]);
}

struct valve_answer stream_with_pause(struct valve_call *call, const uint64_t *numbers)
{
    uint64_t number = 1;
    int r = add(call, &order_number_type, &number);

    (void)numbers;
    tally_add(&streams.begun);
    if (r == 0 && valve_call_sleep(call, VALVE_NEVER) < 0)
        r = add(call, &order_number_type, &number);
    return stream_end(call, r, 0);
}

/* ---- Clients ----------------------------------------------------------------------------------------- */

void peer_expect_number(struct peer *peer, uint32_t id, uint64_t number)
{
    uint8_t bytes[4 * VALVE_HEAD_MAX];
    uint8_t *end = bytes;

    end += valve_head_write(VALVE_MAJOR_ARRAY, 3, end);
    end += valve_head_write(VALVE_MAJOR_UINT, id, end);
    end += valve_head_write(VALVE_MAJOR_UINT, number, end);
    end += valve_head_write(VALVE_MAJOR_SIMPLE, VALVE_SIMPLE_TRUE, end);
    peer_expect_bytes(peer, bytes, (size_t)(end - bytes));
}

bool item_is(const struct item *item, const char *variant)
{
    return item->variant_size == strlen(variant) &&
           memcmp(item->variant, variant, item->variant_size) == 0;
}

void peer_expect_refusal(struct peer *peer, uint32_t id, const char *code)
{
    struct item item;

    do
        item = peer_receive(peer);
    while (item.is_streamed && item.id == id);
    ck_assert_uint_eq(item.id, id);
    ck_assert(item_is(&item, "Error"));
    ck_assert_ptr_nonnull(memmem(item.payload, item.payload_size, code, strlen(code)));
}

uint64_t number_in(const struct item *item)
{
    struct valve_cursor cursor = {item->payload, item->payload + item->payload_size};
    struct valve_head head;

    if (valve_cursor_head(&cursor, &head) < 0 || head.major != VALVE_MAJOR_UINT)
        ck_abort_msg("the item is no number");
    return head.argument;
}

uint64_t streams_await_pause(struct peer *other)
{
    uint64_t before;

    do {
        before = streams.items;
        for (unsigned i = 0; i < 20; i++)
            peer_order_now(other);
    } while (streams.items != before || before == 0);
    return before;
}
