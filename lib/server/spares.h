/* SPDX-License-Identifier: MIT */
/*
 * Spare memory of one kind: kept warm for the next who needs it, given back when nobody did for a
 * while.
 *
 * What is kept is what load needs, not what one peak needed once: the fewest spares that there were
 * between two surveys were too many all that time, and so many go. (The idea is the working set of
 * a depot of magazines: Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
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
    unsigned least; /* since the last survey */
    unsigned due;   /* to be freed: they were too many before it */
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

/* As many as were never needed since the last survey are due from now on. */
static inline void valve_spares_survey(struct valve_spares *spares)
{
    spares->due = spares->least;
    spares->least = spares->count;
}

/*
 * Frees at most `most` of those that are due, as far as they are not needed meanwhile. Whether more
 * are.
 */
bool valve_spares_trim(struct valve_spares *spares, unsigned most, void (*release)(void *spare));

/* Frees all. */
void valve_spares_fini(struct valve_spares *spares, void (*release)(void *spare));

#endif
