/* SPDX-License-Identifier: MIT */
/*
 * One item of what is read or made: a value, alone or in the envelope of a message.
 */
#ifndef VALVE_CBOR_ITEM_H
#define VALVE_CBOR_ITEM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "subject.h"
#include "valve.h"

enum item_kind {
    ITEM_VALUE,   /* no envelope */
    ITEM_REQUEST, /* [id, value] or [id, value, options] */
    ITEM_CANCEL,  /* [id, nil] */
    ITEM_REPLY,   /* [id, value] */
    ITEM_STREAM,  /* [id, value, true] */
};

/* What it points to lives in the arena that it was read or made with. */
struct item {
    enum item_kind kind;
    uint32_t id; /* of a message */
    bool has_timeout;
    uint64_t timeout;              /* the one option of a request */
    const struct valve_type *type; /* of the value; NULL: there is none */
    void *value;
    const struct valve_tables *tables;
    const bool *fits; /* of what comes from a server: method by method, whether it may be theirs */
};

/* What was wrong with an item. */
struct fault {
    size_t at; /* the byte of the item that shows it */
    struct valve_error error;
};

/*
 * Reads a well-formed item. -EBADMSG: it is none of the subject's, -ENOMEM: the arena's limit or no
 * memory; both are explained in *ret_fault.
 */
int item_decode(const struct subject *subject, const struct valve_limits *limits,
                struct valve_bytes bytes, struct valve_arena *arena, struct item *ret_item,
                struct fault *ret_fault);

/* The same for a value of a type without an envelope. */
int item_decode_value(const struct valve_type *type, const struct valve_limits *limits,
                      struct valve_bytes bytes, struct valve_arena *arena, struct item *item,
                      struct fault *ret_fault);

/* In the deterministic form. Errors are those of valve_value_encode(). */
int item_encode(const struct item *item, const struct valve_limits *limits,
                struct valve_arena *arena, struct valve_bytes *ret_bytes,
                struct valve_error *ret_error);

/* In diagnostic notation, without a line end. 0 or -EIO. */
int item_print(const struct item *item, FILE *stream);

#endif
