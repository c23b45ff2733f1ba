/* SPDX-License-Identifier: MIT */
/* A handler that does not answer on one of its ways. */
#include "kinds.h"

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request);

struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                     int64_t request)
{
    int64_t result;

    (void)context;
    if (!__builtin_mul_overflow(2, request, &result))
        return kinds_double_reply_value(reply, result);
#ifndef FAULT
    return kinds_double_reply_error(reply, valve_text("overflow: too large"));
#endif
}
