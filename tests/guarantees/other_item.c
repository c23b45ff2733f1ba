/* SPDX-License-Identifier: MIT */
/* An item of another method's stream. */
#include "kinds.h"

struct kinds_watch_answer on_watch(void *context, struct kinds_watch_reply reply,
                                   struct valve_text request);

struct kinds_watch_answer on_watch(void *context, struct kinds_watch_reply reply,
                                   struct valve_text request)
{
#ifdef FAULT
    struct kinds_note item = {.at = 1, .text = request};
#else
    struct kinds_event item = {.at = 1, .what = {.kind = KINDS_SHAPE_POINT}};
#endif
    int r = kinds_watch_send_item(reply, &item);

    (void)context;
    (void)request;
    if (r < 0)
        return kinds_watch_reply_error(reply, valve_error_words(r));
    return kinds_watch_reply_seen(reply, 1);
}
