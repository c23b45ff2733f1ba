/* SPDX-License-Identifier: MIT */
/*
 * The I/O pool: two queues, and threads of two kinds that serve them.
 */
#include "server/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fiber/clock.h"
#include "server/mailbox.h"
#include "server/os.h"
#include "server/worker.h"

enum job_state {
    JOB_WANTED,    /* somebody waits for it */
    JOB_ABANDONED, /* nobody does: skip the work if it has not begun */
    JOB_EXPIRED,   /* came back without having begun */
    JOB_RELEASED,  /* queued only to be released */
};

struct job_queue {
    struct valve_job *first, *last;
    unsigned count;
};

/* What a thread is at. */
struct pool_thread {
    bool busy;
    enum valve_job_kind kind;
    uint64_t deadline; /* of its job */
};

struct valve_pool {
    pthread_mutex_t lock;
    pthread_cond_t metadata_ready, any_ready; /* for the threads of each kind */
    pthread_cond_t thread_ended;
    struct job_queue queues[VALVE_JOB_DATA + 1];
    unsigned metadata_idle, any_idle; /* threads that wait for work */
    unsigned running;                 /* threads not yet ended */
    bool ending;
    uint64_t waits, waited, expired;
    unsigned thread_count; /* constant, unlike all before */
    struct pool_thread threads[];
};

struct thread_start {
    struct valve_pool *pool;
    unsigned index;
    bool metadata_only;
};

static void queue_add(struct job_queue *queue, struct valve_job *job)
{
    job->next = NULL;
    if (queue->last == NULL)
        queue->first = job;
    else
        queue->last->next = job;
    queue->last = job;
    queue->count++;
}

static struct valve_job *queue_take(struct job_queue *queue)
{
    struct valve_job *job = queue->first;

    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    return job;
}

/*
 * Wakes an idle thread for what is queued. A signalled thread counts as idle until it runs, so two
 * signals may reach one thread only: whoever takes a job and leaves others calls this again.
 */
static void wake_for_queued(struct valve_pool *pool)
{
    bool metadata = pool->queues[VALVE_JOB_METADATA].first != NULL;
    bool data = pool->queues[VALVE_JOB_DATA].first != NULL;

    /* The threads kept for metadata come first: the others may be needed for data next. */
    if (metadata && pool->metadata_idle > 0)
        pthread_cond_signal(&pool->metadata_ready);
    if ((data || metadata) && pool->any_idle > 0)
        pthread_cond_signal(&pool->any_ready);
}

/* Writes down that the thread has this job from now on. The lock is held. */
static void begin_job(struct valve_pool *pool, struct pool_thread *self, struct valve_job *job)
{
    uint64_t now = valve_clock_now();
    int wanted = JOB_WANTED;

    *self = (struct pool_thread){.busy = true, .kind = job->kind, .deadline = job->deadline};
    pool->waits++;
    pool->waited += now - job->queued_at;
    if (now >= job->deadline &&
        __atomic_compare_exchange_n(&job->state, &wanted, JOB_EXPIRED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        pool->expired++;
}

/* The next job for a thread of this kind, or NULL: the pool ends. */
static struct valve_job *next_job(struct valve_pool *pool, struct pool_thread *self,
                                  bool metadata_only)
{
    struct valve_job *job;

    pthread_mutex_lock(&pool->lock);
    self->busy = false;
    for (;;) {
        job = queue_take(&pool->queues[VALVE_JOB_METADATA]);
        if (job == NULL && !metadata_only)
            job = queue_take(&pool->queues[VALVE_JOB_DATA]);
        if (job != NULL || pool->ending)
            break;
        if (metadata_only) {
            pool->metadata_idle++;
            pthread_cond_wait(&pool->metadata_ready, &pool->lock);
            pool->metadata_idle--;
        } else {
            pool->any_idle++;
            pthread_cond_wait(&pool->any_ready, &pool->lock);
            pool->any_idle--;
        }
    }
    if (job != NULL)
        begin_job(pool, self, job);
    wake_for_queued(pool);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void run(struct valve_job *job)
{
    int state = __atomic_load_n(&job->state, __ATOMIC_ACQUIRE);

    if (state == JOB_RELEASED) {
        job->release(job);
        return;
    }
    if (state == JOB_WANTED)
        job->work(job);
    valve_mailbox_post(&job->home->mailbox, &job->done);
}

static void *pool_main(void *argument)
{
    struct thread_start *start = argument;
    struct valve_pool *pool = start->pool;
    struct pool_thread *self = &pool->threads[start->index];
    bool metadata_only = start->metadata_only;
    struct valve_job *job;
    char name[16];

    snprintf(name, sizeof name, "valve-io-%u", start->index % 10000);
    free(start);
    valve_os_name_thread(name);
    while ((job = next_job(pool, self, metadata_only)) != NULL)
        run(job);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    pthread_cond_signal(&pool->thread_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Detached: a thread that a dead disk holds could never be joined. */
static int start_thread(struct valve_pool *pool, unsigned index, bool metadata_only)
{
    struct thread_start *start = malloc(sizeof *start);
    pthread_attr_t attributes;
    pthread_t thread;
    int r;

    if (start == NULL)
        return -ENOMEM;
    *start = (struct thread_start){pool, index, metadata_only};
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&pool->lock);
    r = pthread_create(&thread, &attributes, pool_main, start);
    if (r == 0)
        pool->running++;
    pthread_mutex_unlock(&pool->lock);
    pthread_attr_destroy(&attributes);
    if (r != 0)
        free(start);
    return -r;
}

static struct valve_pool *pool_create(unsigned threads)
{
    struct valve_pool *pool = calloc(1, sizeof *pool + threads * sizeof *pool->threads);
    pthread_condattr_t monotonic;

    if (pool == NULL)
        return NULL;
    pool->thread_count = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->metadata_ready, NULL);
    pthread_cond_init(&pool->any_ready, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->thread_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pool;
}

int valve_pool_new(unsigned threads, struct valve_pool **ret_pool)
{
    unsigned metadata = threads / 4 > 0 ? threads / 4 : 1;
    unsigned least = threads > metadata ? threads : metadata + 1;
    struct valve_pool *pool = pool_create(least);

    if (pool == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < least; i++) {
        int r = start_thread(pool, i, i < metadata);

        if (r < 0) {
            valve_pool_free(pool, VALVE_NEVER);
            return r;
        }
    }
    *ret_pool = pool;
    return 0;
}

/* Waits until no thread is left. Returns whether so. The lock is held. */
static bool wait_for_threads(struct valve_pool *pool, uint64_t deadline)
{
    struct timespec until = {
        .tv_sec = deadline == VALVE_NEVER ? INT32_MAX : (time_t)(deadline / 1000000000),
        .tv_nsec = (long)(deadline % 1000000000),
    };

    while (pool->running > 0)
        if (pthread_cond_timedwait(&pool->thread_ended, &pool->lock, &until) == ETIMEDOUT)
            return false;
    return true;
}

bool valve_pool_free(struct valve_pool *pool, uint64_t deadline)
{
    bool ended;

    if (pool == NULL)
        return true;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->metadata_ready);
    pthread_cond_broadcast(&pool->any_ready);
    ended = wait_for_threads(pool, deadline);
    pthread_mutex_unlock(&pool->lock);
    if (!ended)
        return false;
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->metadata_ready);
    pthread_cond_destroy(&pool->any_ready);
    pthread_cond_destroy(&pool->thread_ended);
    free(pool);
    return true;
}

static void enqueue(struct valve_pool *pool, struct valve_job *job)
{
    job->queued_at = valve_clock_now();
    pthread_mutex_lock(&pool->lock);
    queue_add(&pool->queues[job->kind], job);
    if (job->kind == VALVE_JOB_METADATA && pool->metadata_idle > 0)
        pthread_cond_signal(&pool->metadata_ready);
    else if (pool->any_idle > 0)
        pthread_cond_signal(&pool->any_ready);
    pthread_mutex_unlock(&pool->lock);
}

void valve_pool_submit(struct valve_pool *pool, struct valve_worker *home, struct valve_job *job,
                       uint64_t deadline)
{
    job->home = home;
    job->deadline = deadline;
    __atomic_store_n(&job->state, JOB_WANTED, __ATOMIC_RELAXED);
    enqueue(pool, job);
}

bool valve_pool_has_expired(const struct valve_job *job)
{
    return __atomic_load_n(&job->state, __ATOMIC_RELAXED) == JOB_EXPIRED;
}

void valve_pool_abandon(struct valve_job *job)
{
    __atomic_store_n(&job->state, JOB_ABANDONED, __ATOMIC_RELEASE);
}

void valve_pool_release(struct valve_pool *pool, struct valve_job *job)
{
    job->deadline = VALVE_NEVER;
    __atomic_store_n(&job->state, JOB_RELEASED, __ATOMIC_RELEASE);
    enqueue(pool, job);
}

void valve_pool_figures(struct valve_pool *pool, struct valve_pool_figures *ret_figures)
{
    struct valve_pool_figures figures = {.threads = pool->thread_count};
    uint64_t now = valve_clock_now();

    pthread_mutex_lock(&pool->lock);
    for (unsigned kind = 0; kind <= VALVE_JOB_DATA; kind++)
        figures.queued[kind] = pool->queues[kind].count;
    for (unsigned i = 0; i < pool->thread_count; i++) {
        const struct pool_thread *thread = &pool->threads[i];

        figures.running[thread->kind] += thread->busy;
        figures.stuck += thread->busy && thread->deadline < now;
    }
    figures.waits = pool->waits;
    figures.waited = pool->waited;
    figures.expired = pool->expired;
    pthread_mutex_unlock(&pool->lock);
    *ret_figures = figures;
}
