/* SPDX-License-Identifier: MIT */
/*
 * A terminal that shows the same page again and again, until somebody has seen enough.
 */
#ifndef VALVECTL_LIVE_H
#define VALVECTL_LIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether stdout is a terminal that a page can be renewed on. */
bool live_is_possible(void);

/* Keys come singly and unseen from here on, until live_end(). Both accept a stdin of any kind. */
void live_begin(void);
void live_end(void);

/*
 * ^C and other signals that end things only say so to live_wait() and live_goes_on() from here on.
 */
void live_catch_signals(void);

/* Waits for so long (ns). Whether to go on: no `q`, ^C, end of input or signal came. */
bool live_wait(uint64_t duration);

/* The same without waiting. */
bool live_goes_on(void);

#endif
