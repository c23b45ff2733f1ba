/* SPDX-License-Identifier: MIT */
/*
 * Bytes and values for whoever has them: valve_value_decode() and valve_value_encode().
 */
#include <errno.h>
#include <stdio.h>

#include "rpc/arena.h"
#include "rpc/decoder.h"
#include "rpc/encoder.h"
#include "rpc/locate.h"

/*
 * The decoder accepts nothing that the scanner would not, so bytes need be judged as such only when
 * it refuses. A fault of the bytes goes before one of the value.
 */
int valve_value_decode(const struct valve_type *type, const struct valve_limits *limits,
                       const void *data, size_t size, struct valve_arena *arena, void *ret_value,
                       size_t *ret_taken, struct valve_error *ret_error)
{
    const uint8_t *bytes = size > 0 ? data : (const void *)"";
    size_t room = size < limits->max_size ? size : limits->max_size;
    struct valve_cursor cursor = {bytes, bytes + room};
    int r = valve_decode_within(type, &cursor, limits->max_depth, arena, ret_value, ret_error);
    size_t taken = (size_t)(cursor.next - bytes);

    if (r < 0) {
        int fault = valve_locate(bytes, size, limits, &taken, ret_error);

        if (fault < 0)
            r = fault;
    }
    if (ret_taken != NULL)
        *ret_taken = taken;
    return r;
}

static int refuse_size(struct valve_error *error, size_t size, size_t max_size)
{
    snprintf(error->text, sizeof error->text, "the value takes %zu bytes, and %zu are the limit",
             size, max_size);
    return -EMSGSIZE;
}

static int refuse_memory(struct valve_error *error, size_t size)
{
    snprintf(error->text, sizeof error->text, "no memory for the %zu bytes of the value", size);
    return -ENOMEM;
}

/* Encodes into all the room that the arena has at hand, and gives back what is left of it. */
static int encode_at_hand(const struct valve_type *type, const struct valve_limits *limits,
                          const void *value, struct valve_arena *arena,
                          struct valve_bytes *ret_bytes, struct valve_error *ret_error)
{
    uint8_t nowhere, *data = NULL;
    size_t room = (size_t)(arena->end - arena->next), size = 0;
    int r;

    if (room > 0)
        data = valve_arena_take_room(arena, room, 1);
    r = valve_encode_within(type, value, limits->max_depth, data != NULL ? data : &nowhere, room,
                            &size, ret_error);
    if (data != NULL)
        valve_arena_resize(arena, data, room, r == 0 && size <= room ? size : 0, 1);
    if (r == 0)
        *ret_bytes = (struct valve_bytes){size <= room ? data : NULL, size};
    return r;
}

int valve_value_encode(const struct valve_type *type, const struct valve_limits *limits,
                       const void *value, struct valve_arena *arena, struct valve_bytes *ret_bytes,
                       struct valve_error *ret_error)
{
    struct valve_bytes bytes = {NULL, 0};
    size_t size;
    uint8_t *data;
    int r = encode_at_hand(type, limits, value, arena, &bytes, ret_error);

    if (r < 0)
        return r;
    if (bytes.size > limits->max_size)
        return refuse_size(ret_error, bytes.size, limits->max_size);
    if (bytes.data == NULL) {
        data = valve_arena_alloc(arena, bytes.size, 1);
        if (data == NULL)
            return refuse_memory(ret_error, bytes.size);
        r = valve_encode_within(type, value, limits->max_depth, data, bytes.size, &size, ret_error);
        if (r < 0)
            return r;
        bytes.data = data;
    }
    *ret_bytes = bytes;
    return 0;
}
