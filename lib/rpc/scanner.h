/* SPDX-License-Identifier: MIT */
/*
 * The scanner finds the end of one CBOR item in bytes that arrive in pieces, looking at each byte
 * once, and refuses what is not well-formed, too long or too deep at the first byte that shows it.
 *
 * It knows no schema. What it accepts may still be no legal message: the decoder judges that.
 */
#ifndef VALVE_RPC_SCANNER_H
#define VALVE_RPC_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/head.h"
#include "valve.h"

enum valve_scan {
    VALVE_SCAN_MORE,      /* all bytes were taken, the item goes on */
    VALVE_SCAN_DONE,      /* the item ends with the bytes taken */
    VALVE_SCAN_MALFORMED, /* not well-formed */
    VALVE_SCAN_TOO_LARGE, /* longer than the limit, or announces more than fits in it */
    VALVE_SCAN_TOO_DEEP,  /* more levels of arrays and maps than the limit */
};

struct valve_scan_level {
    uint32_t left; /* items to come, when the container is of definite length */
    uint8_t kind;  /* array, map, chunks of a string; definite or not */
    uint8_t odd;   /* an indefinite map has a key without a value */
};

/* The state between two pieces. No pointers: it may be moved with memcpy. */
struct valve_scanner {
    struct valve_limits limits;
    uint32_t consumed;            /* bytes of the item so far */
    uint32_t least;               /* bytes that the whole item takes at least; max_size at most */
    uint32_t skip;                /* bytes of a string's body still to come */
    uint32_t levels_used;         /* entries of levels[]: 1 outside all containers */
    uint8_t head[VALVE_HEAD_MAX]; /* a head of which a part has come */
    uint8_t head_used;
    bool tagged;                      /* a tag has come, its content not */
    struct valve_scan_level levels[]; /* the item itself, open containers, a string of chunks */
};

/* Bytes that a scanner for this depth takes. */
size_t valve_scanner_size(unsigned max_depth);

/*
 * Begins an item. Also readies a finished scanner for the next one. The limits allow an item from 1
 * to UINT32_MAX / 2 bytes.
 */
void valve_scanner_init(struct valve_scanner *scanner, const struct valve_limits *limits);

/*
 * Takes the next bytes. *ret_taken says how many belong to this item: all of them after MORE, up
 * to its last byte after DONE, up to and with the byte that shows the error otherwise.
 */
enum valve_scan valve_scanner_feed(struct valve_scanner *scanner, const uint8_t *data, size_t size,
                                   size_t *ret_taken);

#endif
