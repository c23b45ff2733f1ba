/* SPDX-License-Identifier: MIT */
/*
 * A server is assembled here, run on the main thread, drained and taken apart.
 */
#include "server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber/clock.h"
#include "fiber/lines.h"
#include "server/options.h"
#include "server/os.h"

#define MOST_WORKERS    512
#define LEAST_IO_THREAD 4
#define NS_PER_S        1000000000ull
#define POOL_PATIENCE   (2 * NS_PER_S) /* for threads that are still working when all is over */
#define LOG_PATIENCE    NS_PER_S       /* for the last lines of the log */

static size_t say_lost(void *context, uint64_t lost, char *line, size_t room)
{
    char message[80];

    (void)context;
    snprintf(message, sizeof message, "%" PRIu64 " messages lost: the log could not be written",
             lost);
    return valve_options_log_line(VALVE_LOG_WARNING, message, line, room);
}

static void log_by_queue(struct valve_log_queue *queue, enum valve_priority priority,
                         const char *message)
{
    char line[1024];

    if (priority <= VALVE_LOG_WARNING)
        valve_log_queue_add(queue, line,
                            valve_options_log_line(priority, message, line, sizeof line));
}

/* Nobody who serves shall wait for whoever reads stderr. A log of the caller's is the caller's. */
static int start_log(struct valve_server *server)
{
    const struct valve_log_queue_options options = {.say_lost = say_lost};

    if (server->options.log != valve_options_log_to_stderr)
        return 0;
    return valve_log_queue_new(&options, &server->log_queue);
}

void valve_server_log(const struct valve_server *server, enum valve_priority priority,
                      const char *format, ...)
{
    char message[1024];
    va_list arguments;

    if (server->options.log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (server->log_queue != NULL)
        log_by_queue(server->log_queue, priority, message);
    else
        server->options.log(server->options.log_context, priority, message);
}

/* ---- Messages and signals of the main thread ---- */

static struct valve_server *server_of_stop(struct valve_message *message)
{
    return (struct valve_server *)((char *)message - offsetof(struct valve_server, stop));
}

static void cut(struct valve_server *server)
{
    server->cut = true;
    for (unsigned i = 0; i < server->worker_count; i++)
        if (!server->workers[i].is_posted_cut) {
            server->workers[i].is_posted_cut = true;
            valve_mailbox_post(&server->workers[i].mailbox, &server->workers[i].cut);
        }
}

static void on_drain_timeout(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    cut(argument);
}

static void drain(struct valve_server *server)
{
    struct timeval patience = {
        .tv_sec = (time_t)(server->options.drain_timeout / NS_PER_S),
        .tv_usec = (suseconds_t)(server->options.drain_timeout % NS_PER_S / 1000),
    };

    server->stage = VALVE_STAGE_DRAINING;
    if (server->options.stopping != NULL)
        server->options.stopping(server->options.log_context);
    valve_acceptor_stop(&server->acceptor);
    for (unsigned i = 0; i < server->worker_count; i++)
        valve_mailbox_post(&server->workers[i].mailbox, &server->workers[i].stop);
    if (event_add(server->drain_alarm, &patience) < 0)
        cut(server); /* without an alarm a drain might never end */
}

/* The first stop drains, the second cuts. */
static void stop_once_more(struct valve_server *server)
{
    if (server->stage == VALVE_STAGE_RUNNING)
        drain(server);
    else
        cut(server);
}

static void on_stop(struct valve_message *message)
{
    struct valve_server *server = server_of_stop(message);

    atomic_flag_clear(&server->stop_posted);
    stop_once_more(server);
}

static void on_signal(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    stop_once_more(argument);
}

void valve_server_stop(struct valve_server *server)
{
    if (!atomic_flag_test_and_set(&server->stop_posted))
        valve_mailbox_post(&server->mailbox, &server->stop);
}

static void on_worker_done(struct valve_message *message)
{
    struct valve_worker *worker = (struct valve_worker *)((char *)message -
                                                          offsetof(struct valve_worker, done));
    struct valve_server *server = worker->server;

    if (++server->workers_ended < server->worker_count)
        return;
    server->stage = VALVE_STAGE_STOPPED;
    event_base_loopbreak(server->base);
}

static void on_mail(evutil_socket_t descriptor, short what, void *argument)
{
    struct valve_server *server = argument;

    (void)descriptor;
    (void)what;
    valve_mailbox_deliver(&server->mailbox);
}

/* ---- Making ---- */

static int make_base(struct valve_server *server)
{
    struct event_config *config = event_config_new();

    if (config == NULL)
        return -ENOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    server->base = event_base_new_with_config(config);
    event_config_free(config);
    if (server->base == NULL)
        return -ENOMEM;
    server->mail = event_new(server->base, server->mailbox.descriptor, EV_READ | EV_PERSIST,
                             on_mail, server);
    server->drain_alarm = event_new(server->base, -1, 0, on_drain_timeout, server);
    if (server->mail == NULL || server->drain_alarm == NULL || event_add(server->mail, NULL) < 0)
        return -ENOMEM;
    return 0;
}

/* A worker for each CPU that the process may use; more than that only where they are not pinned. */
static int make_workers(struct valve_server *server)
{
    unsigned cpus[MOST_WORKERS];
    int cpu_count = valve_os_cpus(cpus, MOST_WORKERS);
    unsigned wanted = server->options.workers;

    if (cpu_count <= 0)
        return cpu_count < 0 ? cpu_count : -ENODEV;
    if (wanted == 0 || (server->options.pin && wanted > (unsigned)cpu_count)) {
        if (wanted > 0)
            valve_server_log(server, VALVE_LOG_NOTICE,
                             "%u workers were asked for, %d CPUs may be used: one worker for each",
                             wanted, cpu_count);
        wanted = (unsigned)cpu_count;
    }
    if (wanted > MOST_WORKERS)
        wanted = MOST_WORKERS;
    server->workers = valve_lines_new(wanted * sizeof *server->workers);
    if (server->workers == NULL)
        return -ENOMEM;
    server->worker_count = wanted;
    for (unsigned i = 0; i < wanted; i++)
        server->workers[i].mailbox.descriptor = -1;
    for (unsigned i = 0; i < wanted; i++) {
        int r = valve_worker_init(&server->workers[i], server, i);

        if (r < 0)
            return r;
        server->workers[i].done.deliver = on_worker_done;
        server->workers[i].cpu = cpus[i % (unsigned)cpu_count];
        server->workers[i].pinned = server->options.pin;
    }
    return 0;
}

static int make_table(struct valve_server *server)
{
    struct valve_server_options *options = &server->options;
    bool lowered = false;
    uint64_t taken, left;
    int r = valve_table_init(&server->table, options->max_descriptors, &lowered);

    if (r < 0)
        return r;
    if (lowered)
        valve_server_log(server, VALVE_LOG_WARNING,
                         "the descriptor limit was lowered to %u: no longer table can be mapped",
                         server->table.length);
    taken = options->reserve + options->max_held;
    left = server->table.length > taken ? server->table.length - taken : 1;
    if (options->max_connections > left)
        valve_server_log(server, VALVE_LOG_WARNING,
                         "%" PRIu64 " connections were asked for, %" PRIu64
                         " is the most that the descriptor limit of %u leaves: raise the hard "
                         "limit of open files (LimitNOFILE=, ulimit -Hn)",
                         options->max_connections, left, server->table.length);
    server->max_connections = options->max_connections == 0 || options->max_connections > left
                                  ? left
                                  : options->max_connections;
    return 0;
}

static int explain(struct valve_error *ret_error, const char *what, int error)
{
    if (error < 0)
        snprintf(ret_error->text, sizeof ret_error->text, "%s: %s", what, strerror(-error));
    return error;
}

static int make_parts(struct valve_server *server, struct valve_error *ret_error)
{
    int r = explain(ret_error, "cannot map the connection table", make_table(server));

    if (r == 0)
        r = explain(ret_error, "cannot make a mailbox", valve_mailbox_init(&server->mailbox));
    if (r == 0)
        r = explain(ret_error, "cannot make an event loop", make_base(server));
    if (r == 0)
        r = explain(ret_error, "cannot prepare the workers", make_workers(server));
    return r;
}

int valve_server_new(const struct valve_server_options *options,
                     const struct valve_service *service, struct valve_server **ret_server,
                     struct valve_error *ret_error)
{
    const char *bad = valve_options_find_bad(options);
    struct valve_server *server;
    int r;

    if (bad != NULL) {
        snprintf(ret_error->text, sizeof ret_error->text, "%s", bad);
        return -EINVAL;
    }
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return explain(ret_error, "cannot make a server", -ENOMEM);
    server->options = *options;
    server->service = service;
    server->scan_limits = (struct valve_limits){.max_size = options->max_request,
                                                .max_depth = options->max_depth};
    server->levels = valve_options_levels(options);
    server->mailbox.descriptor = -1;
    server->stop.deliver = on_stop;
    valve_acceptor_init(&server->acceptor, server);
    valve_metrics_init(&server->metrics, server);
    valve_promises_init(&server->promises);
    r = make_parts(server, ret_error);
    if (r < 0) {
        valve_server_free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

int valve_server_listen(struct valve_server *server, const struct valve_listener_options *options,
                        struct valve_error *ret_error)
{
    return valve_acceptor_add(&server->acceptor, options, ret_error);
}

void valve_server_unlisten(struct valve_server *server, const void *context)
{
    valve_acceptor_remove(&server->acceptor, context);
}

int valve_server_on_signal(struct valve_server *server, int number, void (*run)(void *context),
                           void *context)
{
    return valve_hooks_add_signal(&server->hooks, server->base, number, run, context);
}

int valve_server_every(struct valve_server *server, uint64_t interval, void (*run)(void *context),
                       void *context)
{
    return valve_hooks_add_timer(&server->hooks, server->base, interval, run, context);
}

unsigned valve_server_stalled(const struct valve_server *server)
{
    unsigned stalled = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        stalled += valve_counted(&server->watchdog.watches[i].stalled_since) != 0;
    return stalled;
}

int valve_server_listen_metrics(struct valve_server *server,
                                const struct valve_metrics_options *options,
                                struct valve_error *ret_error)
{
    return valve_metrics_listen(&server->metrics, options, ret_error);
}

const char *valve_server_metrics_address(const struct valve_server *server)
{
    return valve_metrics_address(&server->metrics);
}

void valve_server_set_tls(struct valve_server *server, const void *context, struct valve_tls *tls)
{
    valve_acceptor_set_tls(&server->acceptor, context, tls);
}

const char *valve_server_address(const struct valve_server *server, unsigned index)
{
    return index < server->acceptor.count ? server->acceptor.listeners[index].listening.address.text
                                          : NULL;
}

void valve_server_get_facts(const struct valve_server *server, struct valve_server_facts *ret_facts)
{
    *ret_facts = (struct valve_server_facts){
        .descriptor_limit = server->table.length,
        .max_connections = server->max_connections,
        .max_held = server->options.max_held,
        .table_reserved = server->table.length * sizeof(struct valve_connection),
        .workers = server->worker_count,
        .io_threads = server->options.io_threads,
    };
}

int valve_server_stop_on_signals(struct valve_server *server)
{
    static const int numbers[] = {SIGTERM, SIGINT};

    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    for (unsigned i = 0; i < 2; i++) {
        server->signals[i] = evsignal_new(server->base, numbers[i], on_signal, server);
        if (server->signals[i] == NULL || event_add(server->signals[i], NULL) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- Running ---- */

static int start_threads(struct valve_server *server, struct valve_error *ret_error)
{
    unsigned threads = server->options.io_threads;
    int r = explain(ret_error, "cannot start the log", start_log(server));

    if (r < 0)
        return r;
    if (threads == 0)
        threads = server->worker_count * 2 > LEAST_IO_THREAD ? server->worker_count * 2
                                                             : LEAST_IO_THREAD;
    server->options.io_threads = threads;
    r = explain(ret_error, "cannot start the I/O pool", valve_pool_new(threads, &server->pool));
    for (unsigned i = 0; r == 0 && i < server->worker_count; i++)
        r = explain(ret_error, "cannot start a worker", valve_worker_start(&server->workers[i]));
    return r;
}

int valve_server_start(struct valve_server *server, struct valve_error *ret_error)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t others, before;
    int r;

    /* Threads inherit the mask: signals from outside are the main thread's. */
    sigfillset(&others);
    for (unsigned i = 0; i < sizeof own_faults / sizeof own_faults[0]; i++)
        sigdelset(&others, own_faults[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    r = start_threads(server, ret_error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        r = explain(ret_error, "cannot watch the workers",
                    valve_watchdog_start(&server->watchdog, server));
    if (r == 0)
        r = explain(ret_error, "cannot serve metrics", valve_metrics_start(&server->metrics));
    if (r == 0)
        r = explain(ret_error, "cannot accept", valve_acceptor_start(&server->acceptor));
    return r;
}

int valve_server_run(struct valve_server *server)
{
    while (server->stage != VALVE_STAGE_STOPPED)
        if (event_base_loop(server->base, 0) < 0)
            return -EIO;
    return server->cut ? -ETIMEDOUT : 0;
}

/* ---- Taking apart ---- */

static void free_events(struct valve_server *server)
{
    struct event *events[] = {server->mail, server->drain_alarm, server->signals[0],
                              server->signals[1]};

    for (unsigned i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (server->base != NULL)
        event_base_free(server->base);
}

bool valve_server_free(struct valve_server *server)
{
    if (server == NULL)
        return true;
    valve_acceptor_stop(&server->acceptor);
    valve_metrics_fini(&server->metrics);
    valve_watchdog_stop(&server->watchdog);
    for (unsigned i = 0; i < server->worker_count; i++)
        valve_worker_end(&server->workers[i]);
    if (!valve_pool_free(server->pool, valve_clock_now() + POOL_PATIENCE))
        return false;
    server->pool = NULL;
    for (unsigned i = 0; i < server->worker_count; i++)
        valve_worker_fini(&server->workers[i]);
    free(server->workers);
    valve_log_queue_free(server->log_queue, LOG_PATIENCE);
    valve_watchdog_fini(&server->watchdog);
    valve_promises_fini(&server->promises);
    valve_acceptor_fini(&server->acceptor);
    valve_hooks_fini(&server->hooks);
    free_events(server);
    valve_mailbox_fini(&server->mailbox);
    valve_table_fini(&server->table);
    free(server);
    return true;
}
