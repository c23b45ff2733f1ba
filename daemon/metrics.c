/* SPDX-License-Identifier: MIT */
/*
 * Figures of the process, by the names that Prometheus has for them everywhere, of the log, and of
 * the caches.
 */
#include <config.h>

#include "daemon/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct timespec started;

/* Opened at start, for the sandbox lets nobody open them; kept for as long as the process lives. */
static int memory_file = -1;
static DIR *descriptor_directory;

static double seconds(const struct timespec *time)
{
    return (double)time->tv_sec + (double)time->tv_nsec / 1e9;
}

void metrics_init(void)
{
    clock_gettime(CLOCK_REALTIME, &started);
    memory_file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    descriptor_directory = opendir("/proc/self/fd");
}

static double start_time(void)
{
    return seconds(&started);
}

static double cpu_seconds(void)
{
    struct timespec used = {0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return seconds(&used);
}

/* One of the numbers of /proc/self/statm, which are in pages: as bytes. */
static double memory(int index)
{
    unsigned long pages[2] = {0};
    char text[128];
    ssize_t size = pread(memory_file, text, sizeof text - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    if (sscanf(text, "%lu %lu", &pages[0], &pages[1]) != 2)
        return 0;
    return (double)pages[index] * (double)sysconf(_SC_PAGESIZE);
}

static double virtual_memory(void)
{
    return memory(0);
}

static double resident_memory(void)
{
    return memory(1);
}

/* Before Linux 6.2 the directory does not tell how many there are. */
static double count_descriptors(void)
{
    double count = 0;

    if (descriptor_directory == NULL)
        return 0;
    rewinddir(descriptor_directory);
    for (struct dirent *entry; (entry = readdir(descriptor_directory)) != NULL;)
        count += entry->d_name[0] != '.';
    return count;
}

static double open_descriptors(void)
{
    struct stat status;

    if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
        return (double)status.st_size;
    return count_descriptors();
}

static double most_descriptors(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : 0;
}

static const struct {
    struct valve_figure figure;
    double (*value)(void);
} figures[] = {
    {{"process_start_time_seconds", "When the process was started, since 1970.", VALVE_GAUGE},
     start_time},
    {{"process_cpu_seconds_total", "Time of CPUs used, of user and system.", VALVE_COUNTER},
     cpu_seconds},
    {{"process_resident_memory_bytes", "Memory in use.", VALVE_GAUGE}, resident_memory},
    {{"process_virtual_memory_bytes", "Addresses mapped.", VALVE_GAUGE}, virtual_memory},
    {{"process_open_fds", "Open descriptors.", VALVE_GAUGE}, open_descriptors},
    {{"process_max_fds", "The most there may be.", VALVE_GAUGE}, most_descriptors},
};

static const struct valve_figure lines_lost = {
    "valve_log_lines_lost_total", "Lines of the log that could not be written.", VALVE_COUNTER};

static const struct valve_figure messages_held = {
    "valve_log_messages_held_total", "Messages of the log held back by its rate_limit.",
    VALVE_COUNTER};

static const struct valve_figure access_lost_lines = {
    "valve_access_lines_lost_total", "Lines of the access log that were lost.", VALVE_COUNTER};

static const struct valve_figure audit_lost_lines = {
    "valve_audit_lines_lost_total", "Lines of the audit that could not be written.", VALVE_COUNTER};

static const struct valve_figure build_info = {
    "valve_build_info", "Always 1; the version is in the label.", VALVE_GAUGE};

static const struct valve_figure cache_hits = {"valve_cache_hits_total",
                                               "Names asked for that were known.", VALVE_COUNTER};

static const struct valve_figure cache_misses = {
    "valve_cache_misses_total", "Names that were looked up because they were not known.",
    VALVE_COUNTER};

static const struct valve_figure cache_names = {
    "valve_cache_names", "Names known now: files kept open, and names of nothing.", VALVE_GAUGE};

static const struct valve_figure cache_forgotten = {
    "valve_cache_forgotten_total",
    "Times that a change made a name, and what lies beneath, unknown.", VALVE_COUNTER};

static const struct valve_figure cache_lost = {
    "valve_cache_lost_total", "Times that a worker forgot all names, as after a mount.",
    VALVE_COUNTER};

static void add(const struct valve_figure *figure, double value, valve_take_sample take,
                void *context)
{
    const struct valve_sample sample = {.figure = figure, .value = value};

    take(context, &sample);
}

static void add_caches(const struct caches *caches, valve_take_sample take, void *context)
{
    struct cache_figures sum;

    caches_get_figures(caches, &sum);
    add(&cache_hits, (double)sum.hits, take, context);
    add(&cache_misses, (double)sum.misses, take, context);
    add(&cache_names, (double)sum.names, take, context);
    add(&cache_forgotten, (double)sum.forgotten, take, context);
    add(&cache_lost, (double)sum.lost, take, context);
}

void metrics_add(void *context, valve_take_sample take, void *take_context)
{
    const struct metrics_sources *sources = context;
    const struct valve_sample sample = {
        .figure = &build_info, .labels = {{"version", PACKAGE_VERSION}}, .value = 1};

    take(take_context, &sample);
    add(&lines_lost, (double)log_lost(sources->log), take, take_context);
    add(&messages_held, (double)log_held(sources->log), take, take_context);
    add(&access_lost_lines, (double)access_log_lost(sources->access_log), take, take_context);
    add(&audit_lost_lines, (double)audit_lost(sources->audit), take, take_context);
    add_caches(sources->caches, take, take_context);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        add(&figures[i].figure, figures[i].value(), take, take_context);
}
