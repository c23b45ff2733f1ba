/* SPDX-License-Identifier: MIT */
/*
 * Clean-up of the daemon's local variables: what a function still owns when it returns is released.
 */
#ifndef VALVED_CLEANUP_H
#define VALVED_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

static inline void cleanup_descriptor(const int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}

static inline void cleanup_memory(void *pointer)
{
    free(*(void **)pointer);
}

/* Takes a descriptor away from its variable: the caller is the owner now. */
static inline int steal_descriptor(int *descriptor)
{
    int stolen = *descriptor;

    *descriptor = -1;
    return stolen;
}

#endif
