/* SPDX-License-Identifier: MIT */
/*
 * The envelope around every message: [id, request], [id, request, options], [id, nil] (cancel),
 * [id, item, true] and [id, reply]; see valve-protocol(7) and schema/envelope.cddl.
 */
#ifndef VALVE_RPC_ENVELOPE_H
#define VALVE_RPC_ENVELOPE_H

#include "rpc/decoder.h"
#include "valve.h"

enum valve_envelope_kind {
    VALVE_ENVELOPE_REQUEST,
    VALVE_ENVELOPE_CANCEL,
};

struct valve_envelope {
    enum valve_envelope_kind kind;
    uint32_t id; /* 0 where it could not be read */
    bool has_timeout;
    uint64_t timeout;         /* milliseconds */
    struct valve_cursor body; /* the request itself, undecoded */
};

/*
 * Reads the envelope of one complete, well-formed item. -EBADMSG: no legal envelope; then
 * ret_envelope->id is all that is set (0 where the first element is no legal id), and *ret_error
 * says what is wrong.
 */
int valve_envelope_read(const uint8_t *item, size_t size, struct valve_envelope *ret_envelope,
                        struct valve_error *ret_error);

/*
 * The id of an item that was broken off, for an error that closes the connection: its first
 * element where that is wholly there and a legal id, else 0.
 */
uint32_t valve_envelope_peek_id(const uint8_t *data, size_t size);

/* Most bytes that stand before the message in an envelope. */
#define VALVE_ENVELOPE_PREFIX 6

/* Writes what stands before a reply: the head of an array of 2 and the id. Returns the end. */
uint8_t *valve_envelope_write_reply(uint32_t id, uint8_t *data);

/* The same for an item of a stream, and what stands behind it: one byte. */
#define VALVE_ENVELOPE_SUFFIX 1
uint8_t *valve_envelope_write_item(uint32_t id, uint8_t *data);
uint8_t *valve_envelope_end_item(uint8_t *data);

/* The same for a request, of which options may follow: `with_options` makes it an array of 3. */
uint8_t *valve_envelope_write_request(uint32_t id, bool with_options, uint8_t *data);

/* Writes {"timeout": milliseconds}. At most VALVE_ENVELOPE_OPTIONS bytes. Returns the end. */
#define VALVE_ENVELOPE_OPTIONS 18
uint8_t *valve_envelope_write_options(uint64_t timeout, uint8_t *data);

#endif
