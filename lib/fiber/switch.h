/* SPDX-License-Identifier: MIT */
/*
 * The context switch: one flow of control is put aside, another goes on where it was put aside.
 *
 * A switch is a function call, so only what a called function must preserve is saved: the
 * callee-saved registers and the floating-point control word (rounding, traps); not the signal
 * mask.
 * There is one implementation for each architecture, chosen by configure.
 */
#ifndef VALVE_FIBER_SWITCH_H
#define VALVE_FIBER_SWITCH_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stddef.h>

#ifdef FIBER_SWITCH_UCONTEXT
#include <ucontext.h>
#endif

struct valve_context {
#ifdef FIBER_SWITCH_UCONTEXT
    ucontext_t registers;
    void (*entry)(void *argument);
    void *argument;
#else
    void *stack_pointer; /* below it lies nothing, above it what the switch has saved */
#endif
};

/*
 * Makes `context` begin with entry(argument) on the `size` bytes at `stack` when it is first
 * switched to, with the caller's floating-point control word. `entry` must not return.
 */
void valve_context_prepare(struct valve_context *context, void *stack, size_t size,
                           void (*entry)(void *argument), void *argument);

/* Puts the running flow aside in `from` and goes on with `to`; returns when switched back to. */
void valve_context_switch(struct valve_context *from, const struct valve_context *to);

#endif
