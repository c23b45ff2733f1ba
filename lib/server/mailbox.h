/* SPDX-License-Identifier: MIT */
/*
 * Mailboxes: how threads tell each other things. Any thread posts, one thread reads.
 *
 * Posting never waits and takes no lock; the first message into an empty box costs one write to
 * an eventfd, those behind it nothing, so a burst wakes the reader once.
 */
#ifndef VALVE_SERVER_MAILBOX_H
#define VALVE_SERVER_MAILBOX_H

#include <stdatomic.h>

#include "valve.h"

struct valve_mailbox {
    _Atomic(struct valve_message *) newest; /* a stack: posted last, first */
    int descriptor;                         /* eventfd, readable while there is mail; -1: none */
};

/* 0 or -errno. */
int valve_mailbox_init(struct valve_mailbox *mailbox);

/* Closes the descriptor. Mail that nobody read is forgotten, not freed. */
void valve_mailbox_fini(struct valve_mailbox *mailbox);

/* Posts a message, which stays the receiver's until it is delivered. Any thread. */
void valve_mailbox_post(struct valve_mailbox *mailbox, struct valve_message *message);

/* Delivers everything posted so far, in the order it was posted. The owner only. */
void valve_mailbox_deliver(struct valve_mailbox *mailbox);

#endif
