/* SPDX-License-Identifier: MIT */
/*
 * Writing the audit.
 */
#include <config.h>

#include "daemon/audit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cleanup.h"
#include "daemon/log_file.h"
#include "daemon/record.h"

#define AUDIT_FILE  "audit file"
#define PATIENCE_MS 30000 /* with stderr, if it takes nothing */

struct audit {
    struct log *log;
    bool is_required;
    pthread_mutex_t lock; /* of the file, so that lines stay whole */
    struct log_file file;
    bool is_stuck; /* whoever reads it takes nothing: that is not waited for again */
    _Atomic uint64_t lost;
};

/* ---- Making and ending ---------------------------------------------------------------------- */

int audit_new(const struct config *config, struct log *log, struct audit **ret_audit)
{
    struct audit *audit;

    *ret_audit = NULL;
    if (config->audit == CONFIG_AUDIT_NO)
        return 0;
    audit = calloc(1, sizeof *audit);
    if (!audit || log_file_init(&audit->file, config->audit_file) < 0) {
        free(audit);
        return -ENOMEM;
    }
    pthread_mutex_init(&audit->lock, NULL);
    audit->log = log;
    audit->is_required = config->audit == CONFIG_AUDIT_REQUIRED;
    *ret_audit = audit;
    return 0;
}

int audit_open(struct audit *audit, struct valve_error *ret_error)
{
    return audit ? log_file_open(&audit->file, AUDIT_FILE, ret_error) : 0;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    log_file_close(&audit->file);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}

int audit_reopen(struct audit *audit)
{
    return audit ? log_file_reopen(&audit->file, audit->log, AUDIT_FILE) : 0;
}

bool audit_is_required(const struct audit *audit)
{
    return audit->is_required;
}

uint64_t audit_lost(const struct audit *audit)
{
    return audit ? atomic_load_explicit(&audit->lost, memory_order_relaxed) : 0;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The line, which the caller frees; NULL: no memory. *ret_size is its length. */
static char *make_line(const struct audit *audit, const struct audit_entry *entry, size_t *ret_size)
{
    struct record_field fields[5] = {
        {.name = "call", .text = entry->call},
        {.name = "result", .text = entry->result ? entry->result : "begun"},
    };
    struct record record = {.priority = VALVE_LOG_NOTICE, .event = "audit", .fields = fields};
    /* JSON has two bytes for some, and the journal is told twice. */
    size_t room = RECORD_ROOM + 2 * (strlen(entry->peer) + strlen(entry->path));
    char *line = malloc(room);
    size_t count = 2;

    if (!line)
        return NULL;
    if (entry->size >= 0)
        fields[count++] = (struct record_field){.name = "size", .number = (uint64_t)entry->size};
    fields[count++] = (struct record_field){.name = "peer", .text = entry->peer};
    fields[count++] = (struct record_field){.name = "path", .text = entry->path, .is_quoted = true};
    record.field_count = count;
    *ret_size = record_write(
        &record, audit->file.path ? log_file_form(audit->log) : log_form(audit->log), line, room);
    return line;
}

static void count_loss(struct audit *audit)
{
    atomic_fetch_add_explicit(&audit->lost, 1, memory_order_relaxed);
}

/* The lock is held. */
static void complain(struct audit *audit, int error)
{
    log_file_complain(&audit->file, audit->log, "audit", error,
                      audit->is_required ? "; nothing is deleted until it can" : "");
}

void audit_lose(struct audit *audit, int error)
{
    count_loss(audit);
    if (pthread_mutex_trylock(&audit->lock) != 0)
        return; /* whoever has it waits for the disk, and will have to complain of that */
    complain(audit, error);
    pthread_mutex_unlock(&audit->lock);
}

int audit_write(struct audit *audit, const struct audit_entry *entry)
{
    size_t size = 0, written;
    cleanup(cleanup_memory) char *line = make_line(audit, entry, &size);
    int r;

    pthread_mutex_lock(&audit->lock);
    r = line ? log_file_write(&audit->file, line, size, audit->is_stuck ? 0 : PATIENCE_MS, &written)
             : -ENOMEM;
    audit->is_stuck = r == -ETIMEDOUT;
    if (r < 0) {
        count_loss(audit);
        complain(audit, r);
    }
    pthread_mutex_unlock(&audit->lock);
    return r;
}
