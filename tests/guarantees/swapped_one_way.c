/* SPDX-License-Identifier: MIT */
/* Two handlers in each other's place, of one-way methods that take the same. */
#include "handlers.h"

const struct kinds_handlers *kinds(void);

const struct kinds_handlers *kinds(void)
{
    static const struct kinds_handlers handlers =
#ifdef FAULT
        KINDS_HANDLERS(on_double, on_square, on_names, on_draw, on_count, on_watch, on_follow,
                       on_lines, on_trace, on_log, on_reset);
#else
        KINDS_HANDLERS(on_double, on_square, on_names, on_draw, on_count, on_watch, on_follow,
                       on_lines, on_log, on_trace, on_reset);
#endif
    return &handlers;
}
