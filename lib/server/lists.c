/* SPDX-License-Identifier: MIT */
/*
 * A worker's lists of connections: those it attends to, and those that wait for a fiber.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fiber/lines.h"
#include "server/connection.h"
#include "server/input.h"
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
    /*
     * From the beginning again: memory is touched for what is busy at once, not for all there is.
     */
    if (--list->count == 0)
        list->head = 0;
    return connection;
}

static int attendance_grow(struct valve_attendance_list *list, size_t room)
{
    struct valve_attendance *ring = valve_lines_new(room * sizeof *ring);

    if (ring == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++)
        ring[i] = *valve_attendance_at(list, i);
    free(list->ring);
    *list = (struct valve_attendance_list){.ring = ring, .count = list->count, .room = room};
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
    /* The list that is checked grows last: where one of them fails, both are tried again. */
    if (attendance_grow(&worker->deferred, room) < 0)
        return -ENOMEM;
    if (attendance_grow(&worker->attention, room) < 0)
        return -ENOMEM;
    /*
     * What doubling leaves behind, here and in libevent's map of descriptors, would stay resident.
     */
    valve_os_trim_heap();
    return 0;
}

static struct valve_waiting_list *waiting_list_of(struct valve_worker *worker,
                                                  const struct valve_connection *connection)
{
    return &worker->waiting[connection->input->holds_none];
}

void valve_worker_wait_for_fiber(struct valve_worker *worker, struct valve_connection *connection)
{
    const bool holds_none = connection->in_flight == 0;
    struct valve_waiting_list *list = &worker->waiting[holds_none];
    struct valve_input *input = connection->input;

    if ((connection->flags & VALVE_CONNECTION_WAITING) && input->holds_none == holds_none)
        return;
    valve_worker_forget(worker, connection);
    connection->flags |= VALVE_CONNECTION_WAITING;
    input->holds_none = holds_none;
    input->waiting_previous = list->last;
    input->waiting_next = NULL;
    if (list->last == NULL)
        list->first = connection;
    else
        list->last->input->waiting_next = connection;
    list->last = connection;
    list->count++;
}

void valve_worker_forget(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_connection *previous, *next;
    struct valve_waiting_list *list;

    if (!(connection->flags & VALVE_CONNECTION_WAITING))
        return;
    connection->flags &= (uint16_t)~VALVE_CONNECTION_WAITING;
    list = waiting_list_of(worker, connection);
    list->count--;
    previous = connection->input->waiting_previous;
    next = connection->input->waiting_next;
    if (previous == NULL)
        list->first = next;
    else
        previous->input->waiting_next = next;
    if (next == NULL)
        list->last = previous;
    else
        next->input->waiting_previous = previous;
}

/*
 * The one that comes next: the first that holds nothing, else the first that may have more. While
 * anybody may, those who hold more than is left are few: with them together all would be held.
 */
static struct valve_connection *find_waiting(const struct valve_worker *worker)
{
    struct valve_connection *next = worker->waiting[true].first;

    if (next != NULL || !valve_worker_may_share(worker, 1))
        return next;
    next = worker->waiting[false].first;
    while (next != NULL && !valve_worker_may_share(worker, next->in_flight))
        next = next->input->waiting_next;
    return next;
}

bool valve_worker_offer_fiber(struct valve_worker *worker)
{
    struct valve_connection *next;

    if (worker->calls == worker->max_calls || worker->no_stack)
        return false;
    next = find_waiting(worker);
    if (next == NULL)
        return false;
    valve_worker_forget(worker, next);
    valve_connection_attend(worker, next);
    return true;
}

int valve_worker_make_lists(struct valve_worker *worker)
{
    if (attendance_grow(&worker->deferred, FIRST_ROOM) < 0 ||
        attendance_grow(&worker->attention, FIRST_ROOM) < 0)
        return -ENOMEM;
    return 0;
}

void valve_worker_free_lists(struct valve_worker *worker)
{
    free(worker->attention.ring);
    free(worker->deferred.ring);
}
