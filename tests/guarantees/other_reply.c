/* SPDX-License-Identifier: MIT */
/* The reply of another method, though both carry the same in C. */
#include "kinds.h"

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request);

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request)
{
    (void)context;
#ifdef FAULT
    return kinds_square_reply_value((struct kinds_square_reply){reply.call}, 2 * request);
#else
    return kinds_double_reply_value(reply, 2 * request);
#endif
}
