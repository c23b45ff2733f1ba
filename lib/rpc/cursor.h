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

/* What is still to come of an array or map. */
struct valve_remainder {
    uint64_t left;   /* items of an array, pairs of a map */
    bool indefinite; /* then a break says when it ends, and `left` means nothing */
};

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
 * levels of arrays and maps. Where the cursor is then, it was shown.
 */
int valve_cursor_check(struct valve_cursor *cursor, unsigned levels);

/* What comes behind the head of an array or map. */
static inline struct valve_remainder valve_remainder(const struct valve_head *head)
{
    return (struct valve_remainder){.left = head->argument, .indefinite = head->indefinite};
}

/* Whether another item comes; takes the break behind the last one. Ask once for each. */
static inline bool valve_cursor_more(struct valve_cursor *cursor, struct valve_remainder *remainder)
{
    if (!remainder->indefinite)
        return remainder->left > 0 && remainder->left-- > 0;
    if (cursor->next == cursor->end || *cursor->next != VALVE_BREAK)
        return true;
    cursor->next++;
    return false;
}

#endif
