/* SPDX-License-Identifier: MIT */
/*
 * What valvectl says to people on stderr.
 */
#ifndef VALVECTL_MESSAGE_H
#define VALVECTL_MESSAGE_H

#include <stddef.h>

#include "valve.h"

#define SHOWN_ROOM 1024 /* for a name in a message, which is cut where it is longer */

/* Prints "valvectl: ", the message, and a line end. */
void complain(const char *format, ...) VALVE_PRINTF(1, 2);

/* A name from anywhere, made fit for a message; returns `text`. */
const char *show_name(const char *data, size_t size, char text[SHOWN_ROOM]);

/* Words that the server sent: as they are unless they could do something to a terminal. */
const char *show_words(struct valve_text words, char text[SHOWN_ROOM]);

#endif
