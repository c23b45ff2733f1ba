/* SPDX-License-Identifier: MIT */
/*
 * Waiting: for the next of all calls, or for one; on a thread, and in fibers that share a client.
 *
 * Of the fibers that wait, one reads on. The others stand in the queue, and this holds whenever
 * none of the client's code runs: if somebody stands there who has not been woken, then
 *   - somebody reads on, or
 *   - something is announced, not yet received, and its owner does not stand there unwoken.
 * So whoever ends one of these states without beginning the other wakes one that waits: a reader
 * that gives up; the last step of receiving (valve_receive_finish()); a call that is given up; and
 * a fiber that was woken and has no use for its turn. A connection that breaks wakes all.
 */
#include <errno.h>

#include "client/receive.h"

void valve_client_pass_on(struct valve_client *client)
{
    if (client->announced == NULL && !client->reading)
        (void)valve_wait_queue_wake_one(&client->waiting);
}

/* Wakes the fiber that what was announced is for, wherever it stands in the queue. */
static void wake_owner(struct valve_client *client)
{
    const struct valve_pending *pending = client->announced;

    if (pending->waiter != NULL)
        valve_fiber_wake(pending->waiter);
    else if (pending->owner != NULL && pending->owner != valve_fiber_current())
        (void)valve_wait_queue_wake(&client->waiting, pending->owner);
}

/* Reads on, to the next announcement. */
static int read_on(struct valve_client *client, uint64_t deadline)
{
    int r;

    client->reading = true;
    r = valve_receive_advance(client, deadline);
    client->reading = false;
    if (r == 0)
        wake_owner(client);
    else
        valve_client_pass_on(client); /* another may have more time */
    return r;
}

/* Stands in the queue. Woken for whatever reason, the fiber looks again. */
static int queue_up(struct valve_client *client, struct valve_pending *pending, uint64_t deadline)
{
    int r;

    valve_transport_urge(&client->transport);
    if (pending != NULL)
        pending->waiter = valve_fiber_current();
    r = valve_wait_queue_wait(&client->waiting, deadline);
    if (pending != NULL)
        pending->waiter = NULL;
    return r < 0 ? valve_reader_explain(client, r) : 0;
}

/* ---- Whose turn it is ------------------------------------------------------------------------ */

/* Whether the caller, who waits for this call (NULL: for any of its own), is meant. */
static bool is_meant(const struct valve_client *client, const struct valve_pending *pending)
{
    if (client->announced == NULL || valve_client_in_pieces(client))
        return false;
    if (pending == NULL)
        return client->current.owner == valve_fiber_current() && !client->told;
    return valve_client_is_announced(client, pending);
}

/* Whether nobody but the caller can see to what was announced, so that waiting would be in vain. */
static bool blocks_itself(const struct valve_client *client)
{
    return client->announced != NULL &&
           (client->current.owner == valve_fiber_current() || valve_client_is_receiver(client));
}

/* Whether what the caller waits for will come. */
static bool is_in_flight(struct valve_client *client, const struct valve_pending *pending)
{
    struct valve_fiber *fiber = valve_fiber_current();

    if (pending != NULL)
        return valve_calls_contain(&client->calls, pending);
    if (fiber != NULL)
        return valve_calls_contain_one_of(&client->calls, fiber);
    return client->calls.count > client->dropped_waiting;
}

static int refuse_to_wait(struct valve_client *client, const struct valve_pending *pending)
{
    valve_client_pass_on(client);
    if (pending == NULL)
        return valve_client_fail(client, -ENOENT, "no call is in flight");
    return valve_client_fail(client, -EINVAL, "this call is not in flight");
}

static int wait_once(struct valve_client *client, struct valve_pending *pending, uint64_t deadline)
{
    if (blocks_itself(client))
        return valve_client_fail(client, -EBUSY, "another reply has not been received whole");
    if (!is_in_flight(client, pending))
        return refuse_to_wait(client, pending);
    if (client->announced == NULL && !client->reading)
        return read_on(client, deadline);
    if (valve_fiber_current() == NULL)
        return valve_client_fail(client, -EBUSY, "a fiber receives what comes now");
    return queue_up(client, pending, deadline);
}

static int wait_for(struct valve_client *client, struct valve_pending *pending, uint64_t deadline)
{
    int r = 0;

    while (client->broken == 0 && !is_meant(client, pending)) {
        if (r < 0)
            return r;
        r = wait_once(client, pending, deadline);
    }
    if (client->broken < 0)
        return client->broken;
    client->told = true;
    client->receiver = valve_fiber_current();
    return 0;
}

/* ---- What users call ------------------------------------------------------------------------- */

int valve_client_next(struct valve_client *client, uint64_t deadline,
                      struct valve_pending **ret_pending)
{
    int r = wait_for(client, NULL, deadline);

    if (r == 0)
        *ret_pending = client->announced;
    return r;
}

int valve_client_wait(struct valve_client *client, struct valve_pending *pending, uint64_t deadline)
{
    return wait_for(client, pending, deadline);
}

int valve_client_poll(struct valve_client *client)
{
    int r;

    if (client->broken < 0)
        return client->broken;
    if (client->announced != NULL || client->reading)
        return valve_client_flush(client);
    r = read_on(client, 0);
    return r == -ETIMEDOUT ? valve_client_flush(client) : r;
}
