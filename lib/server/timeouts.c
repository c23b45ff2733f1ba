/* SPDX-License-Identifier: MIT */
/*
 * Timeouts of connections: queues linked through the slots by descriptor.
 */
#include "server/timeouts.h"

#include "server/connection.h"
#include "server/server.h"
#include "server/worker.h"

#define LINGER_MS    1000 /* how long a client may take to close after we did */
#define NOBODY       (-1)
#define HANDSHAKE_MS 1000 /* after which it makes room if somebody waits for that */
#define MOST_STEPS   32   /* from the end of a queue, to where somebody belongs who comes late */

static uint32_t milliseconds(uint64_t nanoseconds)
{
    uint64_t ms = (nanoseconds + 999999) / 1000000;

    return ms > INT32_MAX ? INT32_MAX : (uint32_t)ms;
}

/* Of two times of patience, 0 being endless. */
static uint32_t smaller(uint32_t a, uint32_t b)
{
    return b != 0 && b < a ? b : a;
}

void valve_timeouts_init(struct valve_timeouts *timeouts,
                         const struct valve_server_options *options)
{
    for (unsigned i = 0; i < VALVE_TIMEOUTS; i++)
        timeouts->queues[i].first = timeouts->queues[i].last = NOBODY;
    timeouts->queues[VALVE_TIMEOUT_NONE].patience = 0;
    timeouts->queues[VALVE_TIMEOUT_IDLE].patience = milliseconds(options->idle_timeout);
    timeouts->queues[VALVE_TIMEOUT_REQUEST].patience = milliseconds(options->request_timeout);
    timeouts->queues[VALVE_TIMEOUT_SEND].patience = milliseconds(options->send_timeout);
    timeouts->queues[VALVE_TIMEOUT_FIBER].patience = milliseconds(options->io_timeout);
    timeouts->queues[VALVE_TIMEOUT_DOOR].patience = milliseconds(options->request_timeout);
    timeouts->queues[VALVE_TIMEOUT_HANDSHAKE].patience = smaller(
        HANDSHAKE_MS, timeouts->queues[VALVE_TIMEOUT_DOOR].patience);
    timeouts->queues[VALVE_TIMEOUT_LINGER].patience = LINGER_MS;
}

static struct valve_connection *slot(const struct valve_worker *worker, int32_t descriptor)
{
    return valve_table_slot(&worker->server->table, descriptor);
}

struct valve_connection *valve_timeouts_first(const struct valve_worker *worker,
                                              enum valve_timeout timeout)
{
    int32_t descriptor = worker->timeouts.queues[timeout].first;

    return descriptor == NOBODY ? NULL : slot(worker, descriptor);
}

static bool is_before(uint32_t one, uint32_t other)
{
    return (int32_t)(one - other) < 0;
}

void valve_timeouts_remove(struct valve_worker *worker, struct valve_connection *connection)
{
    int32_t previous = connection->due_previous, next = connection->due_next;

    if (previous == NOBODY)
        worker->timeouts.queues[connection->timeout].first = next;
    else
        slot(worker, previous)->due_next = next;
    if (next == NOBODY)
        worker->timeouts.queues[connection->timeout].last = previous;
    else
        slot(worker, next)->due_previous = previous;
    connection->due_previous = connection->due_next = NOBODY;
}

/*
 * Behind the last that began no later: nearly always the last of all. Clients can arrange for
 * others to stand in between; where those are many, what is measured begins with one of them.
 */
static void insert(struct valve_worker *worker, struct valve_connection *connection,
                   enum valve_timeout timeout, uint32_t since)
{
    int32_t self = valve_table_descriptor(&worker->server->table, connection);
    int32_t previous = worker->timeouts.queues[timeout].last;
    int32_t next = NOBODY;

    for (unsigned steps = 0;
         previous != NOBODY && is_before(since, slot(worker, previous)->due_since); steps++) {
        if (steps == MOST_STEPS) {
            since = slot(worker, previous)->due_since;
            break;
        }
        next = previous;
        previous = slot(worker, previous)->due_previous;
    }
    connection->due_since = since;
    connection->timeout = (uint8_t)timeout;
    connection->due_previous = previous;
    connection->due_next = next;
    if (previous == NOBODY)
        worker->timeouts.queues[timeout].first = self;
    else
        slot(worker, previous)->due_next = self;
    if (next == NOBODY)
        worker->timeouts.queues[timeout].last = self;
    else
        slot(worker, next)->due_previous = self;
}

void valve_timeouts_set(struct valve_worker *worker, struct valve_connection *connection,
                        enum valve_timeout timeout, uint32_t since)
{
    int32_t self = valve_table_descriptor(&worker->server->table, connection);
    bool linked = connection->due_previous != NOBODY || connection->due_next != NOBODY ||
                  worker->timeouts.queues[connection->timeout].first == self;

    if (linked && connection->timeout == timeout && !is_before(connection->due_since, since))
        return;
    if (linked)
        valve_timeouts_remove(worker, connection);
    insert(worker, connection, timeout, since);
}

bool valve_timeouts_is_over(const struct valve_worker *worker, enum valve_timeout timeout,
                            uint32_t since)
{
    uint32_t patience = worker->timeouts.queues[timeout].patience;

    return patience != 0 && valve_worker_ms(worker) - since >= patience;
}

void valve_timeouts_expire(struct valve_worker *worker)
{
    uint32_t now = valve_worker_ms(worker);

    for (unsigned i = 0; i < VALVE_TIMEOUTS; i++) {
        uint32_t patience = worker->timeouts.queues[i].patience;

        while (patience != 0 && worker->timeouts.queues[i].first != NOBODY) {
            struct valve_connection *first = slot(worker, worker->timeouts.queues[i].first);

            if (now - first->due_since < patience)
                break;
            valve_connection_overdue(worker, first);
        }
    }
}

uint64_t valve_timeouts_next(const struct valve_worker *worker)
{
    uint32_t now = valve_worker_ms(worker);
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < VALVE_TIMEOUTS; i++) {
        uint32_t patience = worker->timeouts.queues[i].patience;
        uint32_t waited;

        if (patience == 0 || worker->timeouts.queues[i].first == NOBODY)
            continue;
        waited = now - slot(worker, worker->timeouts.queues[i].first)->due_since;
        if (waited >= patience)
            return worker->now;
        if (patience - waited < least)
            least = patience - waited;
    }
    return least == UINT32_MAX ? VALVE_NEVER : worker->now + (uint64_t)least * 1000000;
}
