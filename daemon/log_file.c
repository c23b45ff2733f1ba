/* SPDX-License-Identifier: MIT */
/*
 * Files of log lines.
 */
#include <config.h>

#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "fiber/clock.h"
#include "server/log_queue.h"

#define FILE_MODE   0640
#define COMPLAIN_NS 10000000000 /* that lines are lost is logged at most so often */

/* A FIFO that nobody reads is an error (ENXIO), and nothing to wait for. */
static int open_to_append(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                          FILE_MODE);

    return descriptor < 0 ? -errno : descriptor;
}

int log_file_init(struct log_file *file, const char *path)
{
    *file = (struct log_file){.descriptor = -1};
    if (path[0] != '\0')
        file->path = strdup(path);
    return file->path || path[0] == '\0' ? 0 : -ENOMEM;
}

int log_file_open(struct log_file *file, const char *what, struct valve_error *ret_error)
{
    int r = file->path ? open_to_append(file->path) : 0;

    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "cannot open the %s %.300s: %s", what,
                 file->path, strerror(-r));
        return r;
    }
    if (file->path)
        file->descriptor = r;
    return 0;
}

void log_file_close(struct log_file *file)
{
    if (file->path && file->descriptor >= 0)
        close(file->descriptor);
    free(file->path);
    *file = (struct log_file){.descriptor = -1};
}

int log_file_reopen(const struct log_file *file, struct log *log, const char *what)
{
    cleanup(cleanup_descriptor) int descriptor = -1;
    int r;

    if (!file->path)
        return 0;
    r = descriptor = open_to_append(file->path);
    /* In its place at once, so that whoever writes a line has one or the other. */
    if (r >= 0 && dup3(descriptor, file->descriptor, O_CLOEXEC) < 0)
        r = -errno;
    if (r >= 0)
        return 0;
    log_print(log, VALVE_LOG_ERROR, "cannot open the %s %s again: %s", what, file->path,
              strerror(-r));
    return r;
}

static int put(const struct log_file *file, const char *lines, size_t size, int patience,
               size_t *ret_written)
{
    if (!file->path)
        return log_write(lines, size, patience, ret_written);
    return valve_log_write(file->descriptor, lines, size, patience, ret_written);
}

int log_file_write(struct log_file *file, const char *lines, size_t size, int patience,
                   size_t *ret_written)
{
    int r = 0;

    if (file->is_torn)
        r = put(file, "\n", 1, patience, ret_written);
    *ret_written = 0;
    if (r < 0)
        return r;
    r = put(file, lines, size, patience, ret_written);
    file->is_torn = *ret_written > 0 && lines[*ret_written - 1] != '\n';
    return r;
}

void log_file_complain(struct log_file *file, struct log *log, const char *what, int error,
                       const char *consequence)
{
    uint64_t now = valve_clock_now();

    if (file->complained_at != 0 && now - file->complained_at < COMPLAIN_NS)
        return;
    file->complained_at = now;
    log_print(log, VALVE_LOG_ERROR, "the %s cannot be written to %s: %s%s", what,
              file->path ? file->path : "stderr", strerror(-error), consequence);
}
