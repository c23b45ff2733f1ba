/* SPDX-License-Identifier: MIT */
/* A handler that does not hear that its call was cancelled. */
#include "kinds.h"

struct kinds_count_answer on_count(void *context, struct kinds_count_reply reply, uint64_t request);

struct kinds_count_answer on_count(void *context, struct kinds_count_reply reply, uint64_t request)
{
    (void)context;
    for (uint64_t i = 0; i < request; i++) {
#ifdef FAULT
        kinds_count_send_item(reply, i);
#else
        int r = kinds_count_send_item(reply, i);

        if (r < 0)
            return kinds_count_reply_error(reply, valve_error_words(r));
#endif
    }
    return kinds_count_reply_done(reply);
}
