/* SPDX-License-Identifier: MIT */
/*
 * What the makers of replies share.
 */
#ifndef VALVE_SERVER_REPLY_H
#define VALVE_SERVER_REPLY_H

#include "server/buffer.h"
#include "server/call.h"

/* Marks the call as answered and has its connection attended to. */
struct valve_answer valve_reply_answered(struct valve_call *call);

/* The same for a reply that cannot be completed: breaks the connection and logs why. */
struct valve_answer valve_reply_broken(struct valve_call *call, const char *why);

/* The same with an error in place of a reply of which nothing was queued. */
struct valve_answer valve_reply_refuse(struct valve_call *call, const char *why);

/* Logs what the handler of a call has done that no handler may do. */
void valve_reply_blame(const struct valve_call *call, const char *what);

/* The same for what it may do again and again: once for each call. Returns -EINVAL. */
int valve_reply_misused(struct valve_call *call, const char *what);

/* The same where nobody can tell which answer was meant: breaks the connection, too. */
struct valve_answer valve_reply_contradicted(struct valve_call *call, const char *what);

/*
 * Whether the call has its answer already, or the promise of one; that it was to be answered again
 * is logged. Asked by every constructor before it does anything.
 */
bool valve_reply_is_second(struct valve_call *call);

/* Whether a reply has this variant, of such a payload. Generated code asks for no other. */
bool valve_reply_has_arm(const struct valve_type *reply, unsigned arm, enum valve_shape shape);

/* Whether nobody will see the reply: the client is gone. */
bool valve_reply_pointless(const struct valve_call *call);

/* Gives up what was being built of a reply, and gives back the room that was promised to it. */
void valve_reply_drop(struct valve_call *call);
void valve_reply_unreserve(struct valve_call *call);

/* Queues a filled buffer, which is taken over: a whole reply, or a piece of one that has begun. */
void valve_reply_queue(struct valve_call *call, struct valve_buffer *buffer);

/* Queues a piece of the reply whose turn it is; from the first one on it has begun. */
void valve_reply_begin(struct valve_call *call, struct valve_buffer *piece);

/* Whether a large reply must not begin any more: the call was cancelled. */
bool valve_reply_is_refused(const struct valve_call *call);

/* Waits until the output is below its bound. 0 or -ECANCELED. */
int valve_reply_wait_for_output(struct valve_call *call);

#endif
