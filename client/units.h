/* SPDX-License-Identifier: MIT */
/*
 * Numbers with the unit that people would choose: 1.5 MiB, 20 us.
 */
#ifndef VALVECTL_UNITS_H
#define VALVECTL_UNITS_H

#define UNITS_ROOM 24

void bytes_as_text(double bytes, char text[UNITS_ROOM]);
void time_as_text(double seconds, char text[UNITS_ROOM]);

#endif
