/* SPDX-License-Identifier: MIT */
/*
 * Which of many sockets are ready.
 */
#ifndef VALVECTL_POLLER_H
#define VALVECTL_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLLER_EVENTS 256

struct poller_event {
    uint32_t number; /* the socket's, as it was added */
    bool has_room;   /* for output; else, or as well, there is input or an end */
    bool has_input;
};

struct poller {
    int descriptor; /* -1: none */
    bool exact;     /* waits end within microseconds of their time, at the price of a call */
};

/* 0 or a negative errno. */
int poller_init(struct poller *poller, bool exact);
void poller_fini(struct poller *poller);

/* Watches for input, and with `room` for room for output. 0 or a negative errno. */
int poller_add(struct poller *poller, int socket, uint32_t number);
int poller_change(struct poller *poller, int socket, uint32_t number, bool room);
int poller_remove(struct poller *poller, int socket);

/*
 * Waits until `until` at most. How many events there are; 0 also after a signal; or a negative
 * errno.
 */
int poller_wait(struct poller *poller, uint64_t until,
                struct poller_event ret_events[POLLER_EVENTS]);

#endif
