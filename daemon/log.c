/* SPDX-License-Identifier: MIT */
/*
 * Writing log lines to stderr.
 */
#include <config.h>

#include "daemon/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define PATIENCE    1000000000         /* ns for the last lines, at the end */
#define LINE_MAX    (MESSAGE_MAX + 64) /* the message behind time, name and level */

static const char *level_name(enum valve_priority priority)
{
    switch (priority) {
    case VALVE_LOG_ERROR:
        return "error";
    case VALVE_LOG_WARNING:
        return "warning";
    case VALVE_LOG_NOTICE:
        return "notice";
    case VALVE_LOG_INFO:
        return "info";
    case VALVE_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

/* Whether stderr is the stream that systemd connected to the journal: DEVICE:INODE names it. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;

    return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && device == status.st_dev && inode == status.st_ino;
}

void log_set_level(struct log *log, enum valve_priority level)
{
    atomic_store_explicit(&log->level, level, memory_order_relaxed);
}

void log_init(struct log *log, enum valve_priority level)
{
    log_set_level(log, level);
    log->journal = is_journal();
}

void log_prefix(const struct log *log, enum valve_priority priority, bool is_for_stderr,
                char prefix[LOG_PREFIX_MAX])
{
    struct timespec now;
    struct tm utc;
    size_t size;

    if (log->journal && is_for_stderr) {
        snprintf(prefix, LOG_PREFIX_MAX, "<%d>", (int)priority);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size = strftime(prefix, LOG_PREFIX_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    size += (size_t)snprintf(prefix + size, LOG_PREFIX_MAX - size, ".%03ldZ ",
                             now.tv_nsec / 1000000);
    if (is_for_stderr)
        snprintf(prefix + size, LOG_PREFIX_MAX - size, "valved: %s: ", level_name(priority));
}

/* Copies the message as far as it fits, so that it stays one line and drives no terminal. */
static size_t write_escaped(const char *message, char *line, size_t room)
{
    size_t used = 0;

    for (; *message; message++) {
        unsigned char byte = (unsigned char)*message;
        bool control = byte < 0x20 || byte == 0x7f;

        if (used + (control ? 4 : 1) >= room)
            break;
        if (control)
            used += (size_t)snprintf(line + used, room - used, "\\x%02x", byte);
        else
            line[used++] = *message;
    }
    return used;
}

static size_t say_lost(void *context, uint64_t lost, char *line, size_t room)
{
    char prefix[LOG_PREFIX_MAX];

    log_prefix(context, VALVE_LOG_WARNING, true, prefix);
    return (size_t)snprintf(
        line, room, "%s%" PRIu64 " messages lost: the log could not be written\n", prefix, lost);
}

int log_start(struct log *log)
{
    const struct valve_log_queue_options options = {.say_lost = say_lost, .context = log};

    return valve_log_queue_new(&options, &log->queue);
}

void log_stop(struct log *log)
{
    if (valve_log_queue_free(log->queue, PATIENCE))
        log->queue = NULL;
}

void log_message(void *context, enum valve_priority priority, const char *message)
{
    const struct log *log = context;
    char line[LINE_MAX];
    size_t size;

    if (priority > log->level)
        return;
    log_prefix(log, priority, true, line);
    size = strlen(line);
    size += write_escaped(message, line + size, sizeof line - size - 1);
    line[size++] = '\n';
    if (log->queue)
        valve_log_queue_add(log->queue, line, size);
    else
        (void)!write(STDERR_FILENO, line, size); /* there is nowhere left to complain */
}

uint64_t log_lost(const struct log *log)
{
    return log->queue ? valve_log_queue_lost(log->queue) : 0;
}

void log_print(const struct log *log, enum valve_priority priority, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    if (priority > log->level)
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log_message((void *)log, priority, message);
}
