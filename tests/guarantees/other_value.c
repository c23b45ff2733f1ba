/* SPDX-License-Identifier: MIT */
/* A reply that carries the value of another arm. */
#include "kinds.h"

struct kinds_draw_answer on_draw(void *context, struct kinds_draw_reply reply,
                                 const struct kinds_shape *request);

struct kinds_draw_answer on_draw(void *context, struct kinds_draw_reply reply,
                                 const struct kinds_shape *request)
{
    (void)context;
    if (request->kind != KINDS_SHAPE_BOX)
        return kinds_draw_reply_blank(reply);
#ifdef FAULT
    return kinds_draw_reply_box(reply, request);
#else
    return kinds_draw_reply_box(reply, &request->box);
#endif
}
