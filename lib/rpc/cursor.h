/* SPDX-License-Identifier: MIT */
/*
 * Walking through bytes of CBOR, head by head: what decoder, encoder and envelope share.
 *
 * Nothing here reads beyond the cursor's end, even when the bytes are not what was promised.
 */
#ifndef VALVE_RPC_CURSOR_H
#define VALVE_RPC_CURSOR_H

#include <errno.h>

#include "rpc/decoder.h"
#include "rpc/head.h"

/* Reads the head at the cursor and moves behind it. -EBADMSG: there is none. */
static inline int valve_cursor_head(struct valve_cursor *cursor, struct valve_head *ret_head)
{
    if (valve_head_read(cursor->next, (size_t)(cursor->end - cursor->next), ret_head) < 0)
        return -EBADMSG;
    cursor->next += ret_head->size;
    return 0;
}

/* The same without moving. */
static inline int valve_cursor_peek(const struct valve_cursor *cursor, struct valve_head *ret_head)
{
    struct valve_cursor copy = *cursor;

    return valve_cursor_head(&copy, ret_head);
}

/* The body of a definite string, `size` bytes, and moves behind it. -EBADMSG: not all is there. */
int valve_cursor_body(struct valve_cursor *cursor, uint64_t size, const uint8_t **ret_data);

/*
 * Judges bytes that no scanner has seen: moves behind the item at the cursor, whatever it is.
 * -EBADMSG: none that is well-formed ends before the cursor's end; -ELOOP: it has more than so many
 * levels of arrays and maps. The cursor is then behind the last head that was read.
 */
int valve_cursor_check(struct valve_cursor *cursor, unsigned levels);

/* ---- The items of an array, the pairs of a map ----------------------------------------------- */

/* What is still to come of them. */
struct valve_remainder {
    uint64_t left;
    bool indefinite; /* then a break says when it ends, and `left` means nothing */
};

/* What comes behind the head of an array or map. */
static inline struct valve_remainder valve_remainder(const struct valve_head *head)
{
    return (struct valve_remainder){.left = head->argument, .indefinite = head->indefinite};
}

/* Whether another one comes at `*next`; moves behind the break after the last. Ask once each. */
static inline bool valve_comes_more(struct valve_remainder *remainder, const uint8_t **next,
                                    const uint8_t *end)
{
    if (!remainder->indefinite)
        return remainder->left > 0 && remainder->left-- > 0;
    if (*next == end || **next != VALVE_BREAK)
        return true;
    ++*next;
    return false;
}

static inline bool valve_cursor_more(struct valve_cursor *cursor, struct valve_remainder *remainder)
{
    return valve_comes_more(remainder, &cursor->next, cursor->end);
}

#endif
