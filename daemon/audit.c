/* SPDX-License-Identifier: MIT */
/*
 * Writing the audit.
 */
#include <config.h>

#include "daemon/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/log.h"
#include "fiber/clock.h"

#define FILE_MODE   0640
#define PATIENCE_MS 30000       /* with stderr, if it takes nothing */
#define COMPLAIN_NS 10000000000 /* that lines are lost is logged at most so often */

struct audit {
    const struct log *log;
    char *path; /* of the file; NULL: stderr */
    int descriptor;
    bool is_required;
    pthread_mutex_t lock; /* of what follows, and so that lines stay whole */
    bool is_torn;         /* the line before is there in part */
    uint64_t complained_at;
    _Atomic uint64_t lost;
};

/* ---- Making and ending ---------------------------------------------------------------------- */

static int open_file(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);

    return descriptor < 0 ? -errno : descriptor;
}

int audit_new(const struct config *config, const struct log *log, struct audit **ret_audit,
              struct valve_error *ret_error)
{
    struct audit *audit;
    int r = -ENOMEM;

    *ret_audit = NULL;
    if (config->audit == CONFIG_AUDIT_NO)
        return 0;
    audit = calloc(1, sizeof *audit);
    if (audit) {
        pthread_mutex_init(&audit->lock, NULL);
        audit->log = log;
        audit->is_required = config->audit == CONFIG_AUDIT_REQUIRED;
        audit->descriptor = STDERR_FILENO;
        r = 0;
    }
    if (r == 0 && config->audit_file[0] != '\0') {
        audit->path = strdup(config->audit_file);
        r = audit->path ? audit->descriptor = open_file(audit->path) : -ENOMEM;
    }
    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "cannot open the audit file %.300s: %s",
                 config->audit_file, strerror(-r));
        audit_free(audit);
        return r;
    }
    *ret_audit = audit;
    return 0;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    if (audit->path && audit->descriptor >= 0)
        close(audit->descriptor);
    free(audit->path);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}

int audit_reopen(struct audit *audit)
{
    cleanup(cleanup_descriptor) int descriptor = -1;

    if (!audit || !audit->path)
        return 0;
    descriptor = open_file(audit->path);
    /* In its place at once, so that whoever writes a line has one or the other. */
    if (descriptor < 0 || dup3(descriptor, audit->descriptor, O_CLOEXEC) < 0) {
        int r = descriptor < 0 ? descriptor : -errno;

        log_print(audit->log, VALVE_LOG_ERROR, "cannot open the audit file %s again: %s",
                  audit->path, strerror(-r));
        descriptor = -1;
        return r;
    }
    return 0;
}

bool audit_is_required(const struct audit *audit)
{
    return audit->is_required;
}

uint64_t audit_lost(const struct audit *audit)
{
    return audit ? atomic_load_explicit(&audit->lost, memory_order_relaxed) : 0;
}

/* ---- Lines ------------------------------------------------------------------------------------ */

/* The line, which the caller frees; NULL: no memory. *ret_size is its length. */
static char *make_line(const struct audit *audit, const struct audit_entry *entry, size_t *ret_size)
{
    char stamp[LOG_PREFIX_MAX], size[32] = "";
    char *line = NULL;
    int length;

    log_prefix(audit->log, VALVE_LOG_NOTICE, !audit->path, stamp);
    if (entry->size >= 0)
        snprintf(size, sizeof size, " size=%" PRId64, entry->size);
    length = asprintf(&line, "%saudit: call=%s result=%s%s peer=%s path=\"%s\"\n", stamp,
                      entry->call, entry->result ? entry->result : "begun", size, entry->peer,
                      entry->path);
    if (length < 0)
        return NULL;
    *ret_size = (size_t)length;
    return line;
}

/* stderr may be a pipe that does not wait by itself. */
static int wait_for_room(int descriptor)
{
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    int r = poll(&room, 1, PATIENCE_MS);

    return r > 0 || (r < 0 && errno == EINTR) ? 0 : -ETIMEDOUT;
}

/* Writes all of it; how much it was is told even after an error. */
static int write_all(int descriptor, const char *data, size_t size, size_t *ret_written)
{
    int r = 0;

    *ret_written = 0;
    while (r == 0 && *ret_written < size) {
        ssize_t written = write(descriptor, data + *ret_written, size - *ret_written);

        if (written >= 0)
            *ret_written += (size_t)written;
        else if (errno == EAGAIN)
            r = wait_for_room(descriptor);
        else if (errno != EINTR)
            r = -errno;
    }
    return r;
}

/* A line that was written in part is ended before the next begins. The lock is held. */
static int write_line(struct audit *audit, const char *line, size_t size)
{
    size_t written;
    int r = 0;

    if (audit->is_torn)
        r = write_all(audit->descriptor, "\n", 1, &written);
    if (r < 0)
        return r;
    r = write_all(audit->descriptor, line, size, &written);
    audit->is_torn = written > 0 && written < size;
    return r;
}

/* The lock is held. */
static void note_loss(struct audit *audit, int error)
{
    uint64_t now = valve_clock_now();

    atomic_fetch_add_explicit(&audit->lost, 1, memory_order_relaxed);
    if (audit->complained_at != 0 && now - audit->complained_at < COMPLAIN_NS)
        return;
    audit->complained_at = now;
    log_print(audit->log, VALVE_LOG_ERROR, "the audit cannot be written to %s: %s%s",
              audit->path ? audit->path : "stderr", strerror(-error),
              audit->is_required ? "; nothing is deleted until it can" : "");
}

int audit_write(struct audit *audit, const struct audit_entry *entry)
{
    size_t size = 0;
    cleanup(cleanup_memory) char *line = make_line(audit, entry, &size);
    int r;

    pthread_mutex_lock(&audit->lock);
    r = line ? write_line(audit, line, size) : -ENOMEM;
    if (r < 0)
        note_loss(audit, r);
    pthread_mutex_unlock(&audit->lock);
    return r;
}
