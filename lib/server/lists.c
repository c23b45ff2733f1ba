/* SPDX-License-Identifier: MIT */
/*
 * A worker's lists of connections: those it attends to, and those that wait for a fiber.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"
#include "server/os.h"
#include "server/worker.h"

#define FIRST_ROOM 64 /* connections that the lists hold at first */

void valve_attendance_add(struct valve_attendance_list *list, struct valve_connection *connection)
{
    assert(list->count < list->room);
    *valve_attendance_at(list, list->count) = (struct valve_attendance){.connection = connection};
    list->count++;
}

struct valve_connection *valve_attendance_take(struct valve_attendance_list *list)
{
    struct valve_connection *connection = valve_attendance_at(list, 0)->connection;

    list->head = (list->head + 1) & (list->room - 1);
    /* From the beginning again: memory is touched for what is busy at once, not for all there is. */
    if (--list->count == 0)
        list->head = 0;
    return connection;
}

static int attendance_grow(struct valve_attendance_list *list, size_t room)
{
    struct valve_attendance *ring = malloc(room * sizeof *ring);

    if (ring == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++)
        ring[i] = *valve_attendance_at(list, i);
    free(list->ring);
    *list = (struct valve_attendance_list){.ring = ring, .count = list->count, .room = room};
    return 0;
}

static int waiting_grow(struct valve_worker *worker, size_t room)
{
    struct valve_connection **waiting = malloc(room * sizeof *waiting);

    if (waiting == NULL)
        return -ENOMEM;
    /* Not by realloc, which would copy, and so commit, what nobody ever waited in. */
    if (worker->waiting_count > 0)
        memcpy(waiting, worker->waiting, worker->waiting_count * sizeof *waiting);
    free(worker->waiting);
    worker->waiting = waiting;
    worker->waiting_room = room;
    return 0;
}

int valve_worker_make_room(struct valve_worker *worker)
{
    size_t wanted = atomic_load_explicit(&worker->connections, memory_order_relaxed);
    size_t room = worker->attention.room;

    while (room < wanted)
        room *= 2;
    if (room == worker->attention.room)
        return 0;
    /* The list that is checked grows last: where one of them fails, all are tried again. */
    if (waiting_grow(worker, room) < 0 || attendance_grow(&worker->deferred, room) < 0)
        return -ENOMEM;
    if (attendance_grow(&worker->attention, room) < 0)
        return -ENOMEM;
    /* What doubling leaves behind, here and in libevent's map of descriptors, would stay resident. */
    valve_os_trim_heap();
    return 0;
}

void valve_worker_wait_for_fiber(struct valve_worker *worker, struct valve_connection *connection)
{
    if (connection->flags & VALVE_CONNECTION_WAITING)
        return;
    connection->flags |= VALVE_CONNECTION_WAITING;
    worker->waiting[worker->waiting_count++] = connection;
}

static void take_from_waiting(struct valve_worker *worker, size_t index)
{
    struct valve_connection *connection = worker->waiting[index];

    connection->flags &= (uint16_t)~VALVE_CONNECTION_WAITING;
    worker->waiting_count--;
    memmove(&worker->waiting[index], &worker->waiting[index + 1],
            (worker->waiting_count - index) * sizeof worker->waiting[0]);
}

void valve_worker_forget(struct valve_worker *worker, struct valve_connection *connection)
{
    if (!(connection->flags & VALVE_CONNECTION_WAITING))
        return;
    for (size_t i = 0; i < worker->waiting_count; i++) {
        if (worker->waiting[i] == connection) {
            take_from_waiting(worker, i);
            return;
        }
    }
}

/* The one that comes next: the first that holds nothing, else the first that may have more. */
static struct valve_connection **find_waiting(const struct valve_worker *worker)
{
    for (size_t i = 0; i < worker->waiting_count; i++)
        if (worker->waiting[i]->in_flight == 0)
            return &worker->waiting[i];
    for (size_t i = 0; i < worker->waiting_count; i++)
        if (valve_worker_may_share(worker, worker->waiting[i]->in_flight))
            return &worker->waiting[i];
    return NULL;
}

bool valve_worker_offer_fiber(struct valve_worker *worker)
{
    struct valve_connection **next, *connection;

    if (worker->calls == worker->max_calls || worker->no_stack)
        return false;
    next = find_waiting(worker);
    if (next == NULL)
        return false;
    connection = *next;
    take_from_waiting(worker, (size_t)(next - worker->waiting));
    valve_connection_attend(worker, connection);
    return true;
}

int valve_worker_make_lists(struct valve_worker *worker)
{
    if (waiting_grow(worker, FIRST_ROOM) < 0 ||
        attendance_grow(&worker->deferred, FIRST_ROOM) < 0 ||
        attendance_grow(&worker->attention, FIRST_ROOM) < 0)
        return -ENOMEM;
    return 0;
}

void valve_worker_free_lists(struct valve_worker *worker)
{
    free(worker->attention.ring);
    free(worker->deferred.ring);
    free(worker->waiting);
}
