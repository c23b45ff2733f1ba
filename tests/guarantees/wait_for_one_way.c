/* SPDX-License-Identifier: MIT */
/* A client that waits for the reply to a one-way request. */
#include "kinds.h"

int report(struct valve_client *client, struct valve_text text);

int report(struct valve_client *client, struct valve_text text)
{
#ifdef FAULT
    struct kinds_log_pending pending;

    return kinds_log_start(client, text, NULL, &pending);
#else
    return kinds_log_send(client, text, NULL);
#endif
}
