/* SPDX-License-Identifier: MIT */
/*
 * The encoder writes C values as core-deterministic CBOR (RFC 8949, 4.2.1), by their type's table.
 */
#ifndef VALVE_RPC_ENCODER_H
#define VALVE_RPC_ENCODER_H

#include "valve.h"

/*
 * The bytes that the encoding of a value takes. -ELOOP: deeper than max_depth levels of arrays and
 * maps; -EINVAL: a kind that the type does not have, a number or length out of its range, text
 * that is not UTF-8.
 */
int valve_encoded_size(const struct valve_type *type, const void *value, unsigned max_depth,
                       size_t *ret_size);

/* Writes a value that valve_encoded_size() has measured; returns the end of what was written. */
uint8_t *valve_encode(const struct valve_type *type, const void *value, uint8_t *data);

/* The same for one arm of a sum, given the arm's payload instead of a value of the sum. */
int valve_encoded_arm_size(const struct valve_type *sum, unsigned arm, const void *payload,
                           unsigned max_depth, size_t *ret_size);
uint8_t *valve_encode_arm(const struct valve_type *sum, unsigned arm, const void *payload,
                          uint8_t *data);

/*
 * What stands before the payload of an arm: {"Variant": in front of it. Returns the end. The
 * payload itself (a streamed list, bytes) follows by other means. At most
 * VALVE_HEAD_MAX + 1 + the variant's name_size bytes.
 */
uint8_t *valve_encode_arm_prefix(const struct valve_type *sum, unsigned arm, uint8_t *data);

/* Heads of what is sent in pieces. Return the end. */
uint8_t *valve_encode_bytes_head(uint64_t size, uint8_t *data);
uint8_t *valve_encode_list_begin(uint8_t *data); /* an array of indefinite length */
uint8_t *valve_encode_list_end(uint8_t *data);   /* the break that ends it */

#endif
