/* SPDX-License-Identifier: MIT */
/*
 * Random scalars, and random items that no schema describes.
 */
#include "rpc/generate_any.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rpc/float.h"
#include "rpc/head.h"

#define LEAST_ROOM 16 /* any scalar without a body fits */

/* ---- Scalars --------------------------------------------------------------------------------- */

uint64_t valve_generate_number(struct valve_random *random)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     23,
                                     24,
                                     255,
                                     256,
                                     65535,
                                     65536,
                                     INT32_MAX,
                                     UINT32_MAX,
                                     UINT32_MAX + UINT64_C(1),
                                     INT64_MAX,
                                     UINT64_MAX};

    if (valve_random_below(random, 2) == 0)
        return edges[valve_random_below(random, sizeof edges / sizeof *edges)];
    return valve_random_next(random) >> valve_random_below(random, 64);
}

double valve_generate_float(struct valve_random *random)
{
    static const double edges[] = {0.0,
                                   -0.0,
                                   1.0,
                                   -1.5,
                                   0.1,
                                   65504.0,
                                   65505.0,
                                   5.96e-8,
                                   6.103515625e-5,
                                   16777216.0,
                                   3.4028234663852886e+38,
                                   1.401298464324817e-45,
                                   2.2250738585072014e-308,
                                   5e-324,
                                   1.7976931348623157e308,
                                   INFINITY,
                                   -INFINITY,
                                   NAN};
    uint64_t bits = valve_random_next(random);
    double number;

    switch (valve_random_below(random, 4)) {
    case 0:
        return edges[valve_random_below(random, sizeof edges / sizeof *edges)];
    case 1:
        return (float)(int64_t)bits;
    case 2:
        return (double)((int64_t)bits >> valve_random_below(random, 64));
    default:
        memcpy(&number, &bits, sizeof number);
        return number;
    }
}

/* One of U+0000 to U+10FFFF without surrogates, of so many bytes. */
static void put_character(struct valve_random *random, char *data, size_t length)
{
    static const uint32_t first[] = {0, 0x0, 0x80, 0x800, 0x10000};
    static const uint32_t behind[] = {0, 0x80, 0x800, 0xd800, 0x110000};
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    uint32_t code = first[length] +
                    (uint32_t)valve_random_below(random, behind[length] - first[length]);

    for (size_t i = length; --i > 0; code >>= 6)
        data[i] = (char)(0x80 | (code & 0x3f));
    data[0] = (char)(marks[length] | code);
}

void valve_generate_text(struct valve_random *random, char *data, size_t size)
{
    while (size > 0) {
        size_t length = valve_random_below(random, 4) > 0 ? 1 : 1 + valve_random_below(random, 4);

        if (length > size)
            length = 1;
        put_character(random, data, length);
        data += length;
        size -= length;
    }
}

/* ---- Items ----------------------------------------------------------------------------------- */

struct room {
    struct valve_random *random;
    uint8_t *next, *end;
};

static void put_head(struct room *room, enum valve_major major, uint64_t argument)
{
    room->next += valve_head_write(major, argument, room->next);
}

static size_t room_left(const struct room *room)
{
    return (size_t)(room->end - room->next);
}

static void put_string(struct room *room, enum valve_major major)
{
    size_t most = room_left(room) - VALVE_HEAD_MAX;
    size_t size = valve_random_below(room->random, most < 30 ? most + 1 : 30);

    put_head(room, major, size);
    if (major == VALVE_MAJOR_TEXT)
        valve_generate_text(room->random, (char *)room->next, size);
    else
        for (size_t i = 0; i < size; i++)
            room->next[i] = (uint8_t)valve_random_next(room->random);
    room->next += size;
}

static void put_item(struct room *room, unsigned levels);

/* An array, or a map whose keys are numbers that ascend: then they are in order. */
static void put_container(struct room *room, enum valve_major major, unsigned levels)
{
    size_t share = room_left(room) / (2 * LEAST_ROOM);
    uint64_t count = valve_random_below(room->random, share < 5 ? share + 1 : 5), key = 0;
    uint8_t *end = room->end;

    put_head(room, major, count);
    for (uint64_t i = 0; i < count; i++) {
        if (major == VALVE_MAJOR_MAP) {
            key += 1 + valve_random_below(room->random, 300);
            put_head(room, VALVE_MAJOR_UINT, key);
        }
        /* What comes behind keeps room for itself. */
        room->end = end - (count - i - 1) * 2 * LEAST_ROOM;
        put_item(room, levels - 1);
    }
    room->end = end;
}

static void put_scalar(struct room *room)
{
    static const uint64_t simple[] = {VALVE_SIMPLE_FALSE, VALVE_SIMPLE_TRUE, VALVE_SIMPLE_NIL};

    switch (valve_random_below(room->random, 6)) {
    case 0:
        put_head(room, VALVE_MAJOR_UINT, valve_generate_number(room->random));
        break;
    case 1:
        put_head(room, VALVE_MAJOR_NEGINT, valve_generate_number(room->random));
        break;
    case 2:
        room->next += valve_float_write(valve_generate_float(room->random), room->next);
        break;
    case 3:
        put_head(room, VALVE_MAJOR_SIMPLE, simple[valve_random_below(room->random, 3)]);
        break;
    case 4:
        put_string(room, VALVE_MAJOR_TEXT);
        break;
    default:
        put_string(room, VALVE_MAJOR_BYTES);
        break;
    }
}

static void put_item(struct room *room, unsigned levels)
{
    bool may_hold = levels > 0 && room_left(room) >= 4 * LEAST_ROOM;

    if (may_hold && valve_random_below(room->random, 3) == 0)
        put_container(
            room, valve_random_below(room->random, 2) == 0 ? VALVE_MAJOR_ARRAY : VALVE_MAJOR_MAP,
            levels);
    else
        put_scalar(room);
}

int valve_generate_any(struct valve_random *random, size_t size, unsigned levels,
                       struct valve_arena *arena, struct valve_any *ret_any)
{
    size_t room_size = size < LEAST_ROOM ? LEAST_ROOM : size;
    uint8_t *data = valve_arena_alloc(arena, room_size, 1);
    struct room room;

    if (data == NULL)
        return -ENOMEM;
    room = (struct room){random, data, data + room_size};
    put_item(&room, levels);
    *ret_any = (struct valve_any){data, (size_t)(room.next - data)};
    return 0;
}
