/* SPDX-License-Identifier: MIT */
/*
 * Fibers: functions with stacks of their own that one thread runs in turn, and the waits that
 * suspend them.
 *
 * A scheduler belongs to the thread that made it; every call here is made on that thread. A fiber
 * never migrates. Fibers know neither files nor sockets: whoever waits for one of those arranges
 * that valve_fiber_wake() is called when it is ready.
 */
#ifndef VALVE_FIBER_H
#define VALVE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fiber/clock.h" /* valve_clock_now(), VALVE_NEVER: monotonic nanoseconds */

struct valve_fiber;
struct valve_scheduler;

struct valve_scheduler_options {
    size_t stack_size;   /* bytes a fiber may use; rounded up to pages, the guard comes on top */
    unsigned max_fibers; /* most that may live at once; at least 1 */
    unsigned keep;       /* stacks that stay mapped and warm however long nobody uses them */
};

/* What a scheduler holds now, and has held. */
struct valve_scheduler_stats {
    unsigned live;       /* fibers started and not ended */
    unsigned peak;       /* most that ever lived at once */
    unsigned max_fibers; /* the cap */
    unsigned mapped;     /* stacks mapped, in use or kept */
    uint64_t started;    /* fibers ever started */
    uint64_t switches;   /* switches into a fiber */
    size_t stack_high;   /* bytes of stack that the deepest fiber so far is known to have used: a
                            lower bound. Depth is noted at each wait, and once a fiber has ended, by
                            the traces it left, in the next valve_scheduler_measure(), or when it is
                            given back by valve_scheduler_trim() */
};

/*
 * Makes a scheduler for the calling thread. Stacks are mapped when they are first needed.
 * 0, -EINVAL (an option that is zero, or a stack_size that no address space holds) or -ENOMEM.
 */
int valve_scheduler_new(const struct valve_scheduler_options *options,
                        struct valve_scheduler **ret_scheduler);

/* Frees a scheduler and its stacks. No fiber may be live. NULL is accepted. */
void valve_scheduler_free(struct valve_scheduler *scheduler);

/*
 * Runs what is runnable: fibers that were woken or cancelled, in the order of that, and then those
 * whose deadline is not after `now`, the earliest first, equal ones in the order in which they
 * began to wait. Each runs until it waits again or ends. Fibers woken meanwhile run in the same
 * call, until none is left. Called on the thread's own stack, never by a fiber. Returns how many
 * ran.
 */
unsigned valve_scheduler_run(struct valve_scheduler *scheduler, uint64_t now);

/* The earliest deadline that a suspended fiber waits for, or VALVE_NEVER. */
uint64_t valve_scheduler_next_deadline(const struct valve_scheduler *scheduler);

/* Whether a fiber has been woken and not yet been run. */
bool valve_scheduler_runnable(const struct valve_scheduler *scheduler);

void valve_scheduler_get_stats(const struct valve_scheduler *scheduler,
                               struct valve_scheduler_stats *ret_stats);

/*
 * Brings `stack_high` up to date, as far as at most `most` of the stacks used since the last time
 * tell, those used last first. Returns how many did.
 */
unsigned valve_scheduler_measure(struct valve_scheduler *scheduler, unsigned most);

/*
 * As many stacks as no fiber needed since the last survey, except `keep`, may go from now on. With
 * a survey every few seconds what load needs stays, and what one peak left behind goes.
 */
void valve_scheduler_survey(struct valve_scheduler *scheduler);

/*
 * Gives at most `most` of those back to the system, as far as they are not needed meanwhile, and
 * brings `stack_high` up to date as far as they tell. Whether more may go.
 */
bool valve_scheduler_trim(struct valve_scheduler *scheduler, unsigned most);

/*
 * Starts a fiber and runs it at once, until it first waits or ends; then returns 0. May be called
 * from a fiber too: the caller goes on when the new one has waited or ended.
 * -EAGAIN: the cap is reached. -ENOMEM: no stack could be mapped. In both cases nothing ran.
 */
int valve_fiber_start(struct valve_scheduler *scheduler, void (*entry)(void *argument),
                      void *argument);

/* The running fiber, or NULL on the thread's own stack. Valid until the fiber ends. */
struct valve_fiber *valve_fiber_current(void);

/* Bytes of its stack that the running fiber has left; SIZE_MAX on the thread's own stack. */
size_t valve_fiber_stack_left(void);

/*
 * Suspends the running fiber until it is woken. Every wait in valve comes down to this one.
 *   0           woken by valve_fiber_wake(); if the wake came before the wait, at once
 *   -ECANCELED  the fiber was cancelled (now or earlier: cancellation stays)
 *   -ETIMEDOUT  `deadline`, or the fiber's own deadline if that is earlier, has passed; when it has
 *               passed already, without suspending
 * A wake outranks a cancellation, a cancellation a deadline.
 */
int valve_fiber_wait(uint64_t deadline);

/*
 * Makes a suspended fiber runnable; remembered (once) if it is not suspended. Never switches.
 * Several wakes before the fiber runs are one.
 */
void valve_fiber_wake(struct valve_fiber *fiber);

/*
 * Cancels a fiber: its present and every later wait returns -ECANCELED. It is never stopped by
 * force: it unwinds by itself.
 */
void valve_fiber_cancel(struct valve_fiber *fiber);
bool valve_fiber_cancelled(const struct valve_fiber *fiber);

/*
 * While a fiber is shielded, neither its cancellation nor its own deadline ends its waits. Both are
 * remembered, and do when it no longer is.
 */
void valve_fiber_shield(struct valve_fiber *fiber, bool is_shielded);

/*
 * A deadline for every wait of this fiber from now on, the one it is suspended in included;
 * VALVE_NEVER (the default) takes it away.
 */
void valve_fiber_set_deadline(struct valve_fiber *fiber, uint64_t deadline);
uint64_t valve_fiber_deadline(const struct valve_fiber *fiber);

/*
 * How the fibers of a scheduler wait for descriptors: the owner of the event loop knows. Called in
 * the fiber, for events of poll(2) (POLLIN, POLLOUT, or both); suspends it until one of them may
 * have come, or an error or hang-up, which the next read or write will tell.
 *   0           try again: as with poll(2), what is ready stays so until it is used up. Or the
 *               fiber was woken for something else, by valve_fiber_wake()
 *   -ECANCELED, -ETIMEDOUT  as of valve_fiber_wait(); where only `deadline` has passed before the
 *               call: -ETIMEDOUT unless poll(2) without waiting says that an event is there
 *   -EBADF, -EPERM (what is never waited for, such as a regular file), -EINVAL (no such event)
 * However it returns, nothing refers to the descriptor any more: it may be closed.
 */
typedef int valve_fiber_poller(void *context, int descriptor, short events, uint64_t deadline);

/* NULL takes it away again. */
void valve_scheduler_set_poller(struct valve_scheduler *scheduler, valve_fiber_poller *poller,
                                void *context);

/* Waits by it. -ENOSYS: this is no fiber, or its scheduler has no poller. */
int valve_fiber_poll(int descriptor, short events, uint64_t deadline);

/* Fibers that wait for the same thing, first come, first served. Zero-initialised is empty. */
struct valve_wait_queue {
    struct valve_waiter *first, *last;
};

/*
 * Waits in the queue until woken; results as of valve_fiber_wait(). The fiber has left the queue
 * when this returns, however it ended.
 */
int valve_wait_queue_wait(struct valve_wait_queue *queue, uint64_t deadline);

/*
 * Wakes the first in the queue, or all. A fiber that has been woken by other means, and leaves the
 * queue when it runs, does not take the wake with it: that passes to the next. One that was
 * cancelled or timed out and has not run yet takes it, and its wait returns 0. Returns whether
 * there was one to take it.
 */
bool valve_wait_queue_wake_one(struct valve_wait_queue *queue);
void valve_wait_queue_wake_all(struct valve_wait_queue *queue);

/* Wakes this fiber, which need not exist any more, if it waits in the queue. Returns whether. */
bool valve_wait_queue_wake(struct valve_wait_queue *queue, const struct valve_fiber *fiber);

bool valve_wait_queue_empty(const struct valve_wait_queue *queue);

/*
 * Lets a fiber that overruns its stack say so before the process dies: installs handlers of SIGSEGV
 * and SIGBUS, which concern the whole process, and an alternate signal stack for the calling
 * thread, unless it has one. Every thread that runs fibers calls it. A fault in the guard of the
 * running fiber writes
 *
 *     valve: fiber stack overrun (stack_size = 65536 bytes): raise fiber_stack
 *
 * to stderr, and then has the default action; any other fault goes to the handler that was
 * installed before. Under AddressSanitizer nothing is installed: its own report says more.
 * 0 or -errno; nothing has changed then.
 */
int valve_fiber_report_overruns(void);

/*
 * Takes back what valve_fiber_report_overruns() did, for the calling thread; with the last thread
 * that leaves the former handlers are restored. To be called before the thread ends.
 */
void valve_fiber_report_overruns_fini(void);

#endif
