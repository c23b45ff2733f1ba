/* SPDX-License-Identifier: MIT */
/*
 * Spare memory of one kind.
 */
#include "server/spares.h"

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

static void release_some(struct valve_spares *spares, unsigned number, void (*release)(void *spare))
{
    for (unsigned i = 0; i < number; i++)
        release(valve_spares_take(spares));
}

bool valve_spares_trim(struct valve_spares *spares, unsigned most, void (*release)(void *spare))
{
    unsigned least = spares->least, number = smallest(spares->due, least, most);

    release_some(spares, number, release);
    spares->least = least - number; /* it was of those that are left, too */
    spares->due = least > number ? spares->due - number : 0;
    return spares->due > 0;
}

void valve_spares_fini(struct valve_spares *spares, void (*release)(void *spare))
{
    release_some(spares, spares->count, release);
}
