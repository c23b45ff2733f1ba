/* SPDX-License-Identifier: MIT */
/*
 * Writing the log.
 */
#include <config.h>

#include "daemon/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/journal.h"
#include "fiber/clock.h"

#define MESSAGE_MAX 1024
#define PATIENCE    1000000000           /* ns for the last lines, at the end */
#define LINE_MAX    (MESSAGE_MAX + 64)   /* the message behind time, name and level */
#define SECOND      UINT64_C(1000000000) /* ns */
#define BURST       (10 * SECOND)        /* so much of what the rate allows may come at once */

static unsigned get(const _Atomic unsigned *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void set(_Atomic unsigned *value, unsigned to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

void log_init(struct log *log)
{
    set(&log->level, VALVE_LOG_INFO);
    set(&log->format, CONFIG_LOG_AUTO);
    log->journal = journal_is_log();
    log->takes_fields = log->journal && journal_takes_fields();
}

void log_configure(struct log *log, const struct config *config)
{
    set(&log->level, (unsigned)config->log_level);
    set(&log->format, config->log_format);
    set(&log->rate, (unsigned)config->log_rate);
}

enum record_form log_form(const struct log *log)
{
    unsigned format = get(&log->format);

    if (format == CONFIG_LOG_JSON)
        return log->journal ? RECORD_PREFIXED_JSON : RECORD_JSON;
    if (log->takes_fields && format == CONFIG_LOG_AUTO)
        return RECORD_JOURNAL;
    return log->journal ? RECORD_PREFIXED : RECORD_TERMINAL;
}

enum record_form log_file_form(const struct log *log)
{
    return get(&log->format) == CONFIG_LOG_JSON ? RECORD_JSON : RECORD_FILE;
}

/* ---- Lines on their way out ---- */

int log_write(const char *line, size_t size, int patience, size_t *ret_written)
{
    int r;

    if (line[0] != RECORD_MARK)
        return valve_log_write(STDERR_FILENO, line, size, patience, ret_written);
    r = journal_send(line, size - 1);
    *ret_written = r < 0 ? 0 : size;
    return r;
}

/* Lines for the journal go one by one, as what they are is told by each. */
static uint64_t write_lines(void *context, const char *lines, size_t size)
{
    const char *end = lines + size;
    uint64_t lost = 0;

    (void)context;
    while (lines < end) {
        const char *next = lines;
        size_t written;

        do
            next = (const char *)memchr(next, '\n', (size_t)(end - next)) + 1;
        while (lines[0] != RECORD_MARK && next < end && next[0] != RECORD_MARK);
        if (log_write(lines, (size_t)(next - lines), -1, &written) < 0)
            lost += valve_log_count_lines(lines + written, (size_t)(next - lines) - written);
        lines = next;
    }
    return lost;
}

static size_t say_lost(void *context, uint64_t lost, char *line, size_t room)
{
    char message[80];

    snprintf(message, sizeof message, "%" PRIu64 " messages lost: the log could not be written",
             lost);
    return record_write(&(struct record){.priority = VALVE_LOG_WARNING, .message = message},
                        log_form(context), line, room);
}

int log_start(struct log *log)
{
    const struct valve_log_queue_options options = {
        .say_lost = say_lost, .write = write_lines, .context = log};

    return valve_log_queue_new(&options, &log->queue);
}

static void put_line(const struct log *log, const char *line, size_t size)
{
    size_t written;

    if (log->queue)
        valve_log_queue_add(log->queue, line, size);
    else
        (void)log_write(line, size, -1, &written); /* there is nowhere left to complain */
}

void log_record(struct log *log, const struct record *record)
{
    char line[LOG_LINE_MAX];

    put_line(log, line, record_write(record, log_form(log), line, sizeof line));
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void write_message(const struct log *log, enum valve_priority priority, const char *message)
{
    char line[LINE_MAX];
    const struct record record = {.priority = priority, .message = message};

    put_line(log, line, record_write(&record, log_form(log), line, sizeof line));
}

static void tell_held(struct log *log, enum valve_priority priority)
{
    uint64_t held = rate_take_held(&log->rates[priority]);
    char message[128];

    if (held == 0)
        return;
    atomic_fetch_add_explicit(&log->held, held, memory_order_relaxed);
    snprintf(message, sizeof message,
             "%" PRIu64 " messages of this level held back: more than %u a second (rate_limit)",
             held, get(&log->rate));
    write_message(log, priority, message);
}

/* One priority never keeps those of another from being written. */
static bool is_admitted(struct log *log, enum valve_priority priority)
{
    unsigned rate = get(&log->rate);

    return rate == 0 || rate_admits(&log->rates[priority], SECOND / rate, BURST, valve_clock_now());
}

void log_message(void *context, enum valve_priority priority, const char *message)
{
    struct log *log = context;

    if (priority > get(&log->level) || !is_admitted(log, priority))
        return;
    tell_held(log, priority);
    write_message(log, priority, message);
}

void log_print(struct log *log, enum valve_priority priority, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    if (priority > get(&log->level))
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log_message(log, priority, message);
}

void log_stop(struct log *log)
{
    for (unsigned i = VALVE_LOG_ERROR; i <= VALVE_LOG_DEBUG; i++)
        tell_held(log, (enum valve_priority)i);
    if (valve_log_queue_free(log->queue, PATIENCE))
        log->queue = NULL;
}

uint64_t log_lost(const struct log *log)
{
    return log->queue ? valve_log_queue_lost(log->queue) : 0;
}

uint64_t log_held(const struct log *log)
{
    uint64_t held = atomic_load_explicit(&log->held, memory_order_relaxed);

    for (unsigned i = VALVE_LOG_ERROR; i <= VALVE_LOG_DEBUG; i++)
        held += atomic_load_explicit(&log->rates[i].held, memory_order_relaxed);
    return held;
}
