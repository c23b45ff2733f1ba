/* SPDX-License-Identifier: MIT */
/* An answer made from the reply handle of another method. */
#include "kinds.h"

struct kinds_log_answer on_log(void *context, struct kinds_log_reply reply,
                               struct valve_text request);

struct kinds_log_answer on_log(void *context, struct kinds_log_reply reply,
                               struct valve_text request)
{
    (void)context;
    (void)request;
#ifdef FAULT
    return kinds_trace_reply_none(reply);
#else
    return kinds_log_reply_none(reply);
#endif
}
