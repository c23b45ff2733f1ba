/* SPDX-License-Identifier: MIT */
/*
 * The I/O pool: a queue for each kind of jobs, and threads of three kinds that serve them.
 */
#include "server/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/condition.h"
#include "server/mailbox.h"
#include "server/os.h"
#include "server/worker.h"

enum job_state {
    JOB_WANTED,    /* somebody waits for it */
    JOB_ABANDONED, /* nobody does: skip the work if it has not begun */
    JOB_EXPIRED,   /* came back without having begun */
    JOB_RELEASED,  /* queued only to be released */
};

/* What a thread takes. */
enum duty {
    DUTY_METADATA, /* nothing else */
    DUTY_ANY,      /* metadata first, else data */
    DUTY_BULK,     /* nothing else */
};
#define DUTIES (DUTY_BULK + 1)

struct job_queue {
    struct valve_job *first, *last;
};

/* Its job is written and read under the pool's lock. */
struct pool_thread {
    struct valve_pool *pool;
    unsigned index;
    enum duty duty;
    bool has_job;
    enum valve_job_kind kind; /* of its job */
    int state;                /* likewise, when it was begun */
    uint64_t began_at;        /* ns, likewise, */
    uint64_t deadline;        /* as this */
};

struct valve_pool {
    pthread_mutex_t lock;
    pthread_cond_t ready[DUTIES]; /* for the threads of each duty */
    pthread_cond_t thread_ended;
    struct job_queue queues[VALVE_JOB_KINDS];
    unsigned idle[DUTIES]; /* threads that wait for work */
    unsigned running;      /* threads not yet ended */
    bool ending;
    struct valve_pool_stats stats;
    unsigned thread_count; /* constant, unlike all before */
    struct pool_thread threads[];
};

static void queue_add(struct job_queue *queue, struct valve_job *job)
{
    job->next = NULL;
    if (queue->last == NULL)
        queue->first = job;
    else
        queue->last->next = job;
    queue->last = job;
}

static struct valve_job *queue_take(struct job_queue *queue)
{
    struct valve_job *job = queue->first;

    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = NULL;
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
    if (metadata && pool->idle[DUTY_METADATA] > 0)
        pthread_cond_signal(&pool->ready[DUTY_METADATA]);
    if ((data || metadata) && pool->idle[DUTY_ANY] > 0)
        pthread_cond_signal(&pool->ready[DUTY_ANY]);
    if (pool->queues[VALVE_JOB_BULK].first != NULL && pool->idle[DUTY_BULK] > 0)
        pthread_cond_signal(&pool->ready[DUTY_BULK]);
}

/* The thread has this job from now on, and works on it if there is still time. Under the lock. */
static void note_begin(struct pool_thread *thread, struct valve_job *job)
{
    struct valve_pool_kind_stats *stats = &thread->pool->stats.kinds[job->kind];
    int wanted = JOB_WANTED;

    thread->began_at = valve_clock_now();
    /* Nobody waits for what is only released: however long that takes, it is not stuck. */
    thread->deadline = job->deadline > thread->began_at ? job->deadline : VALVE_NEVER;
    thread->kind = job->kind;
    thread->has_job = true;
    if (thread->began_at >= job->deadline && !job->is_owed)
        __atomic_compare_exchange_n(&job->state, &wanted, JOB_EXPIRED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
    stats->queued--;
    stats->running++;
    valve_times_add(&stats->waits, thread->began_at - job->queued_at, 1);
}

/* Likewise. */
static void note_end(struct pool_thread *thread)
{
    struct valve_pool_kind_stats *stats = &thread->pool->stats.kinds[thread->kind];

    if (!thread->has_job)
        return;
    thread->has_job = false;
    stats->running--;
    stats->done += thread->state == JOB_WANTED;
    stats->skipped += thread->state == JOB_ABANDONED;
    stats->expired += thread->state == JOB_EXPIRED;
    valve_times_add(&stats->runs, valve_clock_now() - thread->began_at, 1);
}

static struct valve_job *take_for(struct valve_pool *pool, enum duty duty)
{
    struct valve_job *job;

    if (duty == DUTY_BULK)
        return queue_take(&pool->queues[VALVE_JOB_BULK]);
    job = queue_take(&pool->queues[VALVE_JOB_METADATA]);
    if (job == NULL && duty == DUTY_ANY)
        job = queue_take(&pool->queues[VALVE_JOB_DATA]);
    return job;
}

/* The next job for a thread, or NULL: the pool ends. */
static struct valve_job *next_job(struct pool_thread *thread)
{
    struct valve_pool *pool = thread->pool;
    enum duty duty = thread->duty;
    struct valve_job *job;

    pthread_mutex_lock(&pool->lock);
    note_end(thread);
    while ((job = take_for(pool, duty)) == NULL && !pool->ending) {
        pool->idle[duty]++;
        pthread_cond_wait(&pool->ready[duty], &pool->lock);
        pool->idle[duty]--;
    }
    if (job != NULL)
        note_begin(thread, job);
    wake_for_queued(pool);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void run(struct pool_thread *thread, struct valve_job *job)
{
    int state = __atomic_load_n(&job->state, __ATOMIC_ACQUIRE);

    thread->state = state;
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
    struct pool_thread *thread = argument;
    struct valve_pool *pool = thread->pool;
    struct valve_job *job;
    char name[16];

    snprintf(name, sizeof name, "valve-io-%u", thread->index % 10000);
    valve_os_name_thread(name);
    valve_os_let_others_go_first(); /* who waited for a disk waits for a worker, too */
    if (thread->duty == DUTY_BULK)
        valve_os_leave_most_to_others();
    while ((job = next_job(thread)) != NULL)
        run(thread, job);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    pthread_cond_signal(&pool->thread_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Detached: a thread that a dead disk holds could never be joined. */
static int start_thread(struct valve_pool *pool, unsigned index, enum duty duty)
{
    struct pool_thread *place = &pool->threads[index];
    pthread_attr_t attributes;
    pthread_t thread;
    int r;

    *place = (struct pool_thread){.pool = pool, .index = index, .duty = duty};
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&pool->lock);
    r = pthread_create(&thread, &attributes, pool_main, place);
    if (r == 0)
        pool->running++;
    pthread_mutex_unlock(&pool->lock);
    pthread_attr_destroy(&attributes);
    return -r;
}

static struct valve_pool *pool_create(unsigned threads)
{
    struct valve_pool *pool = calloc(1, sizeof *pool + threads * sizeof *pool->threads);

    if (pool == NULL)
        return NULL;
    pool->thread_count = threads;
    pthread_mutex_init(&pool->lock, NULL);
    for (unsigned duty = 0; duty < DUTIES; duty++)
        pthread_cond_init(&pool->ready[duty], NULL);
    valve_condition_init(&pool->thread_ended);
    return pool;
}

int valve_pool_new(unsigned threads, struct valve_pool **ret_pool)
{
    unsigned metadata = threads / 4 > 0 ? threads / 4 : 1;
    unsigned any = threads > metadata ? threads - metadata : 1;
    unsigned bulk = (metadata + any) / 2;
    struct valve_pool *pool = pool_create(metadata + any + bulk);

    if (pool == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < pool->thread_count; i++) {
        enum duty duty = i < metadata ? DUTY_METADATA : i < metadata + any ? DUTY_ANY : DUTY_BULK;
        int r = start_thread(pool, i, duty);

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
    while (pool->running > 0)
        if (!valve_condition_wait(&pool->thread_ended, &pool->lock, deadline))
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
    for (unsigned duty = 0; duty < DUTIES; duty++)
        pthread_cond_broadcast(&pool->ready[duty]);
    ended = wait_for_threads(pool, deadline);
    pthread_mutex_unlock(&pool->lock);
    if (!ended)
        return false;
    pthread_mutex_destroy(&pool->lock);
    for (unsigned duty = 0; duty < DUTIES; duty++)
        pthread_cond_destroy(&pool->ready[duty]);
    pthread_cond_destroy(&pool->thread_ended);
    free(pool);
    return true;
}

static void enqueue(struct valve_pool *pool, struct valve_job *job)
{
    static const enum duty duties[VALVE_JOB_KINDS] = {
        [VALVE_JOB_METADATA] = DUTY_METADATA,
        [VALVE_JOB_DATA] = DUTY_ANY,
        [VALVE_JOB_BULK] = DUTY_BULK,
    };
    enum duty duty = duties[job->kind];

    job->queued_at = valve_clock_now();
    pthread_mutex_lock(&pool->lock);
    pool->stats.kinds[job->kind].queued++;
    queue_add(&pool->queues[job->kind], job);
    if (pool->idle[duty] == 0 && job->kind == VALVE_JOB_METADATA)
        duty = DUTY_ANY;
    if (pool->idle[duty] > 0)
        pthread_cond_signal(&pool->ready[duty]);
    pthread_mutex_unlock(&pool->lock);
}

void valve_pool_submit(struct valve_pool *pool, struct valve_worker *home, struct valve_job *job,
                       uint64_t deadline)
{
    job->home = home;
    job->deadline = deadline;
    __atomic_store_n(&job->state, deadline == 0 ? JOB_ABANDONED : JOB_WANTED, __ATOMIC_RELAXED);
    enqueue(pool, job);
}

bool valve_pool_has_expired(const struct valve_job *job)
{
    return __atomic_load_n(&job->state, __ATOMIC_RELAXED) == JOB_EXPIRED;
}

void valve_pool_abandon(struct valve_job *job)
{
    if (!job->is_owed)
        __atomic_store_n(&job->state, JOB_ABANDONED, __ATOMIC_RELEASE);
}

void valve_pool_release(struct valve_pool *pool, struct valve_job *job)
{
    job->deadline = VALVE_NEVER;
    __atomic_store_n(&job->state, JOB_RELEASED, __ATOMIC_RELEASE);
    enqueue(pool, job);
}

void valve_pool_get_stats(struct valve_pool *pool, struct valve_pool_stats *ret_stats)
{
    uint64_t now;

    pthread_mutex_lock(&pool->lock);
    now = valve_clock_now();
    *ret_stats = pool->stats;
    ret_stats->threads = pool->running;
    for (unsigned i = 0; i < pool->thread_count; i++)
        ret_stats->stuck += pool->threads[i].has_job && pool->threads[i].deadline < now;
    pthread_mutex_unlock(&pool->lock);
}
