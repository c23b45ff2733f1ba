/* SPDX-License-Identifier: MIT */
/*
 * One run of the decoder: its state, and what the files that decode the several shapes share.
 *
 * A function that decodes takes the place of an item and returns the place behind it, or NULL: the
 * item was refused, and the refusal says why. The input may be any bytes; nothing is read beyond
 * their end.
 */
#ifndef VALVE_RPC_DECODING_H
#define VALVE_RPC_DECODING_H

#include "rpc/arena.h"
#include "rpc/cursor.h"
#include "rpc/refusal.h"
#include "rpc/word.h"

struct valve_decoding {
    const uint8_t *end;
    struct valve_arena *arena;
    unsigned levels, max_levels; /* of arrays and maps that may still open, and at the start */
    const uint8_t *place;        /* where the item that was refused begins */
    struct valve_refusal refusal;
};

/* ---- Refusals: they return NULL -------------------------------------------------------------- */

const uint8_t *valve_decoding_refuse(struct valve_decoding *decoding, const uint8_t *place,
                                     const char *format, ...) VALVE_PRINTF(3, 4) VALVE_COLD;

/* Words around a name that came over the wire. */
const uint8_t *valve_decoding_refuse_name(struct valve_decoding *decoding, const uint8_t *place,
                                          const char *before, const struct valve_text *name,
                                          const char *after) VALVE_COLD;

/* -ENOMEM, -ELOOP; the others are -EBADMSG. */
const uint8_t *valve_decoding_refuse_memory(struct valve_decoding *decoding,
                                            const uint8_t *place) VALVE_COLD;
const uint8_t *valve_decoding_refuse_depth(struct valve_decoding *decoding,
                                           const uint8_t *place) VALVE_COLD;

/* "expected this, found that": what the head at this place begins. */
const uint8_t *valve_decoding_refuse_head(struct valve_decoding *decoding, const uint8_t *place,
                                          const char *expected) VALVE_COLD;

/* The item at this place is not of the type, or out of its bounds: its head shows which. */
const uint8_t *valve_decoding_refuse_item(struct valve_decoding *decoding, const uint8_t *place,
                                          const struct valve_type *type) VALVE_COLD;

/* What was refused is in this part of the value; `index` is its name where it has no other. */
const uint8_t *valve_decoding_in_member(struct valve_decoding *decoding,
                                        const struct valve_member *member, size_t index) VALVE_COLD;
const uint8_t *valve_decoding_in_element(struct valve_decoding *decoding, size_t index) VALVE_COLD;
const uint8_t *valve_decoding_in_entry(struct valve_decoding *decoding,
                                       const struct valve_text *key) VALVE_COLD;

/* ---- Input ----------------------------------------------------------------------------------- */

static inline size_t valve_decoding_left(const struct valve_decoding *decoding, const uint8_t *next)
{
    return (size_t)(decoding->end - next);
}

/* Reads the head at this place and returns what is behind it; NULL: none, and nothing is noted. */
static inline const uint8_t *valve_take_head(const struct valve_decoding *decoding,
                                             const uint8_t *next, struct valve_head *ret_head)
{
    if (valve_head_read(next, valve_decoding_left(decoding, next), ret_head) < 0)
        return NULL;
    return next + ret_head->size;
}

/*
 * Enters the array or map that begins here, a level of nesting: returns what is behind its head.
 * What is entered is left again, except when it is refused.
 */
const uint8_t *valve_enter(struct valve_decoding *decoding, const struct valve_type *type,
                           enum valve_major major, const uint8_t *next,
                           struct valve_remainder *ret_remainder);

static inline const uint8_t *valve_leave(struct valve_decoding *decoding, const uint8_t *next)
{
    decoding->levels++;
    return next;
}

/* Moves behind an item of any type. */
const uint8_t *valve_decoding_skip(struct valve_decoding *decoding, const uint8_t *next);

/* Takes text of definite length, not yet known to be UTF-8, as the key of a map. */
const uint8_t *valve_take_key(struct valve_decoding *decoding, const uint8_t *next,
                              struct valve_text *ret_key);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* The elements of a list, the entries of a map, while they come. */
struct valve_elements {
    const struct valve_type *type;
    uint8_t *items;
    size_t count, room;
};

/*
 * Makes room for as many as are said to come behind `next`, of at least `least` bytes each: no more
 * are believed in than can lie between there and the end of the input. False: refused, at `place`.
 */
bool valve_elements_begin(struct valve_decoding *decoding, struct valve_elements *elements,
                          const struct valve_remainder *remainder, size_t least,
                          const uint8_t *place, const uint8_t *next);

/* Makes more room. False: there is no memory, which was noted. */
bool valve_elements_grow(struct valve_decoding *decoding, struct valve_elements *elements,
                         const uint8_t *place);

/* The memory of one more; or NULL likewise. */
static inline void *valve_elements_add(struct valve_decoding *decoding,
                                       struct valve_elements *elements, const uint8_t *place)
{
    if (elements->count == elements->room && !valve_elements_grow(decoding, elements, place))
        return NULL;
    return elements->items + elements->count++ * elements->type->size;
}

/* No more come: the list or map of them is the value. */
void valve_elements_end(struct valve_decoding *decoding, struct valve_elements *elements,
                        void *value);

/* ---- Shapes ---------------------------------------------------------------------------------- */

/*
 * Decodes the item at `next` into a value. That need not be zeroed: all that the bytes speak of is
 * set, and of what may be absent, that it is.
 */
typedef const uint8_t *valve_decode_function(struct valve_decoding *decoding,
                                             const struct valve_type *type, void *value,
                                             const uint8_t *next);

valve_decode_function valve_decode_struct, valve_decode_tuple, valve_decode_list, valve_decode_map,
    valve_decode_sum, valve_decode_choice;

extern valve_decode_function *const valve_decode_functions[]; /* by shape */

static inline const uint8_t *valve_decode_value(struct valve_decoding *decoding,
                                                const struct valve_type *type, void *value,
                                                const uint8_t *next)
{
    return valve_decode_functions[type->shape](decoding, type, value, next);
}

/* A member whose value is elsewhere: its memory is taken, and its pointer set. */
const uint8_t *valve_decode_boxed(struct valve_decoding *decoding,
                                  const struct valve_member *member, void *value,
                                  const uint8_t *next);

/* A member, in the value that holds it. */
static inline const uint8_t *valve_decode_member(struct valve_decoding *decoding,
                                                 const struct valve_member *member, void *value,
                                                 const uint8_t *next)
{
    if ((member->flags & VALVE_MEMBER_BOXED) != 0)
        return valve_decode_boxed(decoding, member, value, next);
    return valve_decode_value(decoding, member->type, (uint8_t *)value + member->offset, next);
}

/* Whether that is the member's name. */
static inline bool valve_is_named(const struct valve_member *member, const struct valve_text *name)
{
    if (member->name_size != name->size)
        return false;
    return name->size == 0 ||
           (*member->name == *name->data && valve_same(member->name, name->data, name->size));
}

#endif
