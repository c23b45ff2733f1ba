/* SPDX-License-Identifier: MIT */
/*
 * Spare memory of one kind: kept warm for the next who needs it, given back when nobody did for a
 * while.
 *
 * What is kept is what load needs, not what one peak needed once: the fewest spares that there were
 * since the last look lay unused all the time, and go. (The idea is that of the magazine and depot
 * layers of slab allocators: Bonwick and Adams, "Magazines and Vmem", USENIX 2001, section 3.)
 */
#ifndef VALVE_SERVER_SPARES_H
#define VALVE_SERVER_SPARES_H

#include <stdbool.h>
#include <stddef.h>

/* First in whatever is kept. */
struct valve_spare {
    struct valve_spare *next;
};

/* Those of one thread. Zero-initialised there are none. */
struct valve_spares {
    struct valve_spare *first;
    unsigned count;
    unsigned least; /* since they were last trimmed */
};

/* What was given last, or NULL. */
static inline void *valve_spares_take(struct valve_spares *spares)
{
    struct valve_spare *spare = spares->first;

    if (spare == NULL)
        return NULL;
    spares->first = spare->next;
    spares->count--;
    if (spares->count < spares->least)
        spares->least = spares->count;
    return spare;
}

static inline void valve_spares_give(struct valve_spares *spares, struct valve_spare *spare)
{
    spare->next = spares->first;
    spares->first = spare;
    spares->count++;
}

/*
 * Frees those that lay unused since the last time that this returned false, at most `most` of them.
 * Whether there are more.
 */
bool valve_spares_trim(struct valve_spares *spares, unsigned most, void (*release)(void *spare));

/* Frees all. */
void valve_spares_fini(struct valve_spares *spares, void (*release)(void *spare));

#endif
