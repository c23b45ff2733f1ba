/* SPDX-License-Identifier: MIT */
/*
 * Handling the signals that end a program.
 */
#include "signals.h"

#include <stddef.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

void signals_add(sigset_t *set)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(set, signals[i]);
}

void signals_handle(const struct sigaction *action)
{
    struct sigaction old;

    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], action, NULL);
}
