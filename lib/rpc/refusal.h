/* SPDX-License-Identifier: MIT */
/*
 * Why a value or its bytes were refused: where (the path from the whole value to the place), and in
 * words what.
 *
 * While all is well this costs nothing: whoever finds the fault writes the words, and each function
 * that sees its callee fail adds its own step to the path on the way out, the innermost first.
 */
#ifndef VALVE_RPC_REFUSAL_H
#define VALVE_RPC_REFUSAL_H

#include <stdarg.h>

#include "valve.h"

#define VALVE_COLD __attribute__((cold, noinline))

/* A step to a key or a variant, or, without a name, to an element. */
struct valve_step {
    const char *name; /* not terminated; NULL: none */
    size_t name_size;
    size_t index;
};

/* Steps that are kept of a long path from either end; those between are forgotten. */
#define VALVE_STEPS_KEPT 12

struct valve_refusal {
    int result;                /* a negative errno */
    size_t steps;              /* of the path, as far as it is known */
    struct valve_error *error; /* the words, and in the end the path before them; or NULL */
    struct valve_step inner[VALVE_STEPS_KEPT];
    struct valve_step outer[VALVE_STEPS_KEPT]; /* the last ones, in a ring */
};

/* Nothing is refused yet. What else it holds need not be set. */
static inline void valve_refusal_init(struct valve_refusal *refusal, struct valve_error *error)
{
    refusal->result = 0;
    refusal->steps = 0;
    refusal->error = error;
}

/* Notes what is wrong. */
void valve_refuse(struct valve_refusal *refusal, int result, const char *format, ...)
    VALVE_PRINTF(3, 4) VALVE_COLD;
void valve_refuse_v(struct valve_refusal *refusal, int result, const char *format,
                    va_list arguments) VALVE_PRINTF(3, 0) VALVE_COLD;

/* Notes that a number, or the size of a string in bytes, is out of the bounds of its type. */
void valve_refuse_uint(struct valve_refusal *refusal, int result, const struct valve_type *type,
                       uint64_t found) VALVE_COLD;
void valve_refuse_int(struct valve_refusal *refusal, int result, const struct valve_type *type,
                      int64_t found) VALVE_COLD;
void valve_refuse_size(struct valve_refusal *refusal, int result, const struct valve_type *type,
                       uint64_t found) VALVE_COLD;

/* Notes -ELOOP. */
void valve_refuse_depth(struct valve_refusal *refusal, unsigned levels) VALVE_COLD;

/* Notes which part of the value around it the fault is in. */
void valve_refusal_step(struct valve_refusal *refusal, struct valve_step step) VALVE_COLD;

/* The same, by a member: by its name, or where it has none, by its index. */
void valve_refusal_member(struct valve_refusal *refusal, const struct valve_member *member,
                          size_t index) VALVE_COLD;

/* The whole path is known: puts it before the words. Returns the result. */
int valve_refusal_end(struct valve_refusal *refusal) VALVE_COLD;

/* A name from outside, made fit to stand in words; in `text`, which is returned. */
#define VALVE_NAME_ROOM 48
const char *valve_show_name(const struct valve_text *name, char text[VALVE_NAME_ROOM]);

#endif
