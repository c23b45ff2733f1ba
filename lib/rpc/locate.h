/* SPDX-License-Identifier: MIT */
/*
 * Where bytes break off, or break the rules of CBOR or a limit: what the scanner refuses, with the
 * path to the place.
 */
#ifndef VALVE_RPC_LOCATE_H
#define VALVE_RPC_LOCATE_H

#include "valve.h"

/*
 * Judges the first item in the bytes as the scanner does, and as soon as it does: 0, -EAGAIN,
 * -EBADMSG, -EMSGSIZE or -ELOOP, as valve_value_decode() returns them. Then *ret_error says where
 * and what: keys that are text are names in the path, other pairs and elements go by their number.
 * *ret_at is the byte where the head begins that shows it, or `size` where the bytes break off.
 * Takes no memory; recursion is bounded by the depth limit.
 */
int valve_locate(const uint8_t *data, size_t size, const struct valve_limits *limits,
                 size_t *ret_at, struct valve_error *ret_error);

#endif
