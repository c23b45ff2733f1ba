/* SPDX-License-Identifier: MIT */
/*
 * The decoder turns well-formed bytes into the C value of a schema type, by the type's table.
 */
#ifndef VALVE_RPC_DECODER_H
#define VALVE_RPC_DECODER_H

#include "valve.h"

/* A place in well-formed bytes. */
struct valve_cursor {
    const uint8_t *next, *end;
};

/*
 * Decodes the item at the cursor into `value` (type->size bytes) and moves the cursor behind it.
 * Text and bytes point into the input; lists and boxed members are allocated in the arena.
 *   -EBADMSG  the item is not of this type: *ret_error says where (the path into the value) and why
 *   -ENOMEM   the arena's limit, or no memory: likewise
 * `value` and what was taken of the arena are then of no use, and the cursor has not moved.
 * Indefinite-length strings and tags are never accepted, except where anything is, and inside the
 * value of a key that the type does not know, which is skipped unseen. The input is one complete
 * item that the scanner has passed (so recursion is bounded by its depth limit).
 */
int valve_decode(const struct valve_type *type, struct valve_cursor *cursor,
                 struct valve_arena *arena, void *value, struct valve_error *ret_error);

/*
 * The same for bytes that no scanner has seen: what is accepted is well-formed and has no more than
 * so many levels of arrays and maps (else -ELOOP). When refused, the cursor is where the item
 * begins that was.
 */
int valve_decode_within(const struct valve_type *type, struct valve_cursor *cursor,
                        unsigned max_depth, struct valve_arena *arena, void *value,
                        struct valve_error *ret_error);

/* Moves behind the item at the cursor, whatever it is. Well-formed input only. */
void valve_cursor_skip(struct valve_cursor *cursor);

#endif
