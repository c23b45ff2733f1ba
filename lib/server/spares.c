/* SPDX-License-Identifier: MIT */
/*
 * Spare memory of one kind.
 */
#include "server/spares.h"

static void release_some(struct valve_spares *spares, unsigned number, void (*release)(void *spare))
{
    for (unsigned i = 0; i < number; i++)
        release(valve_spares_take(spares));
}

bool valve_spares_trim(struct valve_spares *spares, unsigned most, void (*release)(void *spare))
{
    unsigned unused = spares->least;
    bool more = unused > most;

    release_some(spares, more ? most : unused, release);
    spares->least = more ? unused - most : spares->count;
    return more;
}

void valve_spares_fini(struct valve_spares *spares, void (*release)(void *spare))
{
    release_some(spares, spares->count, release);
}
