/* SPDX-License-Identifier: MIT */
/*
 * The worker's thread: one turn after another, each from what epoll reports to what is sent.
 */
#include "server/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/call.h"
#include "server/counters.h"
#include "server/input.h"
#include "server/intake.h"
#include "server/os.h"
#include "server/output.h"
#include "server/poll.h"
#include "server/pulse.h"
#include "server/server.h"
#include "server/trim.h"
#include "server/watch.h"

#define NS_PER_MS    1000000
#define BLIND_MS     1         /* between two looks, where no alarm can be set */
#define MEMORY_RETRY 100000000 /* ns: nobody tells when memory has come free elsewhere */

/*
 * A turn: requests it is to start, about, and of each connection; and connections and fibers that
 * had their share before and want more.
 */
#define PAGE_LEAST      4096 /* where pages are larger, the region is not given back */
#define REQUESTS_A_TURN 1024
#define LEAST_SHARE     4
#define MOST_SHARE      64
#define MOST_DEFERRED   32

static _Thread_local struct valve_worker *current_worker;

struct valve_worker *valve_worker_current(void)
{
    return current_worker;
}

void valve_worker_fiber_freed(struct valve_worker *worker)
{
    worker->no_stack = false;
}

int valve_worker_yield(struct valve_worker *worker)
{
    return valve_wait_queue_wait(&worker->next_turn, VALVE_NEVER);
}

void valve_worker_closed(struct valve_worker *worker, unsigned listener)
{
    valve_count(&worker->counters->closed[listener], 1);
    atomic_fetch_sub_explicit(&worker->connections, 1, memory_order_release);
    valve_acceptor_slot_freed(&worker->server->acceptor);
}

/* ---- A turn ---- */

/*
 * Of those that have more to do than a turn allows, only some are in each: whoever asks little is
 * answered before them, however many they are.
 */
static void collect_deferred(struct valve_worker *worker)
{
    for (unsigned i = 0; i < MOST_DEFERRED && worker->deferred.count > 0; i++)
        valve_attendance_add(&worker->attention, valve_attendance_take(&worker->deferred));
}

/*
 * Reads the input of as many connections as the region holds. Then, one connection after another,
 * starts its requests, runs whatever fibers became runnable, and sends, all in one call, while what
 * was written is still in the CPU's cache.
 */
static void attend_batch(struct valve_worker *worker)
{
    size_t batch = worker->attention.count, read = 0;

    worker->region_used = 0;
    while (read < batch && worker->region_used + VALVE_READ_MOST <= VALVE_REGION)
        valve_intake_read(worker, valve_attendance_at(&worker->attention, read++));
    worker->batch++; /* here, and no earlier: see valve_call_batch() */
    valve_scheduler_run(worker->scheduler, worker->now);
    for (size_t i = 0; i < read; i++) {
        valve_intake_process(worker, valve_attendance_at(&worker->attention, 0));
        valve_scheduler_run(worker->scheduler, worker->now);
        valve_connection_settle(worker, valve_attendance_take(&worker->attention));
    }
    valve_pulse_sent(worker);
}

/* The fibers that let others go first have done so; of many, some go on. */
static void resume_yielded(struct valve_worker *worker)
{
    for (unsigned i = 0; i < MOST_DEFERRED; i++)
        if (!valve_wait_queue_wake_one(&worker->next_turn))
            return;
}

/* What each of so many connections may have started, so that the turn does not last too long. */
static unsigned share_of_each(size_t connections)
{
    const size_t share = connections == 0 ? MOST_SHARE : REQUESTS_A_TURN / connections;

    return share < LEAST_SHARE ? LEAST_SHARE : share > MOST_SHARE ? MOST_SHARE : (unsigned)share;
}

static void turn(struct valve_worker *worker)
{
    worker->now = valve_clock_now();
    valve_pulse_begin(worker);
    worker->no_stack = false; /* memory may have come free elsewhere: one more try a turn */
    worker->has_shaken = false;
    valve_timeouts_expire(worker);
    resume_yielded(worker);
    collect_deferred(worker);
    worker->share = share_of_each(worker->attention.count);
    valve_scheduler_run(worker->scheduler, worker->now);
    do
        while (worker->attention.count > 0 || valve_scheduler_runnable(worker->scheduler))
            attend_batch(worker);
    while (valve_worker_offer_fiber(worker));
    if (valve_trim_turn(worker))
        worker->settled_at = valve_clock_now();
    valve_pulse_end(worker);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Rings no later than the next deadline. An alarm that is early is left: it only costs a turn.
 * Returns whether it is set.
 */
static bool set_alarm(struct valve_worker *worker)
{
    uint64_t next = earlier(valve_scheduler_next_deadline(worker->scheduler),
                            earlier(valve_timeouts_next(worker),
                                    earlier(valve_pulse_next(worker), valve_trim_next(worker))));
    uint64_t wait;
    struct timeval timeout;

    if (worker->no_stack && valve_worker_has_waiting(worker))
        next = earlier(next, worker->now + MEMORY_RETRY);
    if (next >= worker->alarm_at)
        return true;
    wait = next > worker->now ? next - worker->now : 0;
    timeout.tv_sec = (time_t)(wait / 1000000000);
    timeout.tv_usec = (suseconds_t)(wait % 1000000000 / 1000) + 1;
    if (event_add(worker->alarm, &timeout) < 0)
        return false;
    worker->alarm_at = next;
    return true;
}

static void on_alarm(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_worker *worker = argument;

    (void)descriptor;
    (void)what;
    worker->alarm_at = VALVE_NEVER;
}

static void on_mail(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_worker *worker = argument;

    (void)descriptor;
    (void)what;
    worker->now = valve_clock_now();
    valve_pulse_begin(worker);
    valve_mailbox_deliver(&worker->mailbox);
}

/* ---- The stop ---- */

static void for_each_connection(struct valve_worker *worker,
                                void (*act)(struct valve_worker *, struct valve_connection *))
{
    for (unsigned i = 0; i < VALVE_TIMEOUTS; i++) {
        int32_t descriptor = worker->timeouts.queues[i].first;

        while (descriptor >= 0) {
            struct valve_connection *connection = valve_table_slot(&worker->server->table,
                                                                   descriptor);

            descriptor = connection->due_next; /* acting may move it to another queue */
            act(worker, connection);
        }
    }
}

static void on_stop(struct valve_message *message)
{
    struct valve_worker *worker = (struct valve_worker *)((char *)message -
                                                          offsetof(struct valve_worker, stop));

    worker->stopping = true;
    for_each_connection(worker, valve_connection_stop);
}

/* Also one that is broken already, but has calls that are not to be disturbed. */
static void cut(struct valve_worker *worker, struct valve_connection *connection)
{
    valve_connection_break(worker, connection);
    valve_call_cancel(connection, 0);
}

static void on_cut(struct valve_message *message)
{
    struct valve_worker *worker = (struct valve_worker *)((char *)message -
                                                          offsetof(struct valve_worker, cut));

    worker->stopping = worker->is_cut = true;
    for_each_connection(worker, cut);
}

/*
 * Nothing is left to do, and nothing will come: the acceptor hands nothing over after a stop. Jobs
 * that nobody waits for any more are waited for here, unless there is no time.
 */
static bool has_ended(const struct valve_worker *worker)
{
    unsigned jobs = 0;

    for (unsigned kind = 0; kind < VALVE_JOB_KINDS; kind++)
        jobs += worker->jobs[kind];
    return worker->stopping && (jobs == 0 || worker->is_cut) &&
           atomic_load_explicit(&worker->connections, memory_order_acquire) == 0;
}

/* ---- Making and ending ---- */

static int make_base(struct valve_worker *worker)
{
    struct event_config *config = event_config_new();

    if (config == NULL)
        return -ENOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    worker->base = event_base_new_with_config(config);
    event_config_free(config);
    if (worker->base == NULL)
        return -ENOMEM;
    worker->mail = event_new(worker->base, worker->mailbox.descriptor, EV_READ | EV_PERSIST,
                             on_mail, worker);
    worker->alarm = event_new(worker->base, -1, 0, on_alarm, worker);
    if (worker->mail == NULL || worker->alarm == NULL || event_add(worker->mail, NULL) < 0)
        return -ENOMEM;
    return 0;
}

static int make_scheduler(struct valve_worker *worker)
{
    const struct valve_server_options *options = &worker->server->options;
    struct valve_scheduler_options scheduler = {.stack_size = options->fiber_stack,
                                                .keep = VALVE_WARM_STACKS};
    int r;

    worker->max_calls = options->max_fibers / worker->server->worker_count;
    if (worker->max_calls == 0)
        worker->max_calls = 1;
    scheduler.max_fibers = worker->max_calls;
    r = valve_scheduler_new(&scheduler, &worker->scheduler);
    if (r == 0)
        valve_scheduler_set_poller(worker->scheduler, valve_worker_poll, worker);
    return r;
}

int valve_worker_init(struct valve_worker *worker, struct valve_server *server, unsigned index)
{
    int r;

    worker->server = server;
    worker->index = index;
    worker->alarm_at = worker->measure_at = worker->trim_at = VALVE_NEVER;
    worker->stop.deliver = on_stop;
    worker->cut.deliver = on_cut;
    worker->max_jobs = VALVE_POOL_JOBS_A_KIND / server->worker_count;
    worker->held.most = (unsigned)(server->options.max_held / server->worker_count);
    valve_timeouts_init(&worker->timeouts, &server->options);
    worker->mailbox.descriptor = -1;
    r = valve_mailbox_init(&worker->mailbox);
    if (r == 0)
        r = make_base(worker);
    if (r == 0)
        r = valve_worker_make_lists(worker);
    if (r < 0)
        return r;
    worker->counters = valve_counters_new(server->service->request->count);
    worker->region = aligned_alloc(PAGE_LEAST, VALVE_REGION);
    worker->scanner = valve_lines_new(valve_scanner_size(server->scan_limits.max_depth));
    if (worker->counters == NULL || worker->region == NULL || worker->scanner == NULL)
        return -ENOMEM;
    return 0;
}

void valve_worker_fini(struct valve_worker *worker)
{
    valve_watched_free(worker);
    if (worker->mail != NULL)
        event_free(worker->mail);
    if (worker->alarm != NULL)
        event_free(worker->alarm);
    if (worker->base != NULL)
        event_base_free(worker->base);
    /* Jobs that ended after a cut worker did: nobody waits for them, they are only released. */
    if (worker->mailbox.descriptor >= 0)
        valve_mailbox_deliver(&worker->mailbox);
    valve_mailbox_fini(&worker->mailbox);
    valve_spares_fini(&worker->spare_inputs, valve_input_free);
    valve_spares_fini(&worker->spare_outputs, free);
    if (worker->record != NULL)
        valve_buffer_free(&worker->buffers, worker->record);
    valve_buffer_pool_fini(&worker->buffers);
    valve_worker_free_lists(worker);
    free(worker->counters);
    free(worker->region);
    free(worker->scanner);
}

/* ---- The thread ---- */

/* What can only be made on the thread itself. */
static int prepare_thread(struct valve_worker *worker)
{
    char name[16];

    current_worker = worker;
    snprintf(name, sizeof name, "valve-w-%u", worker->index % 10000);
    valve_os_name_thread(name);
    if (worker->pinned && valve_os_pin(worker->cpu) < 0)
        valve_server_log(worker->server, VALVE_LOG_WARNING,
                         "worker %u could not be bound to CPU %u", worker->index, worker->cpu);
    valve_fiber_report_overruns();
    return make_scheduler(worker);
}

static void run_until_stopped(struct valve_worker *worker)
{
    while (!has_ended(worker)) {
        bool more = worker->deferred.count > 0 || !valve_wait_queue_empty(&worker->next_turn);

        if (!set_alarm(worker) && !more) {
            poll(NULL, 0, BLIND_MS); /* there is no memory: deadlines are looked at so often */
            more = true;
        }
        /* ONCE in both cases: without it libevent goes on as long as anything is ready. */
        event_base_loop(worker->base, more ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
        turn(worker);
    }
}

static void *worker_main(void *argument)
{
    struct valve_worker *worker = argument;

    worker->start_error = prepare_thread(worker);
    sem_post(&worker->ready);
    if (worker->start_error < 0)
        return NULL;
    run_until_stopped(worker);
    valve_scheduler_free(worker->scheduler);
    valve_fiber_report_overruns_fini();
    valve_mailbox_post(&worker->server->mailbox, &worker->done);
    return NULL;
}

int valve_worker_start(struct valve_worker *worker)
{
    int r;

    sem_init(&worker->ready, 0, 0);
    r = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (r != 0)
        return -r;
    while (sem_wait(&worker->ready) < 0) {
    }
    if (worker->start_error < 0) {
        pthread_join(worker->thread, NULL);
        return worker->start_error;
    }
    worker->started = true;
    return 0;
}

void valve_worker_end(struct valve_worker *worker)
{
    if (!worker->started)
        return;
    if (!worker->is_posted_cut)
        valve_mailbox_post(&worker->mailbox, &worker->cut);
    worker->is_posted_cut = true;
    pthread_join(worker->thread, NULL);
    worker->started = false;
}
