/* SPDX-License-Identifier: MIT */
/*
 * valved: from the command line to the end of the server.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/access.h"
#include "daemon/access_log.h"
#include "daemon/audit.h"
#include "daemon/caches.h"
#include "daemon/cleanup.h"
#include "daemon/config.h"
#include "daemon/confine.h"
#include "daemon/listen_tls.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "daemon/store.h"
#include "server/event_log.h"
#include "server/os.h"
#include "valve.h"

#define MILLISECOND ((uint64_t)1000000) /* ns */

/* Levels of arrays and maps in a request, as valve-protocol(7) promises. */
#define REQUEST_DEPTH 16

#define STATUS_EVERY UINT64_C(10000000000) /* ns */

#define WATCHDOG_LOOKS 3 /* within the time after which the service manager loses patience */

#define DESCRIPTORS_FEW 512 /* with fewer it is not much of a server */

/* Of the socket of metrics, where it is a file. */
#define METRICS_MODE 0660

/* So large a block goes back to the system by itself. */
#define LARGE_BLOCK ((size_t)8 * 1024)

/* Everything there is one of, in the order in which it comes to be. */
struct valved {
    int status; /* the exit status, if it ended now */
    struct log log;
    struct options options;
    struct config config;
    struct store *store;
    struct service service;
    struct access_log *access_log; /* NULL where nobody wants one */
    struct audit *audit;           /* likewise */
    struct caches *caches;         /* NULL where nothing is kept */
    struct metrics_sources sources;
    struct valve_service rpc;
    struct access *access;
    struct listeners listeners;
    struct valve_server *server;
    struct confinement confinement;
    bool has_started;
};

/* ---- What it was started with --------------------------------------------------------------- */

/*
 * Whoever starts it may have closed stderr: no socket and no file may take its place, or the log
 * would go there. What is opened instead refuses to be used.
 */
static bool hold_standard_descriptors(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 &&
            open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
            return false;
    return true;
}

static void stop_on_hangup(int number)
{
    (void)number;
    raise(SIGTERM);
}

/* ---- What was asked ------------------------------------------------------------------------- */

static bool read_command_line(struct valved *valved, int argc, char **argv)
{
    int status = EXIT_FAILURE;
    int r = options_parse(argc, argv, &valved->options, &status);

    if (r < 0)
        valved->status = fflush(stdout) == 0 && !ferror(stdout) ? status : EXIT_FAILURE;
    return r == 0;
}

/* What `auto` means here; the server finds out for itself what is not asked of it. */
static void choose_automatic(struct config *config)
{
    static unsigned cpus[1024]; /* only their number is of interest */
    int count = valve_os_cpus(cpus, sizeof cpus / sizeof *cpus);
    struct rlimit limit;
    uint64_t descriptors = config->max_descriptors;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < descriptors)
        descriptors = limit.rlim_max;
    config_resolve(config, count > 0 ? (unsigned)count : 1, descriptors);
}

/* Without a time, for people who run it by hand. */
static void print_problem(struct log *log, const struct config_error *error)
{
    if (log->journal)
        log_print(log, VALVE_LOG_ERROR, "%s", error->text);
    else
        fprintf(stderr, "%s%s\n", error->line > 0 ? "" : "valved: ", error->text);
}

static bool read_configuration(struct valved *valved)
{
    struct config_errors errors = {0};
    int r = config_load(&valved->options, &valved->config, &errors);

    for (size_t i = 0; i < errors.count; i++)
        print_problem(&valved->log, &errors.list[i]);
    config_errors_fini(&errors);
    if (r < 0) {
        valved->status = r == -EINVAL ? VALVED_EXIT_CONFIG : EXIT_FAILURE;
        if (r != -EINVAL)
            log_print(&valved->log, VALVE_LOG_ERROR, "cannot read the configuration: %s",
                      strerror(-r));
        return false;
    }
    choose_automatic(&valved->config);
    log_configure(&valved->log, &valved->config);
    return true;
}

/* Answers --check-access. 0 or -errno, which is reported; the exit status says what it was. */
static int answer_access(struct valved *valved)
{
    struct valve_error error;
    int r = access_check(&valved->config, &valved->options.access, stdout, &error);

    if (r == -EINVAL) {
        fprintf(stderr, "valved: --check-access: %s\n", error.text);
        valved->status = VALVED_EXIT_USAGE;
    } else if (r > 0) {
        valved->status = EXIT_SUCCESS;
    }
    return r == -ENOMEM ? r : 0;
}

/* Whether the files that it names are what they should be, as far as a start would find out. */
static bool check_files(struct valved *valved)
{
    bool are_well = true;

    for (size_t i = 0; i < valved->config.listener_count; i++) {
        const struct config_listener *listener = &valved->config.listeners[i];
        struct valve_error error;
        struct valve_tls *tls;

        if (!listen_tls_can_be_checked(listener)) {
            log_print(&valved->log, VALVE_LOG_WARNING,
                      "[listen %s]: its credentials are for the service alone: what TLS needs was "
                      "not looked at",
                      listener->name.text);
            continue;
        }
        if (listen_tls_new(listener, &tls, &error) < 0) {
            log_print(&valved->log, VALVE_LOG_ERROR, "%s", error.text);
            are_well = false;
        }
        valve_tls_free(tls);
    }
    return are_well;
}

/* Whether more than to look at the configuration was asked for. */
static bool is_to_serve(struct valved *valved)
{
    const struct options *options = &valved->options;
    int r = 0;

    if (options->dump_config)
        r = config_dump(&valved->config, stdout);
    if (r == 0 && options->access.peer)
        r = answer_access(valved);
    if (r == 0 && fflush(stdout) != 0)
        r = -errno;
    if (r == 0 && ferror(stdout))
        r = -EIO;
    if (r < 0) {
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot print the configuration: %s",
                  strerror(-r));
        return false;
    }
    if (options->access.peer)
        return false;
    if (options->check_config && !check_files(valved)) {
        valved->status = VALVED_EXIT_CONFIG;
        return false;
    }
    if (options->dump_config || options->check_config)
        valved->status = EXIT_SUCCESS;
    return !options->dump_config && !options->check_config;
}

static bool is_meant(struct valved *valved)
{
    if (confine_allows(&valved->config, &valved->log))
        return true;
    valved->status = VALVED_EXIT_CONFIG;
    return false;
}

/* ---- What serves ---------------------------------------------------------------------------- */

static bool open_store(struct valved *valved)
{
    const struct config *config = &valved->config;
    const struct store_options options = {
        .root = config->root,
        .hide = (const char *const *)config->hide.words,
        .symlinks = config->symlinks,
        .one_filesystem = config->one_filesystem,
    };
    int r = store_new(&options, &valved->store);

    if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot open the root %s: %s", config->root,
                  strerror(-r));
    return r == 0;
}

static void on_stopping(void *context)
{
    (void)context;
    notify_stopping();
}

static struct valve_server_options server_options(struct valved *valved)
{
    const struct config *config = &valved->config;
    bool count_connections = config->origins[CONFIG_MAX_CONNECTIONS].automatic;
    struct valve_server_options options;

    valve_server_options_default(&options);
    options.workers = (unsigned)config->workers;
    options.pin = config->pin;
    options.max_descriptors = config->max_descriptors;
    options.max_connections = count_connections ? 0 : config->max_connections;
    options.max_held = config->max_files;
    options.reserve = config_own_descriptors(config);
    options.io_threads = (unsigned)config->io_threads;
    options.max_fibers = (unsigned)config->max_fibers;
    options.fiber_stack = (size_t)config->fiber_stack;
    options.max_request = (size_t)config->max_request;
    options.max_depth = REQUEST_DEPTH;
    options.max_in_flight = (unsigned)config->max_in_flight;
    options.request_timeout = config->request_timeout * MILLISECOND;
    options.idle_timeout = config->idle_timeout * MILLISECOND;
    options.send_timeout = config->send_timeout * MILLISECOND;
    options.io_timeout = config->io_timeout * MILLISECOND;
    options.drain_timeout = config->drain_timeout * MILLISECOND;
    options.log = log_message;
    options.log_context = &valved->log;
    options.stopping = on_stopping;
    options.ended = valved->access_log ? access_log_ended : NULL;
    options.ended_context = valved->access_log;
    return options;
}

static bool make_server(struct valved *valved)
{
    struct valve_server_options options = server_options(valved);
    struct valve_error error;

    valved->service = (struct service){
        .store = valved->store,
        .log = &valved->log,
        .io_timeout = options.io_timeout,
        .audit = valved->audit,
    };
    valved->rpc = service_as_rpc(&valved->service);
    valve_event_log(log_message, &valved->log);
    if (valve_server_new(&options, &valved->rpc, &valved->server, &error) == 0)
        return true;
    log_print(&valved->log, VALVE_LOG_ERROR, "%s", error.text);
    return false;
}

/* Of requests; their files are opened last. */
static bool make_logs(struct valved *valved)
{
    int r = audit_new(&valved->config, &valved->log, &valved->audit);

    if (r == 0)
        r = access_log_new(&valved->config, &valved->log, &valved->access_log);
    if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot make the logs: %s", strerror(-r));
    return r == 0;
}

static bool make_caches(struct valved *valved)
{
    size_t most = (size_t)valved->config.cache;
    int r = most > 0
                ? caches_new(valved->server, valved->store, &valved->log, most, &valved->caches)
                : 0;

    if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot make the caches: %s", strerror(-r));
    valved->service.caches = valved->caches;
    return r == 0;
}

/* Of sockets that root makes for the user that the process becomes. */
static gid_t own_group(const struct config *config)
{
    return geteuid() == 0 && config->user.name ? config->user.group : (gid_t)-1;
}

static void on_lost_socket(void *context, const char *name)
{
    log_print(context, VALVE_LOG_WARNING,
              "a socket named %s was given, but there is no section [listen %s] that has none yet",
              name, name);
}

static bool open_listeners(struct valved *valved)
{
    struct config *config = &valved->config;
    cleanup(cleanup_memory) int *sockets = notify_sockets(config, on_lost_socket, &valved->log);
    struct valve_error error = {"out of memory"};
    int r = sockets ? access_new(&valved->access) : -ENOMEM;

    if (r == 0)
        r = access_set_rules(valved->access, config->rules, config->rule_count);
    if (r == 0) {
        config_rules_forget(config);
        valved->listeners = (struct listeners){
            .server = valved->server,
            .access = valved->access,
            .deletes = config->deletes,
            .group = own_group(config),
        };
        r = listeners_set(&valved->listeners, config, sockets, &error);
        listeners_allow(&valved->listeners);
    }
    if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "%s", error.text);
    return r == 0;
}

/* A reload opens these again, as that user: that he may not is found out now. */
static bool open_logs(struct valved *valved)
{
    struct valve_error error;

    if (audit_open(valved->audit, &error) == 0 && access_log_open(valved->access_log, &error) == 0)
        return true;
    log_print(&valved->log, VALVE_LOG_ERROR, "%s", error.text);
    return false;
}

static bool confine(struct valved *valved)
{
    valved->confinement = (struct confinement){
        .config = &valved->config, .store = valved->store, .log = &valved->log};
    return confine_become_user(&valved->confinement) && open_logs(valved) &&
           confine_process(&valved->confinement);
}

/* Nobody who serves shall wait for whoever reads the log, or for its disk. */
static bool start_logs(struct valved *valved)
{
    int r = log_start(&valved->log);

    if (r == 0)
        r = access_log_start(valved->access_log);
    if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot start the log: %s", strerror(-r));
    return r == 0;
}

static bool open_metrics(struct valved *valved)
{
    const struct valve_metrics_options options = {
        .address = valved->config.metrics_address.text,
        .mode = METRICS_MODE,
        .group = own_group(&valved->config),
        .more = metrics_add,
        .context = &valved->sources,
    };
    struct valve_error error;

    valved->sources = (struct metrics_sources){
        .log = &valved->log,
        .access_log = valved->access_log,
        .audit = valved->audit,
        .caches = valved->caches,
    };
    if (valved->config.metrics_address.size == 0 ||
        valve_server_listen_metrics(valved->server, &options, &error) == 0)
        return true;
    log_print(&valved->log, VALVE_LOG_ERROR, "metrics: %s", error.text);
    return false;
}

/* The threads of the server, which inherit what the one that starts them may do. */
static void *start_threads(void *argument)
{
    struct valved *valved = argument;
    struct valve_error error = {0};

    if (!confine_thread(&valved->confinement))
        return NULL;
    valved->has_started = valve_server_start(valved->server, &error) == 0;
    if (!valved->has_started)
        log_print(&valved->log, VALVE_LOG_ERROR, "%s", error.text);
    return NULL;
}

static void on_reload(void *context)
{
    struct valved *valved = context;
    struct reload reload = {
        .options = &valved->options,
        .config = &valved->config,
        .listeners = &valved->listeners,
        .access = valved->access,
        .access_log = valved->access_log,
        .audit = valved->audit,
        .log = &valved->log,
    };

    notify_reloading();
    reload_configuration(&reload);
    notify_ready();
}

/* Sums of what the server tells of itself. */
struct totals {
    double connections, requests;
};

static void add_to_totals(void *context, const struct valve_sample *sample)
{
    struct totals *totals = context;

    if (strcmp(sample->figure->name, "valve_connections") == 0)
        totals->connections += sample->value;
    if (strcmp(sample->figure->name, "valve_requests_total") == 0)
        totals->requests += sample->value;
}

/* What systemctl status shows. */
static void on_status(void *context)
{
    static double requests_before;
    const struct valved *valved = context;
    struct totals totals = {0};
    char text[200];

    valve_server_stats(valved->server, add_to_totals, &totals);
    snprintf(text, sizeof text, "Serving: %.0f connections, %.0f requests a second",
             totals.connections,
             (totals.requests - requests_before) / ((double)STATUS_EVERY / 1e9));
    requests_before = totals.requests;
    notify_status(text);
}

/* While a worker is stalled the manager hears nothing, and will end it in the end. */
static void on_watchdog(void *context)
{
    const struct valved *valved = context;

    if (valve_server_stalled(valved->server) == 0)
        notify_alive();
}

/*
 * SIGHUP means that the terminal is gone, where there is one, and "reload" to a daemon. One that
 * was started to ignore it, by nohup(1), does.
 */
static int handle_hangup(struct valved *valved)
{
    struct sigaction action = {.sa_flags = SA_RESTART}, old;

    action.sa_handler = stop_on_hangup;
    if (sigaction(SIGHUP, NULL, &old) < 0 || old.sa_handler == SIG_IGN)
        return 0;
    if (isatty(STDERR_FILENO))
        return sigaction(SIGHUP, &action, NULL) < 0 ? -errno : 0;
    return valve_server_on_signal(valved->server, SIGHUP, on_reload, valved);
}

/* What else is done on the main thread while it serves. */
static int add_duties(struct valved *valved)
{
    uint64_t watchdog = notify_watchdog_interval();
    int r = valve_server_stop_on_signals(valved->server);

    if (r == 0)
        r = handle_hangup(valved);
    if (r == 0 && notify_is_wanted())
        r = valve_server_every(valved->server, STATUS_EVERY, on_status, valved);
    if (r == 0 && watchdog > 0)
        r = valve_server_every(valved->server, watchdog / WATCHDOG_LOOKS, on_watchdog, valved);
    return r;
}

/*
 * Those who answer requests need less than the main thread, which removes its sockets and reads its
 * configuration: a thread that has given up even that starts them.
 */
static bool start_serving(struct valved *valved)
{
    pthread_t starter;
    int r = add_duties(valved);

    if (r == 0)
        r = -pthread_create(&starter, NULL, start_threads, valved);
    if (r == 0)
        pthread_join(starter, NULL);
    else
        log_print(&valved->log, VALVE_LOG_ERROR, "cannot start: %s", strerror(-r));
    return valved->has_started;
}

/* ---- Serving -------------------------------------------------------------------------------- */

/* Whether more descriptors were asked for, in words, than the hard limit gives. */
static bool is_short_of_descriptors(const struct valved *valved,
                                    const struct valve_server_facts *facts)
{
    return valved->config.origins[CONFIG_MAX_DESCRIPTORS].source != CONFIG_FROM_DEFAULT &&
           facts->descriptor_limit < valved->config.max_descriptors;
}

static void log_facts(struct valved *valved)
{
    struct log *log = &valved->log;
    struct valve_server_facts facts;
    struct valve_address parsed;
    const char *address, *problem;

    valve_server_get_facts(valved->server, &facts);
    log_print(log, VALVE_LOG_INFO,
              "descriptor limit %" PRIu64
              ", connection table of %zu bytes reserved, at most %" PRIu64
              " connections and %" PRIu64 " open files of requests, %u workers, %u I/O threads",
              facts.descriptor_limit, facts.table_reserved, facts.max_connections, facts.max_held,
              facts.workers, facts.io_threads);
    if (facts.descriptor_limit < DESCRIPTORS_FEW || is_short_of_descriptors(valved, &facts))
        log_print(log, VALVE_LOG_WARNING,
                  "only %" PRIu64 " descriptors: raise the hard limit of open files "
                  "(LimitNOFILE=, ulimit -Hn)",
                  facts.descriptor_limit);
    for (unsigned i = 0; (address = valve_server_address(valved->server, i)); i++)
        log_print(log, VALVE_LOG_NOTICE, "serving %s on %s%s", valved->config.root, address,
                  valve_address_parse(address, &parsed, &problem) == 0 ? notify_reach(&parsed)
                                                                       : "");
    address = valve_server_metrics_address(valved->server);
    if (address)
        log_print(log, VALVE_LOG_NOTICE, "metrics on %s", address);
}

static void serve_until_stopped(struct valved *valved)
{
    int r;

    log_facts(valved);
    notify_ready();
    r = valve_server_run(valved->server);
    if (r == -ETIMEDOUT)
        log_print(&valved->log, VALVE_LOG_WARNING,
                  "stopped, cutting connections that had not ended");
    else if (r < 0)
        log_print(&valved->log, VALVE_LOG_ERROR, "the server failed: %s", strerror(-r));
    else
        log_print(&valved->log, VALVE_LOG_NOTICE, "stopped");
    if (r == 0 || r == -ETIMEDOUT)
        valved->status = EXIT_SUCCESS;
}

static void release_all(struct valved *valved)
{
    bool is_free = valve_server_free(valved->server);

    access_log_free(valved->access_log); /* no worker is left */
    if (!is_free)
        return; /* a job that the kernel holds refers to all this */
    listeners_fini(&valved->listeners);
    access_free(valved->access);
    caches_free(valved->caches);
    audit_free(valved->audit);
    store_free(valved->store);
    config_fini(&valved->config);
    options_fini(&valved->options);
}

int main(int argc, char **argv)
{
    static struct valved valved = {.status = EXIT_FAILURE}; /* threads may outlive main() */
    bool ready;

    if (!hold_standard_descriptors()) {
        fputs("valved: cannot open /dev/null for a standard stream that is closed\n", stderr);
        return EXIT_FAILURE;
    }
    valve_os_map_large_blocks(LARGE_BLOCK);
    log_init(&valved.log);
    metrics_init();
    ready = read_command_line(&valved, argc, argv) && read_configuration(&valved) &&
            is_to_serve(&valved) && is_meant(&valved) && open_store(&valved) &&
            make_logs(&valved) && make_server(&valved) && make_caches(&valved) &&
            open_listeners(&valved) && open_metrics(&valved) && confine(&valved) &&
            start_logs(&valved) && start_serving(&valved);
    if (ready)
        serve_until_stopped(&valved);
    release_all(&valved);
    log_stop(&valved.log);
    return valved.status;
}
