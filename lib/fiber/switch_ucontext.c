/* SPDX-License-Identifier: MIT */
/*
 * The context switch by ucontext, for architectures without one of their own.
 *
 * It saves the signal mask too, which costs a system call for each switch.
 */
#include "fiber/switch.h"

#include <stdint.h>
#include <stdlib.h>

/* makecontext() passes ints only, so the pointer comes in two halves. */
static void context_begin(unsigned high, unsigned low)
{
    uintptr_t address = (uintptr_t)((uint64_t)high << 32 | low);
    struct valve_context *context = (struct valve_context *)address;

    context->entry(context->argument);
    abort();
}

void valve_context_prepare(struct valve_context *context, void *stack, size_t size,
                           void (*entry)(void *argument), void *argument)
{
    uint64_t address = (uintptr_t)context;

    getcontext(&context->registers);
    context->registers.uc_stack.ss_sp = stack;
    context->registers.uc_stack.ss_size = size;
    context->registers.uc_link = NULL;
    context->entry = entry;
    context->argument = argument;
    makecontext(&context->registers, (void (*)(void))context_begin, 2, (unsigned)(address >> 32),
                (unsigned)address);
}

void valve_context_switch(struct valve_context *from, const struct valve_context *to)
{
    swapcontext(&from->registers, &to->registers);
}
