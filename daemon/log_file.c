/* SPDX-License-Identifier: MIT */
/*
 * Files of log lines.
 */
#include <config.h>

#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cleanup.h"

#define FILE_MODE 0640

static int open_to_append(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);

    return descriptor < 0 ? -errno : descriptor;
}

int log_file_open(struct log_file *file, const char *path)
{
    int r = 0;

    *file = (struct log_file){.descriptor = -1};
    if (path[0] == '\0')
        return 0;
    file->path = strdup(path);
    r = file->path ? open_to_append(path) : -ENOMEM;
    if (r < 0) {
        log_file_close(file);
        return r;
    }
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
