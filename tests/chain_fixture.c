/* SPDX-License-Identifier: MIT */
/* Two servers, and the connection between them. */
#include "tests/chain_fixture.h"

#include <stdio.h>

struct rig front, back;
struct valve_client *shared;
unsigned shared_connects;

static unsigned users; /* handlers that are inside of a call of `shared` */

/* Connects where that is to be done. Two may do so at once: one is enough. */
static int take_shared(void)
{
    struct valve_client *client = NULL;
    struct valve_error problem;
    int r = 0;

    if (shared == NULL)
        r = valve_client_connect(back.address, VALVE_NEVER, &client, &problem);
    if (r < 0)
        return r;
    if (shared == NULL) {
        shared = client;
        shared_connects++;
    } else {
        valve_client_free(client);
    }
    users++;
    return 0;
}

/* The last that leaves a broken connection takes it away: the next will make a new one. */
static void give_shared(void)
{
    if (--users > 0 || valve_client_poll(shared) == 0)
        return;
    valve_client_free(shared);
    shared = NULL;
}

struct valve_answer chain_answer(chain_question *ask, struct valve_call *call,
                                 const uint64_t *numbers)
{
    uint64_t number = 0;
    int r = take_shared();

    if (r == 0) {
        r = ask(call, numbers, &number);
        give_shared();
    }
    return r < 0 ? order_failed(call, r) : order_done(call, number);
}

struct peer chain_start(void)
{
    shared_connects = 0;
    rig_start(&back);
    rig_start(&front);
    return peer_connect(front.address);
}

void chain_stop_front(struct peer *peer)
{
    rig_end(&front, peer);
    valve_client_free(shared);
    shared = NULL;
}

void chain_stop(struct peer *peer)
{
    chain_stop_front(peer);
    rig_stop(&back);
}

void chain_order(struct peer *peer, uint32_t id, const char *word, unsigned number)
{
    char order[64];

    snprintf(order, sizeof order, "%s %u", word, number);
    peer_order(peer, id, order);
}
