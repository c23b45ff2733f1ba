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

/* Whether nobody will see the reply: the client is gone. */
bool valve_reply_pointless(const struct valve_call *call);

/* Gives back the room in the output that was promised to the call. */
void valve_reply_unreserve(struct valve_call *call);

/* Queues a piece of the reply whose turn it is; from the first one on it has begun. */
void valve_reply_begin(struct valve_call *call, struct valve_buffer *piece);

/* Whether a large reply must not begin any more: the call was cancelled. */
bool valve_reply_is_refused(const struct valve_call *call);

/* Waits until the output is below its bound. 0 or -ECANCELED. */
int valve_reply_wait_for_output(struct valve_call *call);

#endif
