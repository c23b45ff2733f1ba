/* SPDX-License-Identifier: MIT */
/* An item before the reply of a method that has no stream. */
#include "kinds.h"

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request);

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request)
{
    (void)context;
#ifdef FAULT
    if (kinds_double_send_item(reply, request) < 0)
        return kinds_double_reply_error(reply, valve_text("io: no"));
#endif
    return kinds_double_reply_value(reply, 2 * request);
}
