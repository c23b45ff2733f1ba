/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into the decoder of a schema's messages: what it accepts is encoded, the encoding is
 * deterministic and decodes to what it was made of.
 *
 * Compiled for each schema with -DSCHEMA=NAME. An input is two bytes that choose the message and
 * the limits, then what is decoded.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "valve.h"

#define QUOTED_(text)       #text
#define QUOTED(text)        QUOTED_(text)
#define TYPE_(schema, name) schema##_##name##_type
#define TYPE(schema, name)  TYPE_(schema, name)
#define MESSAGE(name)       &TYPE(SCHEMA, name)
#define MESSAGES_(schema)   MESSAGES_##schema
#define MESSAGES(schema)    MESSAGES_(schema)

#include QUOTED(SCHEMA.h)

#define MESSAGES_calc  MESSAGE(request), MESSAGE(eval_reply)
#define MESSAGES_graph MESSAGE(request), MESSAGE(reachable_reply), MESSAGE(components_reply)
#define MESSAGES_files                                                                             \
    MESSAGE(request), MESSAGE(list_all_reply), MESSAGE(size_reply), MESSAGE(get_reply),            \
        MESSAGE(exists_reply), MESSAGE(del_reply)
#define MESSAGES_zoo                                                                               \
    MESSAGE(request), MESSAGE(feed_reply), MESSAGE(delete_reply), MESSAGE(tree_reply),             \
        MESSAGE(pair_reply), MESSAGE(opts_reply), MESSAGE(http_get2_reply), MESSAGE(flag_reply),   \
        MESSAGE(sing_item), MESSAGE(animal), MESSAGE(tracks_item), MESSAGE(meal_list),             \
        MESSAGE(bites_reply), MESSAGE(plot_reply), MESSAGE(ask_reply), MESSAGE(look_reply),        \
        MESSAGE(mark_reply), MESSAGE(walk_reply), MESSAGE(solve_reply), MESSAGE(maze)

static const struct valve_type *const messages[] = {MESSAGES(SCHEMA)};
enum { MESSAGE_COUNT = sizeof(messages) / sizeof(messages[0]) };

struct choices {
    const struct valve_type *type;
    struct valve_limits limits;
    size_t arena_limit;
};

/* Mostly limits that nothing reaches, and some that much does. */
static struct choices choose(const uint8_t *data)
{
    static const size_t arena_limits[] = {1 << 20, 1 << 20, 1 << 20, 1 << 20,
                                          1 << 20, 64,      200,     600};
    static const size_t sizes[] = {1 << 20, 1 << 20, 1 << 20, 40};
    static const unsigned depths[] = {100, 100, 100, 4};

    return (struct choices){
        .type = messages[data[0] % MESSAGE_COUNT],
        .limits = {.max_size = sizes[data[1] & 3], .max_depth = depths[data[1] >> 2 & 3]},
        .arena_limit = arena_limits[data[1] >> 4 & 7],
    };
}

/* ---- What RFC 8949, 4.2.1, asks of an encoding ---- */

struct reading {
    const uint8_t *next, *end;
};

static uint64_t read_argument(struct reading *reading, unsigned info)
{
    unsigned bytes = info < 24 ? 0 : 1U << (info - 24);
    uint64_t argument = info;

    DEMAND(info < 28 && bytes <= (size_t)(reading->end - reading->next));
    if (bytes > 0)
        argument = 0;
    for (unsigned i = 0; i < bytes; i++)
        argument = argument << 8 | *reading->next++;
    return argument;
}

static bool is_shortest(unsigned info, uint64_t argument)
{
    static const uint64_t above[] = {23, UINT8_MAX, UINT16_MAX, UINT32_MAX};

    return info < 24 || argument > above[info - 24];
}

static void check_item(struct reading *reading);

/* Keys stand in the order of their bytes, and none comes twice. */
static void check_map(struct reading *reading, uint64_t pairs)
{
    struct reading last = {NULL, NULL};

    for (; pairs > 0; pairs--) {
        struct reading key = {reading->next, NULL};

        check_item(reading);
        key.end = reading->next;
        if (last.next != NULL) {
            size_t size = (size_t)(key.end - key.next), last_size = (size_t)(last.end - last.next);
            int order = memcmp(last.next, key.next, size < last_size ? size : last_size);

            DEMAND(order < 0 || (order == 0 && last_size < size));
        }
        check_item(reading);
        last = key;
    }
}

/* Numbers of 16 bits: 11 of them significant, none beyond the 24th behind the point, up to 65504. */
static bool fits_half(double number)
{
    int exponent;
    double fraction = frexp(number, &exponent);

    return isinf(number) || (fabs(number) <= 65504 && fmod(ldexp(fraction, 11), 1) == 0 &&
                             fmod(ldexp(number, 24), 1) == 0);
}

static void check_float(unsigned info, uint64_t argument)
{
    uint32_t narrow_bits = (uint32_t)argument;
    double wide = 0.1;
    float narrow = 0.1F;

    if (info == 27)
        memcpy(&wide, &argument, sizeof(wide));
    if (info == 26)
        memcpy(&narrow, &narrow_bits, sizeof(narrow));
    DEMAND(!isnan(wide) && (double)(float)wide != wide);
    DEMAND(!isnan(narrow) && !fits_half((double)narrow));
}

static void check_item(struct reading *reading)
{
    unsigned major, info;
    uint64_t argument;

    DEMAND(reading->next < reading->end);
    major = *reading->next >> 5;
    info = *reading->next++ & 31;
    argument = read_argument(reading, info);
    DEMAND(major == 7 || is_shortest(info, argument));
    if (major == 2 || major == 3) {
        DEMAND(argument <= (size_t)(reading->end - reading->next));
        reading->next += argument;
    } else if (major == 4) {
        for (; argument > 0; argument--)
            check_item(reading);
    } else if (major == 5) {
        check_map(reading, argument);
    } else if (major == 7) {
        check_float(info, argument);
    }
    DEMAND(major != 6);
}

/* ---- Values of type any, which are sent as they came ---- */

struct search {
    const struct valve_type *seen[256];
    unsigned count;
};

static bool leads_to_any(struct search *search, const struct valve_type *type)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->seen[i] == type)
            return false;
    DEMAND(search->count < sizeof(search->seen) / sizeof(search->seen[0]));
    search->seen[search->count++] = type;
    for (uint32_t i = 0; i < type->count; i++)
        if (type->members[i].type != NULL && leads_to_any(search, type->members[i].type))
            return true;
    return type->shape == VALVE_SHAPE_ANY;
}

static bool holds_any(const struct valve_type *type)
{
    static enum { UNKNOWN, NO, YES } verdicts[MESSAGE_COUNT];
    unsigned index = 0;

    while (messages[index] != type)
        index++;
    if (verdicts[index] == UNKNOWN)
        verdicts[index] = leads_to_any(&(struct search){.count = 0}, type) ? YES : NO;
    return verdicts[index] == YES;
}

/* ---- There and back ---- */

static bool is_expected(int error)
{
    return error == -EAGAIN || error == -EBADMSG || error == -EMSGSIZE || error == -ELOOP ||
           error == -ENOMEM;
}

/* Values fit their C types: no schema here needs more. */
static void *value_of(const struct valve_type *type)
{
    static _Alignas(max_align_t) uint8_t room[4096];

    DEMAND(type->size <= sizeof(room));
    return room;
}

/* Decodes what was encoded, which must succeed, and encodes it again. */
static void check_encoding(const struct choices *choices, struct valve_bytes first)
{
    static struct valve_arena arena = {.limit = 1 << 20};
    struct valve_limits limits = {1 << 20, 100};
    void *value = value_of(choices->type);
    struct valve_error error;
    struct valve_bytes second;
    size_t taken;

    valve_arena_reset(&arena);
    DEMAND(valve_value_decode(choices->type, &limits, first.data, first.size, &arena, value, &taken,
                              &error) == 0);
    DEMAND(taken == first.size);
    DEMAND(valve_value_encode(choices->type, &limits, value, &arena, &second, &error) == 0);
    DEMAND(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
}

static void check_deterministic(struct valve_bytes bytes)
{
    struct reading reading = {bytes.data, bytes.data + bytes.size};

    check_item(&reading);
    DEMAND(reading.next == reading.end);
}

static int round_trip(const struct choices *choices, struct valve_arena *arena, const uint8_t *data,
                      size_t size)
{
    void *value = value_of(choices->type);
    struct valve_error error = {""};
    struct valve_bytes bytes;
    size_t taken = SIZE_MAX;
    int r = valve_value_decode(choices->type, &choices->limits, data, size, arena, value, &taken,
                               &error);

    DEMAND(taken <= size);
    if (r < 0) {
        DEMAND(is_expected(r) && error.text[0] != '\0');
        return r;
    }
    r = valve_value_encode(choices->type, &choices->limits, value, arena, &bytes, &error);
    if (r < 0) {
        DEMAND(r == -ENOMEM && error.text[0] != '\0');
        return r;
    }
    DEMAND(bytes.size <= taken + taken / 256); /* a count of 256 takes more than a break */
    if (!holds_any(choices->type))
        check_deterministic(bytes);
    check_encoding(choices, bytes);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct valve_arena warm = {.limit = 1 << 20};
    struct valve_arena small;
    struct choices choices;

    if (size < 3)
        return -1;
    choices = choose(data);
    if (choices.arena_limit == warm.limit) {
        valve_arena_reset(&warm);
        round_trip(&choices, &warm, data + 2, size - 2);
    } else {
        valve_arena_init(&small, NULL, 0, choices.arena_limit);
        round_trip(&choices, &small, data + 2, size - 2);
        valve_arena_fini(&small);
    }
    return 0;
}
