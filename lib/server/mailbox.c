/* SPDX-License-Identifier: MIT */
/*
 * Mailboxes: a lock-free stack that its reader takes whole and turns over, and an eventfd.
 */
#include "server/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int valve_mailbox_init(struct valve_mailbox *mailbox)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (descriptor < 0)
        return -errno;
    atomic_init(&mailbox->newest, NULL);
    mailbox->descriptor = descriptor;
    return 0;
}

void valve_mailbox_fini(struct valve_mailbox *mailbox)
{
    if (mailbox->descriptor >= 0)
        close(mailbox->descriptor);
    mailbox->descriptor = -1;
}

void valve_mailbox_post(struct valve_mailbox *mailbox, struct valve_message *message)
{
    struct valve_message *newest = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

    do
        message->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &newest, message,
                                                  memory_order_release, memory_order_relaxed));
    /* An eventfd only refuses to count beyond 2^64-2: the reader is awake long before. */
    if (newest == NULL)
        (void)!eventfd_write(mailbox->descriptor, 1);
}

static struct valve_message *turn_over(struct valve_message *newest)
{
    struct valve_message *oldest = NULL;

    while (newest != NULL) {
        struct valve_message *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void valve_mailbox_deliver(struct valve_mailbox *mailbox)
{
    struct valve_message *message, *next;
    eventfd_t count;

    /* Cleared before the box is emptied: what is posted in between wakes the reader once more. */
    (void)!eventfd_read(mailbox->descriptor, &count);
    message = turn_over(atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire));
    for (; message != NULL; message = next) {
        next = message->next; /* the message may be gone, or posted again, once delivered */
        message->deliver(message);
    }
}
