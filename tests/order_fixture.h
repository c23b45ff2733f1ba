/* SPDX-License-Identifier: MIT */
/*
 * What the suites share that test a server by the service of orders.
 */
#ifndef VALVE_ORDER_FIXTURE_H
#define VALVE_ORDER_FIXTURE_H

#include "tests/order_service.h"
#include "tests/server_fixture.h"

/* rig_init() for a server that knows these orders. */
void rig_init_orders(struct rig *rig, const struct order *orders);

/* Starts it, and connects a client, which has asked for this with the id 1. */
struct peer rig_ask(struct rig *rig, const char *order);

/* Closes the client, and stops the server, which must drain. */
void rig_end(struct rig *rig, struct peer *peer);

/* As peer_ask() and peer_ask_within(), for an order. */
void peer_order(struct peer *peer, uint32_t id, const char *order);
void peer_order_within(struct peer *peer, uint32_t id, const char *order, uint64_t timeout);

/* The server answers an order of this client. It has had a turn by then. */
void peer_order_now(struct peer *peer);

/* What was received next is {"Done": number}. */
void peer_expect_done(struct peer *peer, uint32_t id, uint64_t number);

#endif
