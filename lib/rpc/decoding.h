/* SPDX-License-Identifier: MIT */
/*
 * One run of the decoder: its state, and what the files that decode the several shapes share.
 */
#ifndef VALVE_RPC_DECODING_H
#define VALVE_RPC_DECODING_H

#include "rpc/cursor.h"
#include "rpc/decoder.h"
#include "rpc/head.h"
#include "valve.h"

/* One step of the path from the whole value to a part of it. Lives on the stack. */
struct valve_step {
    const struct valve_step *outer; /* NULL: the first step */
    const char *name;               /* NULL: an element, by its index */
    size_t name_size;
    size_t index;
};

struct valve_decoding {
    struct valve_cursor cursor;
    struct valve_arena *arena;
    const struct valve_step *path; /* the innermost step; NULL at the top */
    struct valve_error *error;
};

/* ---- Refusals: they write "PATH: words" to the error and return what the decoder returns. ---- */

int valve_refuse(const struct valve_decoding *decoding, const char *format, ...) VALVE_PRINTF(2, 3);

/* "expected this, found that". */
int valve_refuse_head(const struct valve_decoding *decoding, const char *expected,
                      const struct valve_head *head);

/* Words around a name that came over the wire. */
int valve_refuse_name(const struct valve_decoding *decoding, const char *before,
                      const struct valve_text *name, const char *after);

/* -ENOMEM; the others return -EBADMSG. */
int valve_refuse_memory(const struct valve_decoding *decoding);

/* ---- Input and memory: 0, or the refusal that was explained ---------------------------------- */

static inline int valve_take_head(struct valve_decoding *decoding, struct valve_head *ret_head)
{
    if (valve_cursor_head(&decoding->cursor, ret_head) < 0)
        return valve_refuse(decoding, "not well-formed");
    return 0;
}

/* The body behind the head of a definite string; of text, it must be UTF-8. */
int valve_take_body(struct valve_decoding *decoding, const struct valve_head *head,
                    const uint8_t **ret_data);
int valve_take_text(struct valve_decoding *decoding, const struct valve_head *head,
                    struct valve_text *ret_text);

/* A key of a map: text, and of definite length. */
int valve_take_key(struct valve_decoding *decoding, struct valve_text *ret_key);

/* Zeroed memory, of the arena, for `count` values of a type. */
int valve_take_memory(struct valve_decoding *decoding, const struct valve_type *type, size_t count,
                      void **ret_memory);

/*
 * How many items, or pairs, stand behind the head of an array or map; refused where so many, each
 * of `least` bytes, cannot lie before the end of the input.
 */
int valve_count_items(struct valve_decoding *decoding, const struct valve_head *head,
                      const struct valve_type *item, size_t least, size_t *ret_count);

/* The member of this name, sought from `first` on and then from the start; or type->count. */
uint32_t valve_find_member(const struct valve_type *type, const struct valve_text *name,
                           uint32_t first);

/* ---- Shapes: each decodes the item at the cursor into a zeroed value ------------------------- */

int valve_decode_value(struct valve_decoding *decoding, const struct valve_type *type, void *value);

/*
 * A member in the value that holds it, as a step of the path; `index` is its name where it has no
 * other.
 */
int valve_decode_member(struct valve_decoding *decoding, const struct valve_member *member,
                        size_t index, void *value);

int valve_decode_uint(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_int(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_bool(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_float(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_any(struct valve_decoding *decoding, void *value);
int valve_decode_nil(struct valve_decoding *decoding, const struct valve_type *type);
int valve_decode_text(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_bytes(struct valve_decoding *decoding, const struct valve_type *type, void *value);
int valve_decode_struct(struct valve_decoding *decoding, const struct valve_type *type,
                        void *value);
int valve_decode_map(struct valve_decoding *decoding, const struct valve_type *type, void *value);

#endif
