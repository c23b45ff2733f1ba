/* SPDX-License-Identifier: MIT */
/*
 * Numbers with units.
 */
#include "units.h"

#include <stdio.h>

void bytes_as_text(double bytes, char text[UNITS_ROOM])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    snprintf(text, UNITS_ROOM, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

void time_as_text(double seconds, char text[UNITS_ROOM])
{
    if (seconds < 1e-3)
        snprintf(text, UNITS_ROOM, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, UNITS_ROOM, "%.3g ms", seconds * 1e3);
    else
        snprintf(text, UNITS_ROOM, "%.3g s", seconds);
}
