/* SPDX-License-Identifier: MIT */
/*
 * Walking through well-formed bytes, head by head.
 */
#include "rpc/cursor.h"

int valve_cursor_body(struct valve_cursor *cursor, uint64_t size, const uint8_t **ret_data)
{
    if (size > (size_t)(cursor->end - cursor->next))
        return -EBADMSG;
    *ret_data = cursor->next;
    cursor->next += size;
    return 0;
}

/* Moves behind the contents of an array, a map or a string of chunks. */
static void skip_contents(struct valve_cursor *cursor, const struct valve_head *head)
{
    struct valve_remainder remainder = valve_remainder(head);
    bool pairs = head->major == VALVE_MAJOR_MAP && !head->indefinite;

    while (cursor->next < cursor->end && valve_cursor_more(cursor, &remainder)) {
        valve_cursor_skip(cursor);
        if (pairs)
            valve_cursor_skip(cursor);
    }
}

void valve_cursor_skip(struct valve_cursor *cursor)
{
    struct valve_head head;
    const uint8_t *body;

    do {
        if (valve_cursor_head(cursor, &head) < 0) {
            cursor->next = cursor->end;
            return;
        }
    } while (head.major == VALVE_MAJOR_TAG); /* chains of tags may be long, and cost no stack */

    if (head.major < VALVE_MAJOR_BYTES || head.major > VALVE_MAJOR_MAP)
        return;
    if (head.major >= VALVE_MAJOR_ARRAY || head.indefinite)
        skip_contents(cursor, &head);
    else if (valve_cursor_body(cursor, head.argument, &body) < 0)
        cursor->next = cursor->end;
}
