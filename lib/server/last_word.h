/* SPDX-License-Identifier: MIT */
/*
 * The last word to a client: what was wrong with bytes behind which nothing can be read any more.
 *
 * It is found when they come, and said when all requests before them are answered.
 */
#ifndef VALVE_SERVER_LAST_WORD_H
#define VALVE_SERVER_LAST_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/connection.h"

/*
 * Notes what is wrong with the item that these bytes begin, which the scanner has refused, and
 * where in it. No further request is read. -ENOMEM: nothing can be noted.
 */
int valve_last_word_set(struct valve_worker *worker, struct valve_connection *connection,
                        const uint8_t *item, size_t size);

/* Whether one was noted that has not been said. */
bool valve_last_word_is_set(const struct valve_connection *connection);

/* Queues it as a reply, and forgets it. 0, also when there is none, or -errno: no room. */
int valve_last_word_say(struct valve_worker *worker, struct valve_connection *connection);

void valve_last_word_drop(struct valve_connection *connection);

#endif
