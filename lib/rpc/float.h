/* SPDX-License-Identifier: MIT */
/*
 * Floating-point numbers of CBOR: of 2, 4 or 8 bytes when read, the shortest of them when written.
 */
#ifndef VALVE_RPC_FLOAT_H
#define VALVE_RPC_FLOAT_H

#include "rpc/head.h"

/* The number that a head with is_float holds. A NaN keeps what it carries. */
double valve_float_read(const struct valve_head *head);

/*
 * Writes the shortest form that keeps the value (RFC 8949, 4.2.1); returns its size: 3, 5 or 9.
 * Every NaN is f97e00 (4.2.2). `data` has VALVE_HEAD_MAX bytes.
 */
size_t valve_float_write(double number, uint8_t *data);

#endif
