/* SPDX-License-Identifier: MIT */
/*
 * What valve-cbor says to people on stderr.
 */
#ifndef VALVE_CBOR_MESSAGE_H
#define VALVE_CBOR_MESSAGE_H

#include "valve.h"

#define SHOWN_ROOM 1024 /* for a name in a message, which is cut where it is longer */

/* Prints "valve-cbor: ", the message, and a line end. */
void complain(const char *format, ...) VALVE_PRINTF(1, 2);

/* A name from anywhere, made fit for a message; returns `text`. */
const char *show_name(const char *name, char text[SHOWN_ROOM]);

#endif
