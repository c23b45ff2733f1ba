/* SPDX-License-Identifier: MIT */
/*
 * What a receiver, who knows one form, refuses of what a sender, who knows another, may send. The
 * rules are the decoder's. A sender sends no keys but those that its own schema names, though that
 * may let others pass.
 */
#ifndef VALVE_CDDL_ACCEPT_H
#define VALVE_CDDL_ACCEPT_H

#include "cddl/walk.h"

/*
 * All of them return NULL, or words that stand behind "the server" or "the client": "takes no nil".
 * The words belong to the pool.
 */

/* What is refused of a value whatever its parts are, and whatever names are in it. */
const char *cddl_refuses_kind(struct cddl_pool *pool, const struct cddl_form *receiver,
                              const struct cddl_form *sender);

/* Of a key of two structs; of a variant of two sums. */
typedef const char *cddl_refusal(struct cddl_pool *pool, const struct cddl_form *receiver,
                                 const struct cddl_form *sender, const char *name);
cddl_refusal cddl_refuses_key, cddl_refuses_variant;

/* What is refused of a value, all the way down, and where. `senders`: how many forms there are. */
const char *cddl_refuses(struct cddl_walk *walk, const struct cddl_form *receiver,
                         const struct cddl_form *sender, unsigned senders);

#endif
