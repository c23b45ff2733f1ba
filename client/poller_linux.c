/* SPDX-License-Identifier: MIT */
/*
 * Readiness by epoll.
 */
#include "poller.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"

#define MILLISECOND      UINT64_C(1000000)
#define LONGEST_PATIENCE 60000 /* milliseconds */

int poller_init(struct poller *poller, bool exact)
{
    poller->exact = exact;
    poller->descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (poller->descriptor < 0)
        return -errno;
    if (exact) /* else it is 50 microseconds */
        (void)prctl(PR_SET_TIMERSLACK, 1UL);
    return 0;
}

void poller_fini(struct poller *poller)
{
    if (poller->descriptor >= 0)
        close(poller->descriptor);
    poller->descriptor = -1;
}

static int control(struct poller *poller, int operation, int socket, uint32_t number, bool room)
{
    struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0U), .data.u32 = number};

    return epoll_ctl(poller->descriptor, operation, socket, &event) < 0 ? -errno : 0;
}

int poller_add(struct poller *poller, int socket, uint32_t number)
{
    return control(poller, EPOLL_CTL_ADD, socket, number, false);
}

int poller_change(struct poller *poller, int socket, uint32_t number, bool room)
{
    return control(poller, EPOLL_CTL_MOD, socket, number, room);
}

int poller_remove(struct poller *poller, int socket)
{
    return control(poller, EPOLL_CTL_DEL, socket, 0, false);
}

static uint64_t time_left(uint64_t until)
{
    uint64_t time = now();

    return until > time ? until - time : 0;
}

static int wait_roughly(struct poller *poller, uint64_t until, struct epoll_event *events)
{
    uint64_t left = (time_left(until) + MILLISECOND - 1) / MILLISECOND;

    return epoll_wait(poller->descriptor, events, POLLER_EVENTS,
                      left < LONGEST_PATIENCE ? (int)left : LONGEST_PATIENCE);
}

/* epoll_wait() counts in milliseconds, so where nothing is ready yet, ppoll() waits. */
static int wait_exactly(struct poller *poller, uint64_t until, struct epoll_event *events)
{
    struct pollfd any = {.fd = poller->descriptor, .events = POLLIN};
    int count = epoll_wait(poller->descriptor, events, POLLER_EVENTS, 0);
    uint64_t left = count == 0 ? time_left(until) : 0;
    struct timespec patience = {(time_t)(left / NANOSECONDS), (long)(left % NANOSECONDS)};

    if (left == 0 || ppoll(&any, 1, &patience, NULL) <= 0)
        return count;
    return epoll_wait(poller->descriptor, events, POLLER_EVENTS, 0);
}

int poller_wait(struct poller *poller, uint64_t until,
                struct poller_event ret_events[POLLER_EVENTS])
{
    struct epoll_event events[POLLER_EVENTS];
    int count = poller->exact ? wait_exactly(poller, until, events)
                              : wait_roughly(poller, until, events);

    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        ret_events[i] = (struct poller_event){
            .number = events[i].data.u32,
            .has_room = (events[i].events & EPOLLOUT) != 0,
            .has_input = (events[i].events & ~(uint32_t)EPOLLOUT) != 0,
        };
    return count;
}
