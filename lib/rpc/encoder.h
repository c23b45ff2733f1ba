/* SPDX-License-Identifier: MIT */
/*
 * The encoder writes C values as core-deterministic CBOR (RFC 8949, 4.2.1), by their type's table.
 */
#ifndef VALVE_RPC_ENCODER_H
#define VALVE_RPC_ENCODER_H

#include "valve.h"

/*
 * Encodes a value into `room` bytes at `data`. *ret_size is how many it takes: where that is more
 * than the room, what was written is of no use. In one pass it is judged, written and measured.
 *   -EINVAL  it breaks its type: a bound, text that is no UTF-8, an unknown kind, a null pointer,
 *            keys that come twice, an index that names nothing
 *   -ELOOP   it has more than max_depth levels of arrays and maps
 * *ret_error (may be NULL) says where and what. The second is for one arm of a sum, given the arm's
 * payload instead of a value of the sum.
 */
int valve_encode_within(const struct valve_type *type, const void *value, unsigned max_depth,
                        uint8_t *data, size_t room, size_t *ret_size,
                        struct valve_error *ret_error);
int valve_encode_arm_within(const struct valve_type *sum, unsigned arm, const void *payload,
                            unsigned max_depth, uint8_t *data, size_t room, size_t *ret_size,
                            struct valve_error *ret_error);

/* The same without room: for who must know the size first. */
int valve_encoded_size(const struct valve_type *type, const void *value, unsigned max_depth,
                       size_t *ret_size);
int valve_encoded_arm_size(const struct valve_type *sum, unsigned arm, const void *payload,
                           unsigned max_depth, size_t *ret_size);

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
