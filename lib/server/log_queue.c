/* SPDX-License-Identifier: MIT */
/*
 * Log lines on their way out.
 */
#include "server/log_queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fiber/clock.h"
#include "server/condition.h"
#include "server/os.h"

#define RING_SIZE  ((size_t)64 * 1024)
#define NS_PER_S   UINT64_C(1000000000)
#define WRITE_SIZE ((size_t)3072) /* at once: a pipe takes as much whole or not at all */

struct valve_log_queue {
    struct valve_log_queue_options options;
    sem_t wakeups;      /* for the thread: a semaphore may be posted in a handler, too */
    atomic_bool ending; /* once nothing is left to be written */

    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended;      /* the thread */
    size_t start, used;  /* of the ring: what is to be written */
    uint64_t lost, told; /* lines; of those, what the reader was told of */
    char *piece;         /* of the thread, which writes it */
    char ring[];
};

/* ---- Those who log ------------------------------------------------------------------------- */

/* The lock is held. */
static void append(struct valve_log_queue *queue, const char *line, size_t size)
{
    size_t room = queue->options.ring_size;
    size_t end = (queue->start + queue->used) % room;
    size_t first = size < room - end ? size : room - end;

    memcpy(queue->ring + end, line, first);
    memcpy(queue->ring, line + first, size - first);
    queue->used += size;
}

void valve_log_queue_add(struct valve_log_queue *queue, const char *line, size_t size)
{
    size_t much = queue->options.ring_size / 2, before, after;

    pthread_mutex_lock(&queue->lock);
    before = queue->used;
    if (size <= queue->options.write_size && size <= queue->options.ring_size - queue->used)
        append(queue, line, size);
    else
        queue->lost++;
    after = queue->used;
    pthread_mutex_unlock(&queue->lock);
    if (before == 0 || (before < much && after >= much))
        sem_post(&queue->wakeups);
}

uint64_t valve_log_queue_lost(struct valve_log_queue *queue)
{
    uint64_t lost;

    pthread_mutex_lock(&queue->lock);
    lost = queue->lost;
    pthread_mutex_unlock(&queue->lock);
    return lost;
}

/* ---- The thread, the only one that may wait ------------------------------------------------ */

/* Copies whole lines from the front of the ring; they stay there. The lock is held. */
static size_t peek(const struct valve_log_queue *queue)
{
    size_t room = queue->options.ring_size;
    size_t size = queue->used < queue->options.write_size ? queue->used : queue->options.write_size;
    size_t first = size < room - queue->start ? size : room - queue->start;

    memcpy(queue->piece, queue->ring + queue->start, first);
    memcpy(queue->piece + first, queue->ring, size - first);
    while (size > 0 && queue->piece[size - 1] != '\n')
        size--;
    return size;
}

/* What is written to may be a pipe that does not wait by itself. */
static int wait_for_room(int descriptor, int patience)
{
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    int r = poll(&room, 1, patience);

    return r > 0 || (r < 0 && errno == EINTR) ? 0 : -ETIMEDOUT;
}

int valve_log_write(int descriptor, const char *data, size_t size, int patience,
                    size_t *ret_written)
{
    int r = 0;

    *ret_written = 0;
    while (r == 0 && *ret_written < size) {
        ssize_t written = write(descriptor, data + *ret_written, size - *ret_written);

        if (written >= 0)
            *ret_written += (size_t)written;
        else if (errno == EAGAIN)
            r = wait_for_room(descriptor, patience);
        else if (errno != EINTR)
            r = -errno;
    }
    return r;
}

uint64_t valve_log_count_lines(const char *data, size_t size)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

/* Returns how many were lost. */
static uint64_t write_lines(const struct valve_log_queue *queue, const char *lines, size_t size)
{
    size_t written;

    if (size == 0)
        return 0;
    if (queue->options.write)
        return queue->options.write(queue->options.context, lines, size);
    if (valve_log_write(STDERR_FILENO, lines, size, -1, &written) == 0)
        return 0;
    return valve_log_count_lines(lines + written, size - written);
}

/* Writes some lines; they leave the ring when they are written. False: there was nothing. */
static bool write_some(struct valve_log_queue *queue)
{
    uint64_t lost;
    size_t size;

    pthread_mutex_lock(&queue->lock);
    size = peek(queue);
    pthread_mutex_unlock(&queue->lock);
    lost = write_lines(queue, queue->piece, size);
    pthread_mutex_lock(&queue->lock);
    queue->lost += lost;
    queue->start = (queue->start + size) % queue->options.ring_size;
    queue->used -= size;
    pthread_mutex_unlock(&queue->lock);
    return size > 0;
}

/* Behind what came before it was lost. */
static void tell_of_losses(struct valve_log_queue *queue)
{
    uint64_t lost = valve_log_queue_lost(queue);
    char line[VALVE_LOG_LOST_ROOM];
    size_t size;

    if (lost == queue->told)
        return;
    size = queue->options.say_lost(queue->options.context, lost - queue->told, line, sizeof line);
    if (write_lines(queue, line, size) == 0)
        queue->told = lost;
}

static void write_what_there_is(struct valve_log_queue *queue)
{
    while (write_some(queue))
        continue;
    tell_of_losses(queue);
}

/* Until there is something; and then, until there is much of it, or it has waited long enough. */
static void wait_for_lines(struct valve_log_queue *queue)
{
    uint64_t until;
    struct timespec time;

    while (sem_wait(&queue->wakeups) < 0)
        continue;
    if (queue->options.linger == 0 || atomic_load(&queue->ending))
        return;
    until = valve_clock_now() + queue->options.linger;
    time.tv_sec = (time_t)(until / NS_PER_S);
    time.tv_nsec = (long)(until % NS_PER_S);
    while (sem_clockwait(&queue->wakeups, CLOCK_MONOTONIC, &time) < 0 && errno == EINTR)
        continue;
}

static void *log_main(void *argument)
{
    struct valve_log_queue *queue = argument;
    bool ending;

    valve_os_name_thread("valve-log");
    do {
        wait_for_lines(queue);
        ending = atomic_load(&queue->ending);
        write_what_there_is(queue);
    } while (!ending);
    pthread_mutex_lock(&queue->lock);
    queue->has_ended = true;
    pthread_cond_signal(&queue->ended);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- Making and ending ----------------------------------------------------------------------- */

/* Detached: while nobody reads stderr it could never be joined. Signals are for other threads. */
static int start_thread(struct valve_log_queue *queue)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int r;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, &attributes, log_main, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}

static void release(struct valve_log_queue *queue)
{
    sem_destroy(&queue->wakeups);
    pthread_cond_destroy(&queue->ended);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

int valve_log_queue_new(const struct valve_log_queue_options *options,
                        struct valve_log_queue **ret_queue)
{
    size_t ring_size = options->ring_size > 0 ? options->ring_size : RING_SIZE;
    size_t write_size = options->write_size > 0 ? options->write_size : WRITE_SIZE;
    struct valve_log_queue *queue = calloc(1, sizeof *queue + ring_size + write_size);
    int r;

    if (!queue)
        return -ENOMEM;
    queue->options = *options;
    queue->options.ring_size = ring_size;
    queue->options.write_size = write_size;
    queue->piece = queue->ring + ring_size;
    sem_init(&queue->wakeups, 0, 0);
    pthread_mutex_init(&queue->lock, NULL);
    valve_condition_init(&queue->ended);
    r = start_thread(queue);
    if (r < 0) {
        release(queue);
        return r;
    }
    *ret_queue = queue;
    return 0;
}

bool valve_log_queue_free(struct valve_log_queue *queue, uint64_t patience)
{
    uint64_t deadline = valve_clock_now() + patience;
    bool has_ended;

    if (!queue)
        return true;
    atomic_store(&queue->ending, true);
    sem_post(&queue->wakeups);
    pthread_mutex_lock(&queue->lock);
    while (!queue->has_ended && valve_condition_wait(&queue->ended, &queue->lock, deadline))
        continue;
    has_ended = queue->has_ended;
    pthread_mutex_unlock(&queue->lock);
    if (has_ended)
        release(queue);
    return has_ended;
}
