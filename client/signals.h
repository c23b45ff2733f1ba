/* SPDX-License-Identifier: MIT */
/*
 * The signals that end a program from outside.
 */
#ifndef VALVECTL_SIGNALS_H
#define VALVECTL_SIGNALS_H

#include <signal.h>

/* Adds SIGINT, SIGTERM and SIGHUP to a set. */
void signals_add(sigset_t *set);

/* Gives them this action, but for those that are ignored, as by nohup(1): they stay so. */
void signals_handle(const struct sigaction *action);

#endif
