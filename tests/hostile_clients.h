/* SPDX-License-Identifier: MIT */
/*
 * Clients as nobody wants them, for a benchmark: a thread that keeps so many of them connected.
 */
#ifndef VALVE_HOSTILE_CLIENTS_H
#define VALVE_HOSTILE_CLIENTS_H

#include <stdint.h>

#include "net/address.h"

enum hostile_kind {
    HOSTILE_TRICKLE, /* a request that never ends, one byte a second */
    HOSTILE_STOPPED, /* asks for large files, lists and many small files, and reads nothing */
    HOSTILE_KINDS,
};

/* How long the server bore with those that it has closed, in ns. */
struct hostile_fates {
    unsigned count;
    uint64_t shortest, longest;
};

struct hostile_clients;

/* Connects so many of each kind, by the addresses in turn; returns once all have begun. */
struct hostile_clients *hostile_clients_start(const struct valve_address *addresses,
                                              unsigned address_count, unsigned of_each_kind);

/* Closes them. What is closed earlier, by the server, is replaced at once, and counted. */
void hostile_clients_stop(struct hostile_clients *clients,
                          struct hostile_fates ret_fates[HOSTILE_KINDS]);

#endif
