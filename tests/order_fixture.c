/* SPDX-License-Identifier: MIT */
/*
 * What the suites share that test a server by the service of orders.
 */
#include "tests/order_fixture.h"

#include "rpc/head.h"

void rig_init_orders(struct rig *rig, const struct order *orders)
{
    static struct valve_service service;

    rig_init(rig);
    service = order_service(orders);
    rig->served = &service;
}

struct peer rig_ask(struct rig *rig, const char *order)
{
    struct peer peer;

    rig_start(rig);
    peer = peer_connect(rig->address);
    peer_order(&peer, 1, order);
    return peer;
}

void rig_end(struct rig *rig, struct peer *peer)
{
    peer_close(peer);
    rig_stop(rig);
}

void peer_order(struct peer *peer, uint32_t id, const char *order)
{
    peer_ask(peer, id, "Do", order);
}

void peer_order_within(struct peer *peer, uint32_t id, const char *order, uint64_t timeout)
{
    peer_ask_within(peer, id, "Do", order, timeout);
}

void peer_order_now(struct peer *peer)
{
    peer_order(peer, 9999, "now 1");
    peer_expect_done(peer, 9999, 1);
}

void peer_expect_done(struct peer *peer, uint32_t id, uint64_t number)
{
    struct item item = peer_expect(peer, id, "Done");
    struct valve_head head;

    ck_assert_int_eq(valve_head_read(item.payload, item.payload_size, &head), 0);
    ck_assert_uint_eq(head.argument, number);
}
