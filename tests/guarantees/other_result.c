/* SPDX-License-Identifier: MIT */
/* The result of one method taken as another's. */
#include "kinds.h"

int64_t value_or_zero(struct valve_client *client, struct valve_arena *arena);

int64_t value_or_zero(struct valve_client *client, struct valve_arena *arena)
{
#ifdef FAULT
    struct kinds_double_result result = kinds_square(client, 4, NULL, arena, VALVE_NEVER);
#else
    struct kinds_double_result result = kinds_double(client, 4, NULL, arena, VALVE_NEVER);
#endif

    return result.outcome == KINDS_DOUBLE_GOT_VALUE ? result.value : 0;
}
