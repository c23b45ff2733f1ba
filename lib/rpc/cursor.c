/* SPDX-License-Identifier: MIT */
/*
 * Walking through bytes of CBOR, head by head.
 */
#include "rpc/cursor.h"

#include <limits.h>

int valve_cursor_body(struct valve_cursor *cursor, uint64_t size, const uint8_t **ret_data)
{
    if (size > (size_t)(cursor->end - cursor->next))
        return -EBADMSG;
    *ret_data = cursor->next;
    cursor->next += size;
    return 0;
}

/* The chunks of a string of indefinite length, and the break behind them. */
static int check_chunks(struct valve_cursor *cursor, enum valve_major major)
{
    struct valve_head head;
    const uint8_t *body;

    for (;;) {
        if (valve_cursor_head(cursor, &head) < 0)
            return -EBADMSG;
        if (head.is_break)
            return 0;
        if (head.major != major || head.indefinite ||
            valve_cursor_body(cursor, head.argument, &body) < 0)
            return -EBADMSG;
    }
}

/* What stands in an array or map. */
static int check_contents(struct valve_cursor *cursor, const struct valve_head *head,
                          unsigned levels)
{
    struct valve_remainder remainder = valve_remainder(head);
    int r = 0;

    if (levels == 0)
        return -ELOOP;
    while (r == 0) {
        if (remainder.indefinite && cursor->next == cursor->end)
            return -EBADMSG;
        if (!valve_cursor_more(cursor, &remainder))
            return 0;
        r = valve_cursor_check(cursor, levels - 1);
        if (r == 0 && head->major == VALVE_MAJOR_MAP)
            r = valve_cursor_check(cursor, levels - 1);
    }
    return r;
}

int valve_cursor_check(struct valve_cursor *cursor, unsigned levels)
{
    struct valve_head head;
    const uint8_t *body;

    do {
        if (valve_cursor_head(cursor, &head) < 0 || head.is_break)
            return -EBADMSG;
    } while (head.major == VALVE_MAJOR_TAG); /* chains of tags may be long, and cost no stack */

    if (head.major < VALVE_MAJOR_BYTES || head.major > VALVE_MAJOR_MAP)
        return 0;
    if (head.major >= VALVE_MAJOR_ARRAY)
        return check_contents(cursor, &head, levels);
    if (head.indefinite)
        return check_chunks(cursor, head.major);
    return valve_cursor_body(cursor, head.argument, &body);
}

void valve_cursor_skip(struct valve_cursor *cursor)
{
    if (valve_cursor_check(cursor, UINT_MAX) < 0)
        cursor->next = cursor->end;
}
