/* SPDX-License-Identifier: MIT */
/*
 * What a connection has to say: replies that wait to be sent, in the order in which they are sent.
 *
 * Of large replies only the one whose turn it is has bytes here. While it is in the middle of its
 * item, replies that others finish are held back, and follow it.
 */
#ifndef VALVE_SERVER_OUTPUT_H
#define VALVE_SERVER_OUTPUT_H

#include "fiber/fiber.h"
#include "server/buffer.h"
#include "server/connection.h"
#include "server/spares.h"

/* Unsent bytes of a connection beyond which nothing that can wait is added. */
#define VALVE_OUTPUT_BOUND ((size_t)128 * 1024)

/* The same for streams: less, so that beside them requests are started and replies have room. */
#define VALVE_STREAM_BOUND (VALVE_OUTPUT_BOUND / 2)

/* Large replies that wait for their turn, on one connection, beyond which none is started. */
#define VALVE_TURN_WAITERS 8

struct valve_output_chain {
    struct valve_buffer *first, *last;
    size_t size; /* bytes in it */
};

struct valve_output {
    struct valve_spare spare;
    struct valve_output_chain queue; /* to be sent */
    struct valve_output_chain held;  /* to follow the reply that is being sent in pieces */
    struct valve_buffer *room;       /* what is written at present and not queued, or NULL */
    size_t reserved;                 /* room promised to replies that are being read */
    struct valve_call *turn;         /* whose large reply it is, or NULL */
    bool begun;                      /* of that reply bytes were queued, and more will come */
    bool more; /* those bytes will follow at once: let the kernel wait for them */
    struct valve_last_word *last_word; /* said when all before it is answered, or NULL */
    struct valve_wait_queue turn_wanted;
    unsigned turn_waiters;               /* calls in it */
    struct valve_wait_queue room_wanted; /* for buffers to read into, and for items of streams */
    struct valve_wait_queue progress;    /* the turn's owner waits for output to leave */
    uint64_t handed;                     /* bytes given to the socket */
    int64_t taken; /* of those the peer had taken so many when the send timeout was set */
};

/* The connection's output; made when it has none. NULL: no memory. */
struct valve_output *valve_output_of(struct valve_worker *worker,
                                     struct valve_connection *connection);

/* Gives the output back if nothing is in it and no call is in flight that could refer to it. */
void valve_output_release(struct valve_worker *worker, struct valve_connection *connection);

/* Drops all bytes; those who wait are woken by their cancellation. */
void valve_output_drop(struct valve_worker *worker, struct valve_connection *connection);

/*
 * Room behind what is queued, for a whole message that the caller writes at once: `least` bytes at
 * least, *ret_room in all. NULL: no memory. Then valve_output_take() queues the first `size` bytes
 * of what was written; 0: nothing.
 */
uint8_t *valve_output_room(struct valve_worker *worker, struct valve_connection *connection,
                           size_t least, size_t *ret_room);
void valve_output_take(struct valve_worker *worker, struct valve_connection *connection,
                       size_t size);

/* Queues a filled buffer, which is taken over: a whole reply, or a piece of the turn's. */
void valve_output_queue(struct valve_worker *worker, struct valve_connection *connection,
                        struct valve_buffer *buffer);
void valve_output_queue_piece(struct valve_worker *worker, struct valve_connection *connection,
                              struct valve_buffer *buffer);

/* Unsent bytes of replies that are there; and with the room promised to those being read. */
size_t valve_output_queued(const struct valve_connection *connection);
size_t valve_output_unsent(const struct valve_connection *connection);

/*
 * Sends what is queued. 0: all of it; -EAGAIN: the socket is full; else the client is gone.
 */
int valve_output_send(struct valve_worker *worker, struct valve_connection *connection);

/* The owner's reply is complete, or given up: what was held follows, the next has its turn. */
void valve_output_end_turn(struct valve_worker *worker, struct valve_connection *connection);

/* Wakes who waits for output to leave, as far as it has. */
void valve_output_wake(struct valve_connection *connection);

#endif
