/* SPDX-License-Identifier: MIT */
/*
 * The queue between those who log and a stderr that may block, or a disk: a ring of bytes, and a
 * thread that writes what is in it.
 *
 * What does not fit while nothing can be written is lost, and counted; when it works again, a line
 * of its own says how many are missing there.
 */
#ifndef VALVE_SERVER_LOG_QUEUE_H
#define VALVE_SERVER_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct valve_log_queue;

#define VALVE_LOG_LOST_ROOM 512

struct valve_log_queue_options {
    /* Makes what is said of lost lines, one line of at most `room` bytes; returns its length. */
    size_t (*say_lost)(void *context, uint64_t lost, char *line, size_t room);
    /* Writes whole lines, which may wait; returns how many were lost. NULL: they go to stderr. */
    uint64_t (*write)(void *context, const char *lines, size_t size);
    void *context;     /* must outlive the queue */
    size_t ring_size;  /* bytes that wait at most; 0: 64K */
    size_t write_size; /* bytes written at once, no less than a line; 0: 3072 */
    uint64_t linger;   /* ns that lines may wait for others, so that few writes do; 0: none */
};

/* Starts the thread. 0 or -errno. */
int valve_log_queue_new(const struct valve_log_queue_options *options,
                        struct valve_log_queue **ret_queue);

/*
 * Ends the thread when it has written all, and frees the queue. False: that took it longer than
 * `patience` ns. The queue is still there then, and so must be the context. NULL is accepted.
 */
bool valve_log_queue_free(struct valve_log_queue *queue, uint64_t patience);

/* Queues a line that ends in a newline, if there is room. Any thread; does not wait. */
void valve_log_queue_add(struct valve_log_queue *queue, const char *line, size_t size);

/* Lines lost so far. Any thread. */
uint64_t valve_log_queue_lost(struct valve_log_queue *queue);

/*
 * Writes all of it; waits `patience` ms (-1: as long as it takes) for a descriptor that takes
 * nothing and does not wait by itself. 0; -ETIMEDOUT; or -errno. How much was written is told in
 * any case.
 */
int valve_log_write(int descriptor, const char *data, size_t size, int patience,
                    size_t *ret_written);

uint64_t valve_log_count_lines(const char *data, size_t size);

#endif
