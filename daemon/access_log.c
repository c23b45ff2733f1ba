/* SPDX-License-Identifier: MIT */
/*
 * Writing the access log.
 */
#include <config.h>

#include "daemon/access_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/identity.h"
#include "daemon/log_file.h"
#include "daemon/record.h"
#include "rpc/utf8.h"
#include "server/log_queue.h"

#define ACCESS_LOG "access log"
#define PATIENCE   1000000000 /* ns for the last lines, at the end */
#define PATH_ROOM  768        /* of a path that is longer, the beginning is told */
#define RING_SIZE  ((size_t)1024 * 1024)
#define WRITE_SIZE ((size_t)64 * 1024)
#define LINGER     200000000 /* ns */

struct access_log {
    struct log *log;
    struct log_file file;
    struct valve_log_queue *queue; /* of the file; NULL until it is started */
};

int access_log_new(const struct config *config, struct log *log, struct access_log **ret_access_log)
{
    struct access_log *access_log;

    *ret_access_log = NULL;
    if (!config->access)
        return 0;
    access_log = calloc(1, sizeof *access_log);
    if (!access_log || log_file_init(&access_log->file, config->access_file) < 0) {
        free(access_log);
        return -ENOMEM;
    }
    access_log->log = log;
    *ret_access_log = access_log;
    return 0;
}

int access_log_open(struct access_log *access_log, struct valve_error *ret_error)
{
    return access_log ? log_file_open(&access_log->file, ACCESS_LOG, ret_error) : 0;
}

void access_log_free(struct access_log *access_log)
{
    if (!access_log || !valve_log_queue_free(access_log->queue, PATIENCE))
        return;
    log_file_close(&access_log->file);
    free(access_log);
}

int access_log_reopen(struct access_log *access_log)
{
    return access_log ? log_file_reopen(&access_log->file, access_log->log, ACCESS_LOG) : 0;
}

uint64_t access_log_lost(const struct access_log *access_log)
{
    return access_log && access_log->queue ? valve_log_queue_lost(access_log->queue) : 0;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* As `allow` calls it. */
static const char *call_name(const char *method)
{
    static const struct {
        const char *method;
        unsigned operation;
    } calls[] = {
        {"ListAll", CONFIG_ALLOW_LIST},  {"Size", CONFIG_ALLOW_SIZE}, {"Get", CONFIG_ALLOW_GET},
        {"Exists", CONFIG_ALLOW_EXISTS}, {"Del", CONFIG_ALLOW_DEL},
    };
    unsigned operation = 0;

    for (size_t i = 0; method && i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].method, method) == 0)
            operation = calls[i].operation;
    return config_operation_name(operation);
}

static size_t say_lost(void *context, uint64_t lost, char *line, size_t room)
{
    const struct access_log *access_log = context;
    char message[80];

    snprintf(message, sizeof message, "%" PRIu64 " lines lost: they could not be written", lost);
    return record_write(&(struct record){.priority = VALVE_LOG_WARNING, .message = message},
                        log_file_form(access_log->log), line, room);
}

static uint64_t write_lines(void *context, const char *lines, size_t size)
{
    struct access_log *access_log = context;
    size_t written;
    int r = log_file_write(&access_log->file, lines, size, -1, &written);

    if (r == 0)
        return 0;
    log_file_complain(&access_log->file, access_log->log, ACCESS_LOG, r, "");
    return valve_log_count_lines(lines + written, size - written);
}

int access_log_start(struct access_log *access_log)
{
    const struct valve_log_queue_options options = {
        .say_lost = say_lost,
        .write = write_lines,
        .context = access_log,
        .ring_size = RING_SIZE,
        .write_size = WRITE_SIZE,
        .linger = LINGER,
    };

    if (!access_log || !access_log->file.path)
        return 0;
    return valve_log_queue_new(&options, &access_log->queue);
}

static void write_line(struct access_log *access_log, const struct record *record)
{
    char line[LOG_LINE_MAX];

    valve_log_queue_add(access_log->queue, line,
                        record_write(record, log_file_form(access_log->log), line, sizeof line));
}

void access_log_ended(void *context, const struct valve_call *call, const struct valve_ended *ended)
{
    struct access_log *access_log = context;
    const struct access_listener *listener = valve_call_listener(call);
    char peer[IDENTITY_TEXT], path[PATH_ROOM] = "";
    const struct record_field fields[] = {
        {.name = "call", .text = call_name(ended->method)},
        {.name = "result", .text = ended->outcome},
        {.name = "bytes", .number = ended->bytes},
        {.name = "us", .number = ended->duration / 1000},
        {.name = "listener", .text = listener->address},
        {.name = "peer", .text = peer},
        {.name = "path", .text = path, .is_quoted = true},
    };
    struct record record = {.priority = VALVE_LOG_INFO,
                            .event = "access",
                            .fields = fields,
                            .field_count = sizeof fields / sizeof *fields};

    if (ended->subject)
        valve_escape(ended->subject, ended->subject_size, path, sizeof path);
    else
        record.field_count--;
    identity_describe(valve_call_socket(call), valve_call_certificate(call), peer);
    if (access_log->queue)
        write_line(access_log, &record);
    else
        log_record(access_log->log, &record);
}
