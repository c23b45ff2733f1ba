/* SPDX-License-Identifier: MIT */
/*
 * News of the file system by inotify(7), and of mounts by /proc/self/mountinfo, of which inotify
 * knows nothing.
 */
#include <config.h>

#include "daemon/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "fiber/clock.h"

/* An event as it is read, at its longest. */
#define EVENT_MOST (sizeof(struct inotify_event) + NAME_MAX + 1)

#define OF_ITSELF (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define OF_NAMES  (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

struct changes {
    int descriptor;
    int mounts;              /* readable at any time; in an exceptional state after a change */
    uint64_t mounts_seen_at; /* ns */
    _Alignas(struct inotify_event) char buffer[64 * EVENT_MOST];
};

static void cleanup_changes(struct changes **changes)
{
    changes_free(*changes);
}

int changes_new(struct changes **ret_changes)
{
    cleanup(cleanup_changes) struct changes *changes = calloc(1, sizeof *changes);

    if (!changes)
        return -ENOMEM;
    changes->mounts = -1;
    changes->descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (changes->descriptor < 0)
        return -errno;
    changes->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (changes->mounts < 0)
        return -errno;
    *ret_changes = changes;
    changes = NULL;
    return 0;
}

void changes_free(struct changes *changes)
{
    if (!changes)
        return;
    cleanup_descriptor(&changes->descriptor);
    cleanup_descriptor(&changes->mounts);
    free(changes);
}

int changes_descriptor(const struct changes *changes)
{
    return changes->descriptor;
}

int changes_watch(struct changes *changes, int descriptor, bool is_directory, int *ret_number)
{
    uint32_t mask = is_directory ? OF_ITSELF | OF_NAMES | IN_ONLYDIR : OF_ITSELF;
    char name[sizeof "/proc/self/fd/" + 3 * sizeof descriptor];
    int number;

    /* By way of /proc it is what is open, and its name is not asked again. */
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    number = inotify_add_watch(changes->descriptor, name, mask);
    if (number < 0)
        return -errno;
    *ret_number = number;
    return 0;
}

void changes_unwatch(struct changes *changes, int number)
{
    inotify_rm_watch(changes->descriptor, number);
}

/* Whether something was mounted or unmounted; asked so seldom that it costs nothing. */
static bool have_mounts_changed(struct changes *changes)
{
    struct pollfd mounts = {.fd = changes->mounts, .events = POLLPRI};
    uint64_t now = valve_clock_now();

    if (now - changes->mounts_seen_at < CHANGES_MOUNTS_KEPT)
        return false;
    changes->mounts_seen_at = now;
    return poll(&mounts, 1, 0) != 0;
}

static void tell(const struct inotify_event *event, const struct changes_listener *listener,
                 void *context)
{
    if (event->mask & IN_Q_OVERFLOW)
        listener->lost(context);
    else if (event->len == 0) /* IN_IGNORED among them: it is watched no more */
        listener->touched(context, event->wd);
    else if (event->mask & OF_NAMES)
        listener->named(context, event->wd, event->name);
}

static void tell_all(const char *data, size_t size, const struct changes_listener *listener,
                     void *context)
{
    while (size >= sizeof(struct inotify_event)) {
        const struct inotify_event *event = (const void *)data;

        tell(event, listener, context);
        data += sizeof *event + event->len;
        size -= sizeof *event + event->len;
    }
}

bool changes_take(struct changes *changes, const struct changes_listener *listener, void *context)
{
    ssize_t got;

    if (have_mounts_changed(changes))
        listener->lost(context);
    do {
        got = read(changes->descriptor, changes->buffer, sizeof changes->buffer);
        if (got > 0)
            tell_all(changes->buffer, (size_t)got, listener, context);
        /* Where there was room for one more there was no more. */
    } while (got < 0 ? errno == EINTR : (size_t)got > sizeof changes->buffer - EVENT_MOST);
    return got >= 0 || errno == EAGAIN;
}
