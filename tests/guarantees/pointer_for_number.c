/* SPDX-License-Identifier: MIT */
/* A reply that carries where its number is, not the number. */
#include "kinds.h"

struct kinds_draw_answer on_draw(void *context, struct kinds_draw_reply reply,
                                 const struct kinds_shape *request);

struct kinds_draw_answer on_draw(void *context, struct kinds_draw_reply reply,
                                 const struct kinds_shape *request)
{
    (void)context;
    if (request->kind != KINDS_SHAPE_CIRCLE)
        return kinds_draw_reply_blank(reply);
#ifdef FAULT
    return kinds_draw_reply_circle(reply, &request->circle);
#else
    return kinds_draw_reply_circle(reply, request->circle);
#endif
}
