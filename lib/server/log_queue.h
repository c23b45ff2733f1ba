/* SPDX-License-Identifier: MIT */
/*
 * The queue between those who log and a stderr that may block: a ring of bytes, and a thread that
 * writes what is in it.
 *
 * What does not fit while nobody reads stderr is lost, and counted; when it works again it is told
 * in a line of its own how many lines are missing there.
 */
#ifndef VALVE_SERVER_LOG_QUEUE_H
#define VALVE_SERVER_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct valve_log_queue;

struct valve_log_queue_options {
    /* Writes what is said of lost lines, one line of at most `room` bytes; returns its length. */
    size_t (*say_lost)(void *context, uint64_t lost, char *line, size_t room);
    void *context; /* must outlive the queue */
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

#endif
