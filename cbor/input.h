/* SPDX-License-Identifier: MIT */
/*
 * Items of CBOR out of a file, one after another, in memory that the limits bound.
 */
#ifndef VALVE_CBOR_INPUT_H
#define VALVE_CBOR_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "options.h"
#include "output.h"
#include "rpc/scanner.h"
#include "valve.h"

struct input {
    char name[SHOWN_ROOM]; /* as it stands in messages */
    int descriptor;
    bool hex;
    unsigned char digit; /* of a byte, the half that was read; 0: none (hex) */
    bool wrong;          /* behind what was read stands no digit (hex) */
    bool ended;
    struct output *output; /* flushed before a wait */
    struct valve_scanner *scanner;
    uint8_t *data;
    size_t capacity;
    size_t start, end; /* of what was read and is not yet done with */
    size_t item;       /* bytes of the item that was given out last, from `start` on */
    uint64_t offset;   /* of `start` in the file; in bytes of CBOR, hex or not */
};

/* Opens the file, or stdin. A negative errno after saying why not. */
int input_open(struct input *input, const struct options *options, struct output *output);

/*
 * Waits for the next item: 1, 0 at the end of the file, or, in bytes that are no item of CBOR or
 * break the limits, a negative errno: -EBADMSG, -EMSGSIZE, -ELOOP, or -EAGAIN where the file ends
 * inside it. Then *ret_item is what there is of it, up to the byte that shows the fault, and there
 * is no next one. -EIO: the file cannot be read; that was said. *ret_item is valid until the next
 * call; it begins at input->offset.
 */
int input_next(struct input *input, struct valve_bytes *ret_item);

/* Accepts what could not be opened. */
void input_close(struct input *input);

#endif
