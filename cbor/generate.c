/* SPDX-License-Identifier: MIT */
/*
 * valve-cbor generate: random items that are legal.
 */
#include "rpc/generate.h"

#include <errno.h>
#include <string.h>

#include "commands.h"
#include "item.h"
#include "message.h"

/* What the items of one run are made from. */
struct generator {
    const struct options *options;
    const struct subject *subject;
    struct valve_random random;
    struct valve_arena arena; /* of one item at a time */
};

static bool one_in(struct generator *generator, unsigned count)
{
    return valve_random_below(&generator->random, count) == 0;
}

/* Of all lengths alike. */
static uint32_t random_id(struct generator *generator)
{
    uint32_t id = (uint32_t)valve_random_next(&generator->random);

    id >>= valve_random_below(&generator->random, 32);
    return id == 0 ? 1 : id;
}

/* ---- Envelopes, and which type stands in them ------------------------------------------------ */

static void choose_request(struct generator *generator, struct item *item)
{
    item->id = random_id(generator);
    if (one_in(generator, 8)) {
        item->kind = ITEM_CANCEL;
        return;
    }
    item->kind = ITEM_REQUEST;
    item->type = item->tables->request;
    item->has_timeout = one_in(generator, 4);
    if (item->has_timeout)
        item->timeout = valve_random_below(&generator->random, 100000);
}

static void choose_reply(struct generator *generator, struct item *item)
{
    const struct valve_tables_method *method =
        &item->tables->methods[valve_random_below(&generator->random, item->tables->method_count)];

    item->id = one_in(generator, 16) ? 0 : random_id(generator);
    item->kind = ITEM_REPLY;
    item->type = method->reply;
    if (method->item == NULL || one_in(generator, 2))
        return;
    item->kind = ITEM_STREAM;
    item->type = method->item;
}

static struct item choose_item(struct generator *generator)
{
    const struct subject *subject = generator->subject;
    struct item item = {.type = subject->type, .tables = subject->tables};

    if (subject->kind == SUBJECT_TO_SERVER)
        choose_request(generator, &item);
    else if (subject->kind == SUBJECT_TO_CLIENT)
        choose_reply(generator, &item);
    return item;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* An item of about `size` bytes. */
static int generate(struct generator *generator, size_t size, struct valve_bytes *ret_bytes)
{
    const struct valve_limits *limits = &generator->options->limits;
    struct item item = choose_item(generator);
    const struct valve_generate_limits room = {size, limits->max_depth - (item.kind != ITEM_VALUE)};
    struct valve_error error;
    int r;

    if (item.type != NULL) {
        item.value = valve_arena_alloc(&generator->arena, item.type->size + 1,
                                       item.type->alignment);
        if (item.value == NULL)
            return -ENOMEM;
        r = valve_generate(item.type, &generator->random, &room, &generator->arena, item.value);
        if (r < 0)
            return r;
    }
    r = item_encode(&item, limits, &generator->arena, ret_bytes, &error);
    return r == 0 && ret_bytes->size > limits->max_size ? -EMSGSIZE : r;
}

/* The generator only aims at a size: what came out too long is tried again, aiming lower. */
static int generate_within(struct generator *generator, struct valve_bytes *ret_bytes)
{
    size_t size = generator->options->limits.max_size;
    int r = -EMSGSIZE;

    for (bool more = true; more && r == -EMSGSIZE; size /= 2) {
        more = size > 0;
        valve_arena_reset(&generator->arena);
        r = generate(generator, size, ret_bytes);
    }
    return r;
}

static const char *words_for(int error)
{
    switch (error) {
    case -EMSGSIZE:
        return "no value was found that is so short";
    case -ELOOP:
        return "no value was found that has so few levels";
    default:
        return strerror(-error);
    }
}

int generate_run(const struct options *options, const struct subject *subject,
                 struct output *output)
{
    struct generator generator = {
        .options = options, .subject = subject, .random = {options->seed}};
    struct valve_bytes bytes;
    int r = 0;

    valve_arena_init(&generator.arena, NULL, 0, options_memory(options));
    for (uint64_t i = 0; i < options->count && r == 0; i++) {
        r = generate_within(&generator, &bytes);
        if (r < 0)
            complain("%s", words_for(r));
        else
            r = output_bytes(output, bytes);
    }
    valve_arena_fini(&generator.arena);
    return r < 0 ? -1 : 0;
}
