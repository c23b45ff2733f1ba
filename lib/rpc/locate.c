/* SPDX-License-Identifier: MIT */
/*
 * Where bytes break off, or break the rules of CBOR or a limit.
 *
 * Whoever scans keeps no path, since it would cost something while all is well. So what was refused
 * is gone through once more, this time remembering the way.
 */
#include "rpc/locate.h"

#include <errno.h>

#include "rpc/head.h"
#include "rpc/refusal.h"

struct locating {
    const uint8_t *data, *next, *end;
    struct valve_limits limits;
    const uint8_t *place; /* of what is wrong */
    struct valve_refusal refusal;
};

/*
 * Each function goes over one thing, with so many levels left and at least so many bytes pending
 * behind it, and returns 0 or the refusal.
 */
static int locate_item(struct locating *locating, unsigned levels, uint64_t pending);

/* ---- Refusals -------------------------------------------------------------------------------- */

static int refuse_break(struct locating *locating)
{
    locating->place = locating->end;
    valve_refuse(&locating->refusal, -EAGAIN, "the bytes end here, and the value does not");
    return -EAGAIN;
}

static int refuse_form(struct locating *locating, const uint8_t *place, const char *why)
{
    locating->place = place;
    valve_refuse(&locating->refusal, -EBADMSG, "not well-formed: %s", why);
    return -EBADMSG;
}

static int refuse_size(struct locating *locating, const uint8_t *place)
{
    locating->place = place;
    valve_refuse(&locating->refusal, -EMSGSIZE, "this announces more than %zu bytes in all",
                 locating->limits.max_size);
    return -EMSGSIZE;
}

static int refuse_depth(struct locating *locating, const uint8_t *place)
{
    locating->place = place;
    valve_refuse_depth(&locating->refusal, locating->limits.max_depth);
    return -ELOOP;
}

/* ---- Heads ----------------------------------------------------------------------------------- */

/* Whether all will be too long when so many bytes come yet. */
static bool is_too_long(const struct locating *locating, uint64_t coming)
{
    size_t taken = (size_t)(locating->next - locating->data);

    return coming > locating->limits.max_size || taken > locating->limits.max_size - coming;
}

/* Least bytes that come behind a head. */
static uint64_t content_size(const struct valve_head *head)
{
    if (head->indefinite || head->major == VALVE_MAJOR_TAG)
        return 1;
    if (head->major < VALVE_MAJOR_BYTES || head->major == VALVE_MAJOR_SIMPLE)
        return 0;
    if (head->argument > UINT64_MAX / 4)
        return UINT64_MAX / 2;
    return head->major == VALVE_MAJOR_MAP ? 2 * head->argument : head->argument;
}

/* Least bytes that an initial byte, not reserved, says will come with it. */
static uint64_t announced(uint8_t initial)
{
    struct valve_head head;

    if (valve_head_read(&initial, 1, &head) == 0)
        return 1 + content_size(&head);
    return valve_head_size(initial) + (initial >> 5 == VALVE_MAJOR_TAG);
}

/* What the initial byte alone can show. */
static int judge_initial(struct locating *locating, unsigned levels, uint64_t pending)
{
    const uint8_t *place = locating->next;
    enum valve_major major = (enum valve_major)(*place >> 5);

    if (valve_head_size(*place) == 0)
        return refuse_form(locating, place, "a reserved initial byte");
    if (*place == VALVE_BREAK)
        return refuse_form(locating, place, "a break where a value should be");
    if (is_too_long(locating, announced(*place) + pending))
        return refuse_size(locating, place);
    if ((major == VALVE_MAJOR_ARRAY || major == VALVE_MAJOR_MAP) && levels == 0)
        return refuse_depth(locating, place);
    return 0;
}

static int take_head(struct locating *locating, unsigned levels, uint64_t pending,
                     struct valve_head *ret_head)
{
    const uint8_t *place = locating->next;
    struct valve_head head;
    int r;

    if (place == locating->end)
        return refuse_break(locating);
    r = judge_initial(locating, levels, pending);
    if (r < 0)
        return r;
    r = valve_head_read(place, (size_t)(locating->end - place), &head);
    if (r == -EAGAIN)
        return refuse_break(locating);
    if (r < 0)
        return refuse_form(locating, place, "a simple value in two bytes that fits in one");
    locating->next += head.size;
    if (is_too_long(locating, content_size(&head) + pending))
        return refuse_size(locating, place);
    *ret_head = head;
    return 0;
}

/* ---- What stands behind them ----------------------------------------------------------------- */

/* The body of a definite string. */
static int locate_body(struct locating *locating, uint64_t size)
{
    if (size > (size_t)(locating->end - locating->next))
        return refuse_break(locating);
    locating->next += size;
    return 0;
}

/* Whether the break comes that ends an indefinite length. */
static bool take_break(struct locating *locating)
{
    if (locating->next == locating->end || *locating->next != VALVE_BREAK)
        return false;
    locating->next++;
    return true;
}

/* Not inline, to save stack. */
static __attribute__((noinline)) int locate_chunks(struct locating *locating,
                                                   enum valve_major major, uint64_t pending)
{
    while (!take_break(locating)) {
        const uint8_t *place = locating->next;
        struct valve_head head;
        int r;

        if (place < locating->end &&
            (*place >> 5 != major || (*place & 31) == VALVE_INFO_INDEFINITE))
            return refuse_form(locating, place, "a chunk of another kind than its string");
        r = take_head(locating, 0, pending + 1, &head);
        if (r == 0)
            r = locate_body(locating, head.argument);
        if (r < 0)
            return r;
    }
    return 0;
}

/* An element; `index` is its number. */
static int locate_element(struct locating *locating, unsigned levels, uint64_t pending,
                          size_t index)
{
    int r = locate_item(locating, levels, pending);

    if (r < 0)
        valve_refusal_step(&locating->refusal, (struct valve_step){.index = index});
    return r;
}

/* The step to the value of a key: its name, if the key is text in one piece. */
static struct valve_step step_to(const uint8_t *key, const uint8_t *end, size_t index)
{
    struct valve_head head;

    if (valve_head_read(key, (size_t)(end - key), &head) == 0 && head.major == VALVE_MAJOR_TEXT &&
        !head.indefinite)
        return (struct valve_step){(const char *)key + head.size, (size_t)head.argument, 0};
    return (struct valve_step){.index = index};
}

static int locate_pair(struct locating *locating, unsigned levels, uint64_t pending, size_t index)
{
    const uint8_t *key = locating->next;
    int r = locate_element(locating, levels, pending + 1, index);

    if (r < 0)
        return r;
    r = locate_item(locating, levels, pending);
    if (r < 0)
        valve_refusal_step(&locating->refusal, step_to(key, locating->end, index));
    return r;
}

static int locate_contents(struct locating *locating, const struct valve_head *head,
                           unsigned levels, uint64_t pending)
{
    bool is_map = head->major == VALVE_MAJOR_MAP;

    for (uint64_t i = 0; head->indefinite ? !take_break(locating) : i < head->argument; i++) {
        uint64_t left = head->indefinite ? 0 : head->argument - i - 1;
        uint64_t behind = pending + (head->indefinite ? 1 : is_map ? 2 * left : left);
        int r = is_map ? locate_pair(locating, levels, behind, (size_t)i)
                       : locate_element(locating, levels, behind, (size_t)i);

        if (r < 0)
            return r;
    }
    return 0;
}

static int locate_item(struct locating *locating, unsigned levels, uint64_t pending)
{
    struct valve_head head;

    do {
        int r = take_head(locating, levels, pending, &head);

        if (r < 0)
            return r;
    } while (head.major == VALVE_MAJOR_TAG);

    if (head.major < VALVE_MAJOR_BYTES || head.major == VALVE_MAJOR_SIMPLE)
        return 0;
    if (head.major >= VALVE_MAJOR_ARRAY)
        return locate_contents(locating, &head, levels - 1, pending);
    if (head.indefinite)
        return locate_chunks(locating, head.major, pending);
    return locate_body(locating, head.argument);
}

int valve_locate(const uint8_t *data, size_t size, const struct valve_limits *limits,
                 size_t *ret_at, struct valve_error *ret_error)
{
    struct locating locating = {.data = data, .next = data, .end = data + size, .limits = *limits};
    int r;

    valve_refusal_init(&locating.refusal, ret_error);
    r = locate_item(&locating, limits->max_depth, 0);
    if (r == 0)
        return 0;
    *ret_at = (size_t)(locating.place - data);
    return valve_refusal_end(&locating.refusal);
}
