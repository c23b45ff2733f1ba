/* SPDX-License-Identifier: MIT */
/* A call in flight, waited for as if it were another method's. */
#include "kinds.h"

int64_t value_or_zero(struct valve_client *client, struct kinds_double_pending *pending,
                      struct valve_arena *arena);

int64_t value_or_zero(struct valve_client *client, struct kinds_double_pending *pending,
                      struct valve_arena *arena)
{
#ifdef FAULT
    struct kinds_square_result result = kinds_square_wait(client, pending, arena, VALVE_NEVER);

    return result.outcome == KINDS_SQUARE_GOT_VALUE ? result.value : 0;
#else
    struct kinds_double_result result = kinds_double_wait(client, pending, arena, VALVE_NEVER);

    return result.outcome == KINDS_DOUBLE_GOT_VALUE ? result.value : 0;
#endif
}
