/* SPDX-License-Identifier: MIT */
/*
 * The metrics of a valved as a page for people.
 */
#ifndef VALVECTL_OVERVIEW_H
#define VALVECTL_OVERVIEW_H

#include "output.h"
#include "samples.h"

/* What is shown: now, and how it was before, for rates. */
struct overview {
    const char *address;
    struct samples now, before; /* before: without any, where there is no such */
    double seconds;             /* between the two */
};

/* Writes the page. On a terminal each line erases what stood in its place. */
void overview_print(const struct overview *overview, struct output *output);

#endif
