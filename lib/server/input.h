/* SPDX-License-Identifier: MIT */
/*
 * What a connection has read and not yet turned into requests: part of a request, or whole ones
 * that wait for their turn. A connection without either has none.
 */
#ifndef VALVE_SERVER_INPUT_H
#define VALVE_SERVER_INPUT_H

#include "rpc/scanner.h"
#include "server/worker.h"

/* Where the scan of the next item stands. Kept here, and on the stack for input in the region. */
struct valve_scan_state {
    struct valve_scanner *scanner;
    size_t scanned;  /* bytes of the item that the scanner has taken */
    size_t complete; /* length of the item, once its end was found; else 0 */
};

struct valve_input {
    struct valve_spare spare;
    struct valve_connection *waiting_previous, *waiting_next; /* while it waits for a fiber */
    bool holds_none; /* then: it stands among those that hold no fiber at all */
    struct valve_scan_state scan;
    uint32_t began_at; /* ms: when the first byte of the item arrived */
    size_t start, end; /* bytes of data[] that are waiting */
    size_t capacity;
    uint8_t *data;
};

/*
 * Keeps bytes for later: makes the connection's input of them and of the scan so far.
 * 0 or -ENOMEM.
 */
int valve_input_keep(struct valve_worker *worker, struct valve_connection *connection,
                     const uint8_t *data, size_t size, const struct valve_scan_state *scan);

/* Room behind the waiting bytes for one more read. */
uint8_t *valve_input_room(struct valve_input *input, size_t *ret_room);

/* Takes the first `size` bytes away; the scan of what follows has just begun. */
void valve_input_consume(struct valve_worker *worker, struct valve_connection *connection,
                         size_t size);

/* Forgets it all. No input is accepted. */
void valve_input_drop(struct valve_worker *worker, struct valve_connection *connection);

/* Whether a whole request waits to be started. */
static inline bool valve_input_has_request(const struct valve_connection *connection)
{
    return connection->input != NULL && connection->input->scan.complete > 0;
}

/* Frees one that is in no connection, with what it has of its parts. */
void valve_input_free(void *input);

#endif
